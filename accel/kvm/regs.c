/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers between the canonical state and KVM, driven by the ISA's table: rows
 * are grouped by the class in their kvm id (a structure of KVM's interface), and
 * each structure is moved once.
 *
 * A push reads the structure, puts the rows in, and writes it only when that
 * changed something: rows of groups that are not pushed keep KVM's values, and an
 * inspection (pull, then push of the same) leaves no trace.
 *
 * MSRs are compared with the value last seen instead. Clocks are x86_clock.c's: rows that follow
 * from them are read for who looks, and not written.
 */
#include "accel/kvm/kvm.h"

#include "accel/kvm/arch.h"
#include "target/x86/kvm_id.h"
#include "util/log.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

enum { CLASS_MAX_SIZE = 4096 };

union msr_buf {
	struct kvm_msrs head; /* followed by its entries */
	uint8_t room[sizeof(struct kvm_msrs) + KVM_MAX_MSRS * sizeof(struct kvm_msr_entry)];
};

static void row_get(const struct reg *r, void *state, const uint8_t *buf)
{
	uint8_t *to = (uint8_t *)state + r->off;
	const uint8_t *from = buf + X86_KVM_ID_OFF(r->kvm);
	unsigned width = X86_KVM_ID_WIDTH(r->kvm), bytes = r->bits / 8;

	if (X86_KVM_ID_FORM(r->kvm) == X86_KVM_ATTR) {
		st_16(to, kvm_arch_attr_get(from));
		return;
	}
	memset(to, 0, bytes);
	memcpy(to, from, MIN(width, bytes));
}

static void row_put(const struct reg *r, const void *state, uint8_t *buf)
{
	const uint8_t *from = (const uint8_t *)state + r->off;
	uint8_t *to = buf + X86_KVM_ID_OFF(r->kvm);

	if (X86_KVM_ID_FORM(r->kvm) == X86_KVM_ATTR)
		kvm_arch_attr_set(to, ld_16(from));
	else
		memcpy(to, from, MIN(X86_KVM_ID_WIDTH(r->kvm), r->bits / 8u));
}

/* Groups that have rows in the class. */
static unsigned class_groups(const struct isa *isa, unsigned class)
{
	unsigned groups = 0;

	for (const struct reg *r = isa->regs; r->name; r++)
		if (X86_KVM_ID_CLASS(r->kvm) == class)
			groups |= r->group;
	return groups;
}

/* ---- MSRs ---- */

static int msrs_read(struct vcpu *v, union msr_buf *b)
{
	struct kvm_vm *k = kvm_vm(v->vm);

	memset(&b->head, 0, sizeof(b->head));
	b->head.nmsrs = k->nr_msrs;
	for (unsigned i = 0; i < k->nr_msrs; i++)
		b->head.entries[i] =
			(struct kvm_msr_entry){ .index = X86_KVM_ID_OFF(k->msr[i]->kvm) };
	return ioctl(kvm_cpu(v)->fd, KVM_GET_MSRS, b);
}

static int msrs_pull(struct vcpu *v, struct err *e)
{
	struct kvm_vm *k = kvm_vm(v->vm);
	struct kvm_cpu *c = kvm_cpu(v);
	union msr_buf b;
	int n = msrs_read(v, &b);

	if (n < 0)
		return err_errno(e, errno, "KVM_GET_MSRS");
	if ((unsigned)n < k->nr_msrs)
		return err_set(e, EIO, "KVM does not give MSR %#x", b.head.entries[n].index);
	for (int i = 0; i < n; i++) {
		c->msr[i] = b.head.entries[i].data;
		isa_reg_set(k->msr[i], v->state, b.head.entries[i].data);
	}
	return 0;
}

enum { KVM_PV_MSRS = 0x4b564d };	/* 0x4b564d00 to ff */

static int msrs_push(struct vcpu *v, struct err *e)
{
	struct kvm_vm *k = kvm_vm(v->vm);
	struct kvm_cpu *c = kvm_cpu(v);
	uint16_t row[KVM_MAX_MSRS], *sent = row;	/* of the entries */
	union msr_buf b;
	int n;

	memset(&b.head, 0, sizeof(b.head));
	for (unsigned i = 0; i < k->nr_msrs; i++) {
		uint64_t val = isa_reg_get(k->msr[i], v->state);

		if (val == c->msr[i] || k->msr[i]->flags & REG_DERIVED)
			continue;
		row[b.head.nmsrs] = (uint16_t)i;
		b.head.entries[b.head.nmsrs++] =
			(struct kvm_msr_entry){ .index = X86_KVM_ID_OFF(k->msr[i]->kvm),
						.data = val };
	}
	while (b.head.nmsrs) {
		n = ioctl(c->fd, KVM_SET_MSRS, &b);
		if (n < 0)
			return err_errno(e, errno, "KVM_SET_MSRS");
		/* those behind one that is refused are still to be sent, maybe by another push */
		for (int i = 0; i < n; i++)
			c->msr[*sent++] = b.head.entries[i].data;
		if ((unsigned)n == b.head.nmsrs)
			break;
		/* paravirtual ones are there where CPUID shows their feature: the guest has none */
		if (b.head.entries[n].index >> 8 != KVM_PV_MSRS)
			return err_set(e, EINVAL, "KVM refuses %#llx in MSR %#x",
				       (unsigned long long)b.head.entries[n].data,
				       b.head.entries[n].index);
		c->msr[*sent++] = b.head.entries[n].data;
		b.head.nmsrs -= (unsigned)n + 1;
		memmove(b.head.entries, &b.head.entries[n + 1],
			b.head.nmsrs * sizeof(b.head.entries[0]));
	}
	return 0;
}

int kvm_regs_init(struct vm *vm, struct err *e)
{
	struct kvm_vm *k = kvm_vm(vm);

	for (const struct reg *r = vm->isa->regs; r->name; r++) {
		if (X86_KVM_ID_CLASS(r->kvm) != X86_KVM_MSR)
			continue;
		if (k->nr_msrs == KVM_MAX_MSRS)
			return err_set(e, E2BIG, "more than %u MSRs in the table", KVM_MAX_MSRS);
		k->msr[k->nr_msrs++] = r;
	}
	return 0;
}

/*
 * Which MSRs there are depends on the kernel and on the vCPU's CPUID, and KVM's
 * list of them leaves some out (MTRRs): they are tried, and rows of the others
 * dropped.
 */
int kvm_regs_vcpu(struct vcpu *v, struct err *e)
{
	struct kvm_vm *k = kvm_vm(v->vm);
	struct kvm_cpu *c = kvm_cpu(v);
	union msr_buf b;
	int n;

	pthread_mutex_lock(&k->lock);
	while ((n = msrs_read(v, &b)) >= 0 && (unsigned)n < k->nr_msrs) {
		if (log_on(LOG_KVM))
			log_trace("kvm: no MSR %#x (%s)\n", b.head.entries[n].index,
				  k->msr[n]->name);
		memmove(&k->msr[n], &k->msr[n + 1], (--k->nr_msrs - n) * sizeof(k->msr[0]));
	}
	pthread_mutex_unlock(&k->lock);
	if (n < 0)
		return err_errno(e, errno, "KVM_GET_MSRS");
	for (int i = 0; i < n; i++)
		c->msr[i] = b.head.entries[i].data;
	return 0;
}

/* Twice: a row that one vCPU does not have moves those of the others. */
int kvm_regs_again(struct vm *vm, struct err *e)
{
	int r;

	kvm_vm(vm)->nr_msrs = 0;
	r = kvm_regs_init(vm, e);
	for (unsigned i = 0; !r && i < 2 * vm->nr_vcpus; i++) {
		struct vcpu *v = vm->vcpu[i % vm->nr_vcpus];

		if (v && kvm_cpu(v))
			r = kvm_regs_vcpu(v, e);
	}
	return r;
}

/* ---- structures ---- */

int kvm_pull(struct vcpu *v, unsigned groups, struct err *e)
{
	uint8_t buf[CLASS_MAX_SIZE] __attribute__((aligned(64)));

	kvm_arch_settle(v);
	for (unsigned i = 0; i < kvm_arch_nr_classes; i++) {
		const struct kvm_reg_class *c = &kvm_arch_classes[i];
		int r;

		if (!(class_groups(v->vm->isa, i) & groups))
			continue;
		if (i == X86_KVM_MSR) {
			r = msrs_pull(v, e);
			if (r)
				return r;
			continue;
		}
		if (!c->size)
			continue;
		r = c->get(v, buf);
		if (r)
			return err_errno(e, -r, "reading %s", c->name);
		for (const struct reg *row = v->vm->isa->regs; row->name; row++)
			if (X86_KVM_ID_CLASS(row->kvm) == i && row->group & groups)
				row_get(row, v->state, buf);
	}
	if (groups & REGS_SYS)
		kvm_arch_time_pull(v);
	return 0;
}

static int class_push(struct vcpu *v, unsigned i, unsigned groups, struct err *e)
{
	const struct kvm_reg_class *c = &kvm_arch_classes[i];
	uint8_t buf[CLASS_MAX_SIZE] __attribute__((aligned(64)));
	uint8_t old[CLASS_MAX_SIZE];
	int r = c->get(v, buf);

	if (r)
		return err_errno(e, -r, "reading %s", c->name);
	memcpy(old, buf, c->size);
	for (const struct reg *row = v->vm->isa->regs; row->name; row++)
		if (X86_KVM_ID_CLASS(row->kvm) == i && row->group & groups)
			row_put(row, v->state, buf);
	if (!memcmp(old, buf, c->size))
		return 0;
	r = c->set(v, buf);
	return r ? err_errno(e, -r, "writing %s", c->name) : 0;
}

int kvm_push(struct vcpu *v, unsigned groups, struct err *e)
{
	int clocks;

	kvm_arch_catch_up(v);
	clocks = groups & REGS_SYS ? kvm_arch_time_push(v) : 0;
	if (clocks)
		return err_errno(e, -clocks, "setting the TSC");
	for (unsigned i = 0; i < kvm_arch_nr_classes; i++) {
		int r = 0;

		if (!(class_groups(v->vm->isa, i) & groups))
			continue;
		if (i == X86_KVM_MSR)
			r = msrs_push(v, e);
		else if (kvm_arch_classes[i].size)
			r = class_push(v, i, groups, e);
		if (r)
			return r;
	}
	return 0;
}
