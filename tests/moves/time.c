/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's clocks while the machine is paused, saved and loaded, and moved between engines: the
 * guest (load64) checks that none runs backwards, on a CPU and from one to the next, and that no
 * timer is early or lost; the host that they follow the rule of docs/moves.md, "Time":
 *
 *	TSC = t * hz + tsc_offset, kvmclock = t + kvm_clock_offset, offsets do not move
 *
 * Arguments: those of ambi. AMBI_TIME_ROUNDS: how many moves (default 100); AMBI_TIME_PERIOD: a
 * move each so many ms (15).
 */
#include "tests/moves/rig.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "target/x86/state.h"
#include "util/bits.h"
#include "util/os.h"

#if defined(__x86_64__) && defined(CONFIG_TEST_KVM)
#include "accel/kvm/kvm.h"
#endif

#define CHECK(cond, ...) do {							\
	if (!(cond)) {								\
		fprintf(stderr, "%s:%d: round %u (%s): %s: ", __FILE__, __LINE__, round_nr,	\
			what, #cond);						\
		fprintf(stderr, __VA_ARGS__);					\
		fputc('\n', stderr);						\
		exit(1);							\
	}									\
} while (0)

enum { CPUS = 8, PPM = 600 };	/* PPM: of the host's counters, and of a clock being set right */

static unsigned round_nr, rounds = 100;
static const char *what = "start";
/* For how long it stood that may show in a TSC that is the host's, and that it did not yet show. */
static uint64_t paused_ns = 500000000;	/* until it starts: on the other engine time stands */
static bool host_tsc;
static unsigned nr_pages;	/* kvmclock pages that were looked at */
/* A page that was stamped before this moment may be of before the last pause. */
static uint64_t resumed_tsc;

static struct seen {
	bool any;
	uint64_t t, tsc[CPUS], tsc_off[CPUS], clock_off, clock[CPUS];
} last;

/* May this engine set a TSC? */
static bool steers(struct vm *vm)
{
#ifdef CONFIG_TEST_KVM
	if (vm->accel->slot == ACCEL_KVM)
		return kvm_vm(vm)->clocks.steers;
#endif
	return true;
}

/*
 * A TSC that is the host's leaps over a pause; kvmclock does not. A page of before tells neither,
 * and no guest sees it: the kernel writes it before it enters the vCPU.
 */
static void about_to_resume(struct vm *vm)
{
#if defined(__x86_64__)
	if (!steers(vm))
		resumed_tsc = __builtin_ia32_rdtsc();
#else
	(void)vm;
#endif
}

static int64_t diff(uint64_t a, uint64_t b) { return (int64_t)(a - b); }

/* What the guest computes from its page (Documentation/virt/kvm/x86/msr.rst). */
static bool page_ns(struct vm *vm, const struct x86_state *s, uint64_t tsc, uint64_t *ns)
{
	uint8_t p[32];
	int8_t shift;
	uint64_t d;

	if (!(s->kvm_system_time & 1) ||
	    mem_read(&vm->machine->mem, s->kvm_system_time & ~UINT64_C(1), p, sizeof(p)))
		return false;
	CHECK(!(ld_le32(p) & 1), "the page is being written in a stopped machine");
	shift = (int8_t)p[28];
	d = tsc - ld_le64(p + 8);
	if (ld_le64(p + 8) < resumed_tsc)
		return false;
	d = shift < 0 ? d >> -shift : d << shift;
	*ns = ld_le64(p + 16) + (uint64_t)((unsigned __int128)d * ld_le32(p + 24) >> 32);
	return ld_le32(p);
}

/* The guest is frozen. */
static void look(struct rig *r)
{
	struct vm *vm = &r->g->vm;
	const struct x86_state *first = vm->vcpu[0]->state;
	uint64_t t = clock_now(vm->machine->clock), drift, ns;
	struct seen now = { .any = true, .t = t };

	CHECK(t >= last.t, "virtual time: %llu after %llu", (unsigned long long)t,
	      (unsigned long long)last.t);
	drift = 20000 + (t - last.t) / (1000000 / PPM);
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		const struct x86_state *s = vm->vcpu[i]->state;
		int64_t d;

		now.tsc_off[i] = s->tsc_offset;
		now.tsc[i] = vm_ticks(vm, t) + s->tsc_offset;
		now.clock_off = s->kvm_clock_offset;
		d = diff(now.tsc_off[i], now.tsc_off[0]);
		CHECK(llabs(d) <= (int64_t)vm_ticks(vm, 1000), "CPU %u is %lld ticks from CPU 0", i,
		      (long long)d);
		CHECK(s->kvm_clock_offset == first->kvm_clock_offset,
		      "CPUs with different kvmclocks");
		if (last.any) {
			CHECK(diff(now.tsc[i], last.tsc[i]) >= 0, "CPU %u: TSC %llu after %llu", i,
			      (unsigned long long)now.tsc[i], (unsigned long long)last.tsc[i]);
			d = diff(now.tsc_off[i], last.tsc_off[i]);
			CHECK(d >= -(int64_t)vm_ticks(vm, drift) &&
				      d <= (int64_t)vm_ticks(vm, drift + paused_ns),
			      "CPU %u: its TSC moved by %.1f us in virtual time, %.1f ms on", i,
			      (double)d * 1e6 / (double)vm->timebase_hz,
			      (double)(t - last.t) / 1e6);
		}
		if (last.any && i + 1 == vm->nr_vcpus && d > (int64_t)vm_ticks(vm, drift))
			paused_ns -= MIN(paused_ns, vm_ticks_to_ns(vm, (uint64_t)d));
		if (!page_ns(vm, s, now.tsc[i], &ns))
			continue;
		nr_pages++;
		now.clock[i] = ns;
		d = diff(ns, t + s->kvm_clock_offset);
		CHECK(d < 30000 && d > -30000 - (int64_t)drift,
		      "CPU %u: its page says %.1f us more than kvmclock", i, (double)d / 1e3);
		CHECK(ns + 1000 >= last.clock[i], "CPU %u: kvmclock ran back by %.1f us", i,
		      (double)(last.clock[i] - ns) / 1e3);
	}
	if (last.any) {
		int64_t d = diff(now.clock_off, last.clock_off);

		CHECK(llabs(d) <= (int64_t)drift, "kvmclock moved by %.1f us against virtual time",
		      (double)d / 1e3);
	}
	last = now;
}

static void wait_ms(unsigned ms)
{
	struct timespec ts = { 0, (long)ms * 1000000 };

	nanosleep(&ts, NULL);
}

static void round_trip(struct rig *r)
{
	struct state_buf a = { 0 }, b = { 0 };
	struct err e = { 0 };

	CHECK(!guest_state_save(r->g, &a, &e), "%s", e.msg);
	CHECK(!guest_state_load(r->g, a.data, a.len, CLOCK_CONTINUE, &e), "%s", e.msg);
	CHECK(!guest_state_save(r->g, &b, &e), "%s", e.msg);
	CHECK(rig_same(&a, &b, what), "another state");
	free(a.data);
	free(b.data);
}

static const struct accel_ops *other(struct guest *g)
{
	for (unsigned i = 0; accels[i]; i++)
		if (accels[i] != g->vm.accel && g->vm.engines[accels[i]->slot])
			return accels[i];
	return NULL;
}

static void tick(struct rig *r)
{
	static const char *const names[] = { "pause", "freeze", "save and load", "switch" };
	unsigned how = rig_random() % (other(r->g) ? 8 : 3);
	uint64_t t0 = os_now_ns();
	struct err e = { 0 };

	if (++round_nr > rounds) {
		guest_end(r->g, 0);
		return;
	}
	what = names[MIN(how, 3u)];
	if (how == 0) {
		guest_pause(r->g);
		wait_ms(rig_random() % 30);
		about_to_resume(&r->g->vm);
		guest_resume(r->g);
	} else if (how < 3) {
		CHECK(!guest_freeze(r->g, &e), "%s", e.msg);
		look(r);
		wait_ms(rig_random() % 10);
		if (how == 2)
			round_trip(r);
		about_to_resume(&r->g->vm);
		guest_thaw(r->g, how == 2, true);
	} else {
		struct switch_report rep;

		CHECK(!guest_switch(r->g, other(r->g), &rep, &e), "%s", e.msg);
		CHECK(!rep.note[0], "%s", rep.note);
		about_to_resume(&r->g->vm);
	}
	host_tsc |= !steers(&r->g->vm);
	if (host_tsc)
		paused_ns += os_now_ns() - t0 + 1000000;
}

/* What the guest said. */
static int said(const char *path)
{
	static char text[1 << 16];
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	text[n] = '\0';
	if (f)
		fclose(f);
	unlink(path);
	if (strstr(text, "BAD") || !strstr(text, "beat")) {
		fprintf(stderr, "the guest:\n%s\n", text);
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	char path[] = "/tmp/ambi-time-XXXXXX", serial[64];
	const char *args[48] = { NULL };
	int fd = mkstemp(path), n = 0;
	struct rig *r;

	if (getenv("AMBI_TIME_ROUNDS"))
		rounds = (unsigned)atoi(getenv("AMBI_TIME_ROUNDS"));
	while (n + 1 < argc && n < 40) {
		args[n] = argv[n + 1];
		n++;
	}
	snprintf(serial, sizeof(serial), "file:%s", path);
	args[n++] = "-serial";
	args[n++] = serial;
	r = rig_new(args);
	r->tick = tick;
	r->period_ms = getenv("AMBI_TIME_PERIOD") ? (unsigned)atoi(getenv("AMBI_TIME_PERIOD")) : 15;
	r->limit_ms = 100000;
	rig_run(r);
	CHECK(!r->timed_out, "%u rounds of %u", round_nr, rounds);
	/* a guest that is slow to start has none for long */
	CHECK(nr_pages >= 5, "%u pages of kvmclock were there", nr_pages);
	printf("%u rounds, %u pages of kvmclock, virtual time %.2f s\n", rounds, nr_pages,
	       (double)clock_now(r->g->vm.machine->clock) / 1e9);
	rig_free(r);
	close(fd);
	return said(path);
}
