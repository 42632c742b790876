/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/phases.h"

#include <stdatomic.h>

#include "util/os.h"

static _Atomic uint64_t at[PHASE_COUNT];

static const char *const names[PHASE_COUNT] = {
	[PHASE_START] = "start",
	[PHASE_PLANNED] = "images read, plan made",
	[PHASE_LOADED] = "machine built, image loaded",
	[PHASE_CONTROL] = "control sockets ready",
	[PHASE_FIRST_INSN] = "first guest instruction",
	[PHASE_FIRST_BYTE] = "first console byte",
	[PHASE_END] = "end",
};

void phase_set(enum phase p, uint64_t ns)
{
	uint64_t none = 0;

	atomic_compare_exchange_strong(&at[p], &none, ns);
}

void phase_mark(enum phase p)
{
	/* also on the way of every return of a vCPU to its loop */
	if (!atomic_load_explicit(&at[p], memory_order_relaxed))
		phase_set(p, os_now_ns());
}

bool phase_get(enum phase p, const char **name, double *ms)
{
	uint64_t t = atomic_load(&at[p]), start = atomic_load(&at[PHASE_START]);

	*name = names[p];
	*ms = (double)(t - start) / 1e6;
	return t;
}

void phases_print(FILE *f)
{
	for (unsigned i = PHASE_START; i < PHASE_COUNT; i++) {
		uint64_t t = atomic_load(&at[i]), start = atomic_load(&at[PHASE_START]);

		if (t)
			fprintf(f, "phase: %10.3f ms  %s\n", (double)(t - start) / 1e6, names[i]);
		else
			fprintf(f, "phase: %10s     %s\n", "-", names[i]);
	}
}
