/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86 processor models on engines made up here: names, features by name, what is
 * missing and what is said of it, what moves and what does not, topology, sizes.
 */
#include "target/x86/cpu.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct { uint32_t leaf; uint8_t sub, reg; } words[] = {
#define WORD(id, leaf, sub, reg) { leaf, sub, reg },
#include "target/x86/features.def"
};

static struct x86_cpuid engine_leaves;
static struct x86_engine_cpu engine = { "the engine", &engine_leaves, true };

static uint32_t *leaf(uint32_t n, uint32_t sub, bool has_sub)
{
	struct x86_cpuid_leaf *l;

	for (unsigned i = 0; i < engine_leaves.n; i++)
		if (engine_leaves.leaf[i].leaf == n && engine_leaves.leaf[i].sub == sub)
			return engine_leaves.leaf[i].r;
	l = &engine_leaves.leaf[engine_leaves.n++];
	*l = (struct x86_cpuid_leaf){ .leaf = n, .sub = sub, .has_sub = has_sub };
	return l->r;
}

/* An engine with every bit of every word, caches and state components. */
static void everything(bool amd)
{
	static const uint32_t xsave[][4] = { { 2, 256, 576, 0 }, { 5, 64, 832, 0 },
					     { 6, 512, 896, 0 }, { 7, 1024, 1408, 0 },
					     { 9, 8, 2688, 0 } };

	memset(&engine_leaves, 0, sizeof(engine_leaves));
	memcpy(&leaf(0, 0, false)[X86_EBX], amd ? "AuthcAMDenti" : "GenuntelineI", 12);
	leaf(1, 0, false)[X86_EAX] = 0x806f8;
	for (unsigned i = 0; i < X86_NR_WORDS; i++)
		leaf(words[i].leaf, words[i].sub, words[i].leaf == 7 || words[i].leaf == 0xd)
			[words[i].reg] = UINT32_MAX;
	for (unsigned i = 0; i < 5; i++) {
		leaf(0xd, xsave[i][0], true)[X86_EAX] = xsave[i][1];
		leaf(0xd, xsave[i][0], true)[X86_EBX] = xsave[i][2];
	}
	leaf(0x80000008, 0, false)[X86_EAX] = 46 | 57 << 8;
	for (unsigned i = 0; i < 4; i++) {
		uint32_t *r = leaf(amd ? 0x8000001d : 4, i, true);

		r[X86_EAX] = (i < 2 ? i + 1 : 3) | (i < 2 ? 1 : i) << 5 | 63u << 14;
		r[X86_ECX] = 63;
	}
}

static uint32_t *word_of(const char *name)
{
	for (const struct x86_feature *f = x86_feature; f->name; f++)
		if (!strcmp(f->name, name))
			return &leaf(words[f->word].leaf, words[f->word].sub, false)
				[words[f->word].reg];
	CHECK(false, "no feature %s", name);
	return NULL;
}

static void take(const char *name)
{
	for (const struct x86_feature *f = x86_feature; f->name; f++)
		if (!strcmp(f->name, name))
			*word_of(name) &= ~(1u << f->bit);
}

static int resolve(const char *text, struct x86_features *f, struct err *e)
{
	struct x86_cpu_model m;
	int r;

	*e = (struct err){ 0 };
	r = x86_cpu_parse(&m, text, e);
	return r ? r : x86_cpu_resolve(&m, &engine, f, e);
}

static void refused(const char *text, const char *part, const char *part2)
{
	struct x86_features f;
	struct err e;

	CHECK(resolve(text, &f, &e) < 0 && strstr(e.msg, part) && strstr(e.msg, part2),
	      "%s: '%s' lacks '%s' or '%s'", text, e.msg, part, part2);
}

static void has(const char *text, const char *yes, const char *no)
{
	struct x86_features f;
	char list[256], *at, *save;
	struct err e;

	CHECK(!resolve(text, &f, &e), "%s: %s", text, e.msg);
	snprintf(list, sizeof(list), "%s", yes);
	for (at = strtok_r(list, " ", &save); at; at = strtok_r(NULL, " ", &save))
		CHECK(x86_feature_in(&f, at), "%s has no %s", text, at);
	snprintf(list, sizeof(list), "%s", no);
	for (at = strtok_r(list, " ", &save); at; at = strtok_r(NULL, " ", &save))
		CHECK(!x86_feature_in(&f, at), "%s has %s", text, at);
}

static void table(void)
{
	for (const struct x86_feature *f = x86_feature; f->name; f++)
		for (const struct x86_feature *g = x86_feature; g < f; g++)
			CHECK(strcmp(f->name, g->name) &&
			      (f->word != g->word || f->bit != g->bit), "%s, %s", f->name, g->name);
}

static void names(void)
{
	refused("hots", "unknown x86_64 model", "did you mean host");
	refused("x86-64-v4", "unknown", "x86-64-v");
	refused("host,avx22", "unknown feature \"avx22\"", "did you mean avx2");
	refused("host,zzzzzzzzzzzzzzzz=on", "unknown feature", "zzzz");
	refused("host,aes=maybe", "aes=maybe", "on or off");
	refused("host,phys-bits=99", "phys-bits=99", "52");
	refused("host,tsc-freq=2G", "tsc-freq=2G", "Hz");
	has("", "sse2 lm nx", "");
	has("x86-64-v3,+aes,-avx2,sse4.1=off,tsc_adjust=on", "aes bmi1 tsc-adjust",
	    "avx2 sse4.1 sse4.2 avx");
}

/* The guarantee: what does not move is not there unless asked for. */
static void policy(void)
{
	struct x86_features f;
	struct err e;

	everything(false);
	CHECK(!resolve("host", &f, &e), "%s", e.msg);
	for (const struct x86_feature *x = x86_feature; x->name; x++)
		CHECK(x86_feature_in(&f, x->name) == !!(x->flags & X86_FEAT_MOVES), "%s", x->name);
	has("host,migratable=off", "vmx avx512f invtsc waitpkg rtm", "perfctr-core");
	has("max", "vmx svm avx512f sgx amx-tile", "");
	has("host,avx512f=on", "avx512f", "avx512bw vmx");
	has("host,kvm=off", "hypervisor", "kvmclock kvm-pv-eoi");
	has("qemu64", "lm cx16 sse3 lahf-lm x2apic", "ssse3 popcnt avx");
	has("i686", "sse pae sep cmov mtrr kvmclock", "sse2 lm nx syscall x2apic tsc-deadline");
	has("x86-64-v3", "avx2 x2apic tsc-deadline kvmclock hypervisor",
	    "aes pcid smep rdrand vmx");
	has("x86-64-v2", "sse4.2 popcnt cx16", "avx xsave");
	has("x86-64-v1", "sse2 syscall", "sse3 cx16");
	engine.apic = false;
	has("host", "kvmclock kvm-pv-tlb-flush apic", "x2apic tsc-deadline kvm-pv-eoi kvm-pv-ipi");
	refused("host,x2apic=on", "x2apic", "the engine");
	engine.apic = true;
	leaf(0xa, 0, true)[X86_EAX] = 0;
	take("perfctr-core");
	refused("host,pmu=on", "performance counters", "the engine");
}

static void missing(void)
{
	everything(true);
	take("avx2");
	take("bmi1");
	refused("x86-64-v3", "does not have bmi1, avx2", "-cpu x86-64-v2");
	has("x86-64-v3,-avx2,-bmi1", "avx", "avx2");
	refused("host,avx2=on", "does not have avx2", "-cpu host");
	refused("host,avx512f=on", "avx512f needs avx2", "");
	has("host", "avx", "avx2");
	has("max", "avx", "avx512f avx512bw avx-vnni");
	take("sse3");
	refused("x86-64-v2", "sse3", "x86-64-v1");
	take("nx");
	refused("x86-64-v3", "nx", "use -cpu host");
}

static const uint32_t *get(const struct x86_cpuid *t, uint32_t n, uint32_t sub)
{
	const struct x86_cpuid_leaf *l = x86_cpuid_find(t, n, sub);

	CHECK(l, "no leaf %#x.%u", n, sub);
	return l->r;
}

static void build(const char *text, const struct cpu_topology *t, unsigned nr, unsigned index,
		  struct x86_cpuid *out)
{
	struct x86_cpu_model m;
	struct x86_features f;
	struct err e = { 0 };

	CHECK(!x86_cpu_parse(&m, text, &e) && !x86_cpu_resolve(&m, &engine, &f, &e), "%s", e.msg);
	x86_cpuid_build(&m, &engine, &f, t, nr, index, out);
}

static void intel(void)
{
	struct cpu_topology t = { .nr_cpus = 16, .sockets = 2, .cores = 4, .threads = 2 };
	static struct x86_cpuid c;
	const uint32_t *r;

	everything(false);
	build("host", &t, 16, 11, &c);
	r = get(&c, 0, 0);
	CHECK(r[0] == 0x1f && !memcmp(&r[1], "GenuntelineI", 12), "%x", r[0]);
	r = get(&c, 1, 0);
	CHECK(r[1] >> 24 == 11 && (r[1] >> 16 & 0xff) == 8 && r[3] & 1 << 28, "%x", r[1]);
	r = get(&c, 0xb, 0);
	CHECK(r[0] == 1 && r[1] == 2 && r[2] == 0x100 && r[3] == 11, "%x %x %x", r[0], r[1], r[2]);
	r = get(&c, 0xb, 1);
	CHECK(r[0] == 3 && r[1] == 8 && r[2] == 0x201, "%x %x %x", r[0], r[1], r[2]);
	CHECK(get(&c, 0x1f, 2)[2] == 2, "the list has no end");
	r = get(&c, 4, 0);	/* first level: the threads of a core */
	CHECK((r[0] >> 14 & 0xfff) == 1 && r[0] >> 26 == 3, "%x", r[0]);
	r = get(&c, 4, 3);	/* third: the socket */
	CHECK((r[0] >> 14 & 0xfff) == 7, "%x", r[0]);
	CHECK(!(get(&c, 4, 4)[0] & 0x1f), "caches have no end");
	r = get(&c, 0xd, 0);	/* AVX and PKRU: no AVX-512, the sizes are of these */
	CHECK(r[0] == 0x207 && r[1] == 576 && r[2] == 2696, "%x %u %u", r[0], r[1], r[2]);
	CHECK(get(&c, 0xd, 1)[1] == 576 + 256 + 8, "%u", get(&c, 0xd, 1)[1]);
	CHECK(!x86_cpuid_find(&c, 0xd, 5), "AVX-512's state");
	r = get(&c, 0x80000008, 0);
	CHECK(r[0] == (46 | 57 << 8), "%x", r[0]);
	CHECK(!x86_cpuid_find(&c, 0x8000000a, 0) && !x86_cpuid_find(&c, 0x12, 0), "SVM or SGX");
	r = get(&c, 0x40000000, 0);
	CHECK(r[0] == 0x40000001 && !memcmp(&r[1], "KVMKVMKVM\0\0", 12), "%x", r[0]);
	build("max", NULL, 1, 0, &c);
	CHECK(get(&c, 0xd, 0)[0] == 0x602ff - 0x200 + 0x200, "%x", get(&c, 0xd, 0)[0]);
	build("x86-64-v3,kvm=off", NULL, 3, 2, &c);
	CHECK(!x86_cpuid_find(&c, 0x40000000, 0), "the signature");
	CHECK(get(&c, 0xb, 1)[0] == 2 && get(&c, 0xb, 1)[1] == 3, "%x", get(&c, 0xb, 1)[1]);
	CHECK((get(&c, 0x80000008, 0)[0] & 0xff) == 40, "%x", get(&c, 0x80000008, 0)[0]);
	CHECK(!memcmp(get(&c, 0x80000002, 0), "ambi x86-64-v3 p", 16), "brand");
	build("host,phys-bits=36", NULL, 1, 0, &c);
	CHECK((get(&c, 0x80000008, 0)[0] & 0xff) == 36, "phys-bits");
	CHECK(!(get(&c, 1, 0)[3] & 1 << 28), "HTT with one CPU");
}

static void amd(void)
{
	struct cpu_topology t = { .nr_cpus = 8, .sockets = 2, .cores = 2, .threads = 2 };
	static struct x86_cpuid c;
	const uint32_t *r;

	everything(true);
	build("host", &t, 8, 6, &c);
	CHECK(get(&c, 0, 0)[0] == 0xd && !x86_cpuid_find(&c, 4, 0), "%x", get(&c, 0, 0)[0]);
	r = get(&c, 0x80000001, 0);
	CHECK(r[2] & 2 && (r[3] & 0x0183f3ff) == (get(&c, 1, 0)[3] & 0x0183f3ff), "%x", r[3]);
	r = get(&c, 0x80000008, 0);
	CHECK((r[2] & 0xff) == 3 && r[2] >> 12 == 2, "%x", r[2]);
	r = get(&c, 0x8000001e, 0);
	CHECK(r[0] == 6 && r[1] == (3 | 1 << 8) && (r[2] & 0xff) == 1, "%x %x %x", r[0], r[1],
	      r[2]);
	r = get(&c, 0x8000001d, 3);
	CHECK((r[0] >> 14 & 0xfff) == 3 && !(r[0] >> 26), "%x", r[0]);
	CHECK(get(&c, 0x80000000, 0)[0] == 0x80000021, "%x", get(&c, 0x80000000, 0)[0]);
	build("max", &t, 8, 6, &c);
	CHECK(get(&c, 0x8000000a, 0)[3] & 1, "npt");
}

static void topology(void)
{
	struct cpu_topology odd = { .nr_cpus = 6, .sockets = 2, .cores = 3, .threads = 1 };
	struct cpu_topology one = { .nr_cpus = 3, .sockets = 1, .cores = 3, .threads = 1 };
	struct err e = { 0 };
	void *m = x86_cpu_model_new("host", &odd, &e);

	CHECK(!m && strstr(e.msg, "power of two"), "'%s'", e.msg);
	m = x86_cpu_model_new("host", &one, &e);
	CHECK(m, "%s", e.msg);
	free(m);
}

int main(void)
{
	table();
	everything(false);
	names();
	policy();
	missing();
	intel();
	amd();
	topology();
	return check_done();
}
