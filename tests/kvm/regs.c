/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every row of regs.def goes to KVM and comes back: state is filled with values
 * that the architecture allows, pushed, forgotten, pulled, compared row by row.
 */
#include "tests/kvm/harness.h"

#include "accel/kvm/x86.h"
#include "target/x86/cpu.h"
#include "target/x86/kvm_id.h"

#include <inttypes.h>
#include <stdlib.h>

static bool has_msr(struct kt *t, const struct reg *r)
{
	for (unsigned i = 0; i < kvm_vm(&t->vm)->nr_msrs; i++)
		if (kvm_vm(&t->vm)->msr[i] == r)
			return true;
	return false;
}

/* Rows whose value KVM or time may change, or that have few legal values. */
static const char *const left_alone[] = {
	"tsc",         "tsc_adjust",  "tsc_deadline", "xstate_bv",   "xext",
	"spec_ctrl",   "misc_enable", "xss",          "mcg_status",  "mcg_ctl",
	"pdptr_valid", "apic_base",   "mp_state",     "sipi_vector", "cr0",
	"cr4",         "efer",        "cr8",          "xcr0",        "dr6",
	"dr7",         "eflags",      "mxcsr",        "exc_pending", "exc_has_payload",
	"mtrr_def",    "pat",         "star",         "feature_control",
	"debugctl",    "misc_features", "tsx_ctrl",   "umwait_control",
	"virt_spec_ctrl", "hwcr",     "smbase",       "xfd",       "xfd_err",
	"in_smm",
	NULL
};

/* Of the banks, addresses take any value; what is written to the others is looked at. */
static bool machine_check(const struct reg *r)
{
	return !strncmp(r->name, "mc", 2) && strchr("0123456789", r->name[2]) &&
	       !strstr(r->name, "_addr");
}

static bool alone(const struct reg *r)
{
	for (unsigned i = 0; left_alone[i]; i++)
		if (!strcmp(r->name, left_alone[i]))
			return true;
	return strstr(r->name, "_attr") || !strncmp(r->name, "kvm_", 4) ||
	       !strncmp(r->name, "mtrr_", 5) || machine_check(r) || !strncmp(r->name, "exc_", 4) ||
	       !strncmp(r->name, "int_", 4) || !strncmp(r->name, "nmi_", 4) ||
	       !strncmp(r->name, "pdptr", 5);
}

static uint64_t seed = 88172645463325252;
static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

static void fill(struct kt *t, struct x86_state *s)
{
	for (const struct reg *r = isa_x86_64.regs; r->name; r++) {
		uint8_t *p = (uint8_t *)s + r->off;
		unsigned width = MIN(r->bits / 8u, X86_KVM_ID_WIDTH(r->kvm));

		if (alone(r) || !width || width > 16)
			continue;
		for (unsigned i = 0; i < width; i++)
			p[i] = (uint8_t)rnd();
		if (X86_KVM_ID_CLASS(r->kvm) == X86_KVM_MSR || strstr(r->name, "_base") ||
		    !strncmp(r->name, "dr", 2) || !strcmp(r->name, "cr2"))
			*(uint64_t *)p &= 0x7ffffffff000; /* canonical on every machine */
		if (!strcmp(r->name, "tsc_aux") || !strcmp(r->name, "fmask"))
			*(uint64_t *)p &= UINT32_MAX;
		if (!strcmp(r->name, "cr3"))
			*(uint64_t *)p = X86_BOOT_PML4;
	}
	for (unsigned i = X86_ES; i <= X86_GS; i++)
		s->seg[i].limit = (s->seg[i].limit & 0xfffff) << 12 | 0xfff; /* what G can say */
	s->seg[X86_LDT].limit &= 0xffff; /* SVM tells their granularity by the size */
	s->seg[X86_TR].limit &= 0xffff;
	s->sysenter_esp &= UINT32_MAX; /* all that AMD's have */
	s->sysenter_eip &= UINT32_MAX;
	for (unsigned i = 0; i < 8; i++)
		s->st[i][8] |= 1;
	s->fctrl = 0x37f;
	s->fstat &= 0x7fff & ~0x80; /* no unmasked exception pending */
	s->fop &= 0x7ff;
	s->rflags = 0x246;
}

static void compare(struct kt *t, const struct x86_state *a, const struct x86_state *b)
{
	unsigned bad = 0, compared = 0;

	for (const struct reg *r = isa_x86_64.regs; r->name; r++) {
		const void *pa = (const char *)a + r->off, *pb = (const char *)b + r->off;

		if (!strcmp(r->name, "tsc") || !strcmp(r->name, "tsc_adjust") ||
		    !strcmp(r->name, "xstate_bv") || !strcmp(r->name, "tsc_deadline") ||
		    !strcmp(r->name, "kicked")) /* KVM keeps it to itself */
			continue;
		if (X86_KVM_ID_CLASS(r->kvm) == X86_KVM_MSR && !has_msr(t, r))
			continue;
		/* refused where CPUID does not show the feature, and CPUID is empty here */
		if (!strcmp(r->name, "kvm_poll_control"))
			continue;
		/* guests have no AVX there, and KVM keeps no registers that they don't have */
		if (!strncmp(r->name, "ymmh", 4) && kvm_x86_host_is_tcg())
			continue;
		compared++;
		if (!memcmp(pa, pb, r->bits / 8))
			continue;
		bad++;
		fprintf(stderr, "%s: pushed %#" PRIx64 ", pulled %#" PRIx64 "\n", r->name,
			r->bits <= 64 ? isa_reg_get(r, a) : 0,
			r->bits <= 64 ? isa_reg_get(r, b) : 0);
	}
	printf("%u rows compared, %u MSRs of %s\n", compared, kvm_vm(&t->vm)->nr_msrs,
	       "regs.def here");
	CHECK(!bad && compared > 150, "%u rows differ", bad);
}

static void round_trip(void)
{
	struct kt *t = kt_new(1, true);
	struct vcpu *v = t->vm.vcpu[0];
	struct x86_state *s = v->state, *want = malloc(sizeof(*want));
	struct err e = { 0 };

	x86_boot_long(s, CODE, 1, 2);
	fill(t, s);
	*want = *s;
	CHECK(!vcpu_push(v, &e), "%s", e.msg);
	memset(s, 0xa5, sizeof(*s));
	CHECK(!vcpu_pull(v, REGS_ALL, &e), "%s", e.msg);
	/* limits and values that no register has were not in the table */
	compare(t, want, s);
	/* a second round changes nothing: all that was read can be written */
	*want = *s;
	CHECK(!vcpu_push(v, &e) && !vcpu_pull(v, REGS_ALL, &e), "%s", e.msg);
	compare(t, want, s);
	free(want);
	kt_free(t);
}

/* One group at a time leaves the others' values in the engine. */
static void groups(void)
{
	struct kt *t = kt_new(1, true);
	struct vcpu *v = t->vm.vcpu[0];
	struct x86_state *s = v->state;
	struct err e = { 0 };

	x86_boot_long(s, CODE, 0, 0);
	s->ymm[3].lo[5] = 0x77;
	s->ymm[2].hi[1] = 0;
	CHECK(!vcpu_push(v, &e), "%s", e.msg);
	CHECK(!vcpu_pull(v, REGS_FP, &e), "%s", e.msg);
	CHECK(v->resident == (REGS_ALL & ~REGS_FP), "%x", v->resident);
	s->ymm[4].lo[0] = 0x88;
	CHECK(!vcpu_push(v, &e), "%s", e.msg);
	for (unsigned i = 0; i < 16; i++)
		memset(s->ymm[i].lo, 0, sizeof(s->ymm[i].lo));
	CHECK(!vcpu_pull(v, REGS_ALL, &e), "%s", e.msg);
	CHECK(s->ymm[3].lo[5] == 0x77 && s->ymm[4].lo[0] == 0x88, "%x %x", s->ymm[3].lo[5],
	      s->ymm[4].lo[0]);
	CHECK(s->rip == CODE && s->cr3 == X86_BOOT_PML4, "%llx", (unsigned long long)s->rip);
	kt_free(t);
}

/* Looking at a vCPU does not turn its clock back. */
static void clock_goes_on(void)
{
	struct kt *t = kt_new(1, true);
	struct vcpu *v = t->vm.vcpu[0];
	struct x86_state *s = v->state;
	struct err e = { 0 };
	uint64_t before, after;

	x86_boot_long(s, CODE, 0, 0);
	vm_time_start(&t->vm);
	CHECK(!vcpu_push(v, &e) && !vcpu_pull(v, REGS_SYS, &e), "%s", e.msg);
	before = s->tsc;
	for (volatile unsigned i = 0; i < 1000000; i++)
		;
	CHECK(!vcpu_push(v, &e) && !vcpu_pull(v, REGS_SYS, &e), "%s", e.msg);
	after = s->tsc;
	CHECK(after - before > 100000 && after > before, "%llu",
	      (unsigned long long)(after - before));
	kt_free(t);
}

/* A value that KVM refuses is an error that names it, each time; what is behind it is not lost. */
static void refused(void)
{
	const uint64_t fix = 0x0606060606060606;
	struct kt *t = kt_new(1, true);
	struct vcpu *v = t->vm.vcpu[0];
	struct x86_state *s = v->state;
	struct err e = { 0 };

	x86_boot_long(s, CODE, 0, 0);
	s->mtrr_def = UINT64_MAX; /* reserved bits */
	s->mtrr_fix[0] = fix;
	for (unsigned i = 0; i < 2; i++)
		CHECK(vcpu_push(v, &e) < 0 && strstr(e.msg, "0x2ff") &&
			      strstr(e.msg, "vCPU 0: kvm"),
		      "%u: '%s'", i, e.msg);
	s->mtrr_def = 0xc06;
	CHECK(!vcpu_push(v, &e), "%s", e.msg);
	s->mtrr_def = s->mtrr_fix[0] = 0;
	CHECK(!vcpu_pull(v, REGS_ALL, &e), "%s", e.msg);
	CHECK(s->mtrr_def == 0xc06 && s->mtrr_fix[0] == fix, "%#llx, %#llx",
	      (unsigned long long)s->mtrr_def, (unsigned long long)s->mtrr_fix[0]);
	kt_free(t);
}

/* A guest that comes from elsewhere brings its processor along: other MSRs are there then. */
static void other_processor(const char *first, const char *then)
{
	struct x86_cpu_model a, b;
	struct err e = { 0 };
	struct x86_state *s;
	struct kvm_vm *k;
	struct vcpu *v;
	struct kt *t;

	CHECK(!x86_cpu_parse(&a, first, &e) && !x86_cpu_parse(&b, then, &e), "%s", e.msg);
	kt_cpu_model = &a;
	t = kt_new(2, true);
	kt_cpu_model = NULL;
	t->vm.cpu_model = &b;
	/* newer KVMs have it all the same: as if this one did not */
	k = kvm_vm(&t->vm);
	for (unsigned i = 0; strstr(first, "off") && i < k->nr_msrs; i++)
		if (!strcmp(k->msr[i]->name, "kvm_pv_eoi"))
			memmove(&k->msr[i], &k->msr[i + 1],
				(--k->nr_msrs - i) * sizeof(k->msr[0]));
	for (unsigned i = 0; i < 2; i++) {
		v = t->vm.vcpu[i];
		free(v->env.fixed);
		v->env.fixed = NULL;
		CHECK(!t->vm.accel->cpu_changed(v, &e), "%s", e.msg);
	}
	for (unsigned i = 0; i < 2; i++) {
		v = t->vm.vcpu[i];
		s = v->state;
		x86_boot_long(s, CODE, 0, 0);
		s->kvm_pv_eoi = 0x5001;
		s->lstar = 0x1234;
		CHECK(!vcpu_push(v, &e), "%s, %s: %s", first, then, e.msg);
		s->kvm_pv_eoi = s->lstar = 0;
		CHECK(!vcpu_pull(v, REGS_ALL, &e), "%s, %s: %s", first, then, e.msg);
		CHECK(s->lstar == 0x1234, "%llx", (unsigned long long)s->lstar);
		CHECK(strstr(then, "off") || s->kvm_pv_eoi == 0x5001, "%llx",
		      (unsigned long long)s->kvm_pv_eoi);
	}
	kt_free(t);
}

int main(void)
{
	kt_main();
	round_trip();
	groups();
	clock_goes_on();
	refused();
	other_processor("host", "host,kvm-pv-eoi=off");
	other_processor("host,kvm-pv-eoi=off", "host");
	return 0;
}
