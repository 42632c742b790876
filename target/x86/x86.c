/* SPDX-License-Identifier: GPL-2.0-or-later */
/* x86-64 as a guest ISA. */
#include "target/isa.h"

#include "target/x86/cpu.h"
#include "target/x86/decode.h"
#include "target/x86/regs.h"
#include "target/x86/state.h"
#include "target/x86/tcg.h"
#include "util/bits.h"

#include <errno.h>
#include <string.h>

extern const struct isa isa_x86_64;

enum { APIC_BASE_BSP = 1 << 8, MP_RUNNABLE = 0, MP_UNINITIALIZED = 1 };
enum { RESET_RDX = 0x600 }; /* family 6; SDM volume 3, table 10-1 */

void x86_reset(void *state)
{
	struct x86_state *s = state;
	bool first = cpu_env(state)->index == 0;

	memset(s, 0, sizeof(*s));
	for (const struct reg *r = x86_regs; r->name; r++)
		if (r->reset)
			isa_reg_set(r, state, r->reset);
	s->gpr[X86_RDX] = RESET_RDX;
	s->tsc_offset = cpu_env(state)->tsc_reset;
	if (!first)
		s->apic_base &= ~(uint64_t)APIC_BASE_BSP;
	s->mp_state = first ? MP_RUNNABLE : MP_UNINITIALIZED;
}

/*
 * Firmware mode is the reset state, entered at F000:FFF0. Otherwise a 64-bit ELF
 * image's entry in long mode; other processors wait for INIT and SIPI.
 */
static void x86_boot(void *state, uint64_t pc, uint64_t arg0, uint64_t arg1, bool firmware_mode)
{
	x86_reset(state);
	if (!firmware_mode && cpu_env(state)->index == 0)
		x86_boot_long(state, pc, arg0, arg1);
}

static void x86_isa_string(uint32_t features, uint64_t features2, char *buf, size_t n)
{
	snprintf(buf, n, "x86-64");
}

static const char *mode_name(const struct x86_state *s)
{
	if (!(s->cr0 & X86_CR0_PE))
		return "real";
	if (s->efer & X86_EFER_LMA)
		return s->seg[X86_CS].attr & X86_SEG_L ? "long" : "compatibility";
	if (s->rflags & 1 << 17)
		return "virtual-8086";
	return s->cr0 & X86_CR0_PG ? "protected, paged" : "protected";
}

static void x86_dump(void *state, FILE *f)
{
	struct x86_state *s = state;

	fprintf(f, "mode %s, ring %u\n", mode_name(s),
		(s->seg[X86_SS].attr & X86_SEG_DPL) >> X86_SEG_DPL_SHIFT);
	if (s->exc_pending || s->exc_injected)
		fprintf(f, "exception %u %s, error code %#x\n", s->exc_nr,
			s->exc_injected ? "injected" : "pending", s->exc_error);
	if (s->int_injected)
		fprintf(f, "interrupt %u injected\n", s->int_nr);
}

const struct isa isa_x86_64 = {
	.name = "x86_64",
	.elf_machine = 62,
	.pe_machine = 0x8664,
	.elf_class = 2,
	.gdb_arch = "i386:x86-64",
	.gdb_feature = "org.gnu.gdb.i386.core",
	.state_size = sizeof(struct x86_state),
	.regs = x86_regs,
	.cpus = x86_cpus,
	.pc_off = offsetof(struct x86_state, rip),
	.edge_lines = 1 << X86_LINE_NMI | 1 << X86_LINE_SMI | 1 << X86_LINE_KICK,
	.loaded = x86_loaded,
	.features = x86_features_names,
	.reset = x86_reset,
	.boot = x86_boot,
	.init = x86_signal_init,
	.sipi = x86_signal_sipi,
	.cpu_config = x86_cpu_config,
	.cpu_model = x86_cpu_model_new,
	.identity_get = x86_identity_get,
	.identity_set = x86_identity_set,
	.isa_string = x86_isa_string,
	.translate_debug = x86_translate_debug,
	.disasm = x86_disasm,
	.dump = x86_dump,
	.tcg = &x86_tcg,
};
