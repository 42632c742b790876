// SPDX-License-Identifier: GPL-2.0-or-later
#include "target/riscv/helper.h"

#include "target/riscv/csr.h"
#include "target/riscv/mmu.h"
#include "target/riscv/trap.h"

static void leave_loop(struct riscv_state *s)
{
	CPU_HEAD(s)->leave = LEAVE_LOOP;
}

/* In a helper: the exception has set pc, the rest of the block is off. */
static uint64_t helper_illegal(struct riscv_state *s)
{
	riscv_illegal(s);
	leave_loop(s);
	return 0;
}

/* --- ends of blocks --- */

void riscv_leave_illegal(void *state, uint64_t insn, uint64_t unused)
{
	riscv_trap(state, CAUSE_ILLEGAL, insn);
}

void riscv_leave_ecall(void *state, uint64_t len, uint64_t unused)
{
	struct riscv_state *s = state;

	if (s->priv == PRIV_S && cpu_env(s)->features & FEAT_SBI) {
		s->pc += len;
		CPU_HEAD(s)->leave = LEAVE_FIRMWARE;
		return;
	}
	riscv_trap(s, CAUSE_ECALL_U + s->priv, 0);
}

void riscv_leave_ebreak(void *state, uint64_t len, uint64_t unused)
{
	struct riscv_state *s = state;

	riscv_trap(s, CAUSE_BREAK, s->pc);
}

static void return_to(struct riscv_state *s, unsigned priv, uint64_t mstatus, uint64_t pc)
{
	struct cpu_env *env = cpu_env(s);

	s->resv_addr = UINT64_MAX;
	s->priv = (uint8_t)priv;
	s->pc = pc;
	if (priv != PRIV_M)
		mstatus &= ~MST_MPRV;
	riscv_mstatus_set(s, mstatus);
	env->ops->mode_changed(env);
	if (riscv_irq_next(s) >= 0)
		leave_loop(s);
}

void riscv_leave_sret(void *state, uint64_t len, uint64_t unused)
{
	struct riscv_state *s = state;
	uint64_t m = s->mstatus;
	unsigned priv = m & MST_SPP ? PRIV_S : PRIV_U;

	if (s->priv == PRIV_S && m & MST_TSR) {
		riscv_illegal(s);
		return;
	}
	m = (m & ~(MST_SIE | MST_SPP)) | (m & MST_SPIE ? MST_SIE : 0) | MST_SPIE;
	return_to(s, priv, m, s->sepc);
}

void riscv_leave_mret(void *state, uint64_t len, uint64_t unused)
{
	struct riscv_state *s = state;
	uint64_t m = s->mstatus;
	unsigned priv = (m & MST_MPP) >> MST_MPP_SHIFT;

	m = (m & ~(MST_MIE | MST_MPP)) | (m & MST_MPIE ? MST_MIE : 0) | MST_MPIE;
	return_to(s, priv, m, s->mepc);
}

void riscv_leave_wfi(void *state, uint64_t len, uint64_t unused)
{
	struct riscv_state *s = state;

	if (s->priv < PRIV_M && s->mstatus & MST_TW) {
		riscv_illegal(s);
		return;
	}
	s->pc += len;
	CPU_HEAD(s)->leave = LEAVE_HALT;
}

void riscv_guard_fail(void *state)
{
	struct riscv_state *s = state;

	if (s->fpstate & FPS_OFF) {
		riscv_illegal(s);
		return;
	}
	/* initial or clean; for another frm the engine finds the right block */
	riscv_mstatus_set(s, s->mstatus | MST_FS);
}

/* --- CSRs --- */

uint64_t riscv_help_csr_read(void *state, uint64_t desc, uint64_t unused)
{
	struct riscv_state *s = state;
	uint64_t v = 0;

	if (riscv_csr_read(s, DESC_CSR(desc), &v))
		return helper_illegal(s);
	return v;
}

/* A write that enabled an interrupt takes effect before the next instruction. */
static void after_write(struct riscv_state *s, uint64_t desc)
{
	if (riscv_irq_next(s) < 0)
		return;
	s->pc += DESC_LEN(desc);
	leave_loop(s);
}

static uint64_t combine(uint64_t desc, uint64_t old, uint64_t operand)
{
	switch (DESC_OP(desc)) {
	case CSR_OP_SET:
		return old | operand;
	case CSR_OP_CLEAR:
		return old & ~operand;
	default:
		return operand;
	}
}

uint64_t riscv_help_csr_write(void *state, uint64_t desc, uint64_t operand)
{
	struct riscv_state *s = state;
	unsigned csr = DESC_CSR(desc), rd = DESC_RD(desc);
	uint64_t old = 0, base;

	/* csrrw with rd = x0 does not read; the values read here have no side effects either */
	if (riscv_csr_read(s, csr, &old))
		return helper_illegal(s);
	/*
	 * set and clear work on the bits software owns, not on the lines that
	 * are or-ed in (3.1.9)
	 */
	base = csr == CSR_MIP || csr == CSR_SIP ? s->mip | (old & 1u << IRQ_S_SOFT) : old;
	if (riscv_csr_write(s, csr, combine(desc, base, operand)))
		return helper_illegal(s);
	if (rd)
		s->x[rd] = old;
	after_write(s, desc);
	return 0;
}

uint64_t riscv_help_sstatus(void *state, uint64_t desc, uint64_t operand)
{
	struct riscv_state *s = state;
	uint64_t old = s->mstatus, v = combine(desc, old, operand), mask = SSTATUS_WRITE;
	unsigned rd = DESC_RD(desc);

	if (!(cpu_env(s)->features & FEAT_F))
		mask &= ~MST_FS;
	if (rd)
		s->x[rd] = riscv_status_read(s, SSTATUS_READ);
	riscv_mstatus_set(s, (old & ~mask) | (v & mask));
	if (v & ~old & MST_SIE)
		after_write(s, desc);
	return 0;
}

uint64_t riscv_help_sie_on(void *state, uint64_t len, uint64_t unused)
{
	after_write(state, CSR_DESC(0, 0, 0, len));
	return 0;
}

/* --- fences and cache blocks --- */

uint64_t riscv_help_sfence(void *state, uint64_t va, uint64_t operand)
{
	struct riscv_state *s = state;
	struct cpu_env *env = cpu_env(s);
	bool has_va = operand & SFENCE_HAS_VA, has_asid = operand & SFENCE_HAS_ASID;
	struct tlb_flush f = {
		.kind = (uint8_t)(has_va ? has_asid ? FLUSH_VA_ASID : FLUSH_VA :
				  has_asid ? FLUSH_ASID : FLUSH_ALL),
		.keep_global = has_asid, .asid = (uint16_t)operand, .va = va,
	};

	if (s->priv == PRIV_S && s->mstatus & MST_TVM)
		return helper_illegal(s);
	env->ops->flush(env, &f);
	return 0;
}

uint64_t riscv_help_pause(void *state, uint64_t unused, uint64_t unused2)
{
	struct cpu_env *env = cpu_env(state);

	if (env->ops->relax)
		env->ops->relax(env);
	return 0;
}

uint64_t riscv_help_fence_i(void *state, uint64_t unused, uint64_t unused2)
{
	struct cpu_env *env = cpu_env(state);

	env->ops->code_barrier(env);
	return 0;
}

/*
 * xenvcfg's control of cbo.inval (CBIE != 0), cbo.clean and flush (CBCFE)
 * below M (2.5 of Zicbom).
 */
static bool cbo_allowed(const struct riscv_state *s, uint64_t field)
{
	if (s->priv < PRIV_M && !(s->menvcfg & field))
		return false;
	return s->priv != PRIV_U || s->senvcfg & field;
}

uint64_t riscv_help_cbo(void *state, uint64_t va, uint64_t kind)
{
	struct riscv_state *s = state;
	struct cpu_mode mode;
	struct tlb_walk w;

	if (!cbo_allowed(s, kind == 0 ? ENV_CBIE : ENV_CBCFE))
		return helper_illegal(s);
	/* Permitted where a load or a store would be; faults count as a store's. */
	riscv_mode(s, &mode);
	riscv_walk(s, va, ACCESS_READ, mode.view, &w);
	if (w.fault) {
		riscv_mem_fault(s, va, ACCESS_WRITE, (enum fault_kind)w.fault);
		leave_loop(s);
	}
	return 0;
}
