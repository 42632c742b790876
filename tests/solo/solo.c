/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/solo/solo.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

static struct vcpu *volatile watched;
static volatile sig_atomic_t late;

static void check(bool ok, const char *what, const struct err *e)
{
	if (ok)
		return;
	fprintf(stderr, "%s: %s\n", what, e->msg);
	abort();
}

static int init(struct machine *m, struct err *e) { return 0; }

static void mem_changed(void *opaque, struct mem_block *b)
{
	struct vm *vm = opaque;
	struct memslot s = { b->base, b->flags & MEM_HIDDEN ? 0 : b->size, b->host, 0,
			     (unsigned)(b - vm->machine->mem.block) };

	if (vm_started(vm))
		vm->accel->mem_set(vm, &s, NULL);
}

void solo_start(struct solo *s, const struct solo_config *c)
{
	static const struct machine_type type = { .name = "solo", .isa = "any", .init = init };
	struct machine_config cfg = { .ram_size = c->ram_size,
				      .nr_cpus = 1,
				      .timebase_hz = c->timebase_hz };
	struct err e = { 0 };

	s->m = machine_new(&type, &cfg, &e);
	check(s->m && !machine_init(s->m, &e), "machine", &e);
	check(!mem_add(&s->m->mem, "ram", c->ram_at, c->ram_size, 0, &e), "RAM", &e);
	s->ram = mem_ptr(&s->m->mem, c->ram_at, c->ram_size);
	s->m->mem.changed = mem_changed;
	s->m->mem.changed_opaque = &s->vm;
	s->vm = (struct vm){ .isa = c->isa,
			     .accel = accel_find("tcg"),
			     .machine = s->m,
			     .nr_vcpus = 1,
			     .accel_args = c->args,
			     .timebase_hz = c->timebase_hz,
			     .topology = { 1, 1, 1, 1 } };
	check(!c->more || !c->more(s->m, &e), "more of the machine", &e);
	if (c->isa->cpu_model)
		s->vm.cpu_model = c->isa->cpu_model("max", &s->vm.topology, &e);
	check(!c->isa->cpu_model || s->vm.cpu_model, "processor model", &e);
	check(!s->vm.accel->vm_start(&s->vm, &e), "engine", &e);
	s->v = vcpu_new(&s->vm, 0, c->features, 0, &e);
	check(s->v, "vCPU", &e);
	s->vm.vcpu[0] = s->v;
	s->m->ports[0] = &s->v->port;
	check(!s->vm.accel->vcpu_start(s->v, &e), "vCPU", &e);
}

void solo_stop(struct solo *s)
{
	s->vm.accel->vcpu_stop(s->v);
	vcpu_free(s->v);
	s->vm.accel->vm_stop(&s->vm);
	machine_free(s->m);
	free((void *)(uintptr_t)s->vm.cpu_model);
}

static void on_time(int sig)
{
	late = 1;
	if (watched) {
		atomic_fetch_or(&watched->request, VCPU_REQ_PAUSE);
		watched->vm->accel->kick(watched);
	}
}

static void limit(unsigned ms)
{
	/* again and again: a kick may come between two stretches of code */
	struct itimerval t = { { 0, ms ? 10000 : 0 }, { ms / 1000, ms % 1000 * 1000 } };

	setitimer(ITIMER_PROF, &t, NULL);
}

bool solo_run(struct solo *s, struct vm_exit *x, unsigned ms)
{
	struct err e = { 0 };

	check(!vcpu_push(s->v, &e), "push", &e);
	late = 0;
	atomic_store(&s->v->request, 0);
	if (ms) {
		watched = s->v;
		signal(SIGPROF, on_time);
		limit(ms);
	}
	do {
		memset(x, 0, sizeof(*x));
		if (s->vm.accel->run(s->v, x) < 0)
			x->reason = VM_EXIT_ERROR;
	} while (x->reason == VM_EXIT_NONE && !late);
	if (ms) {
		limit(0);
		watched = NULL;
		atomic_store(&s->v->request, 0);
	}
	check(!vcpu_pull(s->v, REGS_ALL, &e), "pull", &e);
	return x->reason != VM_EXIT_NONE;
}
