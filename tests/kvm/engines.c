/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One processor on two engines: the leaves of a model that KVM was given and the translator's are
 * the same, word for word. (`host` differs where KVM shows less than the processor has, or the
 * translator knows more.)
 */
#include "tests/kvm/harness.h"

#include "accel/kvm/x86.h"
#include "target/x86/control.h"
#include "target/x86/tcg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void model(const char *text, unsigned cpu)
{
	struct cpu_topology two = { 2, 1, 2, 1 };
	size_t page = 4096, size = page + align_up(sizeof(struct x86_state), page);
	char *mem = aligned_alloc(page, size);
	struct x86_state *s = (struct x86_state *)(void *)(mem + page);
	struct x86_cpu_model *m;
	struct x86_cpuid *c = calloc(2, sizeof(*c)), *kvm = &c[1];
	struct x86_engine_cpu eng = { .name = "KVM", .cpuid = c, .apic = true };
	struct x86_features f;
	struct err e = { 0 };
	struct cpu_env env;
	unsigned words = 0;
	struct kt *t;

	m = x86_cpu_model_new(text, &two, &e);
	CHECK(m, "%s", e.msg);
	t = kt_new(2, true);
	t->vm.topology = two;
	CHECK(!kvm_x86_supported(kvm_vm(&t->vm), c, &e), "%s", e.msg);
	if (x86_cpu_resolve(m, &eng, &f, &e)) {	/* KVM says what it lacks (tests/kvm/cpu.c) */
		printf("%s\n", e.msg);
		goto out;
	}
	x86_cpuid_build(m, &eng, &f, &two, 2, cpu, kvm);

	memset(mem, 0, size);
	env = (struct cpu_env){ .model = m, .topology = t->vm.topology, .index = cpu };
	CPU_HEAD(s)->env = &env;
	CHECK(!x86_cpu_start(s, 2, true, &e), "%s", e.msg);
	for (unsigned i = 0; i < kvm->n; i++) {
		const struct x86_cpuid_leaf *k = &kvm->leaf[i];
		const struct x86_cpuid_leaf *l = x86_cpuid_find(x86_model(s)->cpuid, k->leaf,
								k->sub);

		for (unsigned r = 0; r < 4; r++) {
			uint32_t got = l ? l->r[r] : 0;

			CHECK(got == k->r[r],
			      "-cpu %s, CPU %u: leaf %x.%x %s: translator %08x, KVM %08x", text,
			      cpu, k->leaf, k->sub,
			      (const char *const[]){ "EAX", "EBX", "ECX", "EDX" }[r], got, k->r[r]);
			words++;
		}
	}
	CHECK(words > 60 && x86_model(s)->cpuid->n == kvm->n, "%u leaves, KVM %u",
	      x86_model(s)->cpuid->n, kvm->n);
	x86_cpu_stop(s);
	free(env.fixed);
out:
	kt_free(t);
	free(c);
	free(m);
	free(mem);
}

/* The same processor on both, of what both have: whichever of them comes second takes it over. */
static void both(const char *text)
{
	struct cpu_topology two = { 2, 1, 2, 1 };
	struct err e = { 0 };
	struct x86_cpu_model *m = x86_cpu_model_new(text, &two, &e);
	const struct x86_cpu_fixed *f;
	struct kt *t;

	CHECK(m, "%s", e.msg);
	t = kt_new(2, true);
	t->vm.topology = two;
	t->vm.both = true;
	t->vm.cpu_model = m;
	for (unsigned i = 0; i < 2; i++) {
		struct vcpu *v = t->vm.vcpu[i];
		struct x86_cpu_fixed *kvm;

		free(v->env.fixed);
		v->env.fixed = NULL;
		v->env.topology = two;
		v->env.model = m;
		CHECK(!kvm_x86_cpuid(v, &e), "%s", e.msg);
		kvm = v->env.fixed;
		CHECK(!x86_cpu_start(v->state, 2, true, &e), "%s", e.msg);
		f = v->env.fixed;
		CHECK(f == kvm &&
			      !memcmp(x86_model(v->state)->cpuid, &f->cpuid, sizeof(f->cpuid)) &&
			      x86_model(v->state)->phys_mask == mask_bits(f->phys_bits) &&
			      f->phys_bits >= 36 && f->phys_bits <= 40,
		      "-cpu %s: %u bits of addresses", text, f->phys_bits);
		x86_cpu_stop(v->state);
	}
	kt_free(t);
	free(m);
}

/* A processor from elsewhere: taken as it is, or refused with what is missing and the way out. */
static void elsewhere(void)
{
	enum { SIZE = 8192, AVX512F = 1 << 16 };
	struct kt *t = kt_new(1, true);
	struct vcpu *v = t->vm.vcpu[0];
	const struct x86_cpu_fixed *f = v->env.fixed;
	struct x86_cpu_fixed was = *f;
	struct x86_cpu_model *m;
	struct err e = { 0 };
	uint8_t buf[SIZE];
	size_t n = x86_identity_get(&v->env, buf, SIZE), avx = 0;

	CHECK(n > 500 && n < SIZE && x86_identity_get(&v->env, buf, n - 1) == n, "%zu bytes", n);
	memset(v->env.fixed, 0, sizeof(*f));
	CHECK(!x86_identity_set(&v->env, buf, n, &e), "%s", e.msg);
	f = v->env.fixed;
	CHECK(!memcmp(&f->features, &was.features, sizeof(was.features)) &&
		      f->phys_bits == was.phys_bits && f->cpuid.n == was.cpuid.n,
	      "another processor");
	CHECK(!t->vm.accel->cpu_changed(v, &e), "%s", e.msg);
	m = x86_cpu_model_new("host", NULL, &e);
	v->env.model = m;
	CHECK(!x86_cpu_start(v->state, 1, true, &e), "%s", e.msg);
	x86_cpu_stop(v->state);
	for (size_t cut = 0; cut < n; cut += 13)
		CHECK(x86_identity_set(&v->env, buf, cut, &e) == -EINVAL, "%zu bytes", cut);
	CHECK(v->env.fixed == f, "half taken");

	for (unsigned i = 0; i < f->cpuid.n; i++)
		if (f->cpuid.leaf[i].leaf == 7 && !f->cpuid.leaf[i].sub)
			avx = 8 + i * 28 + 12 + X86_EBX * 4;
	CHECK(avx, "no leaf 7");
	st_le32(buf + avx, ld_le32(buf + avx) | AVX512F);
	CHECK(!x86_identity_set(&v->env, buf, n, &e), "%s", e.msg);
	v->env.model = m;
	CHECK(x86_cpu_start(v->state, 1, true, &e) == -ENOTSUP &&
		      strstr(e.msg, "avx512f, which the translator here does not have: start") &&
		      strstr(e.msg, "-accel kvm:tcg"),
	      "%s", e.msg);
	printf("%s\n", e.msg);
	if (!x86_feature_in(&was.features, "avx512f") && !kvm_caps()->mode_native) {
		CHECK(t->vm.accel->cpu_changed(v, &e) == -ENOTSUP &&
			      strstr(e.msg, "KVM here does not have: take it with -accel tcg"),
		      "%s", e.msg);
		printf("%s\n", e.msg);
	}
	v->env.model = NULL;
	free(m);
	kt_free(t);
}

int main(void)
{
	static const char *const models[] = { "x86-64-v1", "x86-64-v2", "x86-64-v3", "qemu64",
					      "i686", "x86-64-v1,kvm=off" };

	kt_main();
	for (unsigned i = 0; i < ARRAY_SIZE(models); i++) {
		struct x86_cpu_model m;
		struct err e = { 0 };

		CHECK(!x86_cpu_parse(&m, models[i], &e), "%s", e.msg);
		model(models[i], i & 1);
		printf("%s\n", models[i]);
	}
	both("host");
	both("x86-64-v1");
	elsewhere();
	return 0;
}
