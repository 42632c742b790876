/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/softfloat/ref.h"

#include <stdlib.h>

#include <mpfr.h>

/*
 * Intermediate precision.  Results are rounded to odd at it, so that rounding
 * them again to any precision smaller by two or more is rounding once.
 */
#define BIG 256

struct ref {
	mpfr_t in[3], big, zero_down, out, tmp, frac;
	bool nv, dz;
};

static mpfr_rnd_t native_mode(enum sf_round rm)
{
	switch (rm) {
	case SF_RTZ:
		return MPFR_RNDZ;
	case SF_RDN:
		return MPFR_RNDD;
	case SF_RUP:
		return MPFR_RNDU;
	default:
		return MPFR_RNDN;
	}
}

struct ref *ref_new(void)
{
	struct ref *ref = calloc(1, sizeof(*ref));

	if (!ref)
		abort();
	mpfr_inits2(BIG, ref->in[0], ref->in[1], ref->in[2], ref->big,
		    ref->zero_down, ref->out, ref->tmp, ref->frac,
		    (mpfr_ptr)0);
	return ref;
}

void ref_free(struct ref *ref)
{
	mpfr_clears(ref->in[0], ref->in[1], ref->in[2], ref->big,
		    ref->zero_down, ref->out, ref->tmp, ref->frac,
		    (mpfr_ptr)0);
	free(ref);
	mpfr_free_cache();
}

enum load { LOAD_NUMBER, LOAD_QNAN, LOAD_SNAN };

static enum load load(mpfr_t x, const struct fmt *f, u128 v)
{
	const int top = (1 << f->exp_bits) - 1;
	bool sign = v >> (f->field + f->exp_bits) & 1;
	int biased = v >> f->field & top;
	u128 sig = v & (((u128)1 << f->field) - 1);
	u128 frac = sig & (((u128)1 << (f->prec - 1)) - 1);
	bool integer = f->field == f->prec ? sig >> (f->prec - 1) : biased != 0;

	mpfr_set_nan(x);
	if (biased && !integer)
		return LOAD_SNAN;
	if (biased == top && frac)
		return frac >> (f->prec - 2) ? LOAD_QNAN : LOAD_SNAN;
	if (biased == top) {
		mpfr_set_inf(x, 1);
	} else {
		int e = (biased ? biased : 1) - fmt_bias(f) - (f->prec - 1);

		if (integer)
			frac |= (u128)1 << (f->prec - 1);
		mpfr_set_uj_2exp(x, (uint64_t)(frac >> 64), 64, MPFR_RNDN);
		mpfr_add_ui(x, x, (uint64_t)frac, MPFR_RNDN);
		mpfr_mul_2si(x, x, e, MPFR_RNDN);
	}
	mpfr_setsign(x, x, sign, MPFR_RNDN);
	return LOAD_NUMBER;
}

static u128 store(const struct fmt *f, mpfr_srcptr x, int prec)
{
	const int top = (1 << f->exp_bits) - 1;
	const bool sign = mpfr_signbit(x);
	const uint64_t *limb;
	int biased;
	u128 sig;

	if (mpfr_nan_p(x))
		return fmt_make(f, false, top, (u128)1 << (f->prec - 2));
	if (mpfr_inf_p(x))
		return fmt_make(f, sign, top, 0);
	if (mpfr_zero_p(x))
		return fmt_make(f, sign, 0, 0);
	/* The limbs hold the significand left-aligned, the lowest first. */
	limb = mpfr_custom_get_significand(x);
	sig = prec > 64 ? (u128)limb[1] << 64 | limb[0] : (u128)limb[0] << 64;
	biased = (int)mpfr_get_exp(x) - 1 + fmt_bias(f);
	sig >>= 128 - f->prec;
	if (biased <= 0) {
		sig >>= 1 - biased;
		biased = 0;
	}
	return fmt_make(f, sign, biased, sig);
}

static int operate(mpfr_ptr r, struct ref *ref, enum fmt_op_index op,
		   mpfr_rnd_t rnd)
{
	mpfr_ptr a = ref->in[0], b = ref->in[1], c = ref->in[2];

	switch (op) {
	case OP_ADD:
		return mpfr_add(r, a, b, rnd);
	case OP_SUB:
		return mpfr_sub(r, a, b, rnd);
	case OP_MUL:
		return mpfr_mul(r, a, b, rnd);
	case OP_DIV:
		return mpfr_div(r, a, b, rnd);
	case OP_SQRT:
		return mpfr_sqrt(r, a, rnd);
	case OP_FMA:
		return mpfr_fma(r, a, b, c, rnd);
	case OP_FMS:
		return mpfr_fms(r, a, b, c, rnd);
	case OP_FNMA:
		mpfr_neg(a, a, MPFR_RNDN);
		rnd = mpfr_fma(r, a, b, c, rnd);
		mpfr_neg(a, a, MPFR_RNDN);
		return rnd;
	case OP_REM:
		return mpfr_remainder(r, a, b, rnd);
	case OP_MIN:
		return mpfr_min(r, a, b, rnd);
	case OP_MAX:
		return mpfr_max(r, a, b, rnd);
	default:
		return mpfr_set(r, a, rnd);
	}
}

void ref_compute(struct ref *ref, const struct fmt *f, enum fmt_op_index op,
		 u128 a, u128 b, u128 c)
{
	enum load la = load(ref->in[0], f, a);
	enum load lb = load(ref->in[1], f, b);
	enum load lc = load(ref->in[2], f, c);
	bool nan = la || lb || lc;

	ref->nv = la == LOAD_SNAN || lb == LOAD_SNAN || lc == LOAD_SNAN;
	mpfr_clear_flags();
	if (operate(ref->big, ref, op, MPFR_RNDZ) &&
	    mpfr_min_prec(ref->big) < BIG)
		mpfr_sgn(ref->big) > 0 ? mpfr_nextabove(ref->big) :
					 mpfr_nextbelow(ref->big);
	ref->dz = mpfr_divby0_p();
	/* The sign of a zero depends on the direction of rounding. */
	if (mpfr_zero_p(ref->big))
		operate(ref->zero_down, ref, op, MPFR_RNDD);
	if (mpfr_nan_p(ref->big) && !nan)
		ref->nv = true;
	/* RISC-V and IEEE 754-2008 7.2 (c): even when c is a quiet NaN. */
	if (op == OP_FMA || op == OP_FMS || op == OP_FNMA) {
		mpfr_mul(ref->tmp, ref->in[0], ref->in[1], MPFR_RNDN);
		if (mpfr_nan_p(ref->tmp) && !la && !lb)
			ref->nv = true;
	}
}

void ref_compute_int(struct ref *ref, uint64_t v, bool is_signed)
{
	ref->nv = ref->dz = false;
	if (is_signed)
		mpfr_set_sj(ref->big, (int64_t)v, MPFR_RNDN);
	else
		mpfr_set_uj(ref->big, v, MPFR_RNDN);
	mpfr_set(ref->zero_down, ref->big, MPFR_RNDN);
}

/*
 * The two modes MPFR does not have: scale so that the last bit kept counts
 * one, and decide by the fraction.  Returns whether anything was cut off.
 */
static bool round_by_hand(struct ref *ref, mpfr_exp_t last, enum sf_round rm)
{
	bool inexact, up;

	mpfr_div_2si(ref->tmp, ref->big, last, MPFR_RNDN);
	mpfr_modf(ref->out, ref->frac, ref->tmp, MPFR_RNDN);
	inexact = !mpfr_zero_p(ref->frac);
	mpfr_abs(ref->frac, ref->frac, MPFR_RNDN);
	if (rm == SF_RMM) {
		up = mpfr_cmp_d(ref->frac, 0.5) >= 0;
	} else {
		mpfr_div_2ui(ref->tmp, ref->out, 1, MPFR_RNDN);
		up = inexact && mpfr_integer_p(ref->tmp);
	}
	if (up && mpfr_signbit(ref->big))
		mpfr_sub_ui(ref->out, ref->out, 1, MPFR_RNDN);
	else if (up)
		mpfr_add_ui(ref->out, ref->out, 1, MPFR_RNDN);
	mpfr_mul_2si(ref->out, ref->out, last, MPFR_RNDN);
	mpfr_setsign(ref->out, ref->out, mpfr_signbit(ref->big), MPFR_RNDN);
	return inexact;
}

static struct ref_result finish(struct ref *ref, const struct fmt *f, int prec,
				enum sf_round rm)
{
	/* MPFR's significands lie in [1/2, 1): one more than IEEE's. */
	const mpfr_exp_t emin = 2 - fmt_bias(f), emax = fmt_bias(f) + 1;
	const mpfr_exp_t e = mpfr_get_exp(ref->big);
	const bool by_hand = rm == SF_RMM || rm == SF_ODD;
	const mpfr_rnd_t rnd = native_mode(rm);
	struct ref_result res = { 0 };
	bool inexact, tiny_after, overflow;
	int ternary = 0;

	/* First as if exponents were unbounded. */
	if (by_hand) {
		mpfr_set_prec(ref->out, BIG);
		inexact = round_by_hand(ref, e - prec, rm);
	} else {
		mpfr_set_prec(ref->out, prec);
		ternary = mpfr_set(ref->out, ref->big, rnd);
		inexact = ternary != 0;
	}
	tiny_after = mpfr_get_exp(ref->out) < emin;
	overflow = mpfr_get_exp(ref->out) > emax;

	if (by_hand) {
		if (e < emin)
			inexact = round_by_hand(ref, emin - prec, rm);
		if (overflow && rm == SF_RMM) {
			mpfr_set_inf(ref->out, mpfr_sgn(ref->out));
		} else if (overflow) {
			mpfr_set_si_2exp(ref->out, mpfr_sgn(ref->out), emax,
					 MPFR_RNDN);
			mpfr_prec_round(ref->out, prec, MPFR_RNDN);
			if (mpfr_sgn(ref->out) > 0)
				mpfr_nextbelow(ref->out);
			else
				mpfr_nextabove(ref->out);
		}
		mpfr_prec_round(ref->out, prec, MPFR_RNDN);
	} else {
		mpfr_exp_t old_min = mpfr_get_emin(), old_max = mpfr_get_emax();

		mpfr_set_emin(emin - prec + 1);
		mpfr_set_emax(emax);
		ternary = mpfr_check_range(ref->out, ternary, rnd);
		ternary = mpfr_subnormalize(ref->out, ternary, rnd);
		inexact = ternary != 0;
		mpfr_set_emin(old_min);
		mpfr_set_emax(old_max);
	}

	res.bits = store(f, ref->out, prec);
	if (overflow)
		res.flags |= SF_OF | SF_NX;
	if (inexact)
		res.flags |= SF_NX;
	res.flags_before = res.flags;
	if (inexact && tiny_after)
		res.flags |= SF_UF;
	if (inexact && e < emin)
		res.flags_before |= SF_UF;
	return res;
}

struct ref_result ref_round(struct ref *ref, const struct fmt *f, int prec,
			    enum sf_round rm)
{
	struct ref_result res = { 0 };

	if (mpfr_zero_p(ref->big))
		res.bits = store(f, rm == SF_RDN ? ref->zero_down : ref->big,
				 0);
	else if (mpfr_regular_p(ref->big))
		res = finish(ref, f, prec, rm);
	else
		res.bits = store(f, ref->big, 0);
	if (ref->nv)
		res.flags |= SF_NV;
	if (ref->dz)
		res.flags |= SF_DZ;
	res.flags_before |= res.flags & (SF_NV | SF_DZ);
	return res;
}

/* in[0] to an integer in out, with BIG bits of precision. */
static bool integral(struct ref *ref, enum sf_round rm)
{
	mpfr_set_prec(ref->out, BIG);
	switch (rm) {
	case SF_RNE:
		mpfr_roundeven(ref->out, ref->in[0]);
		break;
	case SF_RTZ:
		mpfr_trunc(ref->out, ref->in[0]);
		break;
	case SF_RDN:
		mpfr_floor(ref->out, ref->in[0]);
		break;
	case SF_RUP:
		mpfr_ceil(ref->out, ref->in[0]);
		break;
	case SF_RMM:
		mpfr_round(ref->out, ref->in[0]);
		break;
	case SF_ODD:
		mpfr_set(ref->big, ref->in[0], MPFR_RNDN);
		round_by_hand(ref, 0, rm);
		break;
	}
	return !mpfr_equal_p(ref->out, ref->in[0]);
}

struct ref_result ref_round_int(struct ref *ref, const struct fmt *f, u128 a,
				enum sf_round rm, bool exact)
{
	struct ref_result res = { 0 };

	switch (load(ref->in[0], f, a)) {
	case LOAD_SNAN:
		res.flags = SF_NV;
		break;
	case LOAD_QNAN:
		break;
	case LOAD_NUMBER:
		if (mpfr_inf_p(ref->in[0]))
			break;
		if (integral(ref, rm) && exact)
			res.flags = SF_NX;
		mpfr_prec_round(ref->out, f->prec, MPFR_RNDN);
		res.bits = store(f, ref->out, f->prec);
		return res;
	}
	res.bits = store(f, ref->in[0], 0);
	return res;
}

struct ref_result ref_to_int(struct ref *ref, const struct fmt *f, u128 a,
			     enum sf_round rm, int type, enum sf_int oor)
{
	static const int64_t lowest[] = { INT32_MIN, 0, INT64_MIN, 0 };
	static const uint64_t highest[] = {
		INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX
	};
	static const uint64_t indefinite[] = {
		(uint64_t)INT32_MIN, UINT32_MAX, (uint64_t)INT64_MIN,
		UINT64_MAX
	};
	struct ref_result res = { 0 };
	bool nan = load(ref->in[0], f, a) != LOAD_NUMBER;
	bool inexact, high = false;

	if (!nan && !mpfr_inf_p(ref->in[0])) {
		inexact = integral(ref, rm);
		mpfr_set_sj(ref->tmp, lowest[type], MPFR_RNDN);
		mpfr_set_uj(ref->frac, highest[type], MPFR_RNDN);
		high = mpfr_greater_p(ref->out, ref->frac);
		if (!high && !mpfr_less_p(ref->out, ref->tmp)) {
			res.flags = inexact ? SF_NX : 0;
			res.bits = mpfr_sgn(ref->out) < 0 ?
				(uint64_t)mpfr_get_sj(ref->out, MPFR_RNDN) :
				mpfr_get_uj(ref->out, MPFR_RNDN);
			return res;
		}
	} else if (!nan) {
		high = mpfr_sgn(ref->in[0]) > 0;
	}
	res.flags = SF_NV;
	if (oor == SF_INT_X86)
		res.bits = indefinite[type];
	else if (nan)
		res.bits = oor == SF_INT_ARM ? 0 : highest[type];
	else
		res.bits = high ? highest[type] : (uint64_t)lowest[type];
	return res;
}

struct ref_result ref_compare(struct ref *ref, const struct fmt *f,
			      enum fmt_op_index op, u128 a, u128 b)
{
	enum load la = load(ref->in[0], f, a), lb = load(ref->in[1], f, b);
	struct ref_result res = { 0 };
	mpfr_srcptr x = ref->in[0], y = ref->in[1];

	if (la == LOAD_SNAN || lb == LOAD_SNAN || (op >= OP_EQ_S && (la || lb)))
		res.flags = SF_NV;
	switch (op) {
	case OP_EQ_Q: case OP_EQ_S:
		res.bits = mpfr_equal_p(x, y) != 0;
		break;
	case OP_LT_Q: case OP_LT_S:
		res.bits = mpfr_less_p(x, y) != 0;
		break;
	default:
		res.bits = mpfr_lessequal_p(x, y) != 0;
		break;
	}
	return res;
}
