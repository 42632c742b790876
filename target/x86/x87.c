// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * x87 instructions, all of each in one call: exceptions, pointers, environments (SDM volume 1,
 * chapter 8). What computes is tcg/x87.h's host, or x87_soft.c.
 */
#include "target/x86/x87.h"

#include "target/x86/fpu.h"
#include "util/bits.h"

enum { ENV_MAX = 28, SAVE_MAX = ENV_MAX + 80, FSW_PENDING = X86_FSW_ES | X86_FSW_B };

static bool pending(struct x86_state *s)
{
	if (!s->fpu_es)
		return false;
	x86_exception(s, X86_MF, false, 0);
	return true;
}

uint64_t x86_help_fpu_wait(void *state, uint64_t unused, uint64_t unused2)
{
	pending(state);
	return 0;
}

/* FWAIT is the one that MP makes fault with TS. */
uint64_t x86_help_fwait(void *state, uint64_t unused, uint64_t unused2)
{
	struct x86_state *s = state;

	if ((s->cr0 & (X86_CR0_MP | X86_CR0_TS)) == (X86_CR0_MP | X86_CR0_TS))
		x86_exception(s, X86_NM, false, 0);
	else
		pending(s);
	return 0;
}

/* --- environments --- */

static unsigned env_size(uint64_t how) { return X87_HOW_SIZE16(how) ? 14 : 28; }

static bool real(const struct x86_state *s)
{
	return !(s->cr0 & X86_CR0_PE) || s->rflags & X86_FLAG_VM;
}

static void env_put(struct x86_state *s, uint64_t how, uint8_t *b)
{
	struct x86_fpu_ptr p = x86_fpu_ptr_get(s);
	uint32_t w[7] = { s->fctrl, s->fstat, x86_fpu_tags(s) };
	bool half = X87_HOW_SIZE16(how);

	if (real(s)) {
		uint32_t ip = (uint32_t)p.ip + ((uint32_t)p.cs << 4);
		uint32_t dp = (uint32_t)p.dp + ((uint32_t)p.ds << 4);

		w[3] = ip & 0xffff;
		w[4] = (half ? ip >> 4 & 0xf000 : ip >> 4 & 0xffff000) | p.op;
		w[5] = dp & 0xffff;
		w[6] = half ? dp >> 4 & 0xf000 : dp >> 4 & 0xffff000;
	} else {
		w[3] = (uint32_t)p.ip;
		w[4] = half ? p.cs : p.cs | (uint32_t)p.op << 16;
		w[5] = (uint32_t)p.dp;
		w[6] = p.ds;
	}
	for (unsigned i = 0; i < 7; i++)
		if (half)
			st_16(b + 2 * i, (uint16_t)w[i]);
		else	/* what is not used is ones */
			st_32(b + 4 * i, i < 3 || (i == 6 && !real(s)) ? w[i] | 0xffff0000 : w[i]);
}

static void env_get(struct x86_state *s, uint64_t how, const uint8_t *b)
{
	struct x86_fpu_ptr p = { 0 };
	uint32_t w[7];

	for (unsigned i = 0; i < 7; i++)
		w[i] = X87_HOW_SIZE16(how) ? ld_16(b + 2 * i) : ld_32(b + 4 * i);
	if (real(s)) {
		p.ip = (w[3] & 0xffff) | (w[4] & (X87_HOW_SIZE16(how) ? 0xf000 : 0xffff000)) << 4;
		p.op = w[4] & 0x7ff;
		p.dp = (w[5] & 0xffff) | (w[6] & (X87_HOW_SIZE16(how) ? 0xf000 : 0xffff000)) << 4;
	} else {
		p.ip = w[3];
		p.cs = (uint16_t)w[4];
		p.op = X87_HOW_SIZE16(how) ? 0 : w[4] >> 16 & 0x7ff;
		p.dp = w[5];
		p.ds = (uint16_t)w[6];
	}
	x86_fpu_status_put(s, w[1] & ~(uint32_t)FSW_PENDING);
	x86_fpu_tags_put(s, w[2]);
	x86_fpu_ptr_put(s, &p);
	x86_fpu_control_put(s, w[0]);
}

static void fnstenv(struct x86_state *s, uint64_t how, uint64_t lin)
{
	uint8_t b[ENV_MAX];

	env_put(s, how, b);
	if (!x86_bulk_check(s, lin, env_size(how)) &&
	    !x86_bulk_write(s, lin, b, env_size(how)))
		x86_fpu_control_put(s, s->fctrl | X86_FSW_EXC);
}

static void fnsave(struct x86_state *s, uint64_t how, uint64_t lin)
{
	uint8_t b[SAVE_MAX];
	unsigned n = env_size(how);

	env_put(s, how, b);
	for (unsigned i = 0; i < 8; i++)
		memcpy(b + n + 10 * i, x86_fpu_reg(s, i), 10);
	if (x86_bulk_check(s, lin, n + 80) || x86_bulk_write(s, lin, b, n + 80))
		return;
	x86_fpu_init(s);
}

static void frstor(struct x86_state *s, uint64_t how, uint64_t lin)
{
	uint8_t b[SAVE_MAX];
	unsigned n = env_size(how);

	if (x86_bulk_read(s, lin, b, n + 80))
		return;
	env_get(s, how, b);
	for (unsigned i = 0; i < 8; i++)
		memcpy(x86_fpu_reg(s, i), b + n + 10 * i, 10);
}

/* --- control instructions: true: it was one --- */

static bool control_reg(struct x86_state *s, unsigned op, uint8_t modrm)
{
	if (op == 3 && modrm == 0xe2) {				/* FNCLEX */
		s->fstat &= ~(uint32_t)(X86_FSW_EXC | X86_FSW_SF | FSW_PENDING);
		s->fpu_es = 0;
	} else if (op == 3 && modrm == 0xe3) {			/* FNINIT */
		x86_fpu_init(s);
	} else if (op == 7 && modrm == 0xe0) {			/* FNSTSW AX */
		s->gpr[X86_RAX] = (s->gpr[X86_RAX] & ~UINT64_C(0xffff)) | s->fstat;
	} else {
		return op == 3 && (modrm == 0xe0 || modrm == 0xe1 || modrm == 0xe4);
	}
	return true;
}

static bool control_mem(struct x86_state *s, uint64_t how, uint64_t lin)
{
	uint8_t b[ENV_MAX];
	uint64_t v;

	switch (X87_HOW_OP(how) << 4 | (X87_HOW_MODRM(how) >> 3 & 7)) {
	case 0x14:						/* FLDENV */
		if (!pending(s) && !x86_bulk_read(s, lin, b, env_size(how)))
			env_get(s, how, b);
		return true;
	case 0x15:						/* FLDCW */
		if (!pending(s) && !x86_mem_read(s, lin, 2, &v))
			x86_fpu_control_put(s, (uint32_t)v);
		return true;
	case 0x16:
		fnstenv(s, how, lin);
		return true;
	case 0x17:						/* FNSTCW */
		x86_mem_write(s, lin, 2, s->fctrl);
		return true;
	case 0x54:
		if (!pending(s))
			frstor(s, how, lin);
		return true;
	case 0x56:
		fnsave(s, how, lin);
		return true;
	case 0x57:						/* FNSTSW */
		x86_mem_write(s, lin, 2, s->fstat);
		return true;
	default:
		return false;
	}
}

/* --- the others --- */

/* FIP is that of the instruction, FDP the operand's offset in its segment. */
static void pointers(struct x86_state *s, uint64_t how, uint64_t lin, bool mem)
{
	unsigned sreg = X87_HOW_SREG(how);
	uint64_t ip = x86_get_rip(s), dp = lin;
	bool wide = x86_code64(s);

	s->fioff = (uint32_t)ip;
	s->fiseg = (uint32_t)(ip >> 32);
	s->fop_live = X86_FOP_LIVE | X87_HOW_OP(how) << 8 | X87_HOW_MODRM(how);
	if (!mem)
		return;
	if (!wide || sreg == X86_FS || sreg == X86_GS)
		dp -= s->seg[sreg].base;
	s->fooff = (uint32_t)dp;
	s->foseg = wide ? (uint32_t)(dp >> 32) : 0;
	s->fds_live = (uint8_t)(sreg + 1);
}

/* FSTP of 80 bits with everything masked: those bits, or what an empty register gives. */
uint64_t x86_help_x87_store80(void *state, uint64_t lin, uint64_t unused)
{
	static const uint8_t indefinite[10] = { [7] = 0xc0, [8] = 0xff, [9] = 0xff };
	struct x86_state *s = state;
	bool empty = !(s->ftag >> x86_fpu_top(s) & 1);
	uint8_t b[10];

	memcpy(b, empty ? indefinite : x86_fpu_reg(s, 0), sizeof(b));
	if ((lin & 4095) > 4096 - sizeof(b) && x86_bulk_check(s, lin, sizeof(b)))
		return 0;
	if (x86_bulk_write(s, lin, b, sizeof(b)))
		return 0;
	s->fstat &= ~(uint32_t)X86_FSW_C1;
	if (empty)
		s->fstat |= X86_FSW_IE | X86_FSW_SF;
	s->ftag &= ~(1u << x86_fpu_top(s));
	x86_fpu_top_put(s, x86_fpu_top(s) + 1);
	return 0;
}

static bool uses_flags(unsigned op, uint8_t modrm)
{
	if (modrm < 0xc0)
		return false;
	/* FCMOVcc; FCOMI, FUCOMI and their popping forms */
	return ((op == 2 || op == 3) && modrm < 0xe0) ||
	       ((op == 3 || op == 7) && modrm >= 0xe8 && modrm < 0xf8);
}

uint64_t x86_help_x87(void *state, uint64_t how, uint64_t lin)
{
	struct x86_state *s = state;
	unsigned op = X87_HOW_OP(how), n;
	uint8_t modrm = X87_HOW_MODRM(how), mem[16] = { 0 };
	uint64_t flags = 0, old;
	struct x87_image m;
	uint32_t suppress;
	bool store;

	if (modrm >= 0xc0 ? control_reg(s, op, modrm) : control_mem(s, how, lin))
		return 0;
	if (pending(s))
		return 0;
	n = x87_mem_size(op, modrm, &store);
	if (n && !store && x86_bulk_read(s, lin, mem, n))
		return 0;
	if (uses_flags(op, modrm))
		flags = x86_rflags_get(s);
	old = flags;
	x87_image_get(s, &m);
	x87_exec(&m, op, modrm, mem, &flags);
	/* an unmasked exception other than inexact leaves memory alone */
	suppress = m.sw & ~m.cw & (X86_FSW_IE | X86_FSW_OE | X86_FSW_UE);
	if (store && (x86_bulk_check(s, lin, n) ||
		      (!suppress && x86_bulk_write(s, lin, mem, n))))
		return 0;
	x87_image_put(s, &m);
	if (flags != old)
		x86_rflags_put(s, flags, X86_FLAGS_ARITH);
	pointers(s, how, lin, n);
	return 0;
}
