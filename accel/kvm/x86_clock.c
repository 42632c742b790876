/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's clocks on KVM: its TSC, the paravirtual clock and TSC deadlines. KVM lets them run
 * on while the machine stands, and knows nothing of virtual time. The rule (docs/moves.md):
 *
 *	TSC of CPU i at virtual time t = t * timebase_hz + tsc_offset of CPU i
 *	kvmclock at virtual time t     = t + kvm_clock_offset
 *
 * When the machine stops, the offsets are read off while all three still run, from one reading
 * of the host's counter for all vCPUs, so that those in step stay so. When it starts, the rule is
 * what KVM is set to, from one reading again. In between KVM's counters drift from virtual time as
 * the host's do from each other; the guest sees neither that nor the pause.
 *
 * A KVM that runs guests without virtualisation hardware cannot set a TSC: it is the host's then,
 * which goes on in a pause, but not back.
 */
#include "accel/kvm/arch.h"

#include "accel/kvm/x86.h"
#include "accel/kvm/x86_chips.h"
#include "target/x86/state.h"
#include "util/os.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>

enum { MSR_TSC = 0x10, MSR_TSC_DEADLINE = 0x6e0, KHZ = 1000 };
/* Two clocks are read together: the thread may lose its processor in between. */
enum { TRIES = 4, NARROW_NS = 1000 };
enum { TSC_CTRL = 0, TSC_OFFSET = 0 };	/* KVM_VCPU_TSC_CTRL, _OFFSET; kernels from 5.16 */

/* What kvmclock is more than virtual time, to half of width. ns. */
struct look { uint64_t offset, width; };
/* One moment in two clocks: virtual time and the guest's TSC, were its raw offset 0. */
struct moment { uint64_t ns, tsc; };

union one_msr {
	struct kvm_msrs head; /* followed by its entry */
	uint8_t room[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
};

static int msr_get(struct vcpu *v, uint32_t n, uint64_t *val)
{
	union one_msr m = { .room = { 0 } };

	m.head.nmsrs = 1;
	m.head.entries[0].index = n;
	if (ioctl(kvm_cpu(v)->fd, KVM_GET_MSRS, &m) != 1)
		return -EIO;
	*val = m.head.entries[0].data;
	return 0;
}

static int msr_set(struct vcpu *v, uint32_t n, uint64_t val)
{
	union one_msr m = { .room = { 0 } };

	m.head.nmsrs = 1;
	m.head.entries[0].index = n;
	m.head.entries[0].data = val;
	return ioctl(kvm_cpu(v)->fd, KVM_SET_MSRS, &m) == 1 ? 0 : -EIO;
}

static uint64_t host_tsc(void)
{
#ifdef __x86_64__
	return __builtin_ia32_rdtsc();
#else
	return 0;
#endif
}

static int offset_ioctl(struct vcpu *v, unsigned long req, uint64_t *off)
{
	struct kvm_device_attr a = { .group = TSC_CTRL, .attr = TSC_OFFSET,
				     .addr = (uintptr_t)off };

	return ioctl(kvm_cpu(v)->fd, req, &a) < 0 ? -errno : 0;
}

/* A KVM without the hardware for it takes an offset, too, and does nothing. */
static bool takes_offset(struct vcpu *v)
{
	uint64_t off, now, other;
	bool takes;

	if (offset_ioctl(v, KVM_GET_DEVICE_ATTR, &off))
		return false;
	other = off - 1;
	takes = !offset_ioctl(v, KVM_SET_DEVICE_ATTR, &other) &&
		!offset_ioctl(v, KVM_GET_DEVICE_ATTR, &now) && now == other;
	offset_ioctl(v, KVM_SET_DEVICE_ATTR, &off);
	return takes;
}

static bool takes_value(struct vcpu *v)
{
	uint64_t now, want, got;

	if (msr_get(v, MSR_TSC, &now))
		return false;
	want = now + (UINT64_C(1) << 40);
	if (msr_set(v, MSR_TSC, want) || msr_get(v, MSR_TSC, &got) || got < want)
		return false;
	msr_set(v, MSR_TSC, now);
	return true;
}

/* Kernels count frequencies in kHz; a 4000th is what clocks bear. */
static bool about(uint64_t a, uint64_t b, unsigned part)
{
	uint64_t d = a > b ? a - b : b - a;

	return d <= b / part;
}

void kvm_x86_clocks_start(struct vcpu *v, bool scaled)
{
	struct kvm_clocks *k = &kvm_vm(v->vm)->clocks;
	const char *module;
	uint64_t off;
	int khz;

	k->scaled = scaled;
	if (!k->chosen) {
		k->chosen = true;
		module = kvm_arch_hardware();
		k->own_timers = module && !strcmp(module, "kvm_intel");
		k->by_offset = !offset_ioctl(v, KVM_GET_DEVICE_ATTR, &off);
		k->steers = k->by_offset ? takes_offset(v) : takes_value(v);
		k->reset = k->steers ? 0 : host_tsc() - vm_ticks(v->vm,
							clock_now(v->vm->machine->clock));
	}
	/* the kernel knows it better than who looked before; a guest that ran keeps its own */
	khz = ioctl(kvm_cpu(v)->fd, KVM_GET_TSC_KHZ, 0);
	if (khz > 0 && !clock_now(v->vm->machine->clock) &&
	    about((uint64_t)khz * KHZ, v->vm->timebase_hz, 100))
		vm_set_timebase(v->vm, (uint64_t)khz * KHZ);
	v->env.tsc_reset = k->reset;	/* the other engine's guests begin with it, too */
}

/* The narrowest of a few tries. */
static struct moment moment_read(struct vm *vm)
{
	struct kvm_clocks *k = &kvm_vm(vm)->clocks;
	struct clock *c = vm->machine->clock;
	struct moment best = { 0, 0 };
	uint64_t width = UINT64_MAX;

	for (unsigned i = 0; i < TRIES; i++) {
		uint64_t a, b, ns, tsc, off = 0;

		if (!k->scaled) {
			a = host_tsc();
			ns = clock_now(c);
			b = host_tsc();
			tsc = a + (b - a) / 2;
		} else {
			a = clock_now(c);
			if (msr_get(vm->vcpu[0], MSR_TSC, &tsc))
				break;
			b = clock_now(c);
			ns = a + (b - a) / 2;
			if (k->by_offset)
				offset_ioctl(vm->vcpu[0], KVM_GET_DEVICE_ATTR, &off);
			tsc -= off;
		}
		if (b - a < width) {
			width = b - a;
			best = (struct moment){ ns, tsc };
		}
	}
	return best;
}

/* The vCPU's raw offset. */
static uint64_t raw_get(struct vcpu *v)
{
	struct kvm_clocks *k = &kvm_vm(v->vm)->clocks;
	uint64_t off = 0, tsc, a, b;

	if (!k->steers)
		return 0;
	if (k->by_offset)
		return offset_ioctl(v, KVM_GET_DEVICE_ATTR, &off) ? 0 : off;
	if (k->scaled) {	/* against vCPU 0, which moment_read looks at */
		if (!v->index || msr_get(v->vm->vcpu[0], MSR_TSC, &a) || msr_get(v, MSR_TSC, &tsc))
			return 0;
		return tsc - a;
	}
	a = host_tsc();
	if (msr_get(v, MSR_TSC, &tsc))
		return 0;
	b = host_tsc();
	return tsc - (a + (b - a) / 2);
}

static int raw_set(struct vcpu *v, uint64_t raw, const struct moment *m)
{
	struct kvm_clocks *k = &kvm_vm(v->vm)->clocks;
	uint64_t ns;

	if (!k->steers)
		return 0;
	if (k->by_offset)
		return offset_ioctl(v, KVM_SET_DEVICE_ATTR, &raw);
	/* KVM takes values written one after the other for the same offset */
	ns = clock_now(v->vm->machine->clock) - m->ns;
	return msr_set(v, MSR_TSC, m->tsc + raw + vm_ticks(v->vm, ns));
}

/* What was read one after the other, and was the same. */
static uint64_t in_step(const struct vm *vm, uint64_t off, uint64_t first)
{
	enum { NOISE_NS = 50000 };
	uint64_t d = off > first ? off - first : first - off;

	return !kvm_vm((struct vm *)vm)->clocks.by_offset && d < vm_ticks(vm, NOISE_NS) ? first :
											  off;
}

/* ---- registers ---- */

void kvm_arch_time_pull(struct vcpu *v)
{
	struct kvm_vm *k = kvm_vm(v->vm);
	struct kvm_cpu_clocks *c = &kvm_cpu(v)->clocks;
	struct x86_state *s = v->state;

	if (clock_is_running(v->vm->machine->clock)) {
		struct moment m = moment_read(v->vm);

		c->tsc = m.tsc + raw_get(v) - vm_ticks(v->vm, m.ns);
	} else {
		s->tsc = vm_ticks(v->vm, clock_now(v->vm->machine->clock)) + c->tsc;
		s->tsc_deadline = c->deadline ? c->deadline + c->tsc : 0;
	}
	s->tsc_offset = c->tsc_seen = c->tsc;
	s->kvm_clock_offset = c->kvmclock_seen = k->clocks.kvmclock;
}

/* Looking at a vCPU must leave its clock alone: only what was changed meanwhile counts. */
int kvm_arch_time_push(struct vcpu *v)
{
	struct kvm_vm *k = kvm_vm(v->vm);
	struct kvm_cpu_clocks *c = &kvm_cpu(v)->clocks;
	const struct x86_state *s = v->state;
	struct moment m;

	if (s->kvm_clock_offset != c->kvmclock_seen)
		k->clocks.kvmclock = c->kvmclock_seen = s->kvm_clock_offset;
	if (s->tsc_offset == c->tsc_seen)
		return 0;
	c->tsc_seen = s->tsc_offset;
	if (k->clocks.steers || !clock_is_running(v->vm->machine->clock))
		c->tsc = c->tsc_seen;
	if (!clock_is_running(v->vm->machine->clock))
		return 0;	/* time_start does it for all at once */
	m = moment_read(v->vm);
	return raw_set(v, vm_ticks(v->vm, m.ns) + c->tsc - m.tsc, &m);
}

/* ---- chips ---- */

void kvm_x86_clocks_armed(struct vm *vm)
{
	if (!clock_is_running(vm->machine->clock))
		kvm_vm(vm)->clocks.armed_host = os_now_ns();
}

/*
 * Monotonic ns of a periodic timer's next tick, at most a quarter of its period too early; 0: it is
 * none, or cannot be told. *page: the kernel's, zeros when it has none.
 */
static uint64_t next_tick(struct vcpu *v, struct kvm_lapic_state *page)
{
	for (unsigned i = 0; i < TRIES; i++) {
		uint64_t t = os_now_ns();

		if (kvm_x86_ioctl(v, KVM_GET_LAPIC, page)) {
			memset(page, 0, sizeof(*page));
			return 0;
		}
		if (!x86_lapic_ticks(page))
			return 0;
		if (os_now_ns() - t <= x86_lapic_period_ns(page) / 4)
			return t + x86_lapic_left_ns(page);
	}
	return 0;
}

/*
 * A count that was over when it came here has given its interrupt; KVM would give another one.
 * Without an initial count it is silent, and shows the same count.
 */
void kvm_x86_timer_push(struct vcpu *v, const struct lapic_state *s, struct kvm_lapic_state *page)
{
	struct kvm_cpu_clocks *c = &kvm_cpu(v)->clocks;
	bool over = x86_lapic_over(page);

	c->over_initial = over ? s->timer_initial : 0;
	c->over = false;	/* of another count: the vCPU may stay out until the next stop */
	if (over)
		x86_lapic_timer_put(page, 0, 0);
}

/* True: the interrupt of a one-shot count that is over was given. */
bool kvm_x86_timer_pull(struct vcpu *v, struct kvm_lapic_state *page)
{
	const struct kvm_clocks *k = &kvm_vm(v->vm)->clocks;
	struct kvm_cpu_clocks *c = &kvm_cpu(v)->clocks;
	uint32_t initial = x86_lapic_initial(page);

	if (!initial && c->over_initial) {
		x86_lapic_timer_put(page, c->over_initial, 0);
		if (x86_lapic_over(page))
			return true;
		/* the guest has another mode now: this count would begin anew */
		x86_lapic_timer_put(page, 0, 0);
	}
	/* the kernel's timer goes on while virtual time stands */
	if (k->stopped && !k->armed_host) {
		x86_lapic_timer_put(page, initial, c->count);
		if (c->ticked)
			x86_lapic_tick(page);
	}
	return c->over && x86_lapic_over(page);
}

/* *halted: it did, no other interrupt woke it. */
static int peek_halted(struct vcpu *v, bool *halted)
{
	struct kvm_mp_state mp, now;
	uint8_t kicked;
	int r = kvm_x86_ioctl(v, KVM_GET_MP_STATE, &mp);

	*halted = true;
	if (!r)
		r = kvm_x86_kicked(v, &mp, &kicked);
	if (r || mp.mp_state != KVM_MP_STATE_RUNNABLE)
		return r ? -r : kvm_vcpu_peek(v);
	mp.mp_state = KVM_MP_STATE_HALTED;
	r = kvm_x86_ioctl(v, KVM_SET_MP_STATE, &mp);
	if (r)
		return -r;
	r = kvm_vcpu_peek(v);
	if (kvm_x86_ioctl(v, KVM_GET_MP_STATE, &now))
		return EIO;
	*halted = now.mp_state == KVM_MP_STATE_HALTED;
	mp.mp_state = KVM_MP_STATE_RUNNABLE;
	if (*halted || now.mp_state == KVM_MP_STATE_RUNNABLE)
		kvm_x86_ioctl(v, KVM_SET_MP_STATE, &mp);
	if (kicked)	/* that has woken it, and is for the guest's next HLT */
		kvm_x86_kick(v);
	return r;
}

/*
 * Ticks that came are the vCPU's after the look. From then on it is known when the next one comes,
 * unless that was during the look.
 */
static int leave_periodic(struct vcpu *v)
{
	struct kvm_cpu_clocks *c = &kvm_cpu(v)->clocks;
	struct kvm_lapic_state page;
	int r = EINTR;

	for (unsigned i = 0; i < TRIES && r == EINTR; i++) {
		c->due = next_tick(v, &page);
		r = kvm_vcpu_peek(v);
		if (!c->due || os_now_ns() < c->due)
			return r;
	}
	c->due = 0;
	return r;
}

/*
 * With the IOAPIC here: the end of an interrupt that waits in the kernel for an exit, and the PIC's
 * vector that has not reached the vCPU, are in no structure of KVM's. A look gives both out.
 *
 * A one-shot count that is over: its interrupt was given, or is still to be. The first look lets
 * the kernel bring a timer of another processor's here, the second gives what has fired. A timer
 * of the processor's own (VMX's preemption timer) fires in the guest alone, but a vCPU that halts
 * gets it as one of the kernel's. What wakes it is taken by the vCPU: then it is tried again.
 */
int kvm_arch_leave(struct vcpu *v)
{
	enum irqchip_home home = kvm_vm(v->vm)->irq.home;
	struct kvm_lapic_state page;
	bool halted = false;
	int r = EINTR;

	if (home == IRQCHIP_SPLIT)
		r = kvm_vcpu_peek(v);
	/* only now: a look may have given one */
	if (r != EINTR || home == IRQCHIP_USER || kvm_x86_ioctl(v, KVM_GET_LAPIC, &page))
		return r;
	if (x86_lapic_ticks(&page))
		return leave_periodic(v);
	kvm_cpu(v)->clocks.due = 0;
	if (!x86_lapic_over(&page))
		return r;
	r = kvm_vcpu_peek(v);
	if (r == EINTR && !kvm_vm(v->vm)->clocks.own_timers)
		r = kvm_vcpu_peek(v);
	else
		for (unsigned i = 0; i < TRIES && r == EINTR && !halted; i++)
			r = peek_halted(v, &halted);
	if (r == EINTR)
		kvm_cpu(v)->clocks.over = true;
	return r;
}

/*
 * The machine was only paused: timers that the kernel has go back to where they were. None of them
 * may be ahead of virtual time, which goes on from the moment that is noted. Setting the PIT comes
 * first, for it waits for a thread of the kernel's.
 */
static void timers_back(struct vm *vm)
{
	struct kvm_vm *k = kvm_vm(vm);
	struct kvm_pit_state2 pit;

	/* ticks that it has saved up since the vCPUs stopped would be too many */
	if (k->irq.home == IRQCHIP_KERNEL && ioctl(k->fd, KVM_GET_PIT2, &pit) >= 0)
		ioctl(k->fd, KVM_SET_PIT2, &pit);
	/* nobody's interrupt may get lost in a page that is written back */
	pthread_rwlock_wrlock(&k->irq.quiet);
	k->clocks.armed_host = os_now_ns();
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		struct kvm_cpu_clocks *c = &kvm_cpu(vm->vcpu[i])->clocks;
		struct kvm_lapic_state page;

		if (kvm_x86_ioctl(vm->vcpu[i], KVM_GET_LAPIC, &page) || !x86_lapic_counts(&page))
			continue;
		x86_lapic_timer_put(&page, x86_lapic_initial(&page), c->count);
		if (x86_lapic_over(&page)) {
			if (!c->over)
				continue;	/* due: it comes by itself */
			c->over_initial = x86_lapic_initial(&page);
			x86_lapic_timer_put(&page, 0, 0);
		}
		if (c->ticked)
			x86_lapic_tick(&page);
		kvm_x86_ioctl(vm->vcpu[i], KVM_SET_LAPIC, &page);
	}
	pthread_rwlock_unlock(&k->irq.quiet);
}

/* While virtual time stands the TSC is not yet what it will be: time_start writes it. */
int kvm_x86_deadline_push(struct vcpu *v, uint64_t ticks, struct err *e)
{
	struct kvm_cpu_clocks *c = &kvm_cpu(v)->clocks;

	if (!clock_is_running(v->vm->machine->clock)) {
		c->deadline = ticks;
		return 0;
	}
	if (msr_set(v, MSR_TSC_DEADLINE, ticks ? ticks + c->tsc : 0))
		return err_errno(e, EIO, "vCPU %u: IA32_TSC_DEADLINE", v->index);
	return 0;
}

int kvm_x86_deadline_pull(struct vcpu *v, uint64_t *ticks, struct err *e)
{
	struct kvm_cpu_clocks *c = &kvm_cpu(v)->clocks;
	uint64_t val;

	if (!clock_is_running(v->vm->machine->clock)) {
		*ticks = c->deadline;
		return 0;
	}
	if (msr_get(v, MSR_TSC_DEADLINE, &val))
		return err_errno(e, EIO, "vCPU %u: IA32_TSC_DEADLINE", v->index);
	*ticks = x86_deadline_ticks(val, c->tsc);
	return 0;
}

/* ---- the machine stops ---- */

/*
 * What the guest itself reads from its page: KVM's clock may be behind that where the kernel
 * derives it anew for each vCPU. Little only: the page is the guest's. Where the TSC is the host's
 * an old page is not true any more (the kernel writes it at the next entry).
 */
static uint64_t page_clock(struct vcpu *v, uint64_t tsc)
{
	enum { MSR_OLD = 0x12, MSR_NEW = 0x4b564d01, SIZE = 32 };
	uint64_t pa = 0, delta, stamp;
	uint8_t p[SIZE];
	int8_t shift;

	if (!kvm_vm(v->vm)->clocks.steers ||
	    (msr_get(v, MSR_NEW, &pa) && msr_get(v, MSR_OLD, &pa)) || !(pa & 1) ||
	    mem_read(&v->vm->machine->mem, pa & ~UINT64_C(1), p, SIZE))
		return 0;
	stamp = ld_le64(p + 8);
	shift = (int8_t)p[28];
	if (ld_le32(p) & 1 || tsc < stamp || shift < -32 || shift > 31)
		return 0;
	delta = shift < 0 ? (tsc - stamp) >> -shift : (tsc - stamp) << shift;
	return ld_le64(p + 16) + (uint64_t)((unsigned __int128)delta * ld_le32(p + 24) >> 32);
}

/* kvmclock at virtual time 0 by the narrowest of a few looks. False: there is none. */
static bool kvmclock_look(struct vm *vm, struct look *l)
{
	struct kvm_vm *k = kvm_vm(vm);

	l->width = UINT64_MAX;
	for (unsigned i = 0; i < TRIES; i++) {
		struct kvm_clock_data c = { .clock = 0 };
		uint64_t a = clock_now(vm->machine->clock), b;

		if (ioctl(k->fd, KVM_GET_CLOCK, &c) < 0)
			return false;
		b = clock_now(vm->machine->clock);
		if (b - a >= l->width)
			continue;
		l->width = b - a;
		l->offset = c.clock - (a + l->width / 2);
	}
	return true;
}

/* As near as can be told. */
static bool is_at(const struct look *l, uint64_t offset)
{
	int64_t d = (int64_t)(l->offset - offset);

	return (uint64_t)(d < 0 ? -d : d) <= l->width / 2 + NARROW_NS;
}

/* A clock that did not move keeps its offset: noise of the looks must not add up. */
static void kvmclock_read(struct vm *vm)
{
	struct kvm_vm *k = kvm_vm(vm);
	struct look l = { 0, 0 };

	if (kvmclock_look(vm, &l) && !is_at(&l, k->clocks.kvmclock))
		k->clocks.kvmclock = l.offset;
}

static void timer_read(struct vcpu *v)
{
	struct kvm_cpu_clocks *c = &kvm_cpu(v)->clocks;
	struct kvm_lapic_state page;
	uint64_t val, next;

	c->deadline = c->count = 0;
	c->ticked = false;
	if (!kvm_vm(v->vm)->irqchip)
		return;
	next = next_tick(v, &page);
	c->count = x86_lapic_count(&page);
	/* a count of 0 is over and has not ticked: it does so where it goes */
	c->ticked = c->due && next && c->count &&
		    (int64_t)(next - c->due) > (int64_t)(x86_lapic_period_ns(&page) / 2);
	if (msr_get(v, MSR_TSC_DEADLINE, &val) || !val)
		return;
	c->deadline = x86_deadline_ticks(val, c->tsc);
}

/* A vCPU whose state is at home has an older reading; the host's TSC is what it is. */
static void state_refresh(struct vcpu *v)
{
	struct kvm_cpu_clocks *c = &kvm_cpu(v)->clocks;
	struct x86_state *s = v->state;

	if (v->resident & REGS_SYS)
		return;
	if (s->tsc_offset == c->tsc_seen || !kvm_vm(v->vm)->clocks.steers)
		s->tsc_offset = c->tsc_seen = c->tsc;
}

void kvm_arch_time_stop(struct vm *vm)
{
	enum { LITTLE_NS = 10000000 };
	struct kvm_vm *k = kvm_vm(vm);
	struct moment m;

	if (!clock_is_running(vm->machine->clock))
		return;
	kvmclock_read(vm);
	m = moment_read(vm);
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		struct vcpu *v = vm->vcpu[i];
		struct kvm_cpu_clocks *c = &kvm_cpu(v)->clocks;
		uint64_t raw = raw_get(v), page = page_clock(v, m.tsc + raw);

		c->tsc = m.tsc + raw - vm_ticks(vm, m.ns);
		if (i)
			c->tsc = in_step(vm, c->tsc, kvm_cpu(vm->vcpu[0])->clocks.tsc);
		if (page - m.ns - k->clocks.kvmclock < LITTLE_NS)
			k->clocks.kvmclock = page - m.ns;
		timer_read(v);
		state_refresh(v);
	}
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		struct vcpu *v = vm->vcpu[i];
		struct kvm_cpu_clocks *c = &kvm_cpu(v)->clocks;
		struct x86_state *s = v->state;

		if (!(v->resident & REGS_SYS) && s->kvm_clock_offset == c->kvmclock_seen)
			s->kvm_clock_offset = c->kvmclock_seen = k->clocks.kvmclock;
	}
	clock_stop(vm->machine->clock);
	k->clocks.armed_host = 0;
	k->clocks.stopped = true;
}

/* ---- and goes on ---- */

static void sleep_ns(uint64_t ns)
{
	struct timespec t = { .tv_sec = 0, .tv_nsec = (long)ns };

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

/*
 * The guest's TSC will be the host's, whatever it was: usually that is ahead, by the pause. Where
 * it is a little behind (counters drift from each other) it may catch up.
 */
static void wait_for_host(struct vm *vm)
{
	enum { PATIENCE_NS = 20000000 };
	uint64_t now = vm_ticks(vm, clock_now(vm->machine->clock)), host = host_tsc(), behind = 0;

	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		int64_t d = (int64_t)(now + kvm_cpu(vm->vcpu[i])->clocks.tsc - host);

		behind = d > 0 ? MAX(behind, (uint64_t)d) : behind;
	}
	if (!behind)
		return;
	behind = vm_ticks_to_ns(vm, behind);
	if (behind <= PATIENCE_NS)
		sleep_ns(behind);
	else
		snprintf(vm->time_note, sizeof(vm->time_note),
			 "this KVM cannot set the TSC: the guest sees it go back by %.3f s",
			 (double)behind / 1e9);
}

static void frequency_set(struct vm *vm)
{
	struct kvm_vm *k = kvm_vm(vm);
	int now = ioctl(kvm_cpu(vm->vcpu[0])->fd, KVM_GET_TSC_KHZ, 0);

	if (now <= 0 || about((uint64_t)now * KHZ, vm->timebase_hz, 4000))
		return;
	k->clocks.scaled = true;
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		if (ioctl(k->fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_CONTROL) <= 0 ||
		    ioctl(kvm_cpu(vm->vcpu[i])->fd, KVM_SET_TSC_KHZ,
			  (unsigned long)(vm->timebase_hz / KHZ)) < 0) {
			k->clocks.scaled = false;
			snprintf(vm->time_note, sizeof(vm->time_note),
				 "the guest's TSC ran at %llu kHz, and runs at %d kHz here: this "
				 "host cannot scale it",
				 (unsigned long long)vm->timebase_hz / KHZ, now);
			return;
		}
}

/* With the time of day that belongs to it the moment is exact; kernels from 5.16. */
static void kvmclock_put(struct vm *vm)
{
	struct kvm_vm *k = kvm_vm(vm);
	struct kvm_clock_data c = { .clock = 0 };
	int flags = ioctl(k->fd, KVM_CHECK_EXTENSION, KVM_CAP_ADJUST_CLOCK);
	uint64_t width = UINT64_MAX;

	if (flags > 0 && flags & KVM_CLOCK_REALTIME)
		c.flags = KVM_CLOCK_REALTIME;
	for (unsigned i = 0; i < TRIES && width >= NARROW_NS; i++) {
		uint64_t a = clock_now(vm->machine->clock), b, real;

		real = c.flags ? os_realtime_ns() : 0;
		b = clock_now(vm->machine->clock);
		if (b - a >= width)
			continue;
		width = b - a;
		c.realtime = real;
		c.clock = a + width / 2 + k->clocks.kvmclock;
	}
	ioctl(k->fd, KVM_SET_CLOCK, &c);
}

/* The kernel reads its own clocks one after the other, and may be interrupted in between, too. */
static void kvmclock_set(struct vm *vm)
{
	struct look l = { 0, 0 };

	for (unsigned i = 0; i < TRIES; i++) {
		kvmclock_put(vm);
		if (!kvmclock_look(vm, &l) || is_at(&l, kvm_vm(vm)->clocks.kvmclock))
			return;
	}
}

void kvm_arch_time_start(struct vm *vm)
{
	enum { JUST_NS = 500000000 };
	struct kvm_vm *k = kvm_vm(vm);
	struct moment m;
	uint64_t now;

	if (clock_is_running(vm->machine->clock))
		return;
	frequency_set(vm);
	if (!k->clocks.steers)
		wait_for_host(vm);
	if (k->clocks.stopped && !k->clocks.armed_host && k->irqchip)
		timers_back(vm);
	/* timers in the kernel run since they were armed, just now */
	now = os_now_ns();
	if (now - k->clocks.armed_host < JUST_NS)
		now = k->clocks.armed_host;
	clock_run_from(vm->machine->clock, now);
	m = moment_read(vm);
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		struct vcpu *v = vm->vcpu[i];
		struct kvm_cpu_clocks *c = &kvm_cpu(v)->clocks;

		raw_set(v, vm_ticks(vm, m.ns) + c->tsc - m.tsc, &m);
		if (!k->clocks.steers) {
			c->tsc = m.tsc - vm_ticks(vm, m.ns);
			state_refresh(v);
		}
	}
	kvmclock_set(vm);
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		struct vcpu *v = vm->vcpu[i];
		struct kvm_cpu_clocks *c = &kvm_cpu(v)->clocks;
		struct kvm_lapic_state page;

		/* of a vCPU that stays out until the next stop */
		if (k->irqchip)
			c->due = next_tick(v, &page);
		/* without a kvmclock: EINVAL */
		ioctl(kvm_cpu(v)->fd, KVM_KVMCLOCK_CTRL, 0);
		/* none: what was armed when this engine last ran the guest fires no more */
		if (k->irqchip)
			msr_set(v, MSR_TSC_DEADLINE, c->deadline ? c->deadline + c->tsc : 0);
		c->deadline = 0;
	}
	k->clocks.stopped = false;
}
