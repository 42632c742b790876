/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PC's interrupt chips in every home: devices here, local APICs in the kernel,
 * all in the kernel. The same guest must see the same, in each, after a reset, and
 * over moves from one to another with interrupts in service and timers running.
 */
#include "tests/kvm/harness.h"

#include "accel/kvm/x86.h"
#include "hw/core/irqchip.h"
#include "target/x86/cpu.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

enum { MODES = 3 };
static const char *const modes[MODES] = { "irqchip=on", "irqchip=split", "irqchip=off" };

/*
 * A KVM that interprets ring 0 ends an interrupt of its own local APIC by itself when it delivers
 * it, so that a level may come once more than it should.
 */
static bool strict(const char *mode)
{
	return kvm_caps()->mode_native || !strcmp(mode, "irqchip=off");
}

static void run_ways(struct kt *t, const char *mode)
{
	struct err e = { 0 };

	t->con_len = 0;
	memset(t->con, 0, sizeof(t->con));
	memset(mem_ptr(&t->m->mem, 0x500, 0x100), 0, 0x100);
	kt_load(t, g_64_chips, CODE);
	x86_boot_long(kt_state(t, 0), CODE, strict(mode), 0);
	kt_expect_all(t, 100);
	CHECK(!strcmp(t->con, "plevumtoir"), "%s: console '%s'", mode, t->con);
	/* one task priority, in the processor and in its local APIC, written through the latter */
	CHECK(!vcpu_pull(t->vm.vcpu[0], REGS_ALL, &e) && !t->vm.accel->irqchip_pull(&t->vm, &e),
	      "%s", e.msg);
	CHECK(kt_state(t, 0)->cr8 == 2 && t->m->irqchip->lapic[0]->tpr == 0x20 &&
	      kt_state(t, 0)->apic_base == t->m->irqchip->lapic[0]->base,
	      "%s: cr8 %llu, TPR %#x, base %#llx", mode, (unsigned long long)kt_state(t, 0)->cr8,
	      t->m->irqchip->lapic[0]->tpr, (unsigned long long)kt_state(t, 0)->apic_base);
}

static void ways(const char *mode)
{
	struct kt *t = kt_new_chips(1, mode);

	run_ways(t, mode);
	kt_reset(t);
	run_ways(t, mode);
	kt_free(t);
}

static void ipi(const char *mode)
{
	struct kt *t = kt_new_chips(2, mode);

	kt_load(t, g_64_ipi, CODE);
	for (unsigned i = 0; i < 2; i++) {
		x86_boot_long(kt_state(t, i), CODE, i, !kvm_caps()->mode_native);
		kt_state(t, i)->gpr[X86_RSP] -= 0x1000 * i;
		kt_state(t, i)->mp_state = 0;
	}
	kt_expect_all(t, 101);
	kt_free(t);
}

/* A paravirtual kick that came before the HLT that it ends, in each form, to KVM and from it. */
static void kicked(const char *mode)
{
	enum { STATE, LINE, KVM, NONE };

	for (unsigned how = STATE; how <= NONE; how++) {
		struct kt *t = kt_new_chips(1, mode);
		struct vcpu *v = t->vm.vcpu[0];
		const struct x86_cpu_fixed *f = v->env.fixed;
		struct err e = { 0 };

		CHECK(f->features.w[X86_W_KVM] >> 7 & 1, "this KVM has no kvm-pv-unhalt");
		kt_load(t, g_64_kicked, CODE);
		x86_boot_long(kt_state(t, 0), CODE, 0, 0);
		kt_state(t, 0)->kicked = how == STATE;
		if (how == LINE)
			cpu_port_set(&v->port, X86_LINE_KICK, 1);
		CHECK(!vcpu_push(v, &e), "%s", e.msg);
		if (how == KVM)
			kvm_x86_kick(v);
		kt_state(t, 0)->kicked = 9;
		CHECK(!vcpu_pull(v, REGS_ALL, &e), "%s", e.msg);
		CHECK(kt_state(t, 0)->kicked == (how == STATE || how == KVM) &&
			      !kt_state(t, 0)->mp_state,
		      "%s, %u: %u, mp_state %u", mode, how, kt_state(t, 0)->kicked,
		      kt_state(t, 0)->mp_state);
		if (how != NONE)
			kt_expect(t, 0, 53);
		CHECK(!(atomic_load(&v->port.lines) & BIT(X86_LINE_KICK)), "%s: taken", mode);
		kt_free(t);
	}
}

static void *nmi_soon(void *opaque)
{
	struct timespec wait = { 0, 1000000 };
	struct kt *t = opaque;

	do
		nanosleep(&wait, NULL);
	while (!*(volatile uint32_t *)mem_ptr(&t->m->mem, 0x508, 4));
	cpu_port_set(&t->vm.vcpu[0]->port, X86_LINE_NMI, 1);
	return NULL;
}

static void nmi(const char *mode)
{
	struct kt *t = kt_new_chips(1, mode);
	pthread_t th;

	kt_load(t, g_64_nmi, CODE);
	x86_boot_long(kt_state(t, 0), CODE, 0, 0);
	pthread_create(&th, NULL, nmi_soon, t);
	kt_expect_all(t, 103);
	pthread_join(th, NULL);
	kt_free(t);
}

/* ---- the kernel's forms: any state goes there and comes back ---- */

static uint64_t rnd(void)
{
	static uint64_t s = 0x9e3779b97f4a7c15;

	s ^= s << 13;
	s ^= s >> 7;
	s ^= s << 17;
	return s * 0x2545f4914f6cdd1d;
}

static void random_pic(struct irqchip *c)
{
	static const uint8_t steps[] = { 0, 2, 3, 4 };

	for (unsigned i = 0; i < 2; i++) {
		struct pic_state *p = &c->pic[i];
		uint8_t lines = (uint8_t)(atomic_load(&c->lines) >> 8 * i);

		*p = (struct pic_state){ .lines = lines,
					 .imr = (uint8_t)rnd(),
					 .isr = (uint8_t)rnd(),
					 .elcr = rnd() & (i ? 0xde : 0xf8),
					 .vector_base = rnd() & 0xf8,
					 .init_step = steps[rnd() & 3],
					 .icw4_wanted = rnd() & 1,
					 .priority = rnd() & 7,
					 .read_isr = rnd() & 1,
					 .poll = rnd() & 1,
					 .special_mask = rnd() & 1,
					 .auto_eoi = rnd() & 1,
					 .rotate_on_auto_eoi = rnd() & 1,
					 .special_fully_nested = rnd() & 1 };
		p->irr = (uint8_t)((rnd() & ~p->elcr) | (lines & p->elcr));
		if (!i)
			p->irr &= ~4; /* the slave's, which KVM works out */
	}
	c->pic[1].imr = 0xff;
}

static void random_ioapic(struct irqchip *c)
{
	struct ioapic_state *s = c->ioapic;
	uint32_t lines = atomic_load(&c->lines);

	s->select = (uint8_t)rnd();
	s->id = rnd() & 0xf;
	s->irr = 0;
	s->lines = (lines & ~7u) | (lines & 2) | (lines & 1) << 2;
	for (unsigned i = 0; i < IOAPIC_PINS; i++) {
		uint32_t bit = 1u << i;

		s->redir[i] = (rnd() & 0xff0000000001a900) | (16 + rnd() % 240);
		if (s->redir[i] & 1 << 15) {
			s->irr |= s->lines & bit;
			/* delivered: a level that may be is under way */
			if (s->lines & bit || rnd() & 1)
				s->redir[i] |= 1 << 14;
		} else if (s->redir[i] & 1 << 16) {
			s->irr |= s->lines & bit & rnd();
		}
	}
}

static void random_lapic(struct lapic_state *s, unsigned cpu, uint64_t now)
{
	bool x2 = rnd() & 1;

	s->base = 0xfee00800 | (cpu ? 0 : 0x100) | (x2 ? 0x400 : 0);
	s->id = cpu;
	s->tpr = (uint8_t)rnd();
	s->ldr = x2 ? 1u << cpu : (uint32_t)rnd() << 24;
	s->dfr = rnd() & 1 || x2 ? 0xffffffff : 0x0fffffff;
	s->svr = rnd() & 0x1ff;
	s->esr = rnd() & 0xe0;
	s->icr = (rnd() & 0xff000000000ccfff) | (x2 ? rnd() << 32 : 0);
	for (unsigned i = 0; i < 8; i++) {
		s->isr[i] = (uint32_t)rnd() & (i ? ~0u : ~0xffffu);
		s->tmr[i] = (uint32_t)rnd();
		s->irr[i] = (uint32_t)rnd() & (i ? ~0u : ~0xffffu);
	}
	s->nr_vectors = 0;
	for (unsigned i = 0; i < 8; i++)
		s->nr_vectors += (uint8_t)__builtin_popcount(s->irr[i]);
	for (unsigned i = 0; i < LAPIC_NR_LVT; i++)
		s->lvt[i] = (uint32_t)(16 + rnd() % 240) | (rnd() & 0x10000);
	s->lvt[LAPIC_LVT_TIMER] |= rnd() % 3 << 17;
	s->timer_initial = rnd() & 1 ? (uint32_t)rnd() : 0;
	s->timer_divide = rnd() & 0xb;
	s->timer_start = rnd() % (now + 1);
	s->tsc_deadline = s->lvt[LAPIC_LVT_TIMER] >> 17 == 2 ? rnd() | UINT64_C(1) << 62 : 0;
	s->esr_pending = (uint8_t)rnd();
	s->wait_sipi = cpu != 0;
	if (s->lvt[LAPIC_LVT_TIMER] >> 17 == 2)
		s->timer_initial = 0;
}

static void random_pit(struct pit_state *s, uint64_t now)
{
	for (unsigned i = 0; i < 3; i++)
		s->channel[i] = (struct pit_channel){ .count = (uint32_t)(rnd() % 0x10001),
						      .latched_count = (uint16_t)rnd(),
						      .count_latched = rnd() & 3,
						      .status_latched = rnd() & 1,
						      .status = (uint8_t)rnd(),
						      .read_step = rnd() & 1,
						      .write_step = rnd() & 1,
						      .write_latch = (uint8_t)rnd(),
						      .rw_mode = 1 + rnd() % 3,
						      .mode = rnd() % 6,
						      .bcd = rnd() & 1,
						      .gate = rnd() & 1,
						      .start = rnd() % (now + 1) };
	s->speaker_data = rnd() & 1;
	s->legacy_off = rnd() & 1;
	if (!s->legacy_off)
		s->channel[0].mode = 5; /* KVM's timer does not tick in this one */
}

struct copy {
	struct pic_state pic[2];
	struct ioapic_state ioapic;
	struct pit_state pit;
	struct lapic_state lapic[2];
};

static void take_copy(struct irqchip *c, struct copy *to)
{
	memcpy(to->pic, c->pic, sizeof(to->pic));
	to->ioapic = *c->ioapic;
	to->pit = *c->pit;
	for (unsigned i = 0; i < 2 && c->lapic[i]; i++)
		to->lapic[i] = *c->lapic[i];
}

static void diff(const char *mode, unsigned round, const char *what, const void *a, const void *b,
		 size_t n)
{
	const uint8_t *x = a, *y = b;

	for (size_t i = 0; i < n; i++)
		CHECK(x[i] == y[i], "%s, round %u: %s differs at byte %zu: %02x, was %02x", mode,
		      round, what, i, y[i], x[i]);
}

static void same(const char *mode, unsigned round, const struct copy *a, const struct copy *b)
{
	diff(mode, round, "PIC", a->pic, b->pic, sizeof(a->pic));
	diff(mode, round, "IOAPIC", &a->ioapic, &b->ioapic, sizeof(a->ioapic));
	diff(mode, round, "PIT", &a->pit, &b->pit, sizeof(a->pit));
	diff(mode, round, "local APIC 0", &a->lapic[0], &b->lapic[0], sizeof(a->lapic[0]));
	diff(mode, round, "local APIC 1", &a->lapic[1], &b->lapic[1], sizeof(a->lapic[1]));
}

static void round_trips(const char *mode)
{
	struct kt *t = kt_new_chips(2, mode);
	struct irqchip *c = t->m->irqchip;
	struct timespec wait = { 0, 1000000 };
	struct copy was = { 0 }, is = { 0 };
	struct err e = { 0 };

	nanosleep(&wait, NULL); /* not everything began at 0 */
	clock_stop(t->m->clock);
	for (unsigned round = 0; round < 60; round++) {
		uint64_t now = clock_now(t->m->clock);

		atomic_store(&c->lines, rnd() & 0xfffffb);
		random_pic(c);
		random_ioapic(c);
		for (unsigned i = 0; i < 2; i++)
			random_lapic(c->lapic[i], i, now);
		random_pit(c->pit, now);
		if (!c->pit->legacy_off) /* the PIT's own */
			atomic_fetch_and(&c->lines, ~1u);
		c->pic[0].lines = (uint8_t)atomic_load(&c->lines);
		c->ioapic->lines &= ~4u;
		c->ioapic->lines |= (atomic_load(&c->lines) & 1) << 2;
		random_ioapic(c);
		c->pic[0].irr &= ~(c->pic[0].elcr & 1);
		take_copy(c, &was);
		CHECK(!t->vm.accel->irqchip_push(&t->vm, &e), "%s", e.msg);
		if (atomic_load(&c->home) == IRQCHIP_KERNEL) { /* it must come from the kernel */
			memset(c->pic, 0, 2 * sizeof(*c->pic));
			memset(c->ioapic, 0, sizeof(*c->ioapic));
		}
		for (unsigned i = 0; i < 2; i++) {
			c->lapic[i]->tpr = 0xee;
			memset(c->lapic[i]->irr, 0xee, sizeof(c->lapic[i]->irr));
			memset(c->lapic[i]->lvt, 0xee, sizeof(c->lapic[i]->lvt));
			c->lapic[i]->icr = c->lapic[i]->tsc_deadline = c->lapic[i]->base = 0xee;
		}
		CHECK(!t->vm.accel->irqchip_pull(&t->vm, &e), "%s", e.msg);
		take_copy(c, &is);
		same(mode, round, &was, &is);
	}
	kt_free(t);
}

/* ---- from one home to another ---- */

static void stop_here(struct kt *t, unsigned val)
{
	if (val)
		vcpu_kick(t->vm.vcpu[0], VCPU_REQ_PAUSE);
}

/* The kernel's PIT does not know that the machine stands: its next tick (vector 0x40) may come. */
static void forget_tick(struct copy *c)
{
	c->lapic[0].irr[2] &= ~1u;
	c->lapic[0].nr_vectors = 0;
	c->ioapic.irr &= ~4u;
	c->pic[0].irr &= ~1u;
}

static void pull_all(struct kt *t)
{
	struct copy first = { 0 }, second = { 0 };
	struct err e = { 0 };

	clock_stop(t->m->clock);
	CHECK(!vcpu_pull(t->vm.vcpu[0], REGS_ALL, &e), "%s", e.msg);
	CHECK(!t->vm.accel->irqchip_pull(&t->vm, &e), "%s", e.msg);
	take_copy(t->m->irqchip, &first);
	CHECK(!t->vm.accel->irqchip_pull(&t->vm, &e), "%s", e.msg);
	take_copy(t->m->irqchip, &second);
	forget_tick(&first);
	forget_tick(&second);
	same("pulled twice", 0, &first, &second);
}

static void change_engine(struct kt *t, const char *args)
{
	struct vcpu *v = t->vm.vcpu[0];
	struct err e = { 0 };

	CHECK(!t->vm.accel->irqchip_pull(&t->vm, &e), "%s", e.msg);
	irqchip_set_home(t->m, IRQCHIP_USER);
	t->vm.accel->vcpu_stop(v);
	t->vm.accel->vm_stop(&t->vm);
	t->vm.accel_args = args;
	CHECK(!t->vm.accel->vm_start(&t->vm, &e) && !t->vm.accel->irqchip_take(&t->vm, &e), "%s",
	      e.msg);
	kt_memslots(t, 0);
	free(v->env.fixed);	/* other chips, another processor: this guest bears it */
	v->env.fixed = NULL;
	CHECK(!t->vm.accel->vcpu_start(v, &e), "%s", e.msg);
	CHECK(!vcpu_push(v, &e) && !t->vm.accel->irqchip_push(&t->vm, &e), "%s", e.msg);
	clock_run(t->m->clock);
}

static void moved(const char *from, const char *to)
{
	struct kt *t = kt_new_chips(1, from);
	struct vcpu *v = t->vm.vcpu[0];
	unsigned moves = 0;
	struct vm_exit x;

	t->hook = stop_here;
	kt_load(t, g_64_moved, CODE);
	x86_boot_long(kt_state(t, 0), CODE, 0, 0);
	while (t->code < 0) {
		CHECK(!t->vm.accel->run(v, &x), "%s", x.text);
		CHECK(x.reason == VM_EXIT_NONE || x.reason == VM_EXIT_HALT,
		      "%s to %s: exit %d (%s)", from, to, x.reason, x.text);
		if (x.reason == VM_EXIT_HALT)
			vcpu_wait(v, x.data[0]);
		if (!atomic_fetch_and(&v->request, 0) || t->code >= 0)
			continue;
		pull_all(t);
		change_engine(t, to);
		moves++;
	}
	CHECK(t->code == 102 && moves == 1, "%s to %s: code %d, %u moves", from, to, t->code,
	      moves);
	kt_free(t);
}

/* ---- stops at any moment ---- */

struct stopper { struct vcpu *v; _Atomic unsigned stood; _Atomic bool quit; };

/* Kicks for other reasons come just then, too. */
static void *stops(void *opaque)
{
	struct stopper *s = opaque;
	struct timespec wait = { 0, 0 };

	while (!atomic_load(&s->quit)) {
		unsigned stood = atomic_load(&s->stood);

		wait.tv_nsec = rnd() % 400000;
		nanosleep(&wait, NULL);
		vcpu_kick(s->v, VCPU_REQ_PAUSE);
		while (atomic_load(&s->stood) == stood && !atomic_load(&s->quit)) {
			for (unsigned i = rnd() % 300000; i; i--)
				__asm__ volatile("");
			s->v->vm->accel->kick(s->v);
		}
	}
	return NULL;
}

/*
 * The guest has been told when it has been stopped often enough. As the VMM does it a vCPU goes
 * through run() once more that has come out before it was asked to.
 */
static void stopped_often(struct kt *t, unsigned stops_wanted, void (*look)(struct kt *t))
{
	struct vcpu *v = t->vm.vcpu[0];
	struct stopper s = { .v = v };
	unsigned nr = 0;
	struct err e = { 0 };
	struct vm_exit x;
	pthread_t th;

	x86_boot_long(kt_state(t, 0), CODE, 0, 0);
	pthread_create(&th, NULL, stops, &s);
	while (t->code < 0) {
		bool asked = atomic_load(&v->request) & VCPU_REQ_PAUSE;

		CHECK(!t->vm.accel->run(v, &x) && x.reason == VM_EXIT_NONE, "exit %d (%s)",
		      x.reason, x.text);
		if (nr >= stops_wanted)
			*(volatile uint32_t *)mem_ptr(&t->m->mem, 0x504, 4) = 1;
		if (!asked)
			continue;
		nr++;
		vm_time_stop(&t->vm);
		CHECK(!vcpu_pull(v, REGS_ALL, &e) && !t->vm.accel->irqchip_pull(&t->vm, &e), "%s",
		      e.msg);
		look(t);
		if (nr & 1)	/* else it only stood */
			CHECK(!t->vm.accel->irqchip_push(&t->vm, &e), "%s", e.msg);
		CHECK(!vcpu_push(v, &e), "%s", e.msg);
		vm_time_start(&t->vm);
		atomic_store(&v->request, 0);
		atomic_store(&s.stood, nr);
	}
	atomic_store(&s.quit, true);
	pthread_join(th, NULL);
}

static void look_at_nothing(struct kt *t) { }

/* One-shot timers: no interrupt is lost, none is given twice. */
static void one_shot(const char *mode, bool own_timers)
{
	struct kt *t = kt_new_chips(1, mode);

	kvm_vm(&t->vm)->clocks.own_timers |= own_timers;
	kt_load(t, g_64_one_shot, CODE);
	stopped_often(t, 100, look_at_nothing);
	CHECK(t->code == 104, "%s: %u interrupts, the last one too much", mode,
	      kt_get32(t, 0x514));
	kt_free(t);
}

/*
 * A one-shot count that ran out in the kernel while the vCPU stayed out: its interrupt is still to
 * come, also where one was given the last time that the vCPU left.
 */
static void one_shot_out(const char *mode)
{
	enum { LVT = 0x43, ENABLED = 0x1ff, BY_ONE = 0xb, COUNT_NS = 1000000 };
	struct timespec wait = { 0, 3 * COUNT_NS };
	struct kt *t = kt_new_chips(1, mode);
	struct lapic_state *l = t->m->irqchip->lapic[0];
	struct err e = { 0 };

	kvm_cpu(t->vm.vcpu[0])->clocks.over = true;
	vm_time_stop(&t->vm);
	l->svr = ENABLED;
	l->lvt[LAPIC_LVT_TIMER] = LVT;
	l->timer_divide = BY_ONE;
	l->timer_initial = COUNT_NS;
	l->timer_start = clock_now(t->m->clock);
	CHECK(!t->vm.accel->irqchip_push(&t->vm, &e), "%s", e.msg);
	vm_time_start(&t->vm);
	nanosleep(&wait, NULL);
	vm_time_stop(&t->vm);
	CHECK(!t->vm.accel->irqchip_pull(&t->vm, &e), "%s", e.msg);
	CHECK(l->timer_initial == COUNT_NS &&
		      l->timer_start + COUNT_NS > clock_now(t->m->clock),
	      "%s: the count from %u began %lld ns ago", mode, l->timer_initial,
	      (long long)(clock_now(t->m->clock) - l->timer_start));
	vm_time_start(&t->vm);
	kt_free(t);
}

/*
 * A periodic one that ticked while the vCPU stayed out: the kernel has that in no structure. It is
 * requested in what is pulled, and again in the kernel where the machine only stood.
 */
static void periodic_out(const char *mode)
{
	enum { LVT = 0x43, PERIODIC = 1 << 17, ENABLED = 0x1ff, BY_ONE = 0xb, PERIOD_NS = 50000000,
	       SHORT_NS = 1000000, WAIT_NS = 60000000 };
	struct timespec wait = { 0, WAIT_NS };
	struct kt *t = kt_new_chips(1, mode);
	struct lapic_state *l = t->m->irqchip->lapic[0];
	struct err e = { 0 };

	for (unsigned i = 0; i < 4; i++) {
		bool waits = i & 1, stands = i & 2;

		vm_time_stop(&t->vm);
		l->svr = ENABLED;
		l->lvt[LAPIC_LVT_TIMER] = PERIODIC | LVT;
		l->timer_divide = BY_ONE;
		l->timer_initial = PERIOD_NS;
		l->timer_start = clock_now(t->m->clock) - (waits ? 0 : SHORT_NS);
		l->irr[LVT / 32] = 0;
		CHECK(!t->vm.accel->irqchip_push(&t->vm, &e), "%s", e.msg);
		vm_time_start(&t->vm);
		if (waits)
			nanosleep(&wait, NULL);
		vm_time_stop(&t->vm);
		if (stands) {
			vm_time_start(&t->vm);
			vm_time_stop(&t->vm);
		}
		CHECK(!t->vm.accel->irqchip_pull(&t->vm, &e), "%s", e.msg);
		CHECK(l->irr[LVT / 32] == (waits ? BIT(LVT % 32) : 0), "%s, %u: IRR %#x", mode, i,
		      l->irr[LVT / 32]);
		CHECK(l->timer_initial == PERIOD_NS &&
			      l->timer_start + PERIOD_NS > clock_now(t->m->clock),
		      "%s, %u: the count began %lld ns ago", mode, i,
		      (long long)(clock_now(t->m->clock) - l->timer_start));
		vm_time_start(&t->vm);
	}
	kt_free(t);
}

/* What the IOAPIC waits for the end of the local APIC has. */
static void look_at_level(struct kt *t)
{
	enum { PIN = 5, WORD = 0x41 / 32, BIT_41 = 1 << 0x41 % 32, REMOTE_IRR = 1 << 14 };
	const struct irqchip *c = t->m->irqchip;
	const struct lapic_state *l = c->lapic[0];

	CHECK(!(c->ioapic->redir[PIN] & REMOTE_IRR) || (l->irr[WORD] | l->isr[WORD]) & BIT_41,
	      "%u: the end of interrupt %u was lost", kvm_vm(&t->vm)->irq.home, kt_get32(t, 0x50c));
}

static void level(const char *mode)
{
	struct kt *t = kt_new_chips(1, mode);

	kt_load(t, g_64_level, CODE);
	stopped_often(t, 300, look_at_level);
	CHECK(t->code == 105, "%s: code %d", mode, t->code);
	kt_free(t);
}

static void io_entry(struct kt *t, unsigned pin, uint32_t val)
{
	region_write(t->m->mmio, 0xfec00000, 4, 0x10 + 2 * pin);
	region_write(t->m->mmio, 0xfec00010, 4, val);
}

/* No end comes of an interrupt that no local APIC took. */
static void not_taken(void)
{
	enum { PIN = 5, MASKED = 1 << 16, REMOTE_IRR = 1 << 14, LEVEL_41 = 0x8041, SVR = 0xff,
	       ENABLED = 0x100 };
	struct kt *t = kt_new_chips(1, "irqchip=split");
	struct irqchip *c = t->m->irqchip;
	struct err e = { 0 };

	for (unsigned on = 0; on < 2; on++) {
		c->lapic[0]->svr = on ? SVR | ENABLED : SVR;
		CHECK(!t->vm.accel->irqchip_push(&t->vm, &e), "%s", e.msg);
		io_entry(t, PIN, LEVEL_41);
		irqchip_gsi(t->m, PIN, 1);
		CHECK(!!(c->ioapic->redir[PIN] & REMOTE_IRR) == on, "%u: entry %#llx", on,
		      (unsigned long long)c->ioapic->redir[PIN]);
		irqchip_gsi(t->m, PIN, 0);
		io_entry(t, PIN, MASKED);
	}
	kt_free(t);
}

/* Lines that move between a pull and a push: an edge, a level that rises, one that falls. */
static void moved_lines(void)
{
	enum { EDGE = 4, RISES = 20, FALLS = 21, LEVEL_44 = 0x8044, MASKED_LEVEL = 0x18045,
	       MASKED = 1 << 16, ENABLED = 0x1ff, REMOTE_IRR = 1 << 14, BIT_44 = 1 << 4 };
	struct kt *t = kt_new_chips(1, "irqchip=on");
	struct irqchip *c = t->m->irqchip;
	struct err e = { 0 };

	irqchip_gsi(t->m, FALLS, 1);
	c->lapic[0]->svr = ENABLED;
	c->ioapic->redir[EDGE] = MASKED;
	c->ioapic->redir[RISES] = LEVEL_44;
	c->ioapic->redir[FALLS] = MASKED_LEVEL;
	CHECK(!t->vm.accel->irqchip_push(&t->vm, &e) && !t->vm.accel->irqchip_pull(&t->vm, &e),
	      "%s", e.msg);
	CHECK(c->ioapic->irr == BIT(FALLS) && !c->pic[0].irr, "IRR %#x %#x", c->ioapic->irr,
	      c->pic[0].irr);
	irqchip_gsi(t->m, EDGE, 1);
	irqchip_gsi(t->m, RISES, 1);
	irqchip_gsi(t->m, FALLS, 0);
	CHECK(!t->vm.accel->irqchip_push(&t->vm, &e) && !t->vm.accel->irqchip_pull(&t->vm, &e),
	      "%s", e.msg);
	CHECK(c->pic[0].irr == BIT(EDGE) && c->ioapic->irr == (BIT(EDGE) | BIT(RISES)),
	      "IRR %#x %#x", c->pic[0].irr, c->ioapic->irr);
	CHECK(c->ioapic->redir[RISES] & REMOTE_IRR && c->lapic[0]->irr[2] == BIT_44, "%#llx",
	      (unsigned long long)c->ioapic->redir[RISES]);
	kt_free(t);
}

/* The local APIC here has more of TPR than CR8 shows. */
static void task_priority(void)
{
	enum { TPR = 0x25 };
	struct kt *t = kt_new_chips(1, "irqchip=off");
	struct lapic_state *l = t->m->irqchip->lapic[0];
	struct vcpu *v = t->vm.vcpu[0];
	struct err e = { 0 };

	CHECK(!vcpu_push(v, &e), "%s", e.msg);
	l->tpr = TPR;
	CHECK(!vcpu_pull(v, REGS_ALL, &e), "%s", e.msg);
	kt_state(t, 0)->cr2 = 1;
	CHECK(kt_state(t, 0)->cr8 == TPR >> 4 && !vcpu_push(v, &e) && l->tpr == TPR, "TPR %#x",
	      l->tpr);
	kt_free(t);
}

/* INIT to a vCPU whose state is at home, as in the translator for an instruction. */
static void init_meanwhile(const char *mode)
{
	enum { TO_1 = 0xfee01000, INIT = 0x4500 };
	struct kt *t = kt_new_chips(2, mode);
	struct x86_state *s = kt_state(t, 1);
	struct vcpu *v = t->vm.vcpu[1];
	struct err e = { 0 };

	x86_boot_long(s, CODE, 0, 0);
	s->mp_state = KVM_MP_STATE_RUNNABLE;
	CHECK(!vcpu_push(v, &e) && !vcpu_pull(v, REGS_ALL, &e), "%s", e.msg);
	CHECK(s->mp_state == KVM_MP_STATE_RUNNABLE && s->rip == CODE, "rip %#llx",
	      (unsigned long long)s->rip);
	s->xcr0 = 3;
	CHECK(!t->vm.accel->msi(&t->vm, TO_1, INIT), "INIT is not taken");
	CHECK(!vcpu_push(v, &e), "%s", e.msg);
	s->mp_state = s->xcr0 = s->rip = 9;
	CHECK(!vcpu_pull(v, REGS_ALL, &e), "%s", e.msg);
	CHECK(s->mp_state == KVM_MP_STATE_INIT_RECEIVED && s->rip == 0xfff0 && s->xcr0 == 3,
	      "%s: mp_state %u, rip %#llx, xcr0 %llu", mode, s->mp_state,
	      (unsigned long long)s->rip, (unsigned long long)s->xcr0);
	kt_free(t);
}

/* ---- a machine without chips of its own ---- */

static void no_chips(void)
{
	struct kt *t = kt_new(1, true);
	struct kvm_lapic_state before, after;
	struct err e = { 0 };

	CHECK(!t->vm.accel->irqchip_push(&t->vm, &e), "%s", e.msg);
	ioctl(kvm_cpu(t->vm.vcpu[0])->fd, KVM_GET_LAPIC, &before);
	for (unsigned i = 0; i < 2; i++) {
		memset(mem_ptr(&t->m->mem, 0x500, 16), 0, 16);
		kt_load(t, g_64_apic, CODE);
		x86_boot_long(kt_state(t, 0), CODE, 0, 0);
		kt_expect(t, 0, 40);
		kt_reset(t);
		ioctl(kvm_cpu(t->vm.vcpu[0])->fd, KVM_GET_LAPIC, &after);
		diff("no chips", i, "local APIC", &before, &after, sizeof(before));
	}
	CHECK(!t->vm.accel->irqchip_pull(&t->vm, &e), "%s", e.msg);
	kt_free(t);
}

static void refused(const char *args, bool at_take, const char *text)
{
	struct machine_config cfg = { .ram_size = 1 << 20, .nr_cpus = 1 };
	const struct machine_type *testpc = machine_type_find("x86_64", "testpc");
	struct err e = { 0 };
	struct vm vm = { .isa = &isa_x86_64, .accel = &accel_kvm, .nr_vcpus = 1,
			 .accel_args = args };
	int r;

	vm.machine = machine_new(testpc, &cfg, &e);
	CHECK(vm.machine && !machine_init(vm.machine, &e), "%s", e.msg);
	r = accel_kvm.vm_start(&vm, &e);
	if (at_take) {
		CHECK(!r, "%s", e.msg);
		r = accel_kvm.irqchip_take(&vm, &e);
	}
	CHECK(r < 0 && strstr(e.msg, text), "'%s': %d, '%s'", args, r, e.msg);
	accel_kvm.vm_stop(&vm);
	machine_free(vm.machine);
}

static void arguments(void)
{
	refused("irqchip=maybe", false, "takes on, off or split");
	refused("irqchip", false, "takes on, off or split");
	refused("irqchip=on,turbo=on", false, "no property 'turbo'; there are irqchip");
	refused("irqchip=split", true, "has no IOAPIC of its own");
	refused("kernel-irqchip=off", true, "has no interrupt chips of its own");
}

int main(void)
{
	kt_main();
	arguments();
	no_chips();
	for (unsigned i = 0; i < MODES; i++) {
		ways(modes[i]);
		ipi(modes[i]);
		nmi(modes[i]);
		for (unsigned j = 0; j < MODES; j++)
			moved(modes[i], modes[j]);
	}
	for (unsigned i = 0; i < 4; i++)
		one_shot(modes[i / 2], i % 2);
	one_shot_out("irqchip=on");
	one_shot_out("irqchip=split");
	periodic_out("irqchip=on");
	periodic_out("irqchip=split");
	for (unsigned i = 0; i < MODES; i++)
		level(modes[i]);
	not_taken();
	moved_lines();
	task_priority();
	init_meanwhile("irqchip=on");
	init_meanwhile("irqchip=split");
	kicked("irqchip=on");
	kicked("irqchip=split");
	round_trips("irqchip=on");
	round_trips("irqchip=split");
	return 0;
}
