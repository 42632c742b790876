// SPDX-License-Identifier: GPL-2.0-or-later
#include "target/riscv/trap.h"

#include <string.h>

#include "target/riscv/csr.h"
#include "target/riscv/mmu.h"
#include "util/log.h"

/* Direct, or vectored for interrupts (3.1.7, 4.1.2). */
static uint64_t vector(uint64_t tvec, uint64_t cause)
{
	uint64_t base = tvec & ~3ull;

	return tvec & 1 && cause & CAUSE_INTERRUPT ? base + 4 * (cause & 63) : base;
}

static void trap_to_s(struct riscv_state *s, uint64_t cause, uint64_t tval)
{
	uint64_t m = s->mstatus & ~(MST_SPIE | MST_SPP | MST_SIE);

	m |= s->mstatus & MST_SIE ? MST_SPIE : 0;
	m |= s->priv == PRIV_S ? MST_SPP : 0;
	s->mstatus = m;
	s->scause = cause;
	s->stval = tval;
	s->sepc = s->pc;
	s->pc = vector(s->stvec, cause);
	s->priv = PRIV_S;
}

static void trap_to_m(struct riscv_state *s, uint64_t cause, uint64_t tval)
{
	uint64_t m = s->mstatus & ~(MST_MPIE | MST_MPP | MST_MIE);

	m |= s->mstatus & MST_MIE ? MST_MPIE : 0;
	m |= (uint64_t)s->priv << MST_MPP_SHIFT;
	s->mcause = cause;
	s->mtval = tval;
	s->mepc = s->pc;
	s->pc = vector(s->mtvec, cause);
	s->priv = PRIV_M;
	riscv_mstatus_set(s, m);
}

/* -d int: one line for each trap, before anything changes. */
static void trace(const struct riscv_state *s, uint64_t cause, uint64_t tval, unsigned to)
{
	static const char modes[] = "US?M";
	static const char *const traps[16] = {
		"fetch misaligned",
		"fetch access fault",
		"illegal instruction",
		"breakpoint",
		"load misaligned",
		"load access fault",
		"store misaligned",
		"store access fault",
		"ecall from U",
		"ecall from S",
		"?",
		"ecall from M",
		"fetch page fault",
		"load page fault",
		"?",
		"store page fault",
	};
	static const char *const irqs[16] = {
		[IRQ_S_SOFT] = "S software", [IRQ_M_SOFT] = "M software", [IRQ_S_TIMER] = "S timer",
		[IRQ_M_TIMER] = "M timer", [IRQ_S_EXT] = "S external", [IRQ_M_EXT] = "M external",
	};
	const char *name = cause & CAUSE_INTERRUPT ? irqs[cause & 15] : traps[cause & 15];

	log_trace("int: cpu %u pc %016lx %c->%c %s %u %s tval %lx\n", cpu_env((void *)s)->index,
		  (unsigned long)s->pc, modes[s->priv & 3], modes[to],
		  cause & CAUSE_INTERRUPT ? "interrupt" : "exception", (unsigned)cause & 63,
		  name ? name : "?", (unsigned long)tval);
}

void riscv_trap(struct riscv_state *s, uint64_t cause, uint64_t tval)
{
	uint64_t deleg = cause & CAUSE_INTERRUPT ? s->mideleg : s->medeleg;
	struct cpu_env *env = cpu_env(s);
	bool to_s = s->priv <= PRIV_S && deleg >> (cause & 63) & 1;

	if (log_on(LOG_INT) && CPU_HEAD(s)->tcg &&
	    log_filter(s->pc)) /* not in lockstep's dry runs */
		trace(s, cause, tval, to_s ? PRIV_S : PRIV_M);
	/* A context switch must not let an SC succeed on the strength of another thread's LR. */
	s->resv_addr = UINT64_MAX;
	if (to_s)
		trap_to_s(s, cause, tval);
	else
		trap_to_m(s, cause, tval);
	env->ops->mode_changed(env);
}

/* The halfword at va, of code that has just been fetched; 0 when it is gone. */
static uint16_t code_half(struct riscv_state *s, gva_t va)
{
	struct cpu_env *env = cpu_env(s);
	const uint8_t *p;
	uint16_t half;
	uint64_t pa;

	if (riscv_translate_debug(s, va, &pa))
		return 0;
	p = env->ops->phys(env, pa & ~7ull);
	if (!p)
		return 0;
	memcpy(&half, p + (pa & 6), sizeof(half));
	return half;
}

void riscv_illegal(struct riscv_state *s)
{
	uint32_t insn = code_half(s, s->pc);

	if ((insn & 3) == 3)
		insn |= (uint32_t)code_half(s, s->pc + 2) << 16;
	riscv_trap(s, CAUSE_ILLEGAL, insn);
}

void riscv_mem_fault(void *state, gva_t va, enum cpu_access acc, enum fault_kind k)
{
	static const uint8_t causes[][3] = {	/* by cpu_access */
		[FAULT_PAGE] = { CAUSE_LOAD_PAGE, CAUSE_STORE_PAGE, CAUSE_FETCH_PAGE },
		[FAULT_ACCESS] = { CAUSE_LOAD_ACCESS, CAUSE_STORE_ACCESS, CAUSE_FETCH_ACCESS },
		[FAULT_ALIGN] = { CAUSE_LOAD_ALIGN, CAUSE_STORE_ALIGN, CAUSE_FETCH_ALIGN },
	};

	riscv_trap(state, causes[k][acc], va);
}

/* --- interrupts --- */

uint64_t riscv_mip(struct riscv_state *s)
{
	struct cpu_env *env = cpu_env(s);
	uint64_t lines = env->ops->lines(env) & (IRQ_S_MASK | IRQ_M_MASK);

	/*
	 * Without STCE the timer line is only the VMM's SBI timer; M firmware
	 * then sets STIP itself.
	 */
	if (!(s->menvcfg & ENV_STCE) && !(env->features & FEAT_SBI))
		lines &= ~(1ull << IRQ_S_TIMER);
	return s->mip | lines;
}

void riscv_timer_set(struct riscv_state *s, uint64_t deadline)
{
	struct cpu_env *env = cpu_env(s);

	s->stimecmp = deadline;
	env->ops->timer(env, IRQ_S_TIMER, deadline);
}

int riscv_irq_next(struct riscv_state *s)
{
	static const uint8_t order[] = {	/* 3.1.9 */
		IRQ_M_EXT, IRQ_M_SOFT, IRQ_M_TIMER, IRQ_S_EXT, IRQ_S_SOFT, IRQ_S_TIMER,
	};
	uint64_t pending = s->mie, to_m, to_s;

	if (!pending)
		return -1;
	pending &= riscv_mip(s);
	if (!pending)
		return -1;
	to_m = s->priv < PRIV_M || s->mstatus & MST_MIE ? pending & ~s->mideleg : 0;
	to_s = s->priv < PRIV_S || (s->priv == PRIV_S && s->mstatus & MST_SIE) ?
		       pending & s->mideleg :
		       0;
	pending = to_m ? to_m : to_s;
	for (unsigned i = 0; pending && i < sizeof(order); i++)
		if (pending >> order[i] & 1)
			return order[i];
	return -1;
}

bool riscv_interrupt(void *state)
{
	int irq = riscv_irq_next(state);

	if (irq < 0)
		return false;
	riscv_trap(state, CAUSE_INTERRUPT | (unsigned)irq, 0);
	return true;
}

bool riscv_wake(void *state, uint64_t *lines)
{
	struct riscv_state *s = state;

	*lines = s->mie;	/* whether or not mstatus enables them (3.3.3) */
	return riscv_mip(s) & s->mie;
}
