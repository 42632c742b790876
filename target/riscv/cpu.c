// SPDX-License-Identifier: GPL-2.0-or-later
#include "target/riscv/cpu.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "target/riscv/csr.h"
#include "target/riscv/mmu.h"
#include "target/riscv/trap.h"

extern const struct isa isa_riscv64;

#define FEAT_GC		(FEAT_F | FEAT_D | FEAT_PMP)
#define FEAT_ALL	(((1u << FEAT_NR) - 1) & ~(uint32_t)FEAT_SBI)

/*
 * rv64 leaves out Sv48 and Sv57: kernels take the largest they find, and each
 * level makes page faults and table walks dearer.
 */
const struct cpu_model riscv_cpus[] = {
	{ "rv64", "everything but Sv48 and Sv57", FEAT_ALL & ~(uint32_t)(FEAT_SV48 | FEAT_SV57),
	  0 },
	{ "max", "everything", FEAT_ALL, 0 },
	{ "rv64gc", "RV64GC with Sv39 and PMP", FEAT_GC, 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct { uint32_t bit; const char *name; } feature_names[] = {
#define FEATURE(id, name, help) { FEAT_##id, name },
#include "target/riscv/features.def"
#undef FEATURE
};

/* --- entry states --- */

static const struct { uint32_t off; uint8_t bits; uint64_t value; } reset_values[] = {
#define REG(name, gdb_name, member, bits, group, kvm, gdb, flags, reset) \
	{ offsetof(struct riscv_state, member), bits, reset },
#include "target/riscv/regs.def"
#undef REG
};

void riscv_reset(void *state)
{
	struct riscv_state *s = state;
	uint32_t features = cpu_env(s)->features;

	for (size_t i = 0; i < sizeof(reset_values) / sizeof(*reset_values); i++) {
		void *p = (char *)state + reset_values[i].off;

		if (reset_values[i].bits == 8)
			*(uint8_t *)p = (uint8_t)reset_values[i].value;
		else
			*(uint64_t *)p = reset_values[i].value;
	}
	/*
	 * A hart that offers Svadu but not Svade updates A and D from the
	 * start (ISA string binding).
	 */
	s->menvcfg = features & FEAT_SVADU ? ENV_ADUE : 0;
	riscv_state_derive(s);
}

/* What an SBI implementation has set up before it enters the supervisor. */
static void boot_supervisor(struct riscv_state *s, uint32_t features)
{
	s->priv = PRIV_S;
	s->medeleg =
		0xffff & ~(1ull << CAUSE_ECALL_S | 1ull << 10 | 1ull << CAUSE_ECALL_M | 1ull << 14);
	s->mideleg = IRQ_S_MASK;
	s->mcounteren = UINT32_MAX;
	s->scounteren = 7;
	s->menvcfg = riscv_menvcfg_mask(features) & ~ENV_FIOM;
	s->pmpcfg[0] = 0x1f;		/* NAPOT, RWX: all memory */
	s->pmpaddr[0] = (1ull << 54) - 1;
}

void riscv_boot(void *state, uint64_t pc, uint64_t arg0, uint64_t arg1, bool firmware_mode)
{
	struct riscv_state *s = state;
	struct cpu_env *env = cpu_env(s);

	riscv_reset(s);
	s->pc = pc;
	s->x[10] = arg0;
	s->x[11] = arg1;
	env->features &= ~(uint32_t)FEAT_SBI;
	if (!firmware_mode) {
		env->features |= FEAT_SBI;
		boot_supervisor(s, env->features);
	}
	riscv_state_derive(s);
}

/* --- a restored state --- */

/* What CSR writes and traps never leave behind, and what the tables of views could not bear. */
int riscv_loaded(void *state, struct err *e)
{
	struct riscv_state *s = state;
	unsigned satp = SATP_MODE(s->satp);
	const char *what = NULL;

	if (s->priv != PRIV_U && s->priv != PRIV_S && s->priv != PRIV_M)
		what = "priv";
	else if (s->pc & 1)
		what = "pc";
	else if ((s->mstatus & MST_MPP) >> MST_MPP_SHIFT == 2 || s->mstatus & MST_SD)
		what = "mstatus";
	else if (s->frm > 7)
		what = "frm";
	else if (s->fflags > 31)
		what = "fflags";
	else if (s->x[0])
		what = "x0";
	else if (satp != SATP_BARE && (satp < SATP_SV39 || satp > SATP_SV57))
		what = "satp";
	if (what)
		return err_set(e, EINVAL, "register '%s': %#llx is no value of it", what,
			       (unsigned long long)isa_reg_get(isa_reg(&isa_riscv64, what), s));
	riscv_state_derive(s);
	return 0;
}

void riscv_features(const struct cpu_env *env, char *buf, size_t n)
{
	size_t at = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < sizeof(feature_names) / sizeof(*feature_names); i++)
		if (env->features & feature_names[i].bit && at < n)
			at += (size_t)snprintf(buf + at, n - at, "%s%s", at ? "," : "",
					       feature_names[i].name);
}

/* --- models --- */

static const struct cpu_model *model_find(const char *name, size_t n)
{
	for (const struct cpu_model *m = riscv_cpus; m->name; m++)
		if (strlen(m->name) == n && !memcmp(m->name, name, n))
			return m;
	return NULL;
}

static uint32_t feature_find(const char *name, size_t n)
{
	for (size_t i = 0; i < sizeof(feature_names) / sizeof(*feature_names); i++)
		if (feature_names[i].bit != FEAT_SBI && strlen(feature_names[i].name) == n &&
		    !memcmp(feature_names[i].name, name, n))
			return feature_names[i].bit;
	return 0;
}

static int feature_apply(const char *item, size_t n, uint32_t *features, struct err *e)
{
	const char *eq = memchr(item, '=', n);
	uint32_t bit = feature_find(item, eq ? (size_t)(eq - item) : n);
	size_t rest = eq ? n - (size_t)(eq - item) - 1 : 0;
	bool on;

	if (!bit)
		return err_set(e, EINVAL, "-cpu: unknown feature \"%.*s\"", (int)n, item);
	if (!eq || (rest == 2 && !memcmp(eq + 1, "on", 2)))
		on = true;
	else if (rest == 3 && !memcmp(eq + 1, "off", 3))
		on = false;
	else
		return err_set(e, EINVAL, "-cpu: \"%.*s\": on or off wanted", (int)n, item);
	*features = on ? *features | bit : *features & ~bit;
	return 0;
}

int riscv_cpu_config(const char *text, uint32_t *features, uint64_t *features2, struct err *e)
{
	const struct cpu_model *m = riscv_cpus;
	size_t n;
	int ret;

	text = text ? text : "";
	n = strcspn(text, ",");
	if (n)
		m = model_find(text, n);
	if (!m)
		return err_set(e, EINVAL, "-cpu: unknown riscv64 model \"%.*s\"", (int)n, text);
	*features = m->features;
	*features2 = m->features2;
	for (text += n; *text; text += n) {
		n = strcspn(++text, ",");
		if (!n)
			continue;
		ret = feature_apply(text, n, features, e);
		if (ret)
			return ret;
	}
	if (*features & FEAT_D && !(*features & FEAT_F))
		return err_set(e, EINVAL, "-cpu: d needs f");
	if (*features & FEAT_SV57 && !(*features & FEAT_SV48))
		return err_set(e, EINVAL, "-cpu: sv57 needs sv48");
	return 0;
}

void riscv_isa_string(uint32_t features, uint64_t features2, char *buf, size_t n)
{
	/* not extensions: told by mmu-type, or not at all */
	uint32_t skip = FEAT_SV48 | FEAT_SV57 | FEAT_PMP | FEAT_SBI | FEAT_F | FEAT_D;
	int at = snprintf(buf, n, "rv64ima%s%sc_zicntr_zicsr_zifencei_zihintpause",
			  features & FEAT_F ? "f" : "", features & FEAT_D ? "d" : "");

	for (size_t i = 0; i < sizeof(feature_names) / sizeof(*feature_names); i++)
		if (at >= 0 && (size_t)at < n && features & feature_names[i].bit & ~skip)
			at += snprintf(buf + at, n - (size_t)at, "_%s", feature_names[i].name);
}

/* --- dump --- */

void riscv_dump(void *state, FILE *f)
{
	static const char *const names[] = { "U", "S", "?", "M" };
	struct riscv_state *s = state;
	struct cpu_mode mode;

	riscv_mode(s, &mode);
	fprintf(f, "mode %s  view %u  space %016" PRIx64 "  mip %03" PRIx64 "  mie %03" PRIx64
		"  sstatus %016" PRIx64 "  fpstate %02x\n",
		names[s->priv & 3], mode.view, mode.space, riscv_mip(s), s->mie,
		riscv_status_read(s, SSTATUS_READ), s->fpstate);
}
