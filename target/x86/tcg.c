/* SPDX-License-Identifier: GPL-2.0-or-later */
/* x86 for the translator. */
#include "target/x86/tcg.h"

#include "target/x86/decode.h"
#include "target/x86/state.h"
#include "target/x86/translate.h"

#include <stddef.h>

/* Pins in the order of what compilers use most: r10 and r11 live between calls only. */
#define AT(member) offsetof(struct x86_state, member)
#define G(reg, name, pin) [X86_SLOT_GPR + (reg)] = { name, AT(gpr[reg]), 0, pin }
#define V(n) [X86_SLOT_VEC + (n)] = { "ymm" #n, AT(ymm[n]), 2, (n) + 1 }
static const struct ir_slot slots[X86_NR_SLOTS] = {
	G(X86_RAX, "rax", 1), G(X86_RCX, "rcx", 2), G(X86_RDX, "rdx", 3), G(X86_RSP, "rsp", 4),
	G(X86_RDI, "rdi", 5), G(X86_RSI, "rsi", 6), G(X86_RBX, "rbx", 7), G(X86_RBP, "rbp", 8),
	G(X86_R8, "r8", 9), G(X86_R12, "r12", 10), G(X86_R9, "r9", 11), G(X86_R13, "r13", 12),
	G(X86_R14, "r14", 13), G(X86_R15, "r15", 14), G(X86_R10, "r10", 15), G(X86_R11, "r11", 16),
	V(0), V(1), V(2), V(3), V(4), V(5), V(6), V(7),
	V(8), V(9), V(10), V(11), V(12), V(13), V(14), V(15),
};
#undef G
#undef V
#undef AT

const struct isa_tcg x86_tcg = {
	.slots = slots,
	.nr_slots = X86_NR_SLOTS,
	.nr_views = X86_NR_VIEWS,
	.shared_views = 1u << X86_VIEW_KERNEL,
	.pc_off = offsetof(struct x86_state, pc),
	.resv_addr_off = offsetof(struct x86_state, no_reservation[0]),
	.resv_val_off = offsetof(struct x86_state, no_reservation[1]),
	.fp_policy = FP_X86,
	.coherent_code = true,
	.bus_ones = true,
	.traps_write_slots = true,
	.has_flags = true,
	.flags_op_off = offsetof(struct x86_state, cc_op),
	.flags_off = { offsetof(struct x86_state, cc[0]), offsetof(struct x86_state, cc[1]),
		       offsetof(struct x86_state, cc[2]) },
	.flags_c_first = X86_CC_INC,
	.flags_c_last = X86_CC_DEC + 3,
	.mode = x86_mode,
	.insn_len = x86_insn_len,
	.max_insn_len = X86_MAX_LEN,
	.translate = x86_translate,
	.walk = x86_walk,
	.mem_fault = x86_mem_fault,
	.guard_fail = x86_guard_fail,
	.interrupt = x86_interrupt,
	.step = x86_step,
	.wake = x86_wake,
	.fp_round = x86_fp_control,
	.fp_flags = x86_fp_flags,
	.settle = x86_settle,
	.unsettle = x86_unsettle,
	.pull = x86_pull,
	.cpu_start = x86_cpu_start,
	.cpu_stop = x86_cpu_stop,
	.time_start = x86_time_start,
	.caps = x86_tcg_caps,
};
