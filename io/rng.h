/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's randomness for devices: one door, so that record and replay can stand in it. */
#ifndef IO_RNG_H
#define IO_RNG_H

#include <stddef.h>

int rng_read(void *buf, size_t n);	/* 0 or -errno */

#endif
