/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the parts of the state stream: each reads its sections whole before any is applied. */
#ifndef VMM_MOVE_STATE_INT_H
#define VMM_MOVE_STATE_INT_H

#include "vmm/guest.h"
#include "vmm/move/section.h"

enum { STATE_VERSION_1 = 1 };

struct state_cpu {			/* of cpu/N */
	void *block, *state;		/* state: a copy with the rows of the stream, checked */
	enum cpu_power power;
	uint64_t start_pc, start_arg, lines;
	bool init, sipi;
	const uint8_t *identity;	/* isa->identity_set's bytes; NULL: none */
	size_t identity_len;
	unsigned nr_timers;
	struct { unsigned line; uint64_t deadline; } timer[4];
};
struct state_mem { bool movable, hidden; uint64_t place; };	/* by index in mem.block */
struct state_dev { struct dev *d; const uint8_t *data; size_t len; };

struct incoming {
	struct guest *g;
	struct sections sec;
	uint64_t virtual_ns, wall_ns, timebase_hz;
	struct state_mem mem[MEM_MAX_BLOCKS];
	struct state_cpu cpu[256];
	struct state_dev *dev;		/* in machine order */
	unsigned nr_devs, events;
	bool once_over;	/* of -boot once= */
};

/* save: append a section each (cpus, devs: several) and count it in *nr. */
void state_cpus_save(struct guest *g, struct state_buf *b, unsigned *nr);
void state_mem_save(struct guest *g, struct state_buf *b, unsigned *nr);
int  state_devs_save(struct guest *g, struct state_buf *b, unsigned *nr, struct err *e);

/* read: checks all that can be checked without a change. */
int  state_cpus_read(struct incoming *in, struct err *e);
int  state_mem_read(struct incoming *in, struct err *e);
int  state_devs_read(struct incoming *in, struct err *e);

/* apply: the clock is set already. Only devices and CPUs' identities may be refused. */
/* What CPUID shows, before all else: an engine may refuse it. */
int  state_identity_apply(struct incoming *in, struct err *e);
void state_cpus_apply(struct incoming *in);
void state_mem_apply(struct incoming *in);
int  state_devs_apply(struct incoming *in, struct err *e);

void state_cpus_free(struct incoming *in);

#endif
