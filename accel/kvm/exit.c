/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every exit reason that is not plain I/O: handled here, turned into an exit for
 * the VMM, or reported with all the data that KVM gave. The table in docs/kvm.md
 * follows this file.
 */
#include "accel/kvm/kvm.h"

#include "accel/kvm/arch.h"
#include "util/log.h"

#include <errno.h>
#include <stdarg.h>

/* Newer than the oldest kernel header we build with. */
enum { EXIT_MEMORY_FAULT = 39 };

static const char *const names[] = {
	[KVM_EXIT_UNKNOWN] = "UNKNOWN",
	[KVM_EXIT_EXCEPTION] = "EXCEPTION",
	[KVM_EXIT_IO] = "IO",
	[KVM_EXIT_HYPERCALL] = "HYPERCALL",
	[KVM_EXIT_DEBUG] = "DEBUG",
	[KVM_EXIT_HLT] = "HLT",
	[KVM_EXIT_MMIO] = "MMIO",
	[KVM_EXIT_IRQ_WINDOW_OPEN] = "IRQ_WINDOW_OPEN",
	[KVM_EXIT_SHUTDOWN] = "SHUTDOWN",
	[KVM_EXIT_FAIL_ENTRY] = "FAIL_ENTRY",
	[KVM_EXIT_INTR] = "INTR",
	[KVM_EXIT_SET_TPR] = "SET_TPR",
	[KVM_EXIT_TPR_ACCESS] = "TPR_ACCESS",
	[KVM_EXIT_NMI] = "NMI",
	[KVM_EXIT_INTERNAL_ERROR] = "INTERNAL_ERROR",
	[KVM_EXIT_WATCHDOG] = "WATCHDOG",
	[KVM_EXIT_SYSTEM_EVENT] = "SYSTEM_EVENT",
	[KVM_EXIT_IOAPIC_EOI] = "IOAPIC_EOI",
	[KVM_EXIT_HYPERV] = "HYPERV",
	[KVM_EXIT_X86_RDMSR] = "X86_RDMSR",
	[KVM_EXIT_X86_WRMSR] = "X86_WRMSR",
	[KVM_EXIT_DIRTY_RING_FULL] = "DIRTY_RING_FULL",
	[KVM_EXIT_AP_RESET_HOLD] = "AP_RESET_HOLD",
	[KVM_EXIT_X86_BUS_LOCK] = "X86_BUS_LOCK",
	[KVM_EXIT_XEN] = "XEN",
	[KVM_EXIT_NOTIFY] = "NOTIFY",
	[EXIT_MEMORY_FAULT] = "MEMORY_FAULT",
};

const char *kvm_exit_name(unsigned reason)
{
	return reason < ARRAY_SIZE(names) && names[reason] ? names[reason] : "?";
}

int kvm_exit_error(struct vm_exit *x, int code, const char *fmt, ...)
{
	va_list ap;

	x->reason = VM_EXIT_ERROR;
	va_start(ap, fmt);
	vsnprintf(x->text, sizeof(x->text), fmt, ap);
	va_end(ap);
	return -code;
}

static void add_data(struct vm_exit *x, uint64_t v)
{
	if (x->nr_data < ARRAY_SIZE(x->data))
		x->data[x->nr_data++] = v;
}

static bool error(struct vcpu *v, struct vm_exit *x, enum vm_exit_reason reason, const char *fmt,
		  ...) __attribute__((format(printf, 4, 5)));

/* "KVM exit NAME: what; where": reason is ERROR or CANNOT_RUN. */
static bool error(struct vcpu *v, struct vm_exit *x, enum vm_exit_reason reason, const char *fmt,
		  ...)
{
	char what[100], where[48];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	kvm_arch_where(v, where, sizeof(where));
	kvm_exit_error(x, 0, "%.60s: %s", where, what);
	x->reason = reason;
	return true;
}

int kvm_exit_refused(struct vcpu *v, struct vm_exit *x)
{
	error(v, x, VM_EXIT_CANNOT_RUN, "this KVM does not run the guest's mode (32-bit paging)");
	x->mode = true;
	return 0;
}

static bool internal_error(struct vcpu *v, struct vm_exit *x)
{
	static const char *const sub[] = {
		[KVM_INTERNAL_ERROR_SIMUL_EX] = "an exception while one is delivered",
		[KVM_INTERNAL_ERROR_DELIVERY_EV] = "cannot deliver an event",
		[KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON] = "unexpected exit of the processor",
	};
	struct kvm_run *r = kvm_cpu(v)->run;
	unsigned n = MIN(r->internal.ndata, ARRAY_SIZE(r->internal.data));
	char bytes[48] = "";
	unsigned len;

	/* where KVM interprets the guest, our breakpoint is an instruction that it does not know */
	if (r->internal.suberror == KVM_INTERNAL_ERROR_EMULATION &&
	    kvm_debug_patched(v, kvm_arch_pc(v))) {
		x->reason = VM_EXIT_DEBUG;
		x->debug.kind = DBG_BREAK;
		x->debug.pc = x->debug.addr = kvm_arch_pc(v);
		x->debug.access = ACCESS_EXEC;
		return true;
	}
	add_data(x, r->internal.suberror);
	for (unsigned i = 0; i < n; i++)
		add_data(x, r->internal.data[i]);
	if (r->internal.suberror != KVM_INTERNAL_ERROR_EMULATION)
		return error(v, x,
			     r->internal.suberror == KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON ?
				     VM_EXIT_ERROR :
				     VM_EXIT_CANNOT_RUN,
			     "KVM internal error %u: %s", r->internal.suberror,
			     r->internal.suberror < ARRAY_SIZE(sub) && sub[r->internal.suberror] ?
				     sub[r->internal.suberror] :
				     "unknown kind");
	if (n >= 3 &&
	    r->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES) {
		len = MIN(r->emulation_failure.insn_size, 15u);
		for (unsigned i = 0, at = 0; i < len; i++)
			at += snprintf(bytes + at, sizeof(bytes) - at, "%s%02x", i ? " " : "",
				       r->emulation_failure.insn_bytes[i]);
	}
	return error(v, x, VM_EXIT_CANNOT_RUN, "KVM cannot emulate the instruction (%s)",
		     *bytes ? bytes : "bytes unknown");
}

static bool system_event(struct vcpu *v, struct vm_exit *x)
{
	struct kvm_run *r = kvm_cpu(v)->run;

	switch (r->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		machine_event(v->vm->machine, MACHINE_POWEROFF, 0);
		return true;
	case KVM_SYSTEM_EVENT_RESET: machine_event(v->vm->machine, MACHINE_RESET, 0); return true;
	case KVM_SYSTEM_EVENT_CRASH: machine_event(v->vm->machine, MACHINE_PANIC, 0); return true;
	}
	add_data(x, r->system_event.type);
	return error(v, x, VM_EXIT_ERROR, "KVM system event %u", r->system_event.type);
}

/*
 * A wait that ended for a request goes on at the next run: the guest must not run
 * on behind HLT without an interrupt.
 */
bool kvm_exit_halted(struct vcpu *v, struct vm_exit *x)
{
	uint64_t wake = kvm_arch_halt_wake(v);

	kvm_cpu(v)->halted = !(atomic_load(&v->port.lines) & wake);
	if (!kvm_cpu(v)->halted)
		return false;
	x->reason = VM_EXIT_HALT;
	add_data(x, wake);
	return true;
}

/*
 * KVM_RUN failed. With EFAULT or EHWPOISON newer kernels (6.8) also fill an exit: the
 * guest touched memory that the host cannot give it.
 */
int kvm_exit_failed(struct vcpu *v, struct vm_exit *x, int code)
{
	struct kvm_run *r = kvm_cpu(v)->run;
	uint64_t gpa = ld_64(r->padding + 8), size = ld_64(r->padding + 16);

	if ((code == EFAULT || code == EHWPOISON) && r->exit_reason == EXIT_MEMORY_FAULT) {
		add_data(x, ld_64(r->padding));	/* flags */
		add_data(x, gpa);
		add_data(x, size);
		error(v, x, VM_EXIT_ERROR, "KVM_RUN: %s: guest memory at %#llx, %#llx bytes",
		      strerror(code), (unsigned long long)gpa, (unsigned long long)size);
	} else {
		error(v, x, VM_EXIT_ERROR, "KVM_RUN: %s", strerror(code));
	}
	return -code;
}

bool kvm_exit(struct vcpu *v, struct vm_exit *x)
{
	struct kvm_run *r = kvm_cpu(v)->run;
	bool known, to_vmm;

	switch (r->exit_reason) {
	case KVM_EXIT_HLT: return kvm_exit_halted(v, x);
	case KVM_EXIT_IRQ_WINDOW_OPEN:
	case KVM_EXIT_NMI:
	case KVM_EXIT_SET_TPR:
	case KVM_EXIT_TPR_ACCESS: return false;
	case KVM_EXIT_INTR: return true;
	case KVM_EXIT_SHUTDOWN:
		if (kvm_arch_mode_refused(v)) {
			kvm_exit_refused(v, x);
			return true;
		}
		x->reason = VM_EXIT_SHUTDOWN;
		kvm_arch_where(v, x->text, sizeof(x->text));
		return true;
	case KVM_EXIT_FAIL_ENTRY:
		add_data(x, r->fail_entry.hardware_entry_failure_reason);
		add_data(x, r->fail_entry.cpu);
		x->mode = true;
		return error(v, x, VM_EXIT_CANNOT_RUN,
			     "the processor refuses the guest's state (%#llx)",
			     (unsigned long long)r->fail_entry.hardware_entry_failure_reason);
	case KVM_EXIT_DIRTY_RING_FULL:
		kvm_vm(v->vm)->dirty.full++;
		kvm_dirty_collect(v->vm);
		return false;
	case KVM_EXIT_INTERNAL_ERROR: return internal_error(v, x);
	case KVM_EXIT_SYSTEM_EVENT: return system_event(v, x);
	case KVM_EXIT_HYPERCALL:
		r->hypercall.ret = -1000; /* KVM_ENOSYS: none of them has been asked for */
		return false;
	case KVM_EXIT_UNKNOWN:
		add_data(x, r->hw.hardware_exit_reason);
		return error(v, x, VM_EXIT_ERROR, "exit unknown to KVM, hardware reason %#llx",
			     (unsigned long long)r->hw.hardware_exit_reason);
	case KVM_EXIT_EXCEPTION:
		add_data(x, r->ex.exception);
		add_data(x, r->ex.error_code);
		return error(v, x, VM_EXIT_ERROR, "exception %u, error code %#x", r->ex.exception,
			     r->ex.error_code);
	}
	to_vmm = kvm_arch_exit(v, x, &known);
	if (known)
		return to_vmm;
	add_data(x, r->exit_reason);
	for (unsigned i = 0; i < 4; i++) /* whatever the reason's own structure begins with */
		add_data(x, ld_64(r->padding + i * 8));
	return error(v, x, VM_EXIT_ERROR, "exit reason %u (%s) is not handled, data %#llx %#llx",
		     r->exit_reason, kvm_exit_name(r->exit_reason), (unsigned long long)x->data[1],
		     (unsigned long long)x->data[2]);
}
