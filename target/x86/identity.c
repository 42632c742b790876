/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the guest knows its processor to be: fixed by the engine that starts it, the same on every
 * engine it comes to, and carried along to other processes. An engine gives all of it or refuses.
 */
#include "target/x86/cpu.h"

#include "target/x86/regs.h"
#include "util/bits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EXTENDED_SIZES 0x80000008u

static const struct { uint32_t leaf; uint8_t sub, reg; } words[] = {
#define WORD(id, leaf, sub, reg) { leaf, sub, reg },
#include "target/x86/features.def"
};

static uint32_t *find(struct x86_cpuid *t, uint32_t leaf, uint32_t sub)
{
	return (uint32_t *)(uintptr_t)(x86_cpuid_find(t, leaf, sub) ?
					       x86_cpuid_find(t, leaf, sub)->r :
					       NULL);
}

/* What both engines have: features, width of addresses. The rest is a's. */
static void intersect(struct x86_cpuid *a, const struct x86_cpuid *b)
{
	uint32_t *size = find(a, EXTENDED_SIZES, 0);
	const struct x86_cpuid_leaf *other = x86_cpuid_find(b, EXTENDED_SIZES, 0);

	for (unsigned i = 0; i < X86_NR_WORDS; i++) {
		const struct x86_cpuid_leaf *l = x86_cpuid_find(b, words[i].leaf, words[i].sub);
		uint32_t *r = find(a, words[i].leaf, words[i].sub);

		if (r)
			r[words[i].reg] &= l ? l->r[words[i].reg] : 0;
	}
	if (size && other && (other->r[X86_EAX] & 0xff) < (size[X86_EAX] & 0xff))
		size[X86_EAX] = (size[X86_EAX] & ~0xffu) | (other->r[X86_EAX] & 0xff);
}

static unsigned phys_bits(const struct x86_cpuid *t)
{
	const struct x86_cpuid_leaf *l = x86_cpuid_find(t, EXTENDED_SIZES, 0);

	return l ? l->r[X86_EAX] & 0xff : 0;
}

static int make(struct cpu_env *env, const struct x86_cpu_model *m,
		const struct x86_engine_cpu *eng, const struct x86_engine_cpu *other,
		unsigned nr_cpus, struct err *e)
{
	struct x86_cpu_fixed *f = calloc(1, sizeof(*f));
	struct x86_cpuid *both = malloc(sizeof(*both));
	struct x86_engine_cpu all = *eng;
	char name[64];
	int r = -ENOMEM;

	if (!f || !both) {
		err_set(e, ENOMEM, "no memory for CPUID");
		goto out;
	}
	*both = *eng->cpuid;
	all.cpuid = both;
	if (other) {
		intersect(both, other->cpuid);
		all.apic = eng->apic && other->apic;
		snprintf(name, sizeof(name), "%s with %s", eng->name, other->name);
		all.name = name;
	}
	r = x86_cpu_resolve(m, &all, &f->features, e);
	if (r)
		goto out;
	x86_cpuid_build(m, &all, &f->features, &env->topology, nr_cpus, env->index, &f->cpuid);
	f->phys_bits = phys_bits(&f->cpuid);
	env->fixed = f;
	f = NULL;
out:
	free(f);
	free(both);
	return r;
}

static int check(const struct x86_cpu_fixed *f, const struct x86_engine_cpu *eng,
		 unsigned most_phys_bits, struct err *e)
{
	struct x86_features avail;
	char list[140];

	x86_engine_features(eng, &avail);
	if (x86_features_text(&f->features, &avail, list, sizeof(list)))
		return err_set(e, ENOTSUP,
			       "the guest's processor has %s, which %s here does not have: %sstart "
			       "the guest with -accel kvm:tcg, which shows it only what both have, "
			       "or with -cpu ...,FEATURE=off",
			       list, eng->name, strcmp(eng->name, "KVM") ? "" :
			       "take it with -accel tcg, or ");
	if (f->phys_bits > most_phys_bits)
		return err_set(e, ENOTSUP,
			       "the guest's processor has physical addresses of %u bits, %s here "
			       "%u: start the guest with -cpu ...,phys-bits=%u",
			       f->phys_bits, eng->name, most_phys_bits, most_phys_bits);
	return 0;
}

int x86_cpu_fix(struct cpu_env *env, const struct x86_cpu_model *m,
		const struct x86_engine_cpu *eng, const struct x86_engine_cpu *other,
		unsigned nr_cpus, unsigned most_phys_bits, struct err *e)
{
	return env->fixed ? check(env->fixed, eng, most_phys_bits, e) :
			    make(env, m, eng, other, nr_cpus, e);
}

/* ---- on its way to another process ---- */

/* Little-endian words: version, number of leaves; of each: leaf, subleaf, has_sub, registers. */
enum { VERSION = 1, HEAD = 2, LEAF = 7, WORD = 4 };

size_t x86_identity_get(const struct cpu_env *env, uint8_t *buf, size_t n)
{
	const struct x86_cpu_fixed *f = env->fixed;
	size_t size = f ? (HEAD + (size_t)f->cpuid.n * LEAF) * WORD : 0;

	if (!f || size > n)
		return size;
	st_le32(buf, VERSION);
	st_le32(buf + WORD, f->cpuid.n);
	buf += HEAD * WORD;
	for (unsigned i = 0; i < f->cpuid.n; i++) {
		const struct x86_cpuid_leaf *l = &f->cpuid.leaf[i];
		const uint32_t w[LEAF] = { l->leaf, l->sub, l->has_sub,
					   l->r[0], l->r[1], l->r[2], l->r[3] };

		for (unsigned j = 0; j < LEAF; j++, buf += WORD)
			st_le32(buf, w[j]);
	}
	return size;
}

int x86_identity_set(struct cpu_env *env, const uint8_t *buf, size_t n, struct err *e)
{
	enum { WIDEST = 52, NARROWEST = 32 };
	unsigned nr = n >= HEAD * WORD ? ld_le32(buf + WORD) : 0;
	struct x86_cpu_fixed *f;

	if (!nr || ld_le32(buf) != VERSION || nr > X86_CPUID_MAX ||
	    n != (HEAD + (size_t)nr * LEAF) * WORD)
		return err_set(e, EINVAL, "CPU %u: not a processor's CPUID", env->index);
	f = calloc(1, sizeof(*f));
	if (!f)
		return err_set(e, ENOMEM, "no memory for CPUID");
	f->cpuid.n = nr;
	buf += HEAD * WORD;
	for (unsigned i = 0; i < nr; i++, buf += LEAF * WORD) {
		struct x86_cpuid_leaf *l = &f->cpuid.leaf[i];

		*l = (struct x86_cpuid_leaf){ .leaf = ld_le32(buf), .sub = ld_le32(buf + WORD),
					      .has_sub = ld_le32(buf + 2 * WORD) };
		for (unsigned j = 0; j < 4; j++)
			l->r[j] = ld_le32(buf + (3 + j) * WORD);
	}
	for (const struct x86_feature *x = x86_feature; x->name; x++) {
		const struct x86_cpuid_leaf *l = x86_cpuid_find(&f->cpuid, words[x->word].leaf,
								words[x->word].sub);

		if (l)
			f->features.w[x->word] |= l->r[words[x->word].reg] & 1u << x->bit;
	}
	f->phys_bits = phys_bits(&f->cpuid);
	if (f->phys_bits < NARROWEST || f->phys_bits > WIDEST) {
		free(f);
		return err_set(e, EINVAL, "CPU %u: its CPUID has no width of addresses",
			       env->index);
	}
	free(env->fixed);
	env->fixed = f;
	return 0;
}
