// SPDX-License-Identifier: GPL-2.0-or-later
#include "target/riscv/csr.h"

#include "target/riscv/mmu.h"
#include "target/riscv/trap.h"

/*
 * Cycles and instructions are not counted: both run at a fixed multiple of the
 * time base, which keeps them monotonic and plausible for software that takes
 * them for a clock.
 */
#define CYCLES_PER_TICK 100

#define MSTATUS_WRITE \
	(SSTATUS_WRITE | MST_MIE | MST_MPIE | MST_MPP | MST_MPRV | MST_TVM | MST_TW | MST_TSR)
#define MEDELEG_MASK \
	(0xf7ffull & ~(1ull << 14) & ~(1ull << 10)) /* not ecall from M (11), reserved ones */
#define COUNTER_CY 1
#define COUNTER_TM 2
#define COUNTER_IR 4

static struct cpu_env *env_of(struct riscv_state *s)
{
	return cpu_env(s);
}

static void flush_all(struct riscv_state *s)
{
	struct cpu_env *env = env_of(s);
	struct tlb_flush f = { .kind = FLUSH_ALL };

	env->ops->flush(env, &f);
}

static void mode_changed(struct riscv_state *s)
{
	struct cpu_env *env = env_of(s);

	env->ops->mode_changed(env);
}

/* --- status --- */

uint64_t riscv_status_read(const struct riscv_state *s, uint64_t mask)
{
	uint64_t v = s->mstatus & mask;

	return (v & MST_FS) == MST_FS ? v | MST_SD : v;
}

static void fpstate_derive(struct riscv_state *s)
{
	unsigned fs = (unsigned)(s->mstatus >> MST_FS_SHIFT) & 3;

	if (fs == 0)
		s->fpstate = FPS_OFF;
	else
		s->fpstate = (uint8_t)(s->frm | (fs == 3 ? FPS_DIRTY : 0) |
				       (s->frm > 4 ? FPS_BAD_FRM : 0));
}

void riscv_state_derive(struct riscv_state *s)
{
	s->x[0] = 0;
	s->pmp_active = !riscv_pmp_open(s, env_of(s)->features);
	fpstate_derive(s);
}

void riscv_mstatus_set(struct riscv_state *s, uint64_t v)
{
	uint64_t diff = s->mstatus ^ v;

	s->mstatus = v;
	if (diff & MST_FS)
		fpstate_derive(s);
	if (!(diff & (MST_SUM | MST_MXR | MST_MPRV | MST_MPP)))
		return;
	/*
	 * Views tell U, S, S with SUM, M and M with MPRV apart. What else changes the meaning
	 * of cached translations is rare: MXR, and MPP or SUM as the MPRV view sees them.
	 */
	if (diff & MST_MXR || (v & MST_MPRV && diff & (MST_MPRV | MST_MPP | MST_SUM)))
		flush_all(s);
	mode_changed(s);
}

static uint64_t mstatus_legal(struct riscv_state *s, uint64_t v)
{
	uint64_t mpp = (v & MST_MPP) >> MST_MPP_SHIFT;

	if (mpp == 2)		/* reserved: WARL keeps the old one */
		v = (v & ~MST_MPP) | (s->mstatus & MST_MPP);
	if (!(env_of(s)->features & FEAT_F))
		v &= ~MST_FS;
	return v;
}

static void status_write(struct riscv_state *s, uint64_t v, uint64_t mask)
{
	riscv_mstatus_set(s, (s->mstatus & ~mask) | (mstatus_legal(s, v) & mask));
}

/* --- floating point --- */

static uint64_t fflags_read(struct riscv_state *s)
{
	struct cpu_env *env = env_of(s);

	s->fflags |= env->ops->fp_take(env) & 31;
	return s->fflags;
}

static void fflags_write(struct riscv_state *s, uint64_t v)
{
	struct cpu_env *env = env_of(s);

	env->ops->fp_take(env);
	s->fflags = v & 31;
}

static void frm_write(struct riscv_state *s, uint64_t v)
{
	struct cpu_env *env = env_of(s);

	if (s->frm == (v & 7))
		return;
	s->frm = v & 7;
	fpstate_derive(s);
	env->ops->fp_round(env, s->frm > 4 ? 0 : s->frm);
	mode_changed(s);
}

static int fp_csr(struct riscv_state *s)
{
	return s->mstatus & MST_FS ? 0 : -1;
}

/* --- counters --- */

static uint64_t time_now(struct riscv_state *s)
{
	struct cpu_env *env = env_of(s);

	return env->ops->time(env);
}

static uint64_t counter_read(struct riscv_state *s, uint64_t off, unsigned inhibit)
{
	return s->mcountinhibit & inhibit ? off : off + time_now(s) * CYCLES_PER_TICK;
}

static void counter_write(struct riscv_state *s, uint64_t *off, unsigned inhibit, uint64_t v)
{
	*off = s->mcountinhibit & inhibit ? v : v - time_now(s) * CYCLES_PER_TICK;
}

static void countinhibit_write(struct riscv_state *s, uint64_t v)
{
	uint64_t cycle = counter_read(s, s->cycle_off, COUNTER_CY);
	uint64_t instret = counter_read(s, s->instret_off, COUNTER_IR);

	s->mcountinhibit = v & (COUNTER_CY | COUNTER_IR);
	counter_write(s, &s->cycle_off, COUNTER_CY, cycle);
	counter_write(s, &s->instret_off, COUNTER_IR, instret);
}

static int user_counter(struct riscv_state *s, unsigned csr, uint64_t *v)
{
	unsigned bit = csr & 31;

	if (s->priv < PRIV_M && !(s->mcounteren >> bit & 1))
		return -1;
	if (s->priv < PRIV_S && !(s->scounteren >> bit & 1))
		return -1;
	switch (csr) {
	case CSR_CYCLE:
		*v = counter_read(s, s->cycle_off, COUNTER_CY);
		return 0;
	case CSR_TIME:
		*v = time_now(s);
		return 0;
	case CSR_INSTRET:
		*v = counter_read(s, s->instret_off, COUNTER_IR);
		return 0;
	default:
		*v = 0;		/* hpmcounter3..31: none */
		return 0;
	}
}

/* --- interrupts --- */

/* Bits of mip that software sets: SEIP only from M, STIP only while no stimecmp drives it. */
static void mip_write(struct riscv_state *s, uint64_t v, uint64_t mask)
{
	struct cpu_env *env = env_of(s);
	uint64_t ssip = 1u << IRQ_S_SOFT;

	if (s->menvcfg & ENV_STCE)
		mask &= ~(1ull << IRQ_S_TIMER);
	s->mip = (s->mip & ~mask) | (v & mask);
	/* an IPI from outside comes by the line: writing 0 takes it down */
	if (mask & ssip && !(v & ssip) && env->ops->lines(env) & ssip)
		env->ops->line_clear(env, IRQ_S_SOFT);
}

static int stimecmp_usable(struct riscv_state *s)
{
	if (!(env_of(s)->features & FEAT_SSTC))
		return -1;
	if (s->priv < PRIV_M && !(s->mcounteren & COUNTER_TM && s->menvcfg & ENV_STCE))
		return -1;
	return 0;
}

/* --- the rest of what needs more than a move --- */

uint64_t riscv_menvcfg_mask(uint32_t features)
{
	uint64_t m = ENV_FIOM;

	m |= features & FEAT_ZICBOM ? ENV_CBIE | ENV_CBCFE : 0;
	m |= features & FEAT_ZICBOZ ? ENV_CBZE : 0;
	m |= features & FEAT_SVADU ? ENV_ADUE : 0;
	m |= features & FEAT_SVPBMT ? ENV_PBMTE : 0;
	m |= features & FEAT_SSTC ? ENV_STCE : 0;
	return m;
}

static uint64_t envcfg_legal(uint64_t v, uint64_t old)
{
	return (v & ENV_CBIE) == 2u << 4 ? (v & ~ENV_CBIE) | (old & ENV_CBIE) : v;
}

static void menvcfg_write(struct riscv_state *s, uint64_t v)
{
	uint64_t old = s->menvcfg;

	s->menvcfg = envcfg_legal(v, old) & riscv_menvcfg_mask(env_of(s)->features);
	if ((s->menvcfg ^ old) & ENV_STCE)
		s->mip &= ~(1ull << IRQ_S_TIMER);
	/* jump caches are by view, which does not tell whether cbo.zero is allowed */
	if ((s->menvcfg ^ old) & (ENV_ADUE | ENV_PBMTE | ENV_CBZE))
		flush_all(s);
	mode_changed(s);
}

static void senvcfg_write(struct riscv_state *s, uint64_t v)
{
	uint64_t old = s->senvcfg;

	s->senvcfg = envcfg_legal(v, old) & riscv_menvcfg_mask(env_of(s)->features) &
		     (ENV_FIOM | ENV_CBIE | ENV_CBCFE | ENV_CBZE);
	if ((s->senvcfg ^ old) & ENV_CBZE)
		flush_all(s);
	mode_changed(s);
}

static void satp_write(struct riscv_state *s, uint64_t v)
{
	uint32_t features = env_of(s)->features;
	unsigned mode = SATP_MODE(v);

	/* an unsupported mode: the whole write has no effect (4.1.11) */
	if (mode != SATP_BARE && mode != SATP_SV39 &&
	    !(mode == SATP_SV48 && features & FEAT_SV48) &&
	    !(mode == SATP_SV57 && features & FEAT_SV57))
		return;
	if (s->satp == v)
		return;
	/* what is global is so among the spaces of one mode */
	if (mode != SATP_BARE && SATP_MODE(s->satp) != SATP_BARE && mode != SATP_MODE(s->satp))
		flush_all(s);
	s->satp = v;
	mode_changed(s);
}

static uint64_t misa(struct riscv_state *s)
{
	uint32_t features = env_of(s)->features;
	uint64_t v = 2ull << 62;

	for (const char *p = "acimsu"; *p; p++)
		v |= 1ull << (*p - 'a');
	v |= features & FEAT_F ? 1ull << ('f' - 'a') : 0;
	v |= features & FEAT_D ? 1ull << ('d' - 'a') : 0;
	return v;
}

static int satp_usable(struct riscv_state *s)
{
	return s->priv == PRIV_S && s->mstatus & MST_TVM ? -1 : 0;
}

static bool csr_range(unsigned csr, unsigned first, unsigned last)
{
	return csr >= first && csr <= last;
}

static int pmp_csr(struct riscv_state *s, unsigned csr)
{
	if (!(env_of(s)->features & FEAT_PMP))
		return -1;
	return csr <= CSR_PMPCFG15 && csr & 1 ? -1 : 0;	/* odd ones exist on RV32 only */
}

static int read_range(struct riscv_state *s, unsigned csr, uint64_t *v)
{
	*v = 0;
	if (csr_range(csr, CSR_HPMCOUNTER3, CSR_HPMCOUNTER31))
		return user_counter(s, csr, v);
	if (csr_range(csr, CSR_MHPMCOUNTER3, CSR_MHPMCOUNTER31) ||
	    csr_range(csr, CSR_MHPMEVENT3, CSR_MHPMEVENT31))
		return 0;
	if (!csr_range(csr, CSR_PMPCFG0, CSR_PMPADDR63) || pmp_csr(s, csr))
		return -1;
	*v = csr <= CSR_PMPCFG15 ? riscv_pmpcfg_read(s, csr - CSR_PMPCFG0) :
				   riscv_pmpaddr_read(s, csr - CSR_PMPADDR0);
	return 0;
}

static int write_range(struct riscv_state *s, unsigned csr, uint64_t v)
{
	if (csr_range(csr, CSR_MHPMCOUNTER3, CSR_MHPMCOUNTER31) ||
	    csr_range(csr, CSR_MHPMEVENT3, CSR_MHPMEVENT31))
		return 0;
	if (!csr_range(csr, CSR_PMPCFG0, CSR_PMPADDR63) || pmp_csr(s, csr))
		return -1;
	if (csr <= CSR_PMPCFG15)
		riscv_pmpcfg_write(s, csr - CSR_PMPCFG0, v);
	else
		riscv_pmpaddr_write(s, csr - CSR_PMPADDR0, v);
	s->pmp_active = !riscv_pmp_open(s, env_of(s)->features);
	flush_all(s);
	return 0;
}

int riscv_csr_read(struct riscv_state *s, unsigned csr, uint64_t *v)
{
	if ((csr >> 8 & 3) > s->priv)
		return -1;
	switch (csr) {
	case CSR_FFLAGS:
		*v = fflags_read(s);
		return fp_csr(s);
	case CSR_FRM:
		*v = s->frm;
		return fp_csr(s);
	case CSR_FCSR:
		*v = fflags_read(s) | (uint64_t)s->frm << 5;
		return fp_csr(s);
	case CSR_CYCLE: case CSR_TIME: case CSR_INSTRET:
		return user_counter(s, csr, v);
	case CSR_SSTATUS:	*v = riscv_status_read(s, SSTATUS_READ); return 0;
	case CSR_SIE:		*v = s->mie & s->mideleg; return 0;
	case CSR_SIP:		*v = riscv_mip(s) & s->mideleg; return 0;
	case CSR_STVEC:		*v = s->stvec; return 0;
	case CSR_SCOUNTEREN:	*v = s->scounteren; return 0;
	case CSR_SENVCFG:	*v = s->senvcfg; return 0;
	case CSR_SSCRATCH:	*v = s->sscratch; return 0;
	case CSR_SEPC:		*v = s->sepc; return 0;
	case CSR_SCAUSE:	*v = s->scause; return 0;
	case CSR_STVAL:		*v = s->stval; return 0;
	case CSR_STIMECMP:	*v = s->stimecmp; return stimecmp_usable(s);
	case CSR_SATP:		*v = s->satp; return satp_usable(s);
	case CSR_MVENDORID: case CSR_MARCHID: case CSR_MIMPID: case CSR_MCONFIGPTR:
		*v = 0;
		return 0;
	case CSR_MHARTID:	*v = env_of(s)->index; return 0;
	case CSR_MSTATUS:	*v = riscv_status_read(s, ~0ull); return 0;
	case CSR_MISA:		*v = misa(s); return 0;
	case CSR_MEDELEG:	*v = s->medeleg; return 0;
	case CSR_MIDELEG:	*v = s->mideleg; return 0;
	case CSR_MIE:		*v = s->mie; return 0;
	case CSR_MIP:		*v = riscv_mip(s); return 0;
	case CSR_MTVEC:		*v = s->mtvec; return 0;
	case CSR_MCOUNTEREN:	*v = s->mcounteren; return 0;
	case CSR_MENVCFG:	*v = s->menvcfg; return 0;
	case CSR_MCOUNTINHIBIT:	*v = s->mcountinhibit; return 0;
	case CSR_MSCRATCH:	*v = s->mscratch; return 0;
	case CSR_MEPC:		*v = s->mepc; return 0;
	case CSR_MCAUSE:	*v = s->mcause; return 0;
	case CSR_MTVAL:		*v = s->mtval; return 0;
	case CSR_MCYCLE:	*v = counter_read(s, s->cycle_off, COUNTER_CY); return 0;
	case CSR_MINSTRET:	*v = counter_read(s, s->instret_off, COUNTER_IR); return 0;
	default:
		return read_range(s, csr, v);
	}
}

static void mie_write(struct riscv_state *s, uint64_t v, uint64_t mask)
{
	mask &= IRQ_S_MASK | IRQ_M_MASK;
	s->mie = (s->mie & ~mask) | (v & mask);
}

int riscv_csr_write(struct riscv_state *s, unsigned csr, uint64_t v)
{
	if ((csr >> 8 & 3) > s->priv || csr >> 10 == 3)
		return -1;
	switch (csr) {
	case CSR_FFLAGS:
		fflags_write(s, v);
		return fp_csr(s);
	case CSR_FRM:
		frm_write(s, v);
		return fp_csr(s);
	case CSR_FCSR:
		fflags_write(s, v);
		frm_write(s, v >> 5);
		return fp_csr(s);
	case CSR_SSTATUS:	status_write(s, v, SSTATUS_WRITE); return 0;
	case CSR_SIE:		mie_write(s, v, s->mideleg); return 0;
	case CSR_SIP:		mip_write(s, v, s->mideleg & 1u << IRQ_S_SOFT); return 0;
	case CSR_STVEC:		s->stvec = v & ~2ull; return 0;
	case CSR_SCOUNTEREN:	s->scounteren = (uint32_t)v; return 0;
	case CSR_SENVCFG:
		senvcfg_write(s, v);
		return 0;
	case CSR_SSCRATCH:	s->sscratch = v; return 0;
	case CSR_SEPC:		s->sepc = v & ~1ull; return 0;
	case CSR_SCAUSE:	s->scause = v; return 0;
	case CSR_STVAL:		s->stval = v; return 0;
	case CSR_STIMECMP:
		if (stimecmp_usable(s))
			return -1;
		riscv_timer_set(s, v);
		return 0;
	case CSR_SATP:
		if (satp_usable(s))
			return -1;
		satp_write(s, v);
		return 0;
	case CSR_MSTATUS:	status_write(s, v, MSTATUS_WRITE); return 0;
	case CSR_MISA:		return 0;	/* fixed */
	case CSR_MEDELEG:	s->medeleg = v & MEDELEG_MASK; return 0;
	case CSR_MIDELEG:	s->mideleg = v & IRQ_S_MASK; return 0;
	case CSR_MIE:		mie_write(s, v, ~0ull); return 0;
	case CSR_MIP:		mip_write(s, v, IRQ_S_MASK); return 0;
	case CSR_MTVEC:		s->mtvec = v & ~2ull; return 0;
	case CSR_MCOUNTEREN:	s->mcounteren = (uint32_t)v; return 0;
	case CSR_MENVCFG:	menvcfg_write(s, v); return 0;
	case CSR_MCOUNTINHIBIT:	countinhibit_write(s, v); return 0;
	case CSR_MSCRATCH:	s->mscratch = v; return 0;
	case CSR_MEPC:		s->mepc = v & ~1ull; return 0;
	case CSR_MCAUSE:	s->mcause = v; return 0;
	case CSR_MTVAL:		s->mtval = v; return 0;
	case CSR_MCYCLE:	counter_write(s, &s->cycle_off, COUNTER_CY, v); return 0;
	case CSR_MINSTRET:	counter_write(s, &s->instret_off, COUNTER_IR, v); return 0;
	default:
		return write_range(s, csr, v);
	}
}
