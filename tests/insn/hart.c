/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/insn/hart.h"

#include <stdlib.h>
#include <string.h>

/* M-mode code that every trap goes to: wfi, which leaves the engine. */
#define TRAP (HART_RAM + HART_RAM_SIZE - 4096)
#define WFI 0x10500073u

extern const struct isa isa_riscv64;

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

struct hart *hart_new(const char *args)
{
	return hart_new_with(args, NULL);
}

struct hart *hart_new_with(const char *args, int (*more)(struct machine *m, struct err *e))
{
	struct solo_config c = { .isa = &isa_riscv64, .args = args, .ram_at = HART_RAM,
				 .ram_size = HART_RAM_SIZE, .timebase_hz = 10000000,
				 .features = HART_FEATURES, .more = more };
	struct hart *h = calloc(1, sizeof(*h));

	check(h, "no memory");
	check(accel_find("tcg") != NULL, "no translator in this build");
	solo_start(&h->solo, &c);
	h->s = h->solo.v->state;
	memcpy(hart_ram(h, TRAP, 4), &(uint32_t){ WFI }, 4);
	return h;
}

void hart_free(struct hart *h)
{
	solo_stop(&h->solo);
	free(h);
}

void *hart_ram(struct hart *h, uint64_t va, uint64_t len)
{
	void *p = mem_ptr(&h->solo.m->mem, va, len);

	check(p, "no such memory");
	return p;
}

void hart_written(struct hart *h, uint64_t va, uint64_t len)
{
	mem_mark(&h->solo.m->mem, va, len);
}

void hart_code(struct hart *h, uint64_t va, const uint32_t *insn, unsigned n)
{
	memcpy(hart_ram(h, va, 4 * n), insn, 4 * n);
	hart_written(h, va, 4 * n);
}

void hart_reset(struct hart *h)
{
	h->solo.vm.isa->reset(h->s);
	h->s->priv = PRIV_U;
	h->s->mtvec = TRAP;
	h->s->mstatus |= MST_FS;
	h->s->menvcfg = h->s->senvcfg = ENV_CBIE_FLUSH | ENV_CBCFE | ENV_CBZE;
	riscv_state_derive(h->s);
	if (h->solo.v->env.ops->mode_changed)
		h->solo.v->env.ops->mode_changed(&h->solo.v->env);
}

uint64_t hart_run(struct hart *h, uint64_t pc)
{
	struct vm_exit x;

	h->s->pc = pc;
	solo_run(&h->solo, &x, 0);
	if (x.reason != VM_EXIT_HALT) {
		fprintf(stderr, "exit %d at %llx: %s\n", x.reason, (unsigned long long)h->s->pc,
			x.text);
		abort();
	}
	return h->s->mcause;
}

unsigned hart_fcsr(struct hart *h)
{
	return (unsigned)h->s->frm << 5 | h->s->fflags;
}
