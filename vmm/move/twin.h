/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The copy's side of vm-twin (move.h has the original's). */
#ifndef VMM_MOVE_TWIN_H
#define VMM_MOVE_TWIN_H

#include "util/err.h"

struct guest;

/* As snapshot_loadvm_peek. */
int twin_peek(const char *arg, char isa[64], char machine[64], struct err *e);
/* -twin FD, given by the original to the process that it starts: RAM and state come from there. */
int twin_begin(struct guest *g, const char *arg, struct err *e);

#endif
