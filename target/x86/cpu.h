/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86 processor models: from "-cpu model,feature=on" to the CPUID leaves of one
 * vCPU. A model is a wish. An engine says what it can give as a table of leaves
 * (KVM_GET_SUPPORTED_CPUID has that form); resolving makes the features of this
 * guest from the two, or says what is missing; building fills in the identity of
 * each vCPU.
 *
 * Policy: what the other engine could not go on with after a move is not shown to
 * the guest unless it was asked for by name, by migratable=off or by `max`.
 */
#ifndef TARGET_X86_CPU_H
#define TARGET_X86_CPU_H

#include <stdbool.h>
#include <stdint.h>

#include "target/isa.h"
#include "util/err.h"

enum { X86_EAX, X86_EBX, X86_ECX, X86_EDX };

enum x86_word {
#define WORD(id, leaf, sub, reg) X86_W_##id,
#include "target/x86/features.def"
	X86_NR_WORDS
};

enum { X86_FEAT_MOVES = 1, X86_FEAT_PLATFORM = 2, X86_FEAT_CHIP = 4, X86_FEAT_HOST = 8 };
struct x86_feature { const char *name; uint8_t word, bit, level, flags; };
extern const struct x86_feature x86_feature[];	/* terminated by name == NULL */
struct x86_features { uint32_t w[X86_NR_WORDS]; };

struct x86_cpuid_leaf {
	uint32_t leaf, sub;
	bool has_sub;			/* the leaf's answer depends on ECX */
	uint32_t r[4];			/* X86_EAX... */
};
enum { X86_CPUID_MAX = 256 };
struct x86_cpuid {
	unsigned n;
	struct x86_cpuid_leaf leaf[X86_CPUID_MAX];
};
/* NULL: not there. */
const struct x86_cpuid_leaf *x86_cpuid_find(const struct x86_cpuid *t, uint32_t leaf, uint32_t sub);

enum x86_model_kind { X86_MODEL_HOST, X86_MODEL_MAX, X86_MODEL_LEVEL };

/* What isa->cpu_model returns. */
struct x86_cpu_model {
	char name[16];
	enum x86_model_kind kind;
	unsigned level;			/* of x86-64-vN; 0: none of them */
	const char *const *has;		/* features beyond the level; NULL: none */
	bool migratable;		/* only what moves, and what is in `on` */
	bool kvm;			/* the paravirtual leaves are shown */
	bool pmu;
	unsigned phys_bits;		/* as given; 0: not */
	uint64_t tsc_hz;		/* as given; 0: the engine's */
	struct x86_features on, off;	/* named by the user */
	/* The rest is of a vCPU's own copy in the translator (control.c: x86_cpu_start). */
	struct x86_features features;	/* resolved: what this guest has */
	uint64_t phys_mask;		/* bits of a physical address that exist */
	unsigned pkru_off;		/* of PKRU in the XSAVE image */
	struct x86_cpuid *cpuid;	/* the vCPU's leaves */
};

struct x86_engine_cpu {
	const char *name;		/* "KVM", for messages */
	const struct x86_cpuid *cpuid;	/* all that it can give */
	bool apic;			/* it has the local APICs */
};

/* May a guest with this model run 64-bit code, as far as the model says? NULL: yes. */
bool x86_cpu_long_mode(const struct x86_cpu_model *m);
/* NULL or "" is `host`. 0, or -EINVAL with what is near to an unknown name. */
int x86_cpu_parse(struct x86_cpu_model *m, const char *text, struct err *e);
/* As isa->cpu_model. */
void *x86_cpu_model_new(const char *text, const struct cpu_topology *t, struct err *e);
/* For isa->cpu_config: only checks. */
int x86_cpu_config(const char *text, uint32_t *features, uint64_t *features2, struct err *e);
extern const struct cpu_model x86_cpus[];

/* cpu_env.fixed */
struct x86_cpu_fixed {
	struct x86_features features;
	unsigned phys_bits;
	struct x86_cpuid cpuid;		/* the CPU's leaves */
};
/*
 * An engine starts the CPU: the first makes env->fixed, of what `other` (NULL: none) could give,
 * too; a later one only looks whether it can give that: -ENOTSUP, and what is missing. m: the
 * VM's. most_phys_bits: widest addresses on that engine.
 */
int x86_cpu_fix(struct cpu_env *env, const struct x86_cpu_model *m,
		const struct x86_engine_cpu *eng, const struct x86_engine_cpu *other,
		unsigned nr_cpus, unsigned most_phys_bits, struct err *e);
/* All features that the engine has. */
void x86_engine_features(const struct x86_engine_cpu *eng, struct x86_features *s);
/* As isa says. */
size_t x86_identity_get(const struct cpu_env *env, uint8_t *buf, size_t n);
int x86_identity_set(struct cpu_env *env, const uint8_t *buf, size_t n, struct err *e);
/* engine_cpu.c: what the translator could give a guest of that model. */
void x86_tcg_offer(const struct x86_cpu_model *m, struct x86_cpuid *t);

/* The guest's features; -ENOTSUP, and what the engine lacks. */
int x86_cpu_resolve(const struct x86_cpu_model *m, const struct x86_engine_cpu *eng,
		    struct x86_features *f, struct err *e);
/* Is the named feature in the set? Unknown names are not. */
bool x86_feature_in(const struct x86_features *f, const char *name);
/* Names of what is in a and not in b, "sse3, avx"; returns how many. */
unsigned x86_features_text(const struct x86_features *a, const struct x86_features *b, char *buf,
			   size_t n);
/* Width of guest physical addresses on an engine that has `engine` bits. */
unsigned x86_cpu_phys_bits(const struct x86_cpu_model *m, unsigned engine);

/*
 * The leaves of vCPU `index` (which is its APIC ID). t NULL or nr_cpus 0: `nr` CPUs of one
 * thread in one socket.
 */
void x86_cpuid_build(const struct x86_cpu_model *m, const struct x86_engine_cpu *eng,
		     const struct x86_features *f, const struct cpu_topology *t, unsigned nr,
		     unsigned index, struct x86_cpuid *out);

#endif
