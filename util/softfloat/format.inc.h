/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Template: between bit patterns and unpacked numbers of format SF_N.
 */

/* biased 0 with the top bit set is the smallest normal number. */
static inline BITS F_(pack)(bool sign, int32_t biased, SIG sig)
{
	BITS v = sig >> (WORD - PREC);

	if (biased == 0 && (sig & TOP_BIT))
		biased = 1;
	if (!EXPLICIT_INT)
		v &= ((BITS)1 << FIELD) - 1;
	return (BITS)sign << (FIELD + EXP_BITS) | (BITS)biased << FIELD | v;
}

static inline BITS F_(pack_zero)(bool sign)
{
	return F_(pack)(sign, 0, 0);
}

static inline BITS F_(pack_inf)(bool sign)
{
	return F_(pack)(sign, EXP_MAX, TOP_BIT);
}

/* The bits as they are; no flags, no flushing. */
static inline struct NUM F_(unpack_raw)(BITS v)
{
	int32_t biased = (v >> FIELD) & EXP_MAX;
	struct NUM n = {
		.kind = SF_KIND_FINITE,
		.sign = (v >> (FIELD + EXP_BITS)) & 1,
		.exp = biased - BIAS,
		.sig = (SIG)v << (WORD - PREC),
	};

	if (!EXPLICIT_INT) {
		/* Also drops what the shift left of sign and exponent. */
		n.sig &= TOP_BIT - 1;
		if (biased)
			n.sig |= TOP_BIT;
	} else {
		n.sig = (SIG)(uint64_t)v << (WORD - PREC);
	}

	if (biased == 0) {
		unsigned int shift;

		if (n.sig == 0) {
			n.kind = SF_KIND_ZERO;
			return n;
		}
		n.denorm = true;
		shift = CLZ(n.sig);
		n.sig <<= shift;
		n.exp = 1 - BIAS - (int32_t)shift;
	} else if (EXPLICIT_INT && !(n.sig & TOP_BIT)) {
		/* Unnormals, pseudo-infinities and pseudo-NaNs. */
		n.kind = SF_KIND_SNAN;
		n.sig = 0;
	} else if (biased == EXP_MAX) {
		if (n.sig == TOP_BIT)
			n.kind = SF_KIND_INF;
		else if (n.sig & QUIET_BIT)
			n.kind = SF_KIND_QNAN;
		else
			n.kind = SF_KIND_SNAN;
	}
	return n;
}

static inline struct NUM F_(unpack)(struct sf_env *env, BITS v)
{
	struct NUM n = F_(unpack_raw)(v);

	if (n.denorm && env->daz) {
		if (env->daz == SF_DAZ_ARM)
			env->flags |= SF_DENORM;
		n.kind = SF_KIND_ZERO;
		n.denorm = false;
	}
	return n;
}

/*
 * Round to prec bits and pack.  The value is not zero; sig may carry a jammed
 * tail.  Tininess after rounding is judged as if the exponent range were
 * unbounded (IEEE 754-2008 7.5).
 */
static inline BITS F_(round_pack_to)(struct sf_env *env, bool sign, int32_t exp,
				     SIG sig, unsigned int prec)
{
	unsigned int drop = WORD - prec;
	SIG unit = (SIG)1 << drop;
	SIG half = unit >> 1;
	int32_t biased = exp + BIAS;
	bool tiny = false, inexact;

	if (biased <= 0) {
		if (env->ftz == SF_FTZ_ARM) {
			env->flags |= SF_UF;
			return F_(pack_zero)(sign);
		}
		tiny = env->tiny_before || biased < 0 ||
		       (SIG)~sig >= unit ||
		       !sf_round_up(env->round, sign, sig & unit, sig & half,
				    sig & (half - 1));
		if (tiny && env->ftz == SF_FTZ_X86) {
			env->flags |= SF_UF | SF_NX;
			return F_(pack_zero)(sign);
		}
		sig = CORE(jam)(sig, 1 - biased);
		biased = 0;
	}

	inexact = sig & (unit - 1);
	if (inexact) {
		bool up = sf_round_up(env->round, sign, sig & unit, sig & half,
				      sig & (half - 1));

		env->flags |= tiny ? SF_NX | SF_UF : SF_NX;
		sig &= ~(unit - 1);
		if (up) {
			sig += unit;
			if (sig == 0) {
				sig = TOP_BIT;
				biased++;
			}
		}
	}
	if (biased >= EXP_MAX) {
		env->flags |= SF_OF | SF_NX;
		if (sf_overflow_to_inf(env->round, sign))
			return F_(pack_inf)(sign);
		return F_(pack)(sign, EXP_MAX - 1, ~(unit - 1));
	}
	return F_(pack)(sign, biased, sig);
}

/* The same to the format's full precision. */
static inline BITS F_(round_pack)(struct sf_env *env, struct NUM n)
{
	return F_(round_pack_to)(env, n.sign, n.exp, n.sig, PREC);
}

/* The same for the operations that x87 precision control governs. */
static inline BITS F_(round_pack_pc)(struct sf_env *env, struct NUM n)
{
	unsigned int prec = PREC;

	if (EXPLICIT_INT && env->prec && env->prec < PREC)
		prec = env->prec;
	return F_(round_pack_to)(env, n.sign, n.exp, n.sig, prec);
}

static inline bool F_(nan_kind)(struct NUM n)
{
	return n.kind >= SF_KIND_QNAN;
}

static inline BITS F_(default_nan)(struct sf_env *env)
{
	return F_(pack)(env->nan == SF_NAN_X86, EXP_MAX, TOP_BIT | QUIET_BIT);
}

static inline BITS F_(invalid)(struct sf_env *env)
{
	env->flags |= SF_NV;
	return F_(default_nan)(env);
}

/* The result when n, a NaN, was chosen to be it. */
static inline BITS F_(nan_result)(struct sf_env *env, struct NUM n)
{
	if (env->nan == SF_NAN_DEFAULT || n.sig == 0)
		return F_(default_nan)(env);
	return F_(pack)(n.sign, EXP_MAX, n.sig | QUIET_BIT);
}

static inline void F_(note_snan)(struct sf_env *env, struct NUM n)
{
	if (n.kind == SF_KIND_SNAN)
		env->flags |= SF_NV;
}

static inline BITS F_(nan1)(struct sf_env *env, struct NUM n)
{
	F_(note_snan)(env, n);
	return F_(nan_result)(env, n);
}

/*
 * x87: an unsupported operand gives the default NaN; a quiet NaN wins over a
 * signalling one; of two alike the larger significand, then the positive.
 */
static inline struct NUM F_(choose_x87)(struct NUM a, struct NUM b)
{
	if (a.sig == 0 && F_(nan_kind)(a))
		return a;
	if (b.sig == 0 && F_(nan_kind)(b))
		return b;
	if (!F_(nan_kind)(a) || !F_(nan_kind)(b))
		return F_(nan_kind)(a) ? a : b;
	if (a.kind != b.kind)
		return a.kind == SF_KIND_QNAN ? a : b;
	if (a.sig != b.sig)
		return a.sig > b.sig ? a : b;
	return a.sign ? b : a;
}

/* At least one of a and b is a NaN. */
static inline BITS F_(nan2)(struct sf_env *env, struct NUM a, struct NUM b)
{
	F_(note_snan)(env, a);
	F_(note_snan)(env, b);
	if (env->nan == SF_NAN_X86 && EXPLICIT_INT)
		return F_(nan_result)(env, F_(choose_x87)(a, b));
	if (env->nan == SF_NAN_ARM) {
		if (a.kind == SF_KIND_SNAN)
			return F_(nan_result)(env, a);
		if (b.kind == SF_KIND_SNAN)
			return F_(nan_result)(env, b);
	}
	return F_(nan_result)(env, F_(nan_kind)(a) ? a : b);
}

/* x86 DE: only after NaN operands and invalid operations were ruled out. */
static inline void F_(note_denorm)(struct sf_env *env, bool denorm)
{
	if (denorm)
		env->flags |= SF_DENORM;
}
