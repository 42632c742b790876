// SPDX-License-Identifier: GPL-2.0-or-later
/* The riscv64 row of target/isas.def. */
#include "target/isa.h"
#include "target/riscv/cpu.h"
#include "target/riscv/firmware_sbi.h"
#include "target/riscv/helper.h"
#include "target/riscv/mmu.h"
#include "target/riscv/state.h"
#include "target/riscv/tcg.h"
#include "target/riscv/translate.h"
#include "target/riscv/trap.h"

/* KVM's one-reg ids (linux/kvm.h): architecture, size of 64 or 32 bits, class, index. */
#define KVM_ID(size, class, n) \
	(UINT64_C(0x8000000000000000) | (uint64_t)(size) << 52 | (class) << 24 | (n))
#define KVM_CORE(n)	KVM_ID(3, 0x02, n)
#define KVM_CSR(n)	KVM_ID(3, 0x03, n)
#define KVM_TIMER(n)	KVM_ID(3, 0x04, n)
#define KVM_FP_D(n)	KVM_ID(3, 0x06, n)

static const struct reg riscv_regs[] = {
#define REG(name, gdb_name, member, bits, group, kvm, gdb, flags, reset)                        \
	{                                                                                       \
		#name, gdb_name, offsetof(struct riscv_state, member), bits, group, flags, gdb, \
		kvm,   reset                                                                    \
	},
#include "target/riscv/regs.def"
#undef REG
	{ NULL, NULL, 0, 0, 0, 0, -1, 0, 0 },
};

/* The rows' widths are the members'. */
#define REG(name, gdb_name, member, bits, group, kvm, gdb, flags, reset) \
	_Static_assert(sizeof(((struct riscv_state *)0)->member) * 8 == (bits), #name);
#include "target/riscv/regs.def"
#undef REG

/* Most used first, by the ABI: arguments, stack, return address, the first saved ones. */
#define X(n, name, pin) { name, offsetof(struct riscv_state, x[n]), 0, pin }
#define F(n, name, pin) { name, offsetof(struct riscv_state, f[n]), 1, pin }
static const struct ir_slot slots[NR_SLOTS] = {
	X(0, "zero", 0),  X(1, "ra", 11),   X(2, "sp", 7),     X(3, "gp", 0),     X(4, "tp", 22),
	X(5, "t0", 17),   X(6, "t1", 15),   X(7, "t2", 16),    X(8, "s0", 8),     X(9, "s1", 9),
	X(10, "a0", 5),   X(11, "a1", 6),   X(12, "a2", 4),    X(13, "a3", 3),    X(14, "a4", 2),
	X(15, "a5", 1),   X(16, "a6", 10),  X(17, "a7", 12),   X(18, "s2", 13),   X(19, "s3", 14),
	X(20, "s4", 18),  X(21, "s5", 19),  X(22, "s6", 20),   X(23, "s7", 21),   X(24, "s8", 25),
	X(25, "s9", 26),  X(26, "s10", 27), X(27, "s11", 28),  X(28, "t3", 23),   X(29, "t4", 24),
	X(30, "t5", 29),  X(31, "t6", 30),  F(0, "ft0", 7),    F(1, "ft1", 8),    F(2, "ft2", 9),
	F(3, "ft3", 10),  F(4, "ft4", 11),  F(5, "ft5", 16),   F(6, "ft6", 17),   F(7, "ft7", 18),
	F(8, "fs0", 12),  F(9, "fs1", 13),  F(10, "fa0", 5),   F(11, "fa1", 6),   F(12, "fa2", 4),
	F(13, "fa3", 3),  F(14, "fa4", 2),  F(15, "fa5", 1),   F(16, "fa6", 14),  F(17, "fa7", 15),
	F(18, "fs2", 19), F(19, "fs3", 20), F(20, "fs4", 21),  F(21, "fs5", 22),  F(22, "fs6", 23),
	F(23, "fs7", 24), F(24, "fs8", 25), F(25, "fs9", 26),  F(26, "fs10", 27), F(27, "fs11", 28),
	F(28, "ft8", 29), F(29, "ft9", 30), F(30, "ft10", 31), F(31, "ft11", 32),
};
#undef X
#undef F

static unsigned fp_round(void *state)
{
	struct riscv_state *s = state;

	return s->frm > 4 ? 0 : s->frm;
}

static void fp_flags(void *state, unsigned flags)
{
	struct riscv_state *s = state;

	s->fflags |= flags & 31;
}

const struct isa_tcg riscv_tcg = {
	.slots = slots, .nr_slots = NR_SLOTS, .nr_views = NR_VIEWS, .shared_views = 1u << VIEW_S,
	.pc_off = offsetof(struct riscv_state, pc),
	.resv_addr_off = offsetof(struct riscv_state, resv_addr),
	.resv_val_off = offsetof(struct riscv_state, resv_val),
	.fp_policy = FP_RISCV,
	.mode = riscv_mode,
	.insn_len = riscv_insn_len,
	.max_insn_len = 4,
	.translate = riscv_translate,
	.walk = riscv_walk,
	.mem_fault = riscv_mem_fault,
	.guard_fail = riscv_guard_fail,
	.interrupt = riscv_interrupt,
	.wake = riscv_wake,
	.fp_round = fp_round,
	.fp_flags = fp_flags,
};

extern const struct isa isa_riscv64;
const struct isa isa_riscv64 = {
	.name = "riscv64",
	.elf_machine = 243, .pe_machine = 0x5064, .elf_class = 2,
	.gdb_arch = "riscv:rv64", .gdb_feature = "org.gnu.gdb.riscv.cpu",
	.state_size = sizeof(struct riscv_state),
	.regs = riscv_regs,
	.cpus = riscv_cpus,
	.pc_off = offsetof(struct riscv_state, pc),
	.edge_lines = 1u << IRQ_S_SOFT, .timer_lines = 1u << IRQ_S_TIMER,
	.loaded = riscv_loaded,
	.features = riscv_features,
	.reset = riscv_reset,
	.boot = riscv_boot,
	.cpu_config = riscv_cpu_config,
	.isa_string = riscv_isa_string,
	.translate_debug = riscv_translate_debug,
	.firmware = riscv_firmware_sbi,
	.disasm = riscv_disasm,
	.dump = riscv_dump,
	.tcg = &riscv_tcg,
};
