/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/insn/hart.h"

#include <stdlib.h>
#include <string.h>

/* M-mode code that every trap goes to: wfi, which leaves the engine. */
#define TRAP (HART_RAM + HART_RAM_SIZE - 4096)
#define WFI 0x10500073u

extern const struct isa isa_riscv64;

static void check(bool ok, const char *what, const struct err *e)
{
	if (ok)
		return;
	fprintf(stderr, "%s: %s\n", what, e ? e->msg : "");
	abort();
}

static int init(struct machine *m, struct err *e)
{
	return mem_add(&m->mem, "ram", HART_RAM, HART_RAM_SIZE, 0, e);
}

static const struct machine_type hart_machine = { .name = "hart", .isa = "riscv64", .init = init };

static void mem_changed(void *opaque, struct mem_block *b)
{
	struct vm *vm = opaque;
	struct memslot s = { b->base, b->flags & MEM_HIDDEN ? 0 : b->size, b->host, 0, 0 };

	if (vm_started(vm))
		vm->accel->mem_set(vm, &s, NULL);
}

struct hart *hart_new(const char *args)
{
	return hart_new_with(args, NULL);
}

struct hart *hart_new_with(const char *args, int (*more)(struct machine *m, struct err *e))
{
	struct machine_config cfg = { .ram_size = HART_RAM_SIZE,
				      .nr_cpus = 1,
				      .timebase_hz = 10000000 };
	struct hart *h = calloc(1, sizeof(*h));
	struct err e = { 0 };
	struct memslot slot;

	check(h, "no memory", NULL);
	h->m = machine_new(&hart_machine, &cfg, &e);
	check(h->m && !machine_init(h->m, &e), "machine", &e);
	h->m->mem.changed = mem_changed;
	h->m->mem.changed_opaque = &h->vm;
	check(!more || !more(h->m, &e), "more of the machine", &e);
	h->vm = (struct vm){ .isa = &isa_riscv64, .accel = accel_find("tcg"), .machine = h->m,
			     .nr_vcpus = 1, .accel_args = args, .timebase_hz = 10000000 };
	check(h->vm.accel, "no translator in this build", NULL);
	check(!h->vm.accel->vm_start(&h->vm, &e), "engine", &e);
	slot = (struct memslot){ HART_RAM, HART_RAM_SIZE, hart_ram(h, HART_RAM, 1), 0, 0 };
	if (h->vm.accel->mem_set)
		check(!h->vm.accel->mem_set(&h->vm, &slot, &e), "memory", &e);
	h->v = vcpu_new(&h->vm, 0, HART_FEATURES, 0, &e);
	check(h->v, "vCPU", &e);
	h->vm.vcpu[0] = h->v;
	h->m->ports[0] = &h->v->port;
	check(!h->vm.accel->vcpu_start(h->v, &e), "vCPU", &e);
	h->s = h->v->state;
	memcpy(hart_ram(h, TRAP, 4), &(uint32_t){ WFI }, 4);
	return h;
}

void hart_free(struct hart *h)
{
	h->vm.accel->vcpu_stop(h->v);
	vcpu_free(h->v);
	h->vm.accel->vm_stop(&h->vm);
	machine_free(h->m);
	free(h);
}

void *hart_ram(struct hart *h, uint64_t va, uint64_t len)
{
	void *p = mem_ptr(&h->m->mem, va, len);

	check(p, "no such memory", NULL);
	return p;
}

void hart_written(struct hart *h, uint64_t va, uint64_t len)
{
	mem_mark(&h->m->mem, va, len);
}

void hart_reset(struct hart *h)
{
	h->vm.isa->reset(h->s);
	h->s->priv = PRIV_U;
	h->s->mtvec = TRAP;
	h->s->mstatus |= MST_FS;
	h->s->menvcfg = h->s->senvcfg = ENV_CBIE_FLUSH | ENV_CBCFE | ENV_CBZE;
	riscv_state_derive(h->s);
	if (h->v->env.ops->mode_changed)
		h->v->env.ops->mode_changed(&h->v->env);
}

uint64_t hart_run(struct hart *h, uint64_t pc)
{
	struct err e = { 0 };
	struct vm_exit x;

	h->s->pc = pc;
	check(!vcpu_push(h->v, &e), "push", &e);
	do {
		memset(&x, 0, sizeof(x));
		h->vm.accel->run(h->v, &x);
	} while (x.reason == VM_EXIT_NONE && !*x.text);
	check(!vcpu_pull(h->v, REGS_ALL, &e), "pull", &e);
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
