/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the run loop costs: port and memory accesses of a guest through run(), the
 * regions and the device, against ioctl(KVM_RUN) in a loop that does nothing with
 * them, on the same vCPU, alternating, medians. And how long it takes from nothing
 * to the guest's first instruction.
 *
 *	kvm_roundtrip [ROUNDS]		exit 1 where a goal is missed
 */
#include <stdlib.h>
#include <sys/ioctl.h>

#include "tests/kvm/harness.h"
#include "util/os.h"

enum { TRIPS = 2000, ROUNDS = 15, STARTS = 9, MAX_ROUNDS = 1000 };
#define GOAL_RATIO    1.15
#define GOAL_START_MS 30.0

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, unsigned n)
{
	qsort(v, n, sizeof(*v), compare);
	return v[n / 2];
}

/* ns of this process's CPU time a trip: what else the machine does hardly enters */
static double bare(struct kt *t)
{
	int fd = kvm_cpu(t->vm.vcpu[0])->fd;
	uint64_t t0 = os_cpu_ns();

	for (unsigned i = 0; i < TRIPS; i++)
		if (ioctl(fd, KVM_RUN, 0) < 0)
			i--;
	kvm_cpu(t->vm.vcpu[0])->pending_io = true;
	return (double)(os_cpu_ns() - t0) / TRIPS;
}

static double ours(struct kt *t)
{
	uint64_t t0;

	t->rings = 0;
	t->limit = TRIPS;
	t0 = os_cpu_ns();
	kt_expect(t, 0, 0);
	return (double)(os_cpu_ns() - t0) / TRIPS;
}

static bool measure(const char *name, const uint8_t *code, size_t len, unsigned rounds)
{
	static double a[MAX_ROUNDS], b[MAX_ROUNDS], ratio[MAX_ROUNDS];
	struct kt *t = kt_new(1, true);
	double r;

	kt_put(t, CODE, code, len);
	x86_boot_long(kt_state(t, 0), CODE, 0, 0);
	ours(t);
	bare(t);
	for (unsigned i = 0; i < rounds; i++) {
		if (i & 1) {
			a[i] = ours(t);
			b[i] = bare(t);
		} else {
			b[i] = bare(t);
			a[i] = ours(t);
		}
		ratio[i] = a[i] / b[i];
	}
	kt_free(t);
	r = median(ratio, rounds);
	printf("%-6s ambi %8.0f ns, bare ioctl %8.0f ns, ratio %.3f (goal %.2f)%s\n", name,
	       median(a, rounds), median(b, rounds), r, GOAL_RATIO,
	       r <= GOAL_RATIO ? "" : "  MISSED");
	return r <= GOAL_RATIO;
}

#define MEASURE(name, rounds)                                                         \
	({                                                                            \
		extern const uint8_t g_64_##name[], g_64_##name##_end[];              \
		measure(#name, g_64_##name, g_64_##name##_end - g_64_##name, rounds); \
	})

/* Engine, machine, vCPU, boot state, up to the exit of the guest's first instruction. */
static bool start_time(void)
{
	extern const uint8_t g_64_out[], g_64_out_end[];
	double ms[STARTS], m, probe;
	uint64_t t0 = os_now_ns();

	CHECK(kvm_caps()->usable, "%s", kvm_caps()->why);
	probe = (double)(os_now_ns() - t0) / 1e6;
	for (unsigned i = 0; i < STARTS; i++) {
		struct kt *t;

		t0 = os_now_ns();
		t = kt_new(1, true);
		kt_put(t, CODE, g_64_out, g_64_out_end - g_64_out);
		x86_boot_long(kt_state(t, 0), CODE, 0, 0);
		t->limit = 1;
		kt_expect(t, 0, 0);
		ms[i] = (double)(os_now_ns() - t0) / 1e6;
		kt_free(t);
	}
	m = median(ms, STARTS);
	printf("start  self-test %.1f ms + VM to first insn %.1f ms (goal together %.0f)%s\n",
	       probe, m, GOAL_START_MS, m + probe < GOAL_START_MS ? "" : "  MISSED");
	printf("       %s\n", kvm_caps()->why);
	return m + probe < GOAL_START_MS;
}

int main(int argc, char **argv)
{
	unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : ROUNDS;
	bool ok;

	kt_main();
	CHECK(rounds >= 1 && rounds <= MAX_ROUNDS, "1 to %u rounds", MAX_ROUNDS);
	ok = start_time();
	ok &= MEASURE(out, rounds);
	ok &= MEASURE(in, rounds);
	ok &= MEASURE(store, rounds);
	ok &= MEASURE(load, rounds);
	return !ok;
}
