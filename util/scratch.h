/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Large objects of a thread. A _Thread_local object is memory of every thread of the process: the C
 * library clears it when the thread starts, used or not. One of these exists from its first use on.
 *
 *	static _Thread_local struct big *b;
 *
 *	if (!b)
 *		b = scratch_alloc(sizeof(*b));
 */
#ifndef UTIL_SCRATCH_H
#define UTIL_SCRATCH_H

#include <stddef.h>

/* Zeroed; freed when the thread ends. Never NULL: without memory for it the process ends. */
void *scratch_alloc(size_t size);

#endif
