/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vCPU: its file descriptor, the run loop, and kicks.
 *
 * A kick must not be lost between the last look at `request` and the kernel's
 * switch to the guest. The kicker first makes its request visible, then sets
 * run->immediate_exit, then sends a signal if the vCPU is inside run(). The vCPU
 * clears immediate_exit before it looks at `request`. If the kick came before the
 * clearing, the request is seen; if after, KVM_RUN returns at once; the signal
 * ends a KVM_RUN that had already begun.
 *
 * Port and memory accesses are only finished by the next KVM_RUN (the value goes
 * to the register, the instruction retires), so a vCPU that must leave after one
 * enters once more with immediate_exit set: the state is then at an instruction
 * boundary, as pull() wants it.
 */
#include "accel/kvm/kvm.h"

#include "accel/kvm/arch.h"
#include "util/os.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static __thread struct kvm_cpu *self; /* whose run() this thread is in */

int kvm_vcpu_start(struct vcpu *v, struct err *e)
{
	struct kvm_vm *k = kvm_vm(v->vm);
	struct kvm_cpu *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return err_set(e, ENOMEM, "no memory for vCPU %u", v->index);
	c->run = MAP_FAILED;
	c->fd = ioctl(k->fd, KVM_CREATE_VCPU, (unsigned long)v->index);
	if (c->fd < 0) {
		r = err_errno(e, errno, "KVM_CREATE_VCPU %u", v->index);
		free(c);
		return r;
	}
	c->stats_fd = ioctl(c->fd, KVM_GET_STATS_FD, 0);
	c->run = mmap(NULL, k->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
	v->engines[ACCEL_KVM] = c;
	if (c->run == MAP_FAILED)
		r = err_errno(e, errno, "mapping of vCPU %u", v->index);
	else
		r = kvm_arch_vcpu_start(v, e);
	if (!r)
		r = kvm_dirty_vcpu_start(v, e);
	if (!r)
		r = kvm_regs_vcpu(v, e);
	if (r)
		kvm_vcpu_stop(v);
	return r;
}

void kvm_vcpu_stop(struct vcpu *v)
{
	struct kvm_cpu *c = kvm_cpu(v);

	if (!c)
		return;
	kvm_counts_vcpu(v);
	kvm_watchdog_lock(v->vm, true);
	kvm_dirty_vcpu_stop(v);
	v->engines[ACCEL_KVM] = NULL;
	kvm_watchdog_lock(v->vm, false);
	if (c->run != MAP_FAILED)
		munmap(c->run, kvm_vm(v->vm)->run_size);
	if (c->stats_fd >= 0)
		close(c->stats_fd);
	close(c->fd);
	free(c);
}

static void set_immediate_exit(struct kvm_run *r, uint8_t val)
{
	__atomic_store_n(&r->immediate_exit, val, __ATOMIC_SEQ_CST);
}

void kvm_vcpu_kick(struct vcpu *v)
{
	struct kvm_cpu *c = kvm_cpu(v);

	if (!c)
		return;
	set_immediate_exit(c->run, 1);
	if (c != self && atomic_load(&c->in_run)) {
		syscall(SYS_tgkill, getpid(), atomic_load(&c->tid), SIGUSR1);
		if (atomic_load(&v->request))
			kvm_watchdog_wake(v->vm);
	}
}

/* The thread that runs a vCPU must be able to take the kick's signal. */
static void adopt_thread(struct kvm_cpu *c)
{
	sigset_t set;

	self = c;
	if (atomic_load_explicit(&c->tid, memory_order_relaxed) != gettid()) {
		atomic_store(&c->tid, gettid());
		sigemptyset(&set);
		sigaddset(&set, SIGUSR1);
		pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	}
}

/* True: the exit goes to the VMM. */
static bool serve(struct vcpu *v, struct vm_exit *x)
{
	struct kvm_cpu *c = kvm_cpu(v);

	switch (c->run->exit_reason) {
	case KVM_EXIT_IO:
		c->pending_io = true;
		kvm_serve_pio(v);
		return false;
	case KVM_EXIT_MMIO:
		c->pending_io = true;
		kvm_serve_mmio(v);
		return false;
	default: return kvm_exit(v, x);
	}
}

static bool serve_timed(struct vcpu *v, struct vm_exit *x)
{
	struct kvm_cpu *c = kvm_cpu(v);
	unsigned reason = MIN(c->run->exit_reason, KVM_MAX_EXITS - 1u);
	uint64_t t0 = os_now_ns();
	bool to_vmm = serve(v, x);

	c->serve_ns[reason] += os_now_ns() - t0;
	return to_vmm;
}

static int enter(struct vcpu *v, struct vm_exit *x)
{
	bool timed = *kvm_vm(v->vm)->counts.file;
	struct kvm_cpu *c = kvm_cpu(v);
	struct kvm_run *run = c->run;
	int r;

	c->clocks.due = 0;	/* every tick may be given now */
	for (;;) {
		bool leave = __atomic_load_n(&run->immediate_exit, __ATOMIC_RELAXED);

		if (unlikely(leave))
			set_immediate_exit(run, 0);
		if (unlikely(leave || atomic_load(&v->request))) {
			if (!c->pending_io)
				return 0;
			set_immediate_exit(run, 1);
		} else {
			kvm_arch_before_run(v);
		}
		r = ioctl(c->fd, KVM_RUN, 0) < 0 ? errno : 0;
		kvm_coalesce_drain(v);
		kvm_arch_after_run(v);
		if (unlikely(r)) {
			if (r == EAGAIN) /* INIT or SIPI arrived: the kernel wants another try */
				continue;
			if (r == EINTR) {
				c->pending_io = false;
				c->interrupted++;
				set_immediate_exit(run, 0);
				return 0;
			}
			return kvm_exit_failed(v, x, r);
		}
		c->pending_io = false;
		c->exits[MIN(run->exit_reason, KVM_MAX_EXITS - 1u)]++;
		if (unlikely(timed) ? serve_timed(v, x) : serve(v, x))
			return 0;
	}
}

int kvm_vcpu_peek(struct vcpu *v)
{
	enum { SET = 8 };	/* bytes of the kernel's */
	struct { uint32_t len; uint8_t sigset[SET]; } mask = { .len = SET };
	const struct timespec now = { 0, 0 };
	struct kvm_cpu *c = kvm_cpu(v);
	uint64_t all = ~(UINT64_C(1) << (SIGUSR1 - 1));
	sigset_t set;
	int r;

	_Static_assert(offsetof(struct kvm_signal_mask, sigset) == sizeof(mask.len), "layout");
	memcpy(mask.sigset, &all, sizeof(all));
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	pthread_kill(pthread_self(), SIGUSR1);
	set_immediate_exit(c->run, 0);
	c->run->request_interrupt_window = 0;	/* it would come back for that */
	r = ioctl(c->fd, KVM_SET_SIGNAL_MASK, &mask) < 0 ? EINVAL :
	    ioctl(c->fd, KVM_RUN, 0) < 0		 ? errno :
							   0;
	ioctl(c->fd, KVM_SET_SIGNAL_MASK, NULL);
	sigtimedwait(&set, NULL, &now);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	/* a kick came in between: the kernel may have turned back at once */
	if (r == EINTR && __atomic_load_n(&c->run->immediate_exit, __ATOMIC_SEQ_CST))
		r = EAGAIN;
	return r;
}

/*
 * As enter(); and a vCPU that stops for the machine stops where it is known what the kernel's
 * timers have given. An exit meanwhile is served, and it is looked again.
 */
static int enter_and_leave(struct vcpu *v, struct vm_exit *x)
{
	enum { LOOKS = 100 };	/* one is enough, but for kicks and exits */
	struct kvm_cpu *c = kvm_cpu(v);
	int r = enter(v, x);

	for (unsigned i = 0; i < LOOKS; i++) {
		int left;

		if (r || x->reason != VM_EXIT_NONE || c->pending_io ||
		    !(atomic_load(&v->request) & VCPU_REQ_PAUSE))
			break;
		left = kvm_arch_leave(v);
		if (!left) {
			kvm_coalesce_drain(v);
			kvm_arch_after_run(v);
			c->exits[MIN(c->run->exit_reason, KVM_MAX_EXITS - 1u)]++;
			if (serve(v, x))
				break;
		} else if (left != EAGAIN) {
			break;
		}
		r = enter(v, x);
	}
	return r;
}

int kvm_vcpu_run(struct vcpu *v, struct vm_exit *x)
{
	struct kvm_cpu *c = kvm_cpu(v);
	struct err e = { 0 };
	int r;

	x->reason = VM_EXIT_NONE;
	x->nr_data = 0;
	x->text[0] = '\0';
	r = vcpu_push(v, &e);
	if (r)
		return kvm_exit_error(x, -r, "%s", e.msg);
	if (unlikely(c->refused_cr0))
		return kvm_exit_refused(v, x);
	if (unlikely(c->debug.step))
		kvm_debug_rearm(v);
	if (unlikely(c->halted) && kvm_exit_halted(v, x))
		return 0;
	adopt_thread(c);
	atomic_fetch_add(&c->watched.runs, 1);
	atomic_store(&c->in_run, true);
	c->clocks.over = false;
	r = enter_and_leave(v, x);
	atomic_store(&c->in_run, false);
	self = NULL;
	if (unlikely(atomic_load(&c->watched.probe)))
		kvm_watchdog_probed(v, x);
	return r;
}
