/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * freeze KERNEL KERNEL-OF-INTEGERS: what is in the structs of a frozen guest, and in the engine
 * that it goes to: interrupts of what was in flight when it froze, a reset on its way, INIT and
 * SIPI that no CPU has taken yet. Nobody runs meanwhile. What a switch by hand ends, and says.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hw/core/irqchip.h"
#include "io/char/char.h"
#include "tests/moves/rig.h"
#include "tests/check.h"
#include "target/x86/state.h"
#include "util/bits.h"

#ifndef CONFIG_TEST_KVM
#define CONFIG_TEST_KVM 0		/* what needs /dev/kvm */
#else
#include "accel/kvm/kvm.h"
#endif

enum { VECTOR = 0x41, SVR_ENABLED = 0x100, PAGE_9A = 0x9a };
enum { RUNNABLE = 0, INIT_RECEIVED = 2 };

static bool finished;			/* the device's request */

static void finish(struct dev *d)
{
	if (!finished)
		CHECK(machine_msi(d->machine, 0xfee00000, VECTOR) >= 0);
	finished = true;
}

/* A device whose request is over only when it is waited for, as with a slow disk. */
static void in_flight(struct rig *r)
{
	struct dev *d = machine_dev(r->g->vm.machine, "rtc");
	struct lapic_state *l = r->g->vm.machine->irqchip->lapic[0];
	struct dev_type slow = *d->type;
	const struct dev_type *was = d->type;
	struct err e = { 0 };

	slow.quiesce = finish;
	CHECK(!guest_freeze(r->g, &e), "%s", e.msg);
	l->svr |= SVR_ENABLED;
	guest_thaw(r->g, true, true);
	finished = false;
	d->type = &slow;
	CHECK(!guest_freeze(r->g, &e), "%s", e.msg);
	CHECK(finished && l->irr[VECTOR / 32] & BIT(VECTOR % 32), "the interrupt is lost");
	d->type = was;
	guest_thaw(r->g, false, true);
	r->tick = NULL;
	guest_end(r->g, 0);
}

/* What is typed while it is frozen comes when it goes on, with its interrupt. */
static void typed(struct rig *r)
{
	enum { COM1 = 0x3f8, IER = 1, MCR = 4, PIN = 4 };
	struct guest *g = r->g;
	struct machine *m = g->vm.machine;
	struct pic_state *pic = m->irqchip->pic;
	struct err e = { 0 };
	size_t n;

	guest_pause(g);
	region_write(m->pio, COM1 + IER, 1, 1);
	region_write(m->pio, COM1 + MCR, 1, 0xb);
	CHECK(!guest_freeze(g, &e), "%s", e.msg);
	n = chardev_feed(g->serial[0], "x", 1);
	guest_thaw(g, false, true);
	if (!n)
		n = chardev_feed(g->serial[0], "x", 1);
	CHECK(n == 1);
	CHECK(!guest_freeze(g, &e), "%s", e.msg);
	CHECK((pic->irr | pic->isr) & BIT(PIN), "the interrupt is lost");
	r->tick = NULL;
	guest_end(g, 0);
}

/* ---- what the guest has asked for, and the main thread has not served yet ---- */

static struct state_buf asked, calm;	/* with a reset on its way, and without */

static void step_end(struct rig *r)
{
	CHECK(!r->g->events && guest_is_running(r->g), "the reset was not served");
	r->tick = NULL;
	guest_end(r->g, 0);
}

static void step_load(struct rig *r)
{
	struct guest *g = r->g;
	struct err e = { 0 };

	CHECK(!g->events && guest_is_running(g), "the reset was not served");
	/* of the old guest: neither its end nor its reset is the loaded one's */
	machine_event(g->vm.machine, MACHINE_POWEROFF, 0);
	g->reset_by_host = true;
	CHECK(!guest_freeze(g, &e) &&
	      !guest_state_load(g, calm.data, calm.len, CLOCK_CONTINUE, &e), "%s", e.msg);
	CHECK(!g->events && !g->reset_by_host, "events %#x", g->events);
	guest_thaw(g, true, true);
	CHECK(guest_is_running(g));
	/* the saved one's comes along */
	CHECK(!guest_freeze(g, &e) &&
	      !guest_state_load(g, asked.data, asked.len, CLOCK_CONTINUE, &e), "%s", e.msg);
	CHECK(g->events == 1u << MACHINE_RESET, "events %#x", g->events);
	guest_thaw(g, true, true);
	CHECK(!guest_is_running(g), "it runs on behind its reset");
	r->tick = step_end;
}

static void on_its_way(struct rig *r)
{
	struct guest *g = r->g;
	struct err e = { 0 };

	CHECK(!guest_freeze(g, &e) && !guest_state_save(g, &calm, &e), "%s", e.msg);
	guest_thaw(g, false, true);
	machine_event(g->vm.machine, MACHINE_RESET, 0);
	CHECK(!guest_freeze(g, &e) && !guest_state_save(g, &asked, &e), "%s", e.msg);
	guest_thaw(g, false, true);
	CHECK(!guest_is_running(g), "it runs on behind its reset");
	r->tick = step_load;
}

static void signalled(struct guest *g, bool init, bool sipi, enum cpu_power power)
{
	struct guest_cpu *c = &g->cpu[1];

	pthread_mutex_lock(&g->lock);
	c->power = power;
	c->init = init;
	c->sipi = sipi;
	c->start_arg = PAGE_9A;
	pthread_mutex_unlock(&g->lock);
	g->vm.machine->irqchip->lapic[1]->wait_sipi = !sipi;
}

/* Its thread has not got round to them: with chips in the kernel it never would. */
static void to_kernel(struct rig *r)
{
	static const struct { bool init, sipi; enum cpu_power power; unsigned cs, mp; } way[] = {
		{ true, false, CPU_STARTED, 0xf000, INIT_RECEIVED },
		{ true, true, CPU_STARTED, PAGE_9A << 8, RUNNABLE },
		{ true, true, CPU_STOPPED, PAGE_9A << 8, RUNNABLE },
		{ false, true, CPU_STOPPED, PAGE_9A << 8, RUNNABLE },
		{ false, true, CPU_START_PENDING, PAGE_9A << 8, RUNNABLE },
	};
	struct guest *g = r->g;
	struct x86_state *s = g->vm.vcpu[1]->state;
	struct switch_report rep;

	guest_pause(g);
	for (unsigned i = 0; i < ARRAY_SIZE(way); i++) {
		struct err e = { 0 };

		signalled(g, way[i].init, way[i].sipi, way[i].power);
		setenv("AMBI_TEST_SWITCH_FAIL", "push", 1);
		CHECK(guest_switch(g, accel_find("kvm"), &rep, &e) < 0);
		unsetenv("AMBI_TEST_SWITCH_FAIL");
		CHECK(g->cpu[1].init == way[i].init && g->cpu[1].sipi == way[i].sipi &&
		      g->cpu[1].power == way[i].power, "%u: the way back", i);
		e = (struct err){ 0 };
		CHECK(!guest_switch(g, accel_find("kvm"), &rep, &e), "%s", e.msg);
		CHECK(!g->cpu[1].init && !g->cpu[1].sipi && g->cpu[1].power == CPU_STARTED,
		      "%u: what is the kernel's", i);
		memset(&s->seg[X86_CS], 0xff, sizeof(s->seg[X86_CS]));
		CHECK(!vcpu_pull(g->vm.vcpu[1], REGS_ALL, &e), "%s", e.msg);
		CHECK(s->seg[X86_CS].selector == way[i].cs && s->mp_state == way[i].mp,
		      "%u: CS %#x, mp_state %u", i, s->seg[X86_CS].selector, s->mp_state);
		CHECK(!guest_switch(g, accel_find("tcg"), &rep, &e), "%s", e.msg);
	}
	r->tick = NULL;
	guest_end(g, 0);
}

/* The kernel's local APIC has them, the vCPU takes them when its mp_state is looked at. */
static void in_kernel(struct rig *r)
{
	enum { CPU1 = 0xfee01000, INIT = 5 << 8, STARTUP = 6 << 8 };
	struct guest *g = r->g;
	struct x86_state *s = g->vm.vcpu[1]->state;
	struct err e = { 0 };

	guest_pause(g);
	CHECK(machine_msi(g->vm.machine, CPU1, INIT) >= 0);
	CHECK(machine_msi(g->vm.machine, CPU1, STARTUP | PAGE_9A) >= 0);
	CHECK(!vcpu_pull(g->vm.vcpu[1], REGS_ALL, &e), "%s", e.msg);
	CHECK(s->mp_state == RUNNABLE && s->seg[X86_CS].selector == PAGE_9A << 8 && !s->rip,
	      "mp_state %u at %#x:%#llx", s->mp_state, s->seg[X86_CS].selector,
	      (unsigned long long)s->rip);
	r->tick = NULL;
	guest_end(g, 0);
}

static gboolean trial(gpointer opaque)
{
	return G_SOURCE_CONTINUE;
}

static void by_hand(struct rig *r)
{
	struct guest *g = r->g;
	struct switch_report rep;
	struct err e = { 0 };

	guest_pause(g);
	for (unsigned i = 0; i < 2; i++) {
		if (!g->fallback.source)
			g->fallback.source = g_timeout_add(60000, trial, NULL);
		setenv("AMBI_TEST_SWITCH_FAIL", "chips", 1);
		CHECK(guest_switch(g, accel_find("kvm"), &rep, &e) < 0);
		unsetenv("AMBI_TEST_SWITCH_FAIL");
		CHECK(g->fallback.source, "a switch that failed ends nothing");
		snprintf(g->vm.time_note, sizeof(g->vm.time_note), "of the last start");
		CHECK(!guest_switch(g, accel_find(i ? "kvm" : "tcg"), &rep, &e), "%s", e.msg);
		CHECK(!g->fallback.source && !rep.note[0], "a trial, or \"%s\"", rep.note);
	}
	r->tick = NULL;
	guest_end(g, 0);
}

/* The counters tell the truth: a request that came before the instruction is no step. */
static void stopped_step(struct rig *r)
{
	struct guest_cpu *c = &r->g->cpu[0];
	struct fallback_cpu *f = &c->fallback;
	uint64_t steps;

	guest_pause(r->g);
	steps = f->steps;
	for (unsigned i = 0; i < 4; i++) {
		bool stopped = i & 1;

		atomic_store(&c->v->request, stopped ? VCPU_REQ_PAUSE : 0);
		c->exit = (struct vm_exit){ .reason = VM_EXIT_CANNOT_RUN };
		CHECK(!fallback_step(c), "%s", c->exit.text);
		steps += !stopped;
		CHECK(f->steps == steps, "%llu steps, not %llu", (unsigned long long)f->steps,
		      (unsigned long long)steps);
	}
	r->tick = NULL;
	guest_end(r->g, 0);
}

#if CONFIG_TEST_KVM
static void wait_ms(unsigned ms)
{
	struct timespec t = { 0, (long)ms * 1000000 };

	nanosleep(&t, NULL);
}

/*
 * The gates close again before a vCPU has woken up, which has run in the translator before: it
 * stays out of KVM while its state is here.
 */
static void late(struct rig *r)
{
	enum { ROUNDS = 20 };
	struct guest *g = r->g;
	struct switch_report rep;
	struct err e = { 0 };

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct kvm_watched *w;
		unsigned runs;

		CHECK(!guest_switch(g, accel_find("tcg"), &rep, &e), "%s", e.msg);
		wait_ms(2);
		guest_pause(g);
		CHECK(!guest_switch(g, accel_find("kvm"), &rep, &e), "%s", e.msg);
		guest_resume(g);
		CHECK(!guest_freeze(g, &e), "%s", e.msg);
		w = &kvm_cpu(g->vm.vcpu[0])->watched;
		runs = atomic_load(&w->runs);
		wait_ms(2);
		CHECK(atomic_load(&w->runs) == runs, "%u: a vCPU of a frozen guest ran", i);
		guest_thaw(g, false, true);
	}
	r->tick = NULL;
	guest_end(g, 0);
}
#else
static void late(struct rig *r) { }
#endif

static void run(void (*test)(struct rig *r), const char *const *args)
{
	struct rig *r = rig_new(args);

	r->tick = test;
	r->period_ms = 20;
	CHECK(!rig_run(r) && !r->timed_out && !r->tick);
	rig_free(r);
}

int main(int argc, char **argv)
{
#define ARGS(kernel, ...) (const char *const[]){ "-kernel", kernel, "-machine", "pc", \
		"-m", "32", "-serial", "ring", "-cpu", "x86-64-v1", __VA_ARGS__, NULL }
	run(in_flight, ARGS(argv[1], "-accel", "tcg"));
	run(typed, ARGS(argv[1], "-accel", "tcg"));
	run(on_its_way, ARGS(argv[1], "-accel", "tcg"));
	free(asked.data);
	free(calm.data);
	if (CONFIG_TEST_KVM) {
		run(in_flight, ARGS(argv[2], "-accel", "kvm,irqchip=on"));
		run(in_flight, ARGS(argv[2], "-accel", "kvm,irqchip=split"));
		run(typed, ARGS(argv[2], "-accel", "kvm,irqchip=on"));
		run(to_kernel, ARGS(argv[1], "-accel", "kvm,irqchip=on", "-accel", "tcg",
				    "-smp", "2"));
		run(in_kernel, ARGS(argv[2], "-accel", "kvm,irqchip=on", "-smp", "2"));
		run(in_kernel, ARGS(argv[2], "-accel", "kvm,irqchip=split", "-smp", "2"));
		run(late, ARGS(rig_idle_kernel(false), "-accel", "kvm,irqchip=split",
			       "-accel", "tcg"));
		run(by_hand, ARGS(argv[1], "-accel", "kvm", "-accel", "tcg"));
		run(stopped_step, ARGS(argv[2], "-accel", "kvm:tcg,prefer=kvm"));
	}
	return check_done();
}
