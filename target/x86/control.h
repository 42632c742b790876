/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control registers, MSRs, CPUID, clocks: what other parts of the target ask of them. Functions
 * that raise an exception say so.
 */
#ifndef TARGET_X86_CONTROL_H
#define TARGET_X86_CONTROL_H

#include "target/cpu.h"
#include "target/x86/cpu.h"
#include "target/x86/state.h"
#include "util/bits.h"

/* The vCPU's resolved model; NULL: it has none (tests), everything is allowed. */
static inline const struct x86_cpu_model *x86_model(const struct x86_state *s)
{
	return cpu_env((void *)(uintptr_t)s)->model;
}

/* --- protection keys (control.c); PKRU is component 9 of the XSAVE image --- */
enum { X86_XFEATURE_PKRU = 9, X86_PKRU_OFF = 2688 /* where no CPUID says otherwise */ };
uint32_t x86_pkru(const struct x86_state *s);
void x86_pkru_put(struct x86_state *s, uint32_t v);

/* --- segments of changed control (control.c): also for task switches, SMM, INIT --- */
/* What must be flushed when CR0, CR3, CR4, EFER become other ones from outside instructions. */
void x86_flush_all(struct x86_state *s);
/*
 * MOV to a control register with all its rules. 0, or -1: #GP is to be raised (not raised here).
 * cr3: `keep` is bit 63.
 */
int x86_cr0_set(struct x86_state *s, uint64_t v);
int x86_cr3_set(struct x86_state *s, uint64_t v);
int x86_cr4_set(struct x86_state *s, uint64_t v);
/* The four PDPTEs of PAE paging (4.4.1); -1: a reserved bit, nothing changed. */
int x86_pdptes_load(struct x86_state *s, uint64_t cr3);

/* --- MSRs (msr.c): 0, or -1: #GP is to be raised --- */
int x86_msr_read(struct x86_state *s, uint32_t n, uint64_t *v);
int x86_msr_write(struct x86_state *s, uint32_t n, uint64_t v);

/* --- CPUID (control.c) --- */
void x86_cpuid_get(struct x86_state *s, uint32_t leaf, uint32_t sub, uint32_t r[4]);

/* --- clocks --- */
uint64_t x86_tsc(struct x86_state *s);		/* what RDTSC shows */
/* kvmclock.c: MSRs 0x11, 0x12, 0x4b564d00, 0x4b564d01 were written */
int x86_kvmclock_system(struct x86_state *s, uint64_t v);
int x86_kvmclock_wall(struct x86_state *s, uint64_t v);
/* Guest physical memory, from any byte on: 0, or -1 where there is no RAM. */
int x86_phys_write(struct cpu_env *env, uint64_t pa, const void *data, unsigned n);
/*
 * kvmpv.c: MSRs 0x4b564d03 and 0x4b564d04 were written; time is about to go on; line
 * X86_LINE_KICK is up
 */
int x86_kvm_steal_time(struct x86_state *s, uint64_t v);
void x86_kvm_steal_start(struct x86_state *s);
int x86_kvm_pv_eoi(struct x86_state *s, uint64_t v);
void x86_kick_take(struct x86_state *s);

#endif
