/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Models by name, features by name, and what becomes of them on an engine. */
#include "target/x86/cpu.h"

#include "util/bits.h"
#include "util/distance.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LEVEL = 3, NAMED_PHYS_BITS = 40, MIN_PHYS_BITS = 32, MAX_PHYS_BITS = 52 };
enum { NAME_SIZE = 40 };
#define MIN_TSC_HZ UINT64_C(10000000)
#define MAX_TSC_HZ UINT64_C(20000000000)

const struct x86_feature x86_feature[] = {
#define FEATURE(name, word, bit, level, flags) { name, X86_W_##word, bit, level, flags },
#include "target/x86/features.def"
	{ .name = NULL }
};

static const struct { uint32_t leaf; uint8_t sub, reg; } words[] = {
#define WORD(id, leaf, sub, reg) { leaf, sub, reg },
#include "target/x86/features.def"
};
_Static_assert(ARRAY_SIZE(words) == X86_NR_WORDS, "features.def");

const struct cpu_model x86_cpus[] = {
	{ .name = "host", .help = "what is here and can be moved (migratable=off: the rest, too)" },
	{ .name = "max", .help = "all that is here" },
	{ .name = "x86-64-v1", .help = "the psABI's level 1: SSE2" },
	{ .name = "x86-64-v2", .help = "level 2: SSE4.2, POPCNT, CMPXCHG16B" },
	{ .name = "x86-64-v3", .help = "level 3: AVX2, BMI, FMA, MOVBE" },
	{ .name = "qemu64", .help = "level 1, SSE3, CMPXCHG16B: what runs everywhere" },
	{ .name = "i686", .help = "32 bits: a Pentium III" },
	{ .name = NULL },
};

/* Models beside the levels: a level (0: none) and what they have besides. */
static const struct named { const char *name; unsigned level; const char *const *has; } named[] = {
	{ "qemu64", 1, (const char *const[]){ "de", "pse36", "apic", "sse3", "cx16", "lahf-lm",
					      NULL } },
	{ "i686", 0, (const char *const[]){ "fpu", "de", "pse", "tsc", "msr", "pae", "mce", "cx8",
					    "apic", "sep", "mtrr", "pge", "mca", "cmov", "pat",
					    "pse36", "mmx", "fxsr", "sse", NULL } },
};

/* A feature is nothing without the other; SDM volume 1, chapters 13 to 15 and 18. */
static const struct { const char *name, *needs; } deps[] = {
	{ "avx", "xsave" }, { "xsaveopt", "xsave" }, { "xsavec", "xsave" },
	{ "xgetbv1", "xsave" }, { "xsaves", "xsavec" }, { "xfd", "xsave" }, { "pku", "xsave" },
	{ "mpx", "xsave" }, { "avx2", "avx" }, { "fma", "avx" }, { "f16c", "avx" },
	{ "fma4", "avx" }, { "xop", "avx" }, { "vaes", "avx" }, { "vpclmulqdq", "avx" },
	{ "avx-vnni", "avx2" }, { "avx-ifma", "avx2" }, { "avx512f", "avx2" },
	{ "avx512dq", "avx512f" }, { "avx512ifma", "avx512f" }, { "avx512cd", "avx512f" },
	{ "avx512bw", "avx512f" }, { "avx512vl", "avx512f" }, { "avx512-vbmi", "avx512f" },
	{ "avx512-vbmi2", "avx512f" }, { "avx512-vnni", "avx512f" },
	{ "avx512-bitalg", "avx512f" }, { "avx512-vpopcntdq", "avx512f" },
	{ "avx512-4vnniw", "avx512f" }, { "avx512-4fmaps", "avx512f" },
	{ "avx512-vp2intersect", "avx512f" }, { "avx512-bf16", "avx512bw" },
	{ "avx512-fp16", "avx512bw" }, { "amx-tile", "xfd" }, { "amx-int8", "amx-tile" },
	{ "amx-bf16", "amx-tile" }, { "amx-fp16", "amx-tile" }, { "npt", "svm" },
	{ "lbrv", "svm" }, { "nrip-save", "svm" }, { "tsc-scale", "svm" },
	{ "vmcb-clean", "svm" }, { "pause-filter", "svm" }, { "pfthreshold", "svm" },
	{ "v-vmsave-vmload", "svm" }, { "vgif", "svm" }, { "svme-addr-chk", "svm" },
	{ "kvm-pv-tlb-flush", "kvm-steal-time" }, { "kvmclock-stable", "kvmclock" },
	{ "sse", "fxsr" }, { "sse2", "sse" }, { "sse3", "sse2" }, { "ssse3", "sse3" },
	{ "sse4.1", "ssse3" }, { "sse4.2", "sse4.1" }, { "avx", "sse4.2" },
	{ "aes", "sse2" }, { "pclmulqdq", "sse2" }, { "sha-ni", "sse2" },
	{ "invpcid", "pcid" }, { "tsc-deadline", "apic" }, { "x2apic", "apic" },
	/* systems write the MSRs behind an MFENCE (SDM volume 3, 11.12.3) without asking for it */
	{ "tsc-deadline", "sse2" }, { "x2apic", "sse2" },
};

/* ---- names ---- */

struct nearest { const char *word, *found; unsigned best; };

static void consider(struct nearest *n, const char *name)
{
	unsigned d = distance_words(n->word, name);

	if (d < n->best) {
		n->best = d;
		n->found = name;
	}
}

static const struct x86_feature *feature_find(const char *name)
{
	for (const struct x86_feature *f = x86_feature; f->name; f++)
		if (!strcmp(f->name, name))
			return f;
	return NULL;
}

static void feature_set(struct x86_features *s, const struct x86_feature *f, bool on)
{
	if (on)
		s->w[f->word] |= 1u << f->bit;
	else
		s->w[f->word] &= ~(1u << f->bit);
}

static bool feature_has(const struct x86_features *s, const struct x86_feature *f)
{
	return s->w[f->word] >> f->bit & 1;
}

bool x86_feature_in(const struct x86_features *s, const char *name)
{
	const struct x86_feature *f = feature_find(name);

	return f && feature_has(s, f);
}

unsigned x86_features_text(const struct x86_features *a, const struct x86_features *b, char *buf,
			   size_t n)
{
	unsigned nr = 0;
	size_t at = 0;

	buf[0] = '\0';
	for (const struct x86_feature *f = x86_feature; f->name; f++) {
		if (!feature_has(a, f) || (b && feature_has(b, f)))
			continue;
		if (at < n)
			at += (size_t)snprintf(buf + at, n - at, "%s%s", nr ? ", " : "", f->name);
		nr++;
	}
	return nr;
}

/* ---- text ---- */

struct flag { const char *name; size_t off; };
static const struct flag flags[] = {
	{ "migratable", offsetof(struct x86_cpu_model, migratable) },
	{ "kvm", offsetof(struct x86_cpu_model, kvm) },
	{ "pmu", offsetof(struct x86_cpu_model, pmu) },
};

static int unknown_feature(const char *name, struct err *e)
{
	struct nearest n = { name, NULL, (unsigned)strlen(name) / 3 + 2 };

	for (const struct x86_feature *f = x86_feature; f->name; f++)
		consider(&n, f->name);
	for (unsigned i = 0; i < ARRAY_SIZE(flags); i++)
		consider(&n, flags[i].name);
	consider(&n, "phys-bits");
	consider(&n, "tsc-freq");
	return err_set(e, EINVAL, "-cpu: unknown feature \"%s\"%s%s", name,
		       n.found ? "; did you mean " : "", n.found ? n.found : "");
}

static int parse_phys_bits(struct x86_cpu_model *m, const char *value, struct err *e)
{
	char *end;
	unsigned long v = strtoul(value, &end, 10);

	if (end == value || *end || v < MIN_PHYS_BITS || v > MAX_PHYS_BITS)
		return err_set(e, EINVAL, "-cpu: phys-bits=%s: between %u and %u", value,
			       MIN_PHYS_BITS, MAX_PHYS_BITS);
	m->phys_bits = (unsigned)v;
	return 0;
}

static int parse_tsc(struct x86_cpu_model *m, const char *value, struct err *e)
{
	char *end;
	unsigned long long v = strtoull(value, &end, 10);

	if (end == value || *end || v < MIN_TSC_HZ || v > MAX_TSC_HZ)
		return err_set(e, EINVAL, "-cpu: tsc-freq=%s: Hz, between %llu and %llu", value,
			       (unsigned long long)MIN_TSC_HZ, (unsigned long long)MAX_TSC_HZ);
	m->tsc_hz = v;
	return 0;
}

/* "name", "name=on|off", "+name", "-name" */
static int parse_item(struct x86_cpu_model *m, const char *item, size_t len, struct err *e)
{
	char name[NAME_SIZE + 1];
	const struct x86_feature *f;
	bool on = true;
	char *eq;

	if (len > NAME_SIZE)
		return err_set(e, EINVAL, "-cpu: unknown feature \"%.*s...\"", NAME_SIZE, item);
	snprintf(name, sizeof(name), "%.*s", (int)len, item);
	for (char *p = name; *p; p++)
		if (*p == '_')
			*p = '-';
	eq = strchr(name, '=');
	if (*name == '+' || *name == '-') {
		on = *name == '+';
		memmove(name, name + 1, strlen(name));
		eq = NULL;
	} else if (eq) {
		*eq = '\0';
		if (!strcmp(name, "phys-bits"))
			return parse_phys_bits(m, eq + 1, e);
		if (!strcmp(name, "tsc-freq"))
			return parse_tsc(m, eq + 1, e);
		on = !strcmp(eq + 1, "on");
		if (!on && strcmp(eq + 1, "off"))
			return err_set(e, EINVAL, "-cpu: %s=%s: on or off wanted", name, eq + 1);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(flags); i++) {
		if (!strcmp(flags[i].name, name)) {
			*(bool *)((char *)m + flags[i].off) = on;
			return 0;
		}
	}
	f = feature_find(name);
	if (!f)
		return unknown_feature(name, e);
	feature_set(&m->on, f, on);
	feature_set(&m->off, f, !on);
	return 0;
}

static int parse_name(struct x86_cpu_model *m, const char *text, size_t len, struct err *e)
{
	char name[NAME_SIZE + 1];
	struct nearest n = { name, NULL, UINT32_MAX };

	snprintf(name, sizeof(name), "%.*s", len ? (int)MIN(len, (size_t)NAME_SIZE) : NAME_SIZE,
		 len ? text : x86_cpus[0].name);
	for (const struct cpu_model *c = x86_cpus; c->name; c++) {
		consider(&n, c->name);
		if (strcmp(c->name, name))
			continue;
		snprintf(m->name, sizeof(m->name), "%s", c->name);
		m->kind = c == x86_cpus	    ? X86_MODEL_HOST :
			  c == x86_cpus + 1 ? X86_MODEL_MAX :
					      X86_MODEL_LEVEL;
		m->level = m->kind == X86_MODEL_LEVEL ? (unsigned)(c - x86_cpus) - 1 : 0;
		m->migratable = m->kind != X86_MODEL_MAX;
		for (unsigned i = 0; i < ARRAY_SIZE(named); i++)
			if (!strcmp(named[i].name, name)) {
				m->level = named[i].level;
				m->has = named[i].has;
			}
		return 0;
	}
	return err_set(e, EINVAL,
		       "-cpu: unknown x86_64 model \"%s\"; did you mean %s? (--list cpus)", name,
		       n.found);
}

int x86_cpu_parse(struct x86_cpu_model *m, const char *text, struct err *e)
{
	size_t n;
	int r;

	text = text ? text : "";
	*m = (struct x86_cpu_model){ .kvm = true };
	n = strcspn(text, ",");
	r = parse_name(m, text, n, e);
	for (text += n; !r && *text; text += n) {
		n = strcspn(++text, ",");
		if (n)
			r = parse_item(m, text, n, e);
	}
	return r;
}

/*
 * A vCPU's number is its APIC ID, and the ID's fields are whole bits (SDM volume 3,
 * 9.9): what is counted within a field must fill it.
 */
static int check_topology(const struct cpu_topology *t, struct err *e)
{
	unsigned core = t->cores * t->threads;

	if ((t->threads & (t->threads - 1)) ||
	    (t->sockets > 1 && (core & (core - 1))))
		return err_set(e, EINVAL,
			       "-smp: %u sockets of %u cores of %u threads: threads must be a "
			       "power of two, and with several sockets the CPUs of a socket, too",
			       t->sockets, t->cores, t->threads);
	return 0;
}

void *x86_cpu_model_new(const char *text, const struct cpu_topology *t, struct err *e)
{
	struct x86_cpu_model *m = malloc(sizeof(*m));

	if (!m) {
		err_set(e, ENOMEM, "no memory for the CPU model");
		return NULL;
	}
	if (x86_cpu_parse(m, text, e) || (t && t->nr_cpus && check_topology(t, e))) {
		free(m);
		return NULL;
	}
	return m;
}

int x86_cpu_config(const char *text, uint32_t *features, uint64_t *features2, struct err *e)
{
	struct x86_cpu_model m;

	*features = 0;
	*features2 = 0;
	return x86_cpu_parse(&m, text, e);
}

/* ---- on an engine ---- */

void x86_engine_features(const struct x86_engine_cpu *eng, struct x86_features *s)
{
	for (unsigned i = 0; i < X86_NR_WORDS; i++) {
		const struct x86_cpuid_leaf *l = x86_cpuid_find(eng->cpuid, words[i].leaf,
								words[i].sub);

		s->w[i] = l ? l->r[words[i].reg] : 0;
	}
	for (const struct x86_feature *f = x86_feature; f->name; f++)
		if (f->flags & X86_FEAT_CHIP && !eng->apic)
			feature_set(s, f, false);
}

static bool has_by_name(const struct x86_cpu_model *m, const struct x86_feature *f)
{
	for (const char *const *n = m->has; n && *n; n++)
		if (!strcmp(*n, f->name))
			return true;
	return false;
}

/* What the model's name alone stands for. */
static void model_features(const struct x86_cpu_model *m, const struct x86_features *avail,
			   struct x86_features *s)
{
	for (const struct x86_feature *f = x86_feature; f->name; f++) {
		bool here = feature_has(avail, f), want;

		switch (m->kind) {
		case X86_MODEL_LEVEL:
			want = (f->level && f->level <= m->level) || has_by_name(m, f) ||
			       (here && f->flags & X86_FEAT_PLATFORM &&
				!(f->flags & X86_FEAT_HOST));
			break;
		default:
			want = here && (!m->migratable || f->flags & X86_FEAT_MOVES);
			break;
		}
		feature_set(s, f, want);
	}
}

/* The highest level that the engine has; 0: none. */
static unsigned best_level(const struct x86_features *avail)
{
	unsigned best = MAX_LEVEL;

	for (const struct x86_feature *f = x86_feature; f->name; f++)
		if (f->level && !feature_has(avail, f))
			best = MIN(best, f->level - 1u);
	return best;
}

static int lacking(const struct x86_cpu_model *m, const struct x86_engine_cpu *eng,
		   const struct x86_features *want, const struct x86_features *avail,
		   struct err *e)
{
	unsigned best = best_level(avail);
	char list[140], way_out[64];

	x86_features_text(want, avail, list, sizeof(list));
	if (best && best < m->level)
		snprintf(way_out, sizeof(way_out), "use -cpu host or -cpu x86-64-v%u", best);
	else
		snprintf(way_out, sizeof(way_out), "use -cpu host");
	return err_set(e, ENOTSUP, "-cpu %s: %s here does not have %s: %s", m->name, eng->name,
		       list, way_out);
}

static bool empty(const struct x86_features *a, const struct x86_features *b)
{
	for (unsigned i = 0; i < X86_NR_WORDS; i++)
		if (a->w[i] & ~b->w[i])
			return false;
	return true;
}

static int drop_dependents(const struct x86_cpu_model *m, struct x86_features *s, struct err *e)
{
	bool again;

	do {
		again = false;
		for (unsigned i = 0; i < ARRAY_SIZE(deps); i++) {
			const struct x86_feature *f = feature_find(deps[i].name);

			if (!feature_has(s, f) || x86_feature_in(s, deps[i].needs))
				continue;
			if (feature_has(&m->on, f))
				return err_set(e, EINVAL, "-cpu: %s needs %s", f->name,
					       deps[i].needs);
			feature_set(s, f, false);
			again = true;
		}
	} while (again);
	return 0;
}

static int check_pmu(const struct x86_cpu_model *m, const struct x86_engine_cpu *eng,
		     const struct x86_features *avail, struct err *e)
{
	const struct x86_cpuid_leaf *l = x86_cpuid_find(eng->cpuid, 0xa, 0);

	if (!m->pmu || (l && l->r[X86_EAX] & 0xff) || x86_feature_in(avail, "perfctr-core"))
		return 0;
	return err_set(e, ENOTSUP, "-cpu: pmu=on: %s here has no performance counters for guests",
		       eng->name);
}

int x86_cpu_resolve(const struct x86_cpu_model *m, const struct x86_engine_cpu *eng,
		    struct x86_features *s, struct err *e)
{
	struct x86_features avail;
	int r;

	memset(s, 0, sizeof(*s));
	x86_engine_features(eng, &avail);
	model_features(m, &avail, s);
	for (unsigned i = 0; i < X86_NR_WORDS; i++)
		s->w[i] &= ~m->off.w[i];
	if (!empty(s, &avail))
		return lacking(m, eng, s, &avail, e);
	if (!empty(&m->on, &avail))
		return lacking(m, eng, &m->on, &avail, e);
	for (unsigned i = 0; i < X86_NR_WORDS; i++)
		s->w[i] |= m->on.w[i];
	if (!m->kvm)
		s->w[X86_W_KVM] = 0;
	/* counters have bits of their own, too; what was named stays */
	if (m->pmu || !x86_feature_in(&m->on, "perfctr-core"))
		feature_set(s, feature_find("perfctr-core"),
			    m->pmu && x86_feature_in(&avail, "perfctr-core"));
	r = check_pmu(m, eng, &avail, e);
	return r ? r : drop_dependents(m, s, e);
}

unsigned x86_cpu_phys_bits(const struct x86_cpu_model *m, unsigned engine)
{
	unsigned want = m->phys_bits	       ? m->phys_bits :
			m->kind == X86_MODEL_LEVEL ? NAMED_PHYS_BITS :
						     MAX_PHYS_BITS;

	return MIN(want, engine ? engine : (unsigned)NAMED_PHYS_BITS);
}

bool x86_cpu_long_mode(const struct x86_cpu_model *m)
{
	const struct x86_feature *lm = feature_find("lm");

	if (!m || !lm || feature_has(&m->on, lm))
		return true;
	return !feature_has(&m->off, lm) && (m->kind != X86_MODEL_LEVEL || m->level);
}
