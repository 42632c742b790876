/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One processor on two engines: the leaves of a model that KVM was given and the translator's are
 * the same, word for word, but for what is written down here. (`host` differs where KVM shows
 * less than the processor has, or the translator knows more.)
 */
#include "tests/kvm/harness.h"

#include "accel/kvm/x86.h"
#include "target/x86/control.h"
#include "target/x86/tcg.h"

#include <stdlib.h>
#include <string.h>

static const struct exception {
	uint32_t leaf, sub;
	uint8_t reg;
	uint32_t bits;
	const char *why;
} exceptions[] = {
	{ 0x80000021, 0, X86_EAX, 1 << 8 | 1 << 29, "nothing speculates: no need of retpolines" },
	{ 0x80000021, 0, X86_ECX, 6, "the same" },
};

static uint32_t excepted(uint32_t leaf, uint32_t sub, unsigned reg)
{
	uint32_t bits = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(exceptions); i++)
		if (exceptions[i].leaf == leaf && exceptions[i].sub == sub &&
		    exceptions[i].reg == reg)
			bits |= exceptions[i].bits;
	return bits;
}

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
			uint32_t got = l ? l->r[r] : 0, no = excepted(k->leaf, k->sub, r);

			CHECK(!((got ^ k->r[r]) & ~no),
			      "-cpu %s, CPU %u: leaf %x.%x %s: translator %08x, KVM %08x", text,
			      cpu, k->leaf, k->sub,
			      (const char *const[]){ "EAX", "EBX", "ECX", "EDX" }[r], got, k->r[r]);
			words++;
		}
	}
	CHECK(words > 60 && x86_model(s)->cpuid->n == kvm->n, "%u leaves, KVM %u",
	      x86_model(s)->cpuid->n, kvm->n);
	x86_cpu_stop(s);
out:
	kt_free(t);
	free(c);
	free(m);
	free(mem);
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
	return 0;
}
