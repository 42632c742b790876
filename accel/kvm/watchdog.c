/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "accel/kvm/watchdog.h"

#include "accel/kvm/arch.h"
#include "util/log.h"
#include "util/os.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SAME_TO_BE_STUCK = 3, LIMITS_TO_THE_END = 3, RESEND_MS = 100, STATUS_ENGINE = 2 };
#define MS UINT64_C(1000000)

unsigned kvm_watchdog_period_ms = 1000, kvm_watchdog_limit_ms = 5000;

static void report_log(struct vcpu *v, const char *text) { log_error("%s", text); }

void (*kvm_watchdog_report)(struct vcpu *v, const char *text) = report_log;

struct kvm_watchdog {
	struct vm *vm;
	pthread_t thread;
	pthread_mutex_t lock;		/* vCPUs stay while it is held */
	int fd;
	_Atomic bool stop, awake;
};

/* Letter of the thread's state: R runs, S sleeps, D cannot be interrupted; '?' not known. */
static char thread_state(int tid)
{
	char path[64], text[256], *p;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	f = fopen(path, "re");
	if (!f)
		return '?';
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	p = strrchr(text, ')');		/* the name may hold anything */
	return p && p[1] ? p[2] : '?';
}

static void tell(struct vcpu *v, uint64_t waited)
{
	struct kvm_cpu *c = kvm_cpu(v);
	uint64_t exits = kvm_stat(c->stats_fd, "exits");
	char text[256];

	snprintf(text, sizeof(text),
		 "kvm: vCPU %u has not left KVM_RUN for %.1f s after it was asked to: %u signals, "
		 "its thread %d is in state %c, %llu exits in the kernel",
		 v->index, (double)waited / 1e9, c->watched.signals, atomic_load(&c->tid),
		 thread_state(atomic_load(&c->tid)), (unsigned long long)exits);
	kvm_watchdog_report(v, text);
}

static void signal_again(struct kvm_cpu *c)
{
	__atomic_store_n(&c->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_tgkill, getpid(), atomic_load(&c->tid), SIGUSR1);
}

/* True: there is something to wait for. */
static bool watch_request(struct vcpu *v, unsigned runs, uint64_t now)
{
	struct kvm_cpu *c = kvm_cpu(v);
	struct kvm_watched *w = &c->watched;
	uint64_t limit = kvm_watchdog_limit_ms * MS;

	if (!w->since || w->seen_runs != runs) {
		w->since = now;
		w->seen_runs = runs;
		w->signals = 0;
		w->told = false;
		return true;
	}
	signal_again(c);
	w->signals++;
	if (now - w->since >= limit && !w->told) {
		w->told = true;
		tell(v, now - w->since);
	}
	if (now - w->since >= LIMITS_TO_THE_END * limit &&
	    atomic_load(&v->request) & VCPU_REQ_STOP) {
		kvm_watchdog_report(v, "kvm: giving up; ending without it");
		_exit(STATUS_ENGINE);
	}
	return true;
}

/* One that stays in the same run() over a whole period is taken out to be looked at. */
static void probe(struct kvm_cpu *c, unsigned runs)
{
	if (c->watched.seen_runs == runs) {
		atomic_store(&c->watched.probe, true);
		signal_again(c);
	}
	c->watched.seen_runs = runs;
}

static bool look(struct kvm_watchdog *d, bool period_over)
{
	bool busy = false;

	pthread_mutex_lock(&d->lock);
	for (unsigned i = 0; i < d->vm->nr_vcpus; i++) {
		struct vcpu *v = d->vm->vcpu[i];
		struct kvm_cpu *c = v ? kvm_cpu(v) : NULL;

		if (!c || !atomic_load(&c->in_run)) {
			if (c)
				c->watched.since = 0;
			continue;
		}
		if (atomic_load(&v->request)) {
			busy |= watch_request(v, atomic_load(&c->watched.runs), os_now_ns());
			continue;
		}
		c->watched.since = 0;
		if (period_over)
			probe(c, atomic_load(&c->watched.runs));
	}
	pthread_mutex_unlock(&d->lock);
	return busy;
}

static void *watch(void *opaque)
{
	struct kvm_watchdog *d = opaque;
	bool probes = !kvm_caps()->mode_native, busy = false;
	uint64_t period = os_now_ns();

	os_thread_name("kvm-watchdog");
	while (!atomic_load(&d->stop)) {
		struct pollfd p = { .fd = d->fd, .events = POLLIN };
		int resend = (int)MIN((unsigned)RESEND_MS, kvm_watchdog_limit_ms / 4);
		bool over;

		poll(&p, 1, busy ? resend : probes ? (int)kvm_watchdog_period_ms : -1);
		os_eventfd_drain(d->fd);
		atomic_store(&d->awake, false);	/* before the look: what comes after wakes again */
		over = probes && os_now_ns() - period >= kvm_watchdog_period_ms * MS;
		if (over)
			period = os_now_ns();
		busy = look(d, over);
	}
	return NULL;
}

void kvm_watchdog_start(struct vm *vm)
{
	struct kvm_watchdog *d = calloc(1, sizeof(*d));

	if (!d)
		return;
	d->vm = vm;
	d->fd = os_eventfd();
	pthread_mutex_init(&d->lock, NULL);
	if (d->fd < 0 || pthread_create(&d->thread, NULL, watch, d)) {
		if (d->fd >= 0)
			close(d->fd);
		free(d);
		return;
	}
	kvm_vm(vm)->watchdog = d;
}

void kvm_watchdog_stop(struct vm *vm)
{
	struct kvm_watchdog *d = kvm_vm(vm)->watchdog;

	if (!d)
		return;
	atomic_store(&d->stop, true);
	os_eventfd_signal(d->fd);
	pthread_join(d->thread, NULL);
	close(d->fd);
	pthread_mutex_destroy(&d->lock);
	free(d);
	kvm_vm(vm)->watchdog = NULL;
}

void kvm_watchdog_lock(struct vm *vm, bool lock)
{
	struct kvm_watchdog *d = kvm_vm(vm)->watchdog;

	if (!d)
		return;
	if (lock)
		pthread_mutex_lock(&d->lock);
	else
		pthread_mutex_unlock(&d->lock);
}

void kvm_watchdog_wake(struct vm *vm)
{
	struct kvm_watchdog *d = kvm_vm(vm)->watchdog;

	if (d && !atomic_exchange(&d->awake, true))
		os_eventfd_signal(d->fd);
}

void kvm_watchdog_probed(struct vcpu *v, struct vm_exit *x)
{
	struct kvm_watched *w = &kvm_cpu(v)->watched;
	uint64_t pc = kvm_arch_pc(v);
	char bytes[16], where[48];

	atomic_store(&w->probe, false);
	if (x->reason != VM_EXIT_NONE || atomic_load(&v->request))
		return;
	w->same = pc == w->pc ? w->same + 1 : 1;
	w->pc = pc;
	if (w->same < SAME_TO_BE_STUCK || !kvm_arch_endless(v, bytes, sizeof(bytes)))
		return;
	w->same = 0;
	kvm_arch_where(v, where, sizeof(where));
	kvm_exit_error(x, 0, "%s: this KVM never finishes the instruction (%s)", where, bytes);
	x->reason = VM_EXIT_CANNOT_RUN;
	x->nr_data = 1;
	x->data[0] = pc;
}
