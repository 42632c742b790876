/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Epochs: when may something be freed that readers look at without a lock? A reader
 * brackets its use; a writer unlinks the thing first, takes a stamp, and frees it once
 * everybody who may have seen it has left (K. Fraser, "Practical lock-freedom", 5.2.3).
 *
 * A bracket costs an exchange and must be short: nothing is freed while a reader that
 * entered before stays. Writers may be readers themselves: they free it later then.
 */
#ifndef UTIL_EPOCH_H
#define UTIL_EPOCH_H

#include <stdbool.h>
#include <stdint.h>

void epoch_enter(void);			/* nests */
void epoch_exit(void);

/* The calling thread is a reader now: it would wait for itself. */
bool epoch_inside(void);

/* A stamp for what has been unlinked before; any thread. */
uint64_t epoch_retire(void);
/* Nobody can hold what has this stamp any more. */
bool epoch_passed(uint64_t stamp);

#endif
