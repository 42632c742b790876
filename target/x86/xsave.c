// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * FXSAVE, FXRSTOR and the XSAVE family: SDM volume 1, 10.5 and chapter 13.
 *
 * The x87 pointers are saved while an unmasked exception waits and are zeros otherwise, as on
 * AMD's processors, so that no process learns what another one did (APM volume 2, 11.4.4).
 */
#include "target/x86/xsave.h"

#include "target/x86/control.h"
#include "target/x86/fpu.h"
#include "util/bits.h"

enum {
	FX_ST = 32, FX_XMM = 160, FX_MXCSR = 24, FX_PTR_END = 24, FX_WRITTEN = 416,
	HDR = 512, HDR_SIZE = 64, EXT = 576, AVX_SIZE = 256, PKRU_SIZE = 8,
};
#define COMPACT (UINT64_C(1) << 63)

static unsigned nr_xmm(const struct x86_state *s) { return x86_code64(s) ? 16 : 8; }

static void put_x87(struct x86_state *s, uint8_t *b, bool wide)
{
	struct x86_fpu_ptr p = { 0 };

	if (s->fpu_es)
		p = x86_fpu_ptr_get(s);
	st_16(b, (uint16_t)s->fctrl);
	st_16(b + 2, (uint16_t)s->fstat);
	st_16(b + 4, (uint16_t)s->ftag);
	st_16(b + 6, p.op);
	st_64(b + 8, wide ? p.ip : (uint32_t)p.ip | (uint64_t)p.cs << 32);
	st_64(b + 16, wide ? p.dp : (uint32_t)p.dp | (uint64_t)p.ds << 32);
	for (unsigned i = 0; i < 8; i++) {
		memset(b + FX_ST + 16 * i, 0, 16);
		memcpy(b + FX_ST + 16 * i, x86_fpu_reg(s, i), 10);
	}
}

static void get_x87(struct x86_state *s, const uint8_t *b, bool wide)
{
	uint64_t ip = ld_64(b + 8), dp = ld_64(b + 16);
	struct x86_fpu_ptr p = { .op = ld_16(b + 6), .ip = ip, .dp = dp };

	if (!wide) {
		p.cs = (uint16_t)(ip >> 32);
		p.ds = (uint16_t)(dp >> 32);
		p.ip = (uint32_t)ip;
		p.dp = (uint32_t)dp;
	}
	x86_fpu_status_put(s, ld_16(b + 2));
	x86_fpu_control_put(s, ld_16(b));
	s->ftag = b[4];
	x86_fpu_ptr_put(s, &p);
	for (unsigned i = 0; i < 8; i++)
		memcpy(x86_fpu_reg(s, i), b + FX_ST + 16 * i, 10);
}

static void init_x87(struct x86_state *s)
{
	x86_fpu_init(s);
	memset(s->fpr, 0, sizeof(s->fpr));
}

static void put_xmm(struct x86_state *s, uint8_t *b)
{
	for (unsigned i = 0; i < nr_xmm(s); i++)
		memcpy(b + 16 * i, s->ymm[i].lo, 16);
}

static void get_xmm(struct x86_state *s, const uint8_t *b)
{
	for (unsigned i = 0; i < nr_xmm(s); i++)
		memcpy(s->ymm[i].lo, b + 16 * i, 16);
}

static bool mxcsr_bad(struct x86_state *s, uint32_t m)
{
	if (!(m & ~(uint32_t)X86_MXCSR_BITS))
		return false;
	x86_gp(s, 0);
	return true;
}

uint64_t x86_fxsave(void *state, uint64_t lin, uint64_t wide)
{
	struct x86_state *s = state;
	uint8_t b[FX_WRITTEN] = { 0 };

	if (lin & 15)
		return x86_gp(s, 0);
	put_x87(s, b, wide);
	st_32(b + FX_MXCSR, x86_mxcsr_get(s));
	st_32(b + FX_MXCSR + 4, X86_MXCSR_BITS);
	put_xmm(s, b + FX_XMM);
	x86_bulk_write(s, lin, b, FX_XMM + 16 * nr_xmm(s));
	return 0;
}

uint64_t x86_fxrstor(void *state, uint64_t lin, uint64_t wide)
{
	struct x86_state *s = state;
	uint8_t b[FX_WRITTEN];

	if (lin & 15)
		return x86_gp(s, 0);
	if (x86_bulk_read(s, lin, b, sizeof(b)) || mxcsr_bad(s, ld_32(b + FX_MXCSR)))
		return 0;
	get_x87(s, b, wide);
	get_xmm(s, b + FX_XMM);
	x86_mxcsr_put(s, ld_32(b + FX_MXCSR));
	return 0;
}

/* --- XSAVE --- */

static bool all_zero(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n; i += 8)
		v |= ld_64(p + i);
	return !v;
}

static bool x87_in_use(const struct x86_state *s)
{
	return s->fctrl != X86_FCW_RESET || s->fstat || s->ftag || s->fioff | s->fiseg ||
	       s->fooff | s->foseg || !all_zero(s->fpr[0], sizeof(s->fpr));
}

uint64_t x86_xinuse(const struct x86_state *s)
{
	uint64_t lo = 0, hi = 0;

	for (unsigned i = 0; i < 16; i++) {
		lo |= ld_64(s->ymm[i].lo) | ld_64(s->ymm[i].lo + 8);
		hi |= ld_64(s->ymm[i].hi) | ld_64(s->ymm[i].hi + 8);
	}
	return (x87_in_use(s) ? X86_XF_X87 : 0) | (lo ? X86_XF_SSE : 0) | (hi ? X86_XF_AVX : 0) |
	       (x86_pkru(s) ? X86_XF_PKRU : 0);
}

static void put_avx(struct x86_state *s, uint8_t *b)
{
	memset(b, 0, AVX_SIZE);
	for (unsigned i = 0; i < nr_xmm(s); i++)
		memcpy(b + 16 * i, s->ymm[i].hi, 16);
}

static void get_avx(struct x86_state *s, const uint8_t *b)
{
	for (unsigned i = 0; i < nr_xmm(s); i++)
		memcpy(s->ymm[i].hi, b + 16 * i, 16);
}

/* Where the components above SSE lie in compacted form (13.4.3); bits as XCOMP_BV has them. */
static unsigned pkru_at(const struct x86_state *s, uint64_t bits)
{
	const struct x86_cpu_model *m = x86_model(s);

	if (!(bits & COMPACT))
		return m && m->pkru_off ? m->pkru_off : X86_PKRU_OFF;
	return EXT + (bits & X86_XF_AVX ? AVX_SIZE : 0);
}

/* CR4.OSXSAVE, CR0.TS, alignment: false, with the exception raised. */
static bool usable(struct x86_state *s, uint64_t lin)
{
	if (!(s->cr4 & X86_CR4_OSXSAVE))
		x86_ud(s);
	else if (s->cr0 & X86_CR0_TS)
		x86_exception(s, X86_NM, false, 0);
	else if (lin & 63)
		x86_gp(s, 0);
	else
		return true;
	return false;
}

static uint64_t requested(const struct x86_state *s, bool supervisor)
{
	uint64_t mask = (uint32_t)s->gpr[X86_RAX] | s->gpr[X86_RDX] << 32;

	return mask & (s->xcr0 | (supervisor ? s->xss : 0)) & X86_XF_ALL;
}

/* Standard form: only what was asked for is written. */
static void save_standard(struct x86_state *s, uint64_t lin, uint64_t rfbm, unsigned how)
{
	uint64_t used = x86_xinuse(s), bv, out = rfbm;
	uint8_t b[EXT + AVX_SIZE] = { 0 };

	if (x86_bulk_read(s, lin + HDR, &bv, 8))
		return;
	if (how & X86_XS_OPT)
		out &= used;
	if (out & X86_XF_X87) {
		put_x87(s, b, how & X86_XS_WIDE);
		if (x86_bulk_write(s, lin, b, FX_PTR_END) ||
		    x86_bulk_write(s, lin + FX_ST, b + FX_ST, FX_XMM - FX_ST))
			return;
	}
	if (rfbm & (X86_XF_SSE | X86_XF_AVX)) {
		st_32(b + FX_MXCSR, x86_mxcsr_get(s));
		st_32(b + FX_MXCSR + 4, X86_MXCSR_BITS);
		if (x86_bulk_write(s, lin + FX_MXCSR, b + FX_MXCSR, 8))
			return;
	}
	put_xmm(s, b + FX_XMM);
	if (out & X86_XF_SSE && x86_bulk_write(s, lin + FX_XMM, b + FX_XMM, 16 * nr_xmm(s)))
		return;
	put_avx(s, b + EXT);
	if (out & X86_XF_AVX && x86_bulk_write(s, lin + EXT, b + EXT, 16 * nr_xmm(s)))
		return;
	st_64(b, x86_pkru(s));
	if (out & X86_XF_PKRU && x86_bulk_write(s, lin + pkru_at(s, 0), b, PKRU_SIZE))
		return;
	bv = (bv & ~rfbm) | (used & rfbm);
	x86_bulk_write(s, lin + HDR, &bv, 8);
}

/* Compacted form (13.10): components in their initial state are left out, not their places. */
static void save_compact(struct x86_state *s, uint64_t lin, uint64_t rfbm, unsigned how)
{
	uint64_t used = x86_xinuse(s) & rfbm, xcomp = rfbm | COMPACT;
	uint8_t b[EXT + AVX_SIZE + PKRU_SIZE] = { 0 };
	unsigned end = EXT;

	if (rfbm & X86_XF_SSE && x86_mxcsr_get(s) != X86_MXCSR_RESET)
		used |= X86_XF_SSE;
	if (used & X86_XF_X87)
		put_x87(s, b, how & X86_XS_WIDE);
	if (used & X86_XF_SSE) {
		st_32(b + FX_MXCSR, x86_mxcsr_get(s));
		st_32(b + FX_MXCSR + 4, X86_MXCSR_BITS);
		put_xmm(s, b + FX_XMM);
	}
	st_64(b + HDR, used);
	st_64(b + HDR + 8, xcomp);
	if (used & X86_XF_AVX) {
		put_avx(s, b + EXT);
		end = EXT + AVX_SIZE;
	}
	if (used & X86_XF_PKRU) {
		st_64(b + pkru_at(s, xcomp), x86_pkru(s));
		end = pkru_at(s, xcomp) + PKRU_SIZE;
	}
	if (used & X86_XF_X87 && (x86_bulk_write(s, lin, b, FX_PTR_END) ||
				  x86_bulk_write(s, lin + FX_ST, b + FX_ST, FX_XMM - FX_ST)))
		return;
	if (used & X86_XF_SSE && (x86_bulk_write(s, lin + FX_MXCSR, b + FX_MXCSR, 8) ||
				  x86_bulk_write(s, lin + FX_XMM, b + FX_XMM, 16 * nr_xmm(s))))
		return;
	if (used & X86_XF_AVX && x86_bulk_write(s, lin + EXT, b + EXT, 16 * nr_xmm(s)))
		return;
	if (used & X86_XF_PKRU &&
	    x86_bulk_write(s, lin + end - PKRU_SIZE, b + end - PKRU_SIZE, PKRU_SIZE))
		return;
	x86_bulk_write(s, lin + HDR, b + HDR, 16);
}

uint64_t x86_xsave(void *state, uint64_t lin, uint64_t how)
{
	struct x86_state *s = state;
	uint64_t rfbm;

	if (!usable(s, lin))
		return 0;
	rfbm = requested(s, how & X86_XS_SUPERVISOR);
	if (how & X86_XS_COMPACT)
		save_compact(s, lin, rfbm, (unsigned)how);
	else
		save_standard(s, lin, rfbm, (unsigned)how);
	return 0;
}

/* What the header must not say (13.8, 13.12). */
static bool header_bad(const struct x86_state *s, const uint8_t *h, bool supervisor)
{
	uint64_t bv = ld_64(h), comp = ld_64(h + 8), all = s->xcr0 | (supervisor ? s->xss : 0);

	if (comp & COMPACT)
		return (comp & ~COMPACT & ~all) || (bv & ~comp) || !all_zero(h + 16, HDR_SIZE - 16);
	return supervisor || (bv & ~s->xcr0) || !all_zero(h + 8, 16);
}

uint64_t x86_xrstor(void *state, uint64_t lin, uint64_t how)
{
	struct x86_state *s = state;
	uint8_t b[EXT], avx[AVX_SIZE], pkru[PKRU_SIZE] = { 0 };
	uint64_t rfbm, bv, comp;
	uint32_t mxcsr = X86_MXCSR_RESET;
	bool sse, avx_in;

	if (!usable(s, lin))
		return 0;
	rfbm = requested(s, how & X86_XS_SUPERVISOR);
	if (x86_bulk_read(s, lin + HDR, b + HDR, HDR_SIZE))
		return 0;
	if (header_bad(s, b + HDR, how & X86_XS_SUPERVISOR))
		return x86_gp(s, 0);
	bv = ld_64(b + HDR) & rfbm;
	comp = ld_64(b + HDR + 8);

	/* all of it is read before anything changes */
	sse = comp & COMPACT ? bv & X86_XF_SSE : rfbm & (X86_XF_SSE | X86_XF_AVX);
	avx_in = bv & X86_XF_AVX;
	if ((sse || bv & (X86_XF_X87 | X86_XF_SSE)) && x86_bulk_read(s, lin, b, FX_WRITTEN))
		return 0;
	if (avx_in && x86_bulk_read(s, lin + EXT, avx, 16 * nr_xmm(s)))
		return 0;
	if (bv & X86_XF_PKRU && x86_bulk_read(s, lin + pkru_at(s, comp), pkru, PKRU_SIZE))
		return 0;
	if (sse) {
		mxcsr = ld_32(b + FX_MXCSR);
		if (mxcsr_bad(s, mxcsr))
			return 0;
	}

	if (bv & X86_XF_X87)
		get_x87(s, b, how & X86_XS_WIDE);
	else if (rfbm & X86_XF_X87)
		init_x87(s);
	if (bv & X86_XF_SSE)
		get_xmm(s, b + FX_XMM);
	else if (rfbm & X86_XF_SSE)
		for (unsigned i = 0; i < nr_xmm(s); i++)
			memset(s->ymm[i].lo, 0, 16);
	if (sse || rfbm & X86_XF_SSE)
		x86_mxcsr_put(s, mxcsr);
	if (avx_in)
		get_avx(s, avx);
	else if (rfbm & X86_XF_AVX)
		for (unsigned i = 0; i < nr_xmm(s); i++)
			memset(s->ymm[i].hi, 0, 16);
	if (rfbm & X86_XF_PKRU)
		x86_pkru_put(s, ld_32(pkru));
	return 0;
}

uint64_t x86_ldmxcsr(void *state, uint64_t v, uint64_t unused)
{
	if (!mxcsr_bad(state, (uint32_t)v))
		x86_mxcsr_put(state, (uint32_t)v);
	return 0;
}

uint64_t x86_stmxcsr(void *state, uint64_t unused, uint64_t unused2)
{
	return x86_mxcsr_get(state);
}
