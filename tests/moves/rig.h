/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A whole guest in the test's own process, from a command line to its end; the test is called on
 * the main thread every now and then, may freeze it, and do what the control socket would.
 */
#ifndef TESTS_MOVES_RIG_H
#define TESTS_MOVES_RIG_H

#include "vmm/guest.h"
#include "vmm/move/move.h"
#include "vmm/move/state.h"

struct rig {
	struct options *opt;
	struct plan *plan;
	struct guest *g;
	/* NULL: nothing. Called after each period_ms (a new one each time, up to twice that). */
	void (*tick)(struct rig *r);
	unsigned period_ms, limit_ms;
	void *opaque;
	unsigned ticks;
	bool timed_out;
	guint tick_source, limit_source;
};

/* args: as on the command line, NULL-terminated. Ends the test where it cannot be built. */
struct rig *rig_new(const char *const *args);
/* Until the guest ends, or limit_ms have passed (0: 60 s). The exit status. */
int  rig_run(struct rig *r);
void rig_free(struct rig *r);
/* The path of a kernel that goes round and does nothing; it lasts as long as the process. */
const char *rig_idle_kernel(bool riscv);

uint32_t rig_random(void);		/* the same row in each run; RIG_SEED */
/* Of memory and the CPUs' rows, without time and the processor's own notes. */
uint64_t rig_hash(struct guest *g, uint64_t from, uint64_t size);
/* RAM and other memory, for a guest that goes on elsewhere. */
struct rig_memory { uint64_t size[MEM_MAX_BLOCKS]; uint8_t *data[MEM_MAX_BLOCKS]; unsigned nr; };
void rig_memory_take(struct guest *g, struct rig_memory *m);
void rig_memory_put(struct guest *g, const struct rig_memory *m);
void rig_memory_free(struct rig_memory *m);

/* The same bytes? Else says where they differ, by section and field. */
bool rig_same(const struct state_buf *a, const struct state_buf *b, const char *what);

#endif
