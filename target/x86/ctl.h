/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Helpers of IR_CALL behind the instructions of insn_ctl.def (control.c). */
#ifndef TARGET_X86_CTL_H
#define TARGET_X86_CTL_H

#include <stdint.h>

uint64_t x86_help_get_cr(void *state, uint64_t n, uint64_t unused);
uint64_t x86_help_put_cr(void *state, uint64_t n, uint64_t v);
uint64_t x86_help_get_dr(void *state, uint64_t n, uint64_t unused);
uint64_t x86_help_put_dr(void *state, uint64_t n, uint64_t v);
uint64_t x86_help_invlpg(void *state, uint64_t lin, uint64_t unused);
uint64_t x86_help_invpcid(void *state, uint64_t lin, uint64_t type);
uint64_t x86_help_xgetbv(void *state, uint64_t n, uint64_t unused);
uint64_t x86_help_xsetbv(void *state, uint64_t n, uint64_t v);
uint64_t x86_help_rdpkru(void *state, uint64_t ecx, uint64_t unused);
uint64_t x86_help_wrpkru(void *state, uint64_t ecx, uint64_t v);
uint64_t x86_help_cpuid(void *state, uint64_t unused, uint64_t unused2);
uint64_t x86_help_hypercall(void *state, uint64_t unused, uint64_t unused2);
uint64_t x86_help_set_ac(void *state, uint64_t on, uint64_t unused);
uint64_t x86_help_random(void *state, uint64_t size, uint64_t unused);
uint64_t x86_help_get_base(void *state, uint64_t sreg, uint64_t unused);
uint64_t x86_help_put_base(void *state, uint64_t sreg, uint64_t v);
uint64_t x86_help_rdtsc(void *state, uint64_t unused, uint64_t unused2);
uint64_t x86_help_rdpmc(void *state, uint64_t unused, uint64_t unused2);
uint64_t x86_help_rdmsr(void *state, uint64_t unused, uint64_t unused2);
uint64_t x86_help_wrmsr(void *state, uint64_t unused, uint64_t unused2);

#endif
