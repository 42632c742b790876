/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The processor that the guest sees: target/x86 makes the leaves from the model
 * and from what this KVM offers; here the two forms are converted and the kernel
 * is told.
 */
#include "accel/kvm/arch.h"

#include "accel/kvm/x86.h"
#include "target/x86/cpu.h"
#include "util/os.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

enum { MAX_ENTRIES = X86_CPUID_MAX };
enum { ECX1_X2APIC = 1 << 21, ECX1_TSC_DEADLINE = 1 << 24,
       ECX1_HYPERVISOR = 1u << 31 };
enum { BRAND = 0x80000002 };

static struct kvm_cpuid2 *entries_new(void)
{
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + MAX_ENTRIES * sizeof(c->entries[0]));

	if (c)
		c->nent = MAX_ENTRIES;
	return c;
}

/*
 * What KVM can give. It says nothing of the TSC deadline timer in leaf 1 on most
 * kernels: that is a capability of its local APIC.
 */
int kvm_x86_supported(struct kvm_vm *k, struct x86_cpuid *t, struct err *e)
{
	struct kvm_cpuid2 *c = entries_new();
	bool deadline = ioctl(k->fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0;

	if (!c)
		return err_set(e, ENOMEM, "no memory for CPUID");
	if (ioctl(k->dev, KVM_GET_SUPPORTED_CPUID, c) < 0) {
		int r = err_errno(e, errno, "KVM_GET_SUPPORTED_CPUID");

		free(c);
		return r;
	}
	t->n = MIN(c->nent, (unsigned)MAX_ENTRIES);
	for (unsigned i = 0; i < t->n; i++) {
		const struct kvm_cpuid_entry2 *s = &c->entries[i];
		struct x86_cpuid_leaf *l = &t->leaf[i];

		*l = (struct x86_cpuid_leaf){
			.leaf = s->function,
			.sub = s->index,
			.has_sub = s->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
			.r = { s->eax, s->ebx, s->ecx, s->edx },
		};
		if (l->leaf == 1) {
			l->r[X86_ECX] |= ECX1_HYPERVISOR | ECX1_X2APIC;
			l->r[X86_ECX] &= ~ECX1_TSC_DEADLINE;
			l->r[X86_ECX] |= deadline ? ECX1_TSC_DEADLINE : 0;
		}
		/* the processor's name: KVM leaves it to others */
		if (l->leaf >= BRAND && l->leaf <= BRAND + 2 && !l->r[X86_EAX])
			os_cpuid(l->leaf, 0, l->r);
	}
	free(c);
	return 0;
}

static int set(struct vcpu *v, const struct x86_cpuid *t, struct err *e)
{
	struct kvm_enable_cap enforce = { .cap = KVM_CAP_ENFORCE_PV_FEATURE_CPUID, .args = { 1 } };
	struct kvm_cpuid2 *c = entries_new();
	int r = 0;

	if (!c)
		return err_set(e, ENOMEM, "no memory for CPUID");
	c->nent = t->n;
	for (unsigned i = 0; i < t->n; i++) {
		const struct x86_cpuid_leaf *l = &t->leaf[i];

		c->entries[i] = (struct kvm_cpuid_entry2){
			.function = l->leaf,
			.index = l->sub,
			.flags = l->has_sub ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
			.eax = l->r[X86_EAX],
			.ebx = l->r[X86_EBX],
			.ecx = l->r[X86_ECX],
			.edx = l->r[X86_EDX],
		};
	}
	/* what CPUID does not show is not there; kernels before 5.10 know no better */
	ioctl(kvm_cpu(v)->fd, KVM_ENABLE_CAP, &enforce);
	if (ioctl(kvm_cpu(v)->fd, KVM_SET_CPUID2, c) < 0)
		r = err_errno(e, errno, "KVM_SET_CPUID2");
	free(c);
	return r;
}

int kvm_x86_cpuid(struct vcpu *v, struct err *e)
{
	struct kvm_vm *k = kvm_vm(v->vm);
	const struct x86_cpu_model *m = v->vm->cpu_model;
	struct x86_cpuid *tables = calloc(2, sizeof(*tables));
	struct x86_engine_cpu eng = { .name = "KVM", .cpuid = tables,
				      .apic = k->irqchip };
	struct x86_engine_cpu tcg = { .name = "the translator", .cpuid = tables + 1, .apic = true };
	struct x86_cpu_model usual;
	const struct x86_cpuid_leaf *l;
	int r = 0;

	if (!tables)
		return err_set(e, ENOMEM, "no memory for CPUID");
	if (!m) {
		r = x86_cpu_parse(&usual, NULL, e);
		m = &usual;
	}
	if (!r)
		r = kvm_x86_supported(k, &tables[0], e);
	if (!r && v->vm->both)
		x86_tcg_offer(m, &tables[1]);
	l = x86_cpuid_find(&tables[0], 0x80000008, 0);
	if (!r)
		r = x86_cpu_fix(&v->env, m, &eng, v->vm->both ? &tcg : NULL, v->vm->nr_vcpus,
				l && l->r[X86_EAX] & 0xff ? l->r[X86_EAX] & 0xff : 52, e);
	if (!r)
		r = set(v, &((const struct x86_cpu_fixed *)v->env.fixed)->cpuid, e);
	free(tables);
	return r;
}

/* Older KVMs have a paravirtual MSR only where CPUID shows it, for us, too. */
int kvm_arch_cpu_changed(struct vcpu *v, struct err *e)
{
	int r = kvm_x86_cpuid(v, e);

	return r ? r : kvm_regs_again(v->vm, e);
}

int kvm_arch_vcpu_start(struct vcpu *v, struct err *e)
{
	int r = kvm_x86_cpuid(v, e);

	if (!r)
		r = kvm_x86_tsc(v, e);
	kvm_x86_mce(v);
	kvm_arch_settle(v);
	/* INIT and SIPI go to the kernel's local APIC, so every vCPU is run and waits there */
	if (!r && kvm_vm(v->vm)->irqchip)
		v->powered = true;
	return r;
}
