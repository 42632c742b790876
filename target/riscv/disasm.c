// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Text of an instruction from the templates in insn*.dec, in the GNU
 * assembler's notation without aliases.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "riscv_decode.h"
#include "target/isa.h"
#include "target/riscv/csr.h"
#include "target/riscv/tcg.h"

#define ALL_FEATURES UINT32_MAX

static const char *const x_names[32] = {
	"zero", "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "s0", "s1", "a0",
	"a1",   "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5",
	"s6",   "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
};
static const char *const f_names[32] = {
	"ft0", "ft1", "ft2", "ft3", "ft4",  "ft5",  "ft6", "ft7", "fs0",  "fs1",  "fa0",
	"fa1", "fa2", "fa3", "fa4", "fa5",  "fa6",  "fa7", "fs2", "fs3",  "fs4",  "fs5",
	"fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11",
};

#define CSR_NAMES(X)                                                                               \
	X(FFLAGS, "fflags")                                                                        \
	X(FRM, "frm") X(FCSR, "fcsr") X(CYCLE, "cycle") X(TIME, "time") X(INSTRET, "instret") X(   \
		SSTATUS, "sstatus") X(SIE, "sie") X(STVEC, "stvec") X(SCOUNTEREN, "scounteren")    \
		X(SENVCFG, "senvcfg") X(SSCRATCH, "sscratch") X(SEPC, "sepc") X(SCAUSE, "scause")  \
			X(STVAL, "stval") X(SIP, "sip") X(STIMECMP, "stimecmp") X(SATP, "satp") X( \
				MVENDORID, "mvendorid") X(MARCHID, "marchid") X(MIMPID, "mimpid")  \
				X(MHARTID, "mhartid") X(MCONFIGPTR, "mconfigptr") X(               \
					MSTATUS, "mstatus") X(MISA, "misa") X(MEDELEG, "medeleg")  \
					X(MIDELEG, "mideleg") X(MIE, "mie") X(MTVEC, "mtvec") X(   \
						MCOUNTEREN, "mcounteren") X(MENVCFG, "menvcfg")    \
						X(MCOUNTINHIBIT, "mcountinhibit") X(               \
							MSCRATCH, "mscratch") X(MEPC, "mepc")      \
							X(MCAUSE, "mcause") X(MTVAL, "mtval")      \
								X(MIP, "mip") X(MCYCLE, "mcycle")  \
									X(MINSTRET, "minstret")

static int put_csr(char *buf, size_t n, unsigned csr)
{
	switch (csr) {
#define X(id, name) case CSR_##id: return snprintf(buf, n, "%s", name);
	CSR_NAMES(X)
#undef X
	}
	if (csr >= CSR_PMPADDR0 && csr <= CSR_PMPADDR63)
		return snprintf(buf, n, "pmpaddr%u", csr - CSR_PMPADDR0);
	if (csr >= CSR_PMPCFG0 && csr <= CSR_PMPCFG15)
		return snprintf(buf, n, "pmpcfg%u", csr - CSR_PMPCFG0);
	return snprintf(buf, n, "0x%x", csr);
}

static int put_fence(char *buf, size_t n, unsigned set)
{
	if (!set)
		return snprintf(buf, n, "unknown");
	return snprintf(buf, n, "%s%s%s%s", set & 8 ? "i" : "", set & 4 ? "o" : "",
			set & 2 ? "r" : "", set & 1 ? "w" : "");
}

static int put_field(char *buf, size_t n, const struct insn_field *f, uint32_t insn, uint64_t pc)
{
	static const char *const aqrl[] = { "", ".rl", ".aq", ".aqrl" };
	static const char *const rm[] = { ",rne", ",rtz",     ",rdn",     ",rup",
					  ",rmm", ",unknown", ",unknown", "" };
	int64_t v = insn_field_get(f, insn);

	switch (f->kind) {
	case INSN_X:
		return snprintf(buf, n, "%s", x_names[v]);
	case INSN_F:
		return snprintf(buf, n, "%s", f_names[v]);
	case INSN_HEX:
		return snprintf(buf, n, "0x%" PRIx64, (uint64_t)v);
	case INSN_UPPER:
		return snprintf(buf, n, "0x%" PRIx64, (uint64_t)v >> 12 & 0xfffff);
	case INSN_PCREL:
		return snprintf(buf, n, "%" PRIx64, pc + (uint64_t)v);
	case INSN_CSR:
		return put_csr(buf, n, (unsigned)v);
	case INSN_RM:
		return snprintf(buf, n, "%s", rm[v]);
	case INSN_FENCE:
		return put_fence(buf, n, (unsigned)v);
	case INSN_AQRL:
		return snprintf(buf, n, "%s", aqrl[v]);
	default:
		return snprintf(buf, n, "%" PRId64, v);
	}
}

static const struct insn_field *find_field(const struct insn_gen *g, const char *name, size_t n)
{
	for (unsigned i = 0; i < g->nr_fields; i++)
		if (strlen(g->fields[i]->name) == n && !memcmp(g->fields[i]->name, name, n))
			return g->fields[i];
	return NULL;
}

static void format(const struct insn_gen *g, uint32_t insn, uint64_t pc, char *buf, size_t size)
{
	size_t at = 0;
	int n;

	for (const char *t = g->text; *t && at + 1 < size; t++) {
		const struct insn_field *f;
		const char *end;

		if (*t != '{') {
			buf[at++] = *t;
			continue;
		}
		end = strchr(t, '}');
		f = find_field(g, t + 1, (size_t)(end - t - 1));
		n = f ? put_field(buf + at, size - at, f, insn, pc) : 0;
		at += (size_t)n < size - at ? (size_t)n : size - at - 1;
		t = end;
	}
	buf[at] = 0;
}

unsigned riscv_disasm(uint64_t pc, const uint8_t *bytes, unsigned n, char *buf, size_t size)
{
	unsigned len = n >= 2 ? riscv_insn_len(bytes, n, 0) : 1;
	const struct insn_gen *g;
	uint32_t insn = 0;

	if (len > n || n < 2) {
		snprintf(buf, size, ".byte 0x%02x", n ? bytes[0] : 0);
		return 1;
	}
	memcpy(&insn, bytes, len);
	g = insn_find(riscv_insns, insn, len, ALL_FEATURES);
	if (g)
		format(g, insn, pc, buf, size);
	else
		snprintf(buf, size, len == 4 ? ".4byte 0x%x" : ".2byte 0x%x", insn);
	return len;
}
