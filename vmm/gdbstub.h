/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gdb's remote protocol for a guest: the socket, and what packets do to the vCPUs. */
#ifndef VMM_GDBSTUB_H
#define VMM_GDBSTUB_H

#include "accel/accel.h"

struct guest;

/* where: "tcp::PORT" (this host only), "tcp:HOST:PORT", "unix:PATH". Sets g->gdb. 0 or -errno. */
int  gdbstub_start(struct guest *g, const char *where, struct err *e);
/* Tells gdb how it ended and closes; also where nothing was started. */
void gdbstub_end(struct guest *g);
/* A vCPU left its engine for a breakpoint, watchpoint or step; its own thread calls. The gates are
 * closed. Without gdb the guest goes on. */
void gdbstub_stopped(struct guest *g, struct vcpu *v, const struct vm_exit *x);
/* That vCPU is to execute one instruction: waiting for an interrupt counts as one. */
bool gdbstub_stepping(struct guest *g, struct vcpu *v);

/* gdb looks at a stopped guest: it goes on when gdb says so. Main thread. */
bool gdbstub_holds(struct guest *g);

/* Breakpoints leave the engine, or come to it: around a switch, frozen. */
void gdbstub_engine(struct guest *g, bool attach);

#endif
