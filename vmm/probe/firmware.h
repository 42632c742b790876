/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the firmware that Debian packages is kept on this host. */
#ifndef VMM_PROBE_FIRMWARE_H
#define VMM_PROBE_FIRMWARE_H

#include <stddef.h>

#include "util/err.h"

/*
 * The file behind a short name ("seabios", "vgabios", "ovmf", "ovmf-vars"...). 1: found; 0: not
 * a short name;
 * -ENOENT: it is one, and its package is missing (the message says which).
 */
int firmware_find(const char *name, char *path, size_t n, struct err *e);

#endif
