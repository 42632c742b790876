/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The processor that the translator offers, as an engine's table of leaves, and what CPUID shows
 * of it at run time. Who it is (vendor, family, brand, caches) is the host's on x86 hosts, so
 * that a guest finds the same under KVM; elsewhere one that counts as AMD's.
 */
#include "target/x86/control.h"
#include "target/x86/tcg.h"
#include "util/os.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TSC_HZ UINT64_C(1000000000)
/*
 * A terabyte: more than a translated guest will be given, and OVMF of 2022 makes tables of 2 MiB
 * pages for all that there could be, which do not fit into small memories.
 */
enum { PHYS_BITS = 40, PHYS_BITS_MIN = 36, PHYS_BITS_MAX = 52 };
#define EXTENDED 0x80000000u

/* What would move but is not here. */
static const char *const absent[] = {
	"xsaves",		/* there is no supervisor state */
};
/* What KVM gives on every host (the last: of AMD's), whatever the processor says. */
static const char *const emulated[] = { "tsc-adjust", "arch-capabilities",
					"lfence-always-serializing" };

static const struct { uint32_t leaf; uint8_t sub, reg; } words[] = {
#define WORD(id, leaf, sub, reg) { leaf, sub, reg },
#include "target/x86/features.def"
};

struct engine {
	struct x86_cpuid t;
	bool host;		/* there is a host processor to be like */
};

static uint32_t *leaf(struct engine *g, uint32_t n, uint32_t sub, bool has_sub)
{
	struct x86_cpuid *t = &g->t;

	for (unsigned i = 0; i < t->n; i++)
		if (t->leaf[i].leaf == n && t->leaf[i].sub == sub)
			return t->leaf[i].r;
	if (t->n == X86_CPUID_MAX)
		abort();
	t->leaf[t->n] = (struct x86_cpuid_leaf){ .leaf = n, .sub = sub, .has_sub = has_sub };
	return t->leaf[t->n++].r;
}

static bool named(const char *const *list, unsigned n, const char *name)
{
	for (unsigned i = 0; i < n; i++)
		if (!strcmp(list[i], name))
			return true;
	return false;
}

static bool implemented(const struct x86_feature *f)
{
	return f->flags & X86_FEAT_MOVES && !named(absent, ARRAY_SIZE(absent), f->name);
}

/* `host` means what the processor has, too; its hypervisor's services are not the processor's. */
static bool shown(const struct engine *g, const struct x86_cpu_model *m,
		  const struct x86_feature *f)
{
	uint32_t r[4];

	if (m->kind != X86_MODEL_HOST || !g->host || f->flags & X86_FEAT_PLATFORM ||
	    m->on.w[f->word] >> f->bit & 1 || named(emulated, ARRAY_SIZE(emulated), f->name))
		return true;
	os_cpuid(words[f->word].leaf, words[f->word].sub, r);
	return r[words[f->word].reg] >> f->bit & 1;
}

static void put_features(struct engine *g, const struct x86_cpu_model *m)
{
	for (const struct x86_feature *f = x86_feature; f->name; f++) {
		uint32_t n = words[f->word].leaf;

		if (implemented(f) && shown(g, m, f))
			leaf(g, n, words[f->word].sub, n == 7 || n == 0xd)[words[f->word].reg] |=
				1u << f->bit;
	}
}

/* State components: sizes and places; the host's, so that images can be carried over. */
static void put_xsave(struct engine *g)
{
	uint32_t r[4] = { 0 }, *avx = leaf(g, 0xd, 2, true), *pkru = leaf(g, 0xd, 9, true);

	avx[X86_EAX] = 256;
	avx[X86_EBX] = 576;
	if (g->host)
		os_cpuid(0xd, 9, r);
	pkru[X86_EAX] = 8;
	pkru[X86_EBX] = r[X86_EAX] == 8 && r[X86_EBX] >= X86_XEXT_OFFSET &&
			r[X86_EBX] <= X86_XSAVE_SIZE - 8 ? r[X86_EBX] : X86_PKRU_OFF;
}

static void copy(struct engine *g, uint32_t n, uint32_t sub, bool has_sub)
{
	os_cpuid(n, sub, leaf(g, n, sub, has_sub));
}

static void put_host(struct engine *g)
{
	uint32_t r[4];

	copy(g, 0, 0, false);
	os_cpuid(1, 0, r);
	leaf(g, 1, 0, false)[X86_EAX] = r[X86_EAX];
	copy(g, 2, 0, false);
	for (unsigned i = 0; i < 8; i++)
		copy(g, 4, i, true);
	os_cpuid(EXTENDED | 1, 0, r);
	leaf(g, EXTENDED | 1, 0, false)[X86_EAX] = r[X86_EAX];
	for (unsigned i = 2; i <= 6; i++)
		copy(g, EXTENDED | i, 0, false);
	os_cpuid(EXTENDED, 0, r);
	if (r[X86_EAX] >= (EXTENDED | 0x1d))
		for (unsigned i = 0; i < 8; i++)
			copy(g, EXTENDED | 0x1d, i, true);
}

static void put_elsewhere(struct engine *g)
{
	enum { FAMILY_25 = 0x00a10f11 };	/* model 17, stepping 1 */

	memcpy(&leaf(g, 0, 0, false)[X86_EBX], "AuthcAMDenti", 12);
	leaf(g, 1, 0, false)[X86_EAX] = FAMILY_25;
	leaf(g, EXTENDED | 1, 0, false)[X86_EAX] = FAMILY_25;
}

static unsigned phys_bits(void)
{
	uint32_t r[4];

	if (os_cpuid(EXTENDED | 8, 0, r) && (r[X86_EAX] & 0xff) >= PHYS_BITS_MIN)
		return MIN(r[X86_EAX] & 0xff, (uint32_t)PHYS_BITS);
	return PHYS_BITS;
}

static void engine_fill(struct engine *g, const struct x86_cpu_model *m)
{
	uint32_t r[4];

	memset(g, 0, sizeof(*g));
	g->host = os_cpuid(0, 0, r);
	if (g->host)
		put_host(g);
	else
		put_elsewhere(g);
	leaf(g, EXTENDED | 8, 0, false)[X86_EAX] = phys_bits();
	put_features(g, m);
	put_xsave(g);
}

void x86_tcg_caps(unsigned *bits, uint64_t *tsc_hz)
{
	uint64_t hz = os_tsc_hz();

	*bits = phys_bits();
	*tsc_hz = hz ? hz : TSC_HZ;
}

void x86_tcg_offer(const struct x86_cpu_model *m, struct x86_cpuid *t)
{
	struct engine *g = malloc(sizeof(*g));

	if (!g)
		abort();
	engine_fill(g, m);
	*t = g->t;
	free(g);
}

/* --- a vCPU's own --- */

int x86_cpu_start(void *state, unsigned nr_cpus, bool apic, struct err *e)
{
	struct cpu_env *env = cpu_env(state);
	struct x86_cpu_model *m = calloc(1, sizeof(*m));
	struct engine *g = malloc(sizeof(*g));
	struct x86_engine_cpu eng = { .name = "the translator", .apic = apic };
	enum x86_model_kind kind;
	const struct x86_cpu_fixed *fixed;
	const struct x86_cpuid_leaf *l;
	int r = 0;

	if (m)
		m->cpuid = malloc(sizeof(*m->cpuid));
	if (!g || !m || !m->cpuid) {
		r = err_set(e, ENOMEM, "no memory for CPUID");
		goto fail;
	}
	if (env->model) {
		struct x86_cpuid *own = m->cpuid;

		*m = *(const struct x86_cpu_model *)env->model;
		m->cpuid = own;
	} else {
		struct x86_cpu_model usual;

		r = x86_cpu_parse(&usual, NULL, e);
		if (r < 0)
			goto fail;
		usual.cpuid = m->cpuid;
		*m = usual;
	}
	kind = m->kind;
	if (env->fixed)		/* what there is, not what this host's guests are shown */
		m->kind = X86_MODEL_MAX;
	engine_fill(g, m);
	m->kind = kind;
	eng.cpuid = &g->t;
	r = x86_cpu_fix(env, m, &eng, NULL, nr_cpus, PHYS_BITS_MAX, e);
	if (r < 0)
		goto fail;
	fixed = env->fixed;
	m->features = fixed->features;
	*m->cpuid = fixed->cpuid;
	m->phys_mask = mask_bits(fixed->phys_bits);
	l = x86_cpuid_find(m->cpuid, 0xd, 9);
	if (!l)
		l = x86_cpuid_find(&g->t, 0xd, 9);
	m->pkru_off = l->r[X86_EBX] >= X86_XEXT_OFFSET && l->r[X86_EBX] <= X86_XSAVE_SIZE - 8 ?
			      l->r[X86_EBX] :
			      X86_PKRU_OFF;
	env->model = m;
	free(g);
	return 0;
fail:
	free(g);
	free(m ? m->cpuid : NULL);
	free(m);
	return r;
}

void x86_cpu_stop(void *state)
{
	struct cpu_env *env = cpu_env(state);
	const struct x86_cpu_model *m = env->model;

	if (!m || !m->cpuid)
		return;
	env->model = NULL;
	free(m->cpuid);
	free((void *)(uintptr_t)m);
}

/* --- CPUID --- */

/* Sizes of the XSAVE image for what is enabled (SDM volume 1, 13.2). */
static uint32_t xsave_size(const struct x86_cpuid *t, uint64_t components, bool compact)
{
	enum { LEGACY = 576, ALIGNED = 2 };
	uint32_t size = LEGACY;

	for (unsigned i = 2; i < 63; i++) {
		const struct x86_cpuid_leaf *l;

		if (!(components >> i & 1))
			continue;
		l = x86_cpuid_find(t, 0xd, i);
		if (!l)
			continue;
		if (!compact) {
			size = MAX(size, l->r[X86_EAX] + l->r[X86_EBX]);
			continue;
		}
		if (l->r[X86_ECX] & ALIGNED)
			size = (uint32_t)align_up(size, 64);
		size += l->r[X86_EAX];
	}
	return size;
}

/* Bits that follow control registers. */
static void running_bits(const struct x86_state *s, const struct x86_cpuid *t, uint32_t n,
			 uint32_t sub, uint32_t r[4])
{
	enum { OSXSAVE = 1 << 27, APIC = 1 << 9, OSPKE = 1 << 4, APIC_ON = 1 << 11 };

	switch (n) {
	case 1:
		r[X86_ECX] &= ~(uint32_t)OSXSAVE;
		if (s->cr4 & X86_CR4_OSXSAVE)
			r[X86_ECX] |= OSXSAVE;
		if (!(s->apic_base & APIC_ON))
			r[X86_EDX] &= ~(uint32_t)APIC;
		break;
	case 7:
		if (!sub && s->cr4 & X86_CR4_PKE)
			r[X86_ECX] |= OSPKE;
		break;
	case 0xd:
		if (sub == 0)
			r[X86_EBX] = xsave_size(t, s->xcr0, false);
		else if (sub == 1 && r[X86_EAX] & 2)
			r[X86_EBX] = xsave_size(t, s->xcr0 | s->xss, true);
		break;
	case EXTENDED | 1:
		if (!(s->apic_base & APIC_ON))
			r[X86_EDX] &= ~(uint32_t)APIC;
		break;
	}
}

/*
 * Beyond the last leaf of its range a processor of Intel's shows its last basic leaf, AMD's
 * zeros.
 */
void x86_cpuid_get(struct x86_state *s, uint32_t n, uint32_t sub, uint32_t r[4])
{
	const struct x86_cpu_model *m = x86_model(s);
	const struct x86_cpuid_leaf *l, *base;

	memset(r, 0, 4 * sizeof(r[0]));
	if (!m || !m->cpuid)
		return;
	l = x86_cpuid_find(m->cpuid, n, sub);
	if (!l) {
		uint32_t top = n & 0xc0000000;
		bool intel;

		base = x86_cpuid_find(m->cpuid, 0, 0);
		intel = base && base->r[X86_EBX] == 0x756e6547;
		if (!x86_cpuid_find(m->cpuid, n, 0)) {
			const struct x86_cpuid_leaf *range = x86_cpuid_find(m->cpuid, top, 0);

			if (intel && base && (!range || n > range->r[X86_EAX])) {
				n = base->r[X86_EAX];
				l = x86_cpuid_find(m->cpuid, n, sub);
			}
		}
		/* levels beyond the last of a topology still name the CPU */
		if (!l && (n == 0xb || n == 0x1f)) {
			const struct x86_cpuid_leaf *first = x86_cpuid_find(m->cpuid, n, 0);

			r[X86_ECX] = sub & 0xff;
			r[X86_EDX] = first ? first->r[X86_EDX] : 0;
		}
	}
	if (l) {
		memcpy(r, l->r, sizeof(l->r));
		running_bits(s, m->cpuid, n, sub, r);
	}
}
