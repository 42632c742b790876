/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "vmgenid": tells a guest that it is not the only one that has its memory (a snapshot's copy). */
#ifndef HW_MISC_VMGENID_H
#define HW_MISC_VMGENID_H

#include <stdint.h>

struct dev;

/* Another number; the guest sees it from its next read on. Any thread. */
void vmgenid_set(struct dev *d, const uint8_t guid[16]);
/* The device's line rises and falls: the guest looks at the number. Any thread. */
void vmgenid_notify(struct dev *d);
/* PC: what the line does to the bits of GPE0, by vmgenid's own method in the DSDT. */
enum { VMGENID_GPE = 5 };

#endif
