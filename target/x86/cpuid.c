/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The leaves that one vCPU shows (SDM volume 2, CPUID; AMD APM volume 3, appendix
 * E). Features are the resolved set; identity and sizes follow from topology and
 * model; caches of `host` and `max` are the processor's own, shared as the guest's
 * topology says; those of the levels are the same everywhere.
 */
#include "target/x86/cpu.h"

#include "util/bits.h"

#include <stdio.h>
#include <string.h>

enum { VIRT_BITS = 48, VIRT_BITS_LA57 = 57, CLFLUSH_QWORDS = 8 };
enum { EDX1_HTT = 1 << 28 };
/* Of leaf 1's EDX: AMD shows them in 0x80000001's, too. */
enum { AMD_ALIASES = 0x0183f3ff };
enum { CACHE_NONE, CACHE_DATA, CACHE_CODE, CACHE_UNIFIED };

struct build {
	const struct x86_cpu_model *m;
	const struct x86_engine_cpu *eng;
	const struct x86_features *f;
	unsigned nr, sockets, cores, threads, index;
	unsigned smt_shift, core_shift;	/* of the APIC ID: the core's, the package's place */
	bool amd;			/* or one that counts as it does */
	struct x86_cpuid *out;
	struct x86_cpuid_leaf overflow;	/* where leaves of an engine with too many go */
};

const struct x86_cpuid_leaf *x86_cpuid_find(const struct x86_cpuid *t, uint32_t leaf, uint32_t sub)
{
	for (unsigned i = 0; i < t->n; i++)
		if (t->leaf[i].leaf == leaf && (!t->leaf[i].has_sub || t->leaf[i].sub == sub))
			return &t->leaf[i];
	return NULL;
}

static unsigned bits_for(unsigned n)
{
	unsigned b = 0;

	while (1u << b < n)
		b++;
	return b;
}

static uint32_t *put(struct build *b, uint32_t leaf, uint32_t sub, bool has_sub)
{
	struct x86_cpuid_leaf *l = b->out->n < X86_CPUID_MAX ? &b->out->leaf[b->out->n++] :
							       &b->overflow;

	*l = (struct x86_cpuid_leaf){ .leaf = leaf, .sub = sub, .has_sub = has_sub };
	return l->r;
}

static uint32_t engine(struct build *b, uint32_t leaf, uint32_t sub, unsigned reg)
{
	const struct x86_cpuid_leaf *l = x86_cpuid_find(b->eng->cpuid, leaf, sub);

	return l ? l->r[reg] : 0;
}

static bool has(struct build *b, const char *name) { return x86_feature_in(b->f, name); }

static bool own_caches(struct build *b)
{
	return b->m->kind != X86_MODEL_LEVEL;
}

/* The engine's leaf as it is, with all its subleaves. */
static void copy(struct build *b, uint32_t leaf)
{
	const struct x86_cpuid *t = b->eng->cpuid;

	for (unsigned i = 0; i < t->n; i++)
		if (t->leaf[i].leaf == leaf)
			memcpy(put(b, leaf, t->leaf[i].sub, t->leaf[i].has_sub), t->leaf[i].r,
			       sizeof(t->leaf[i].r));
}

/* ---- caches ---- */

struct cache { uint8_t type, level; uint16_t ways, line; uint32_t sets; bool inclusive; };
static const struct cache level_caches[] = {
	{ CACHE_DATA, 1, 8, 64, 64, false },		/* 32 KiB */
	{ CACHE_CODE, 1, 8, 64, 64, false },
	{ CACHE_UNIFIED, 2, 16, 64, 1024, false },	/* 1 MiB */
	{ CACHE_UNIFIED, 3, 16, 64, 16384, false },	/* 16 MiB for the socket */
};

/* How many CPUs' IDs a cache spans: its thread's siblings, or the socket for the third level. */
static unsigned cache_span(struct build *b, unsigned level)
{
	return 1u << (level >= 3 ? b->core_shift : b->smt_shift);
}

static void put_caches(struct build *b, uint32_t leaf)
{
	enum { KEEP = 0x3fff };		/* type, level, self-initializing, fully associative */
	uint32_t cores = leaf == 4 ? (1u << (b->core_shift - b->smt_shift)) - 1 : 0, *r, eax;
	unsigned i;

	for (i = 0; i < 8; i++) {
		if (own_caches(b)) {
			eax = engine(b, leaf, i, X86_EAX);
			if (!(eax & 0x1f))
				break;
			r = put(b, leaf, i, true);
			r[X86_EBX] = engine(b, leaf, i, X86_EBX);
			r[X86_ECX] = engine(b, leaf, i, X86_ECX);
			r[X86_EDX] = engine(b, leaf, i, X86_EDX);
		} else {
			const struct cache *c = &level_caches[i];

			if (i == ARRAY_SIZE(level_caches))
				break;
			eax = c->type | c->level << 5 | 1u << 8;
			r = put(b, leaf, i, true);
			r[X86_EBX] = (c->line - 1u) | (c->ways - 1u) << 22;
			r[X86_ECX] = c->sets - 1;
		}
		r[X86_EAX] = (eax & KEEP) | (cache_span(b, eax >> 5 & 7) - 1) << 14 |
			     MIN(cores, 63u) << 26;
	}
	put(b, leaf, i, true);
}

/* ---- leaves ---- */

static void put_1(struct build *b)
{
	uint32_t *r = put(b, 1, 0, false);

	r[X86_EAX] = engine(b, 1, 0, X86_EAX);
	r[X86_EBX] = CLFLUSH_QWORDS << 8 | MIN(1u << b->core_shift, 255u) << 16 |
		     (b->index & 0xff) << 24;
	r[X86_ECX] = b->f->w[X86_W_1_ECX];
	r[X86_EDX] = b->f->w[X86_W_1_EDX] | (b->core_shift ? EDX1_HTT : 0);
}

/* Leaf 2's descriptors say "leaf 4 tells", where the processor has none of its own. */
static void put_2(struct build *b)
{
	enum { ASK_LEAF_4 = 0x00ff0001 };

	if (own_caches(b) && engine(b, 2, 0, X86_EAX))
		copy(b, 2);
	else
		put(b, 2, 0, false)[X86_EAX] = ASK_LEAF_4;
}

static void put_7(struct build *b)
{
	uint32_t sub = b->f->w[X86_W_7_1_EAX] ? 1 : 0, *r = put(b, 7, 0, true);

	r[X86_EAX] = sub;
	r[X86_EBX] = b->f->w[X86_W_7_EBX];
	r[X86_ECX] = b->f->w[X86_W_7_ECX];
	r[X86_EDX] = b->f->w[X86_W_7_EDX];
	if (sub)
		put(b, 7, 1, true)[X86_EAX] = b->f->w[X86_W_7_1_EAX];
}

/* SDM volume 3, 9.9.3.1: threads of the core, then of the package, then none. */
static void put_topology(struct build *b, uint32_t leaf)
{
	const unsigned shift[] = { b->smt_shift, b->core_shift, 0 };
	const unsigned count[] = { b->threads, b->threads * b->cores, 0 };

	for (unsigned i = 0; i < ARRAY_SIZE(shift); i++) {
		uint32_t *r = put(b, leaf, i, true);

		r[X86_EAX] = shift[i];
		r[X86_EBX] = count[i];
		r[X86_ECX] = i | (i < 2 ? (i + 1) << 8 : 0);
		r[X86_EDX] = b->index;
	}
}

/* State components by their bit of XCR0; SDM volume 1, 13.1. */
static uint32_t xcr0_bits(struct build *b)
{
	enum { X87_SSE = 3, AVX = 4, MPX = 0x18, AVX512 = 0xe0, PKRU = 0x200, AMX = 0x60000 };

	return X87_SSE | (has(b, "avx") ? AVX : 0) | (has(b, "mpx") ? MPX : 0) |
	       (has(b, "avx512f") ? AVX512 : 0) | (has(b, "pku") ? PKRU : 0) |
	       (has(b, "amx-tile") ? AMX : 0);
}

/* Sizes follow from the components; KVM replaces those of what is enabled as the guest runs. */
static void put_xsave(struct build *b)
{
	enum { LEGACY = 576, FIRST = 2, LAST = 18, ALIGNED = 2 };
	uint32_t bits = xcr0_bits(b), *main_leaf, *r, total = LEGACY, compact = LEGACY;

	main_leaf = put(b, 0xd, 0, true);
	main_leaf[X86_EAX] = bits;
	r = put(b, 0xd, 1, true);
	r[X86_EAX] = b->f->w[X86_W_D_1_EAX];
	for (unsigned i = FIRST; i <= LAST; i++) {
		const struct x86_cpuid_leaf *l = x86_cpuid_find(b->eng->cpuid, 0xd, i);
		uint32_t *c;

		if (!(bits >> i & 1) || !l)
			continue;
		c = put(b, 0xd, i, true);
		memcpy(c, l->r, sizeof(l->r));
		total = MAX(total, c[X86_EAX] + c[X86_EBX]);
		if (c[X86_ECX] & ALIGNED)
			compact = (uint32_t)align_up(compact, 64);
		compact += c[X86_EAX];
	}
	main_leaf[X86_EBX] = LEGACY;
	main_leaf[X86_ECX] = total;
	if (has(b, "xsavec"))
		r[X86_EBX] = compact;
}

static void put_kvm(struct build *b)
{
	static const char sig[12] = "KVMKVMKVM";
	uint32_t *r = put(b, 0x40000000, 0, false);

	r[X86_EAX] = 0x40000001;
	memcpy(&r[X86_EBX], sig, sizeof(sig));
	r = put(b, 0x40000001, 0, false);
	r[X86_EAX] = b->f->w[X86_W_KVM];
}

static void put_brand(struct build *b)
{
	char text[48] = "";

	if (own_caches(b) && engine(b, 0x80000002, 0, X86_EAX)) {
		copy(b, 0x80000002);
		copy(b, 0x80000003);
		copy(b, 0x80000004);
		return;
	}
	snprintf(text, sizeof(text), "ambi %s processor", b->m->name);
	for (unsigned i = 0; i < 3; i++)
		memcpy(put(b, 0x80000002 + i, 0, false), text + i * 16, 16);
}

static void put_amd_caches(struct build *b)
{
	uint32_t *r;

	if (own_caches(b)) {
		copy(b, 0x80000005);
		copy(b, 0x80000006);
		return;
	}
	r = put(b, 0x80000005, 0, false);
	if (b->amd)
		r[X86_ECX] = r[X86_EDX] = 32u << 24 | 8 << 16 | 1 << 8 | 64;
	r = put(b, 0x80000006, 0, false);
	r[X86_ECX] = 1024u << 16 | 8 << 12 | 64;	/* 16 ways are code 8 */
	if (b->amd)
		r[X86_EDX] = 32u << 18 | 8 << 12 | 1 << 8 | 64;	/* in 512 KiB */
}

static void put_amd_topology(struct build *b)
{
	uint32_t *r;

	if (has(b, "topoext") && engine(b, 0x8000001d, 0, X86_EAX)) {
		put_caches(b, 0x8000001d);
		r = put(b, 0x8000001e, 0, false);
		r[X86_EAX] = b->index;
		r[X86_EBX] = (b->index >> b->smt_shift & 0xff) | (b->threads - 1) << 8;
		r[X86_ECX] = b->index >> b->core_shift & 0xff;
	}
}

static void put_extended(struct build *b)
{
	unsigned la57 = has(b, "la57");
	uint32_t *r = put(b, 0x80000001, 0, false), cores = b->cores * b->threads;

	r[X86_EAX] = b->amd ? engine(b, 0x80000001, 0, X86_EAX) : 0;
	r[X86_ECX] = b->f->w[X86_W_81_ECX];
	if (b->amd && cores > 1)
		r[X86_ECX] |= 2;	/* CmpLegacy: leaf 1 counts cores */
	if (!b->amd || !engine(b, 0x8000001d, 0, X86_EAX))
		r[X86_ECX] &= ~(1u << 22);
	r[X86_EDX] = b->f->w[X86_W_81_EDX] |
		     (b->amd ? b->f->w[X86_W_1_EDX] & AMD_ALIASES : 0);
	put_brand(b);
	put_amd_caches(b);
	put(b, 0x80000007, 0, false)[X86_EDX] = b->f->w[X86_W_87_EDX];
	r = put(b, 0x80000008, 0, false);
	r[X86_EAX] = x86_cpu_phys_bits(b->m, engine(b, 0x80000008, 0, X86_EAX) & 0xff) |
		     (la57 ? VIRT_BITS_LA57 : VIRT_BITS) << 8;
	r[X86_EBX] = b->f->w[X86_W_88_EBX];
	if (b->amd)
		r[X86_ECX] = (MIN(cores, 256u) - 1) | b->core_shift << 12;
	if (has(b, "svm")) {
		copy(b, 0x8000000a);
		b->out->leaf[b->out->n - 1].r[X86_EDX] = b->f->w[X86_W_8A_EDX];
	}
	if (b->amd) {
		put_amd_topology(b);
		r = put(b, 0x80000021, 0, false);
		r[X86_EAX] = b->f->w[X86_W_821_EAX];
		r[X86_ECX] = b->f->w[X86_W_821_ECX];
	}
}

/* Leaves 0 and 0x80000000: the highest of theirs, and the vendor. */
static void put_limits(struct build *b)
{
	uint32_t basic = 0, extended = 0;

	for (unsigned i = 0; i < b->out->n; i++) {
		uint32_t leaf = b->out->leaf[i].leaf;

		if (leaf >= 0x80000000)
			extended = MAX(extended, leaf);
		else if (leaf < 0x40000000)
			basic = MAX(basic, leaf);
	}
	for (unsigned i = 0; i < 2; i++) {
		uint32_t *r = put(b, i ? 0x80000000 : 0, 0, false);

		r[X86_EAX] = i ? extended : basic;
		if (i && !b->amd)
			continue;
		for (unsigned j = X86_EBX; j <= X86_EDX; j++)
			r[j] = engine(b, 0, 0, j);
	}
}

void x86_cpuid_build(const struct x86_cpu_model *m, const struct x86_engine_cpu *eng,
		     const struct x86_features *f, const struct cpu_topology *t, unsigned nr,
		     unsigned index, struct x86_cpuid *out)
{
	enum { INTEL_EBX = 0x756e6547 };	/* "Genu" */
	struct build b = { .m = m, .eng = eng, .f = f, .nr = nr, .index = index, .out = out };

	b.sockets = t && t->nr_cpus ? t->sockets : 1;
	b.cores = t && t->nr_cpus ? t->cores : nr;
	b.threads = t && t->nr_cpus ? t->threads : 1;
	b.smt_shift = bits_for(b.threads);
	b.core_shift = b.smt_shift + bits_for(b.cores);
	b.amd = engine(&b, 0, 0, X86_EBX) != INTEL_EBX;
	out->n = 0;
	put_1(&b);
	put_2(&b);
	if (!b.amd)
		put_caches(&b, 4);
	put(&b, 6, 0, false)[X86_EAX] = f->w[X86_W_6_EAX];
	put_7(&b);
	if (m->pmu)
		copy(&b, 0xa);
	put_topology(&b, 0xb);
	if (has(&b, "xsave"))
		put_xsave(&b);
	if (has(&b, "sgx"))
		copy(&b, 0x12);
	if (has(&b, "intel-pt"))
		copy(&b, 0x14);
	if (has(&b, "amx-tile")) {
		copy(&b, 0x1d);
		copy(&b, 0x1e);
	}
	if (!b.amd)
		put_topology(&b, 0x1f);
	if (m->kvm)
		put_kvm(&b);
	put_extended(&b);
	if (m->pmu)
		copy(&b, 0x80000022);
	put_limits(&b);
}
