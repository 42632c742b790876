/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does this KVM run a guest, and how fast? A /dev/kvm may belong to a kernel module that runs only
 * ring 3 by the processor and interprets the rest, and may get stuck on that, so a vCPU is tried
 * out in a process of its own. What happens to that process cannot hold up this one: neither an
 * endless instruction nor the milliseconds, and locks, of a VM's end. (A thread would not do: one
 * that is inside the end of a VM cannot be stopped, nor can then its process be by a debugger or
 * by LeakSanitizer, which stops the VM's kernel thread first and waits for ever.)
 */
#include "accel/kvm/arch.h"
#include "util/os.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TRIES = 2, NATIVE_MIPS = 20, LOOK_MS = 20 };
/* It needs some 5 ms of CPU time; on a loaded machine that may take long. */
#define CPU_LIMIT_NS UINT64_C(200000000)
#define LIMIT_NS UINT64_C(3000000000)

bool kvm_selftest_always;
unsigned kvm_selftest_spins;

/* What the guest's or the user's descriptors are at the other end of must see them closed. */
static void close_others(unsigned a, unsigned b)
{
	unsigned lo = MIN(a, b), hi = MAX(a, b);

	if (lo)
		close_range(0, lo - 1, 0);
	if (hi - lo > 1)
		close_range(lo + 1, hi - 1, 0);
	close_range(hi + 1, ~0u, 0);
}

/* Forked, perhaps off many threads: only what is safe in a signal handler. */
static void child(int dev, int out, bool spin)
{
	static struct kvm_selftest r;
	ssize_t n;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close_others((unsigned)dev, (unsigned)out);
	kvm_arch_selftest(dev, spin, &r);
	n = write(out, &r, sizeof(r));
	_exit(n != sizeof(r));
}

static void *reap(void *pid)
{
	waitpid((pid_t)(intptr_t)pid, NULL, 0);
	return NULL;
}

/* Its end takes milliseconds, or for ever; nobody waits for it here. */
static void leave(pid_t pid)
{
	pthread_attr_t a;
	pthread_t th;

	pthread_attr_init(&a);
	pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&a, 64 << 10);
	if (pthread_create(&th, &a, reap, (void *)(intptr_t)pid))
		waitpid(pid, NULL, WNOHANG);
	pthread_attr_destroy(&a);
}

static bool too_long(pid_t pid, uint64_t since)
{
	struct timespec t = { 0 };
	clockid_t clock;

	if (os_now_ns() - since >= LIMIT_NS)
		return true;
	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &t))
		return false;
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec >= CPU_LIMIT_NS;
}

/* True: there is an answer in *r, if only of what failed. */
static bool run_apart(int dev, struct kvm_selftest *r)
{
	bool spin = kvm_selftest_spins, late = false;
	uint64_t since = os_now_ns();
	ssize_t n = -1;
	int fd[2];
	pid_t pid;

	kvm_selftest_spins -= spin;
	*r = (struct kvm_selftest){ .error = 0 };
	if (pipe2(fd, O_CLOEXEC)) {
		r->error = errno;
		snprintf(r->bad, sizeof(r->bad), "pipe");
		return true;
	}
	pid = fork();
	if (!pid)
		child(dev, fd[1], spin);
	r->error = errno;
	close(fd[1]);
	if (pid < 0) {
		close(fd[0]);
		snprintf(r->bad, sizeof(r->bad), "fork");
		return true;
	}
	while (!late) {
		struct pollfd p = { .fd = fd[0], .events = POLLIN };

		if (poll(&p, 1, LOOK_MS) > 0)
			break;
		late = too_long(pid, since);
	}
	if (late)
		kill(pid, SIGKILL);
	else
		n = read(fd[0], r, sizeof(*r));
	close(fd[0]);
	leave(pid);
	if (late || n == sizeof(*r))
		return !late;
	*r = (struct kvm_selftest){ .bad = "its process ended early" };
	return true;
}

static void tell(const struct kvm_selftest *r, struct accel_caps *caps)
{
	caps->mips = r->kernel_mips;
	if (*r->bad) {
		snprintf(caps->why, sizeof(caps->why),
			 "%s opens, but a test vCPU in long mode fails: %s%s%s", kvm_device, r->bad,
			 r->error ? ": " : "", r->error ? strerror(r->error) : "");
		return;
	}
	caps->usable = true;
	caps->tsc_hz = r->tsc_hz;
	/* hardware that is itself emulated is slow, too, but knows every instruction */
	caps->mode_native = r->kernel_mips > NATIVE_MIPS || r->vectors;
	if (caps->mode_native)
		snprintf(caps->why, sizeof(caps->why), "%s runs long mode natively (%.*f MIPS)",
			 kvm_device, caps->mips < 10, caps->mips);
	else if (r->user_mips > NATIVE_MIPS)
		snprintf(caps->why, sizeof(caps->why),
			 "%s has no hardware behind it: ring 0 is emulated "
			 "(%.1f MIPS), 64-bit ring 3 native (%.0f MIPS)",
			 kvm_device, caps->mips, r->user_mips);
	else
		snprintf(caps->why, sizeof(caps->why),
			 "%s has no hardware behind it: the guest is emulated "
			 "(%.1f MIPS)",
			 kvm_device, caps->mips);
}

void kvm_selftest(int dev, struct accel_caps *caps)
{
	const char *module = kvm_selftest_always ? NULL : kvm_arch_hardware();
	struct kvm_selftest r;

	kvm_arch_describe(dev, caps);
	if (module) {
		caps->usable = caps->mode_native = true;
		snprintf(caps->why, sizeof(caps->why), "%s runs on the processor (%s)", kvm_device,
			 module);
		return;
	}
	for (unsigned i = 0; i < TRIES; i++)
		if (run_apart(dev, &r)) {
			tell(&r, caps);
			return;
		}
	snprintf(caps->why, sizeof(caps->why), "%s opens, but a test vCPU hangs", kvm_device);
}
