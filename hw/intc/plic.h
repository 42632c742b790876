/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HW_INTC_PLIC_H
#define HW_INTC_PLIC_H

/* An interrupt source's wire, for dev_connect: `to` is the PLIC's struct dev, pin 1..1023. */
void plic_set_source(void *to, unsigned pin, int level);

#endif
