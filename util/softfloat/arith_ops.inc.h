/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Template: the arithmetic of format SF_N.  IEEE 754-2008 5.4.1, 6, 7. */

/* Sign of an exact zero that is a sum of operands with different signs. */
static inline BITS F_(cancelled)(struct sf_env *env)
{
	return F_(pack_zero)(env->round == SF_RDN);
}

static inline BITS F_(add_signed)(struct sf_env *env, BITS ua, BITS ub,
				  bool negate_b)
{
	struct NUM a = F_(unpack)(env, ua);
	struct NUM b = F_(unpack)(env, ub);
	struct NUM r;

	if (F_(nan_kind)(a) || F_(nan_kind)(b))
		return F_(nan2)(env, a, b);
	b.sign ^= negate_b;
	if (a.kind == SF_KIND_INF && b.kind == SF_KIND_INF &&
	    a.sign != b.sign)
		return F_(invalid)(env);
	F_(note_denorm)(env, a.denorm || b.denorm);

	if (a.kind == SF_KIND_INF)
		return F_(pack_inf)(a.sign);
	if (b.kind == SF_KIND_INF)
		return F_(pack_inf)(b.sign);
	if (a.kind == SF_KIND_ZERO && b.kind == SF_KIND_ZERO)
		return a.sign == b.sign ? F_(pack_zero)(a.sign) :
					  F_(cancelled)(env);
	if (a.kind == SF_KIND_ZERO)
		return F_(round_pack_pc)(env, b);
	if (b.kind == SF_KIND_ZERO)
		return F_(round_pack_pc)(env, a);

	r = a.sign == b.sign ? CORE(add_mag)(a, b) : CORE(sub_mag)(a, b);
	if (r.kind == SF_KIND_ZERO)
		return F_(cancelled)(env);
	return F_(round_pack_pc)(env, r);
}

BITS F_(add)(struct sf_env *env, BITS a, BITS b)
{
	return F_(add_signed)(env, a, b, false);
}

BITS F_(sub)(struct sf_env *env, BITS a, BITS b)
{
	return F_(add_signed)(env, a, b, true);
}

BITS F_(mul)(struct sf_env *env, BITS ua, BITS ub)
{
	struct NUM a = F_(unpack)(env, ua);
	struct NUM b = F_(unpack)(env, ub);
	bool sign = a.sign ^ b.sign;
	bool inf = a.kind == SF_KIND_INF || b.kind == SF_KIND_INF;
	bool zero = a.kind == SF_KIND_ZERO || b.kind == SF_KIND_ZERO;

	if (F_(nan_kind)(a) || F_(nan_kind)(b))
		return F_(nan2)(env, a, b);
	if (inf && zero)
		return F_(invalid)(env);
	F_(note_denorm)(env, a.denorm || b.denorm);
	if (inf)
		return F_(pack_inf)(sign);
	if (zero)
		return F_(pack_zero)(sign);
	return F_(round_pack_pc)(env, CORE(mul)(a, b));
}

BITS F_(div)(struct sf_env *env, BITS ua, BITS ub)
{
	struct NUM a = F_(unpack)(env, ua);
	struct NUM b = F_(unpack)(env, ub);
	bool sign = a.sign ^ b.sign;

	if (F_(nan_kind)(a) || F_(nan_kind)(b))
		return F_(nan2)(env, a, b);
	if (a.kind == b.kind && a.kind != SF_KIND_FINITE)
		return F_(invalid)(env);
	if (b.kind == SF_KIND_ZERO && a.kind == SF_KIND_FINITE) {
		env->flags |= SF_DZ;
		return F_(pack_inf)(sign);
	}
	F_(note_denorm)(env, a.denorm || b.denorm);
	if (a.kind == SF_KIND_INF || b.kind == SF_KIND_ZERO)
		return F_(pack_inf)(sign);
	if (b.kind == SF_KIND_INF || a.kind == SF_KIND_ZERO)
		return F_(pack_zero)(sign);
	return F_(round_pack_pc)(env, CORE(quotient)(a, b));
}

BITS F_(sqrt)(struct sf_env *env, BITS ua)
{
	struct NUM a = F_(unpack)(env, ua);

	if (F_(nan_kind)(a))
		return F_(nan1)(env, a);
	if (a.kind == SF_KIND_ZERO)
		return F_(pack_zero)(a.sign);
	if (a.sign)
		return F_(invalid)(env);
	F_(note_denorm)(env, a.denorm);
	if (a.kind == SF_KIND_INF)
		return F_(pack_inf)(false);
	return F_(round_pack_pc)(env, CORE(root)(a, PREC + 1));
}

/* At least one is a NaN, or a * b is infinity * 0 (inf_zero). */
static inline BITS F_(nan3)(struct sf_env *env, struct NUM a, struct NUM b,
			    struct NUM c, bool inf_zero)
{
	F_(note_snan)(env, a);
	F_(note_snan)(env, b);
	F_(note_snan)(env, c);
	if (inf_zero && env->nan != SF_NAN_X86) {
		env->flags |= SF_NV;
		/* Arm: a signalling addend still has precedence. */
		if (c.kind != SF_KIND_SNAN)
			return F_(default_nan)(env);
	}
	if (env->nan == SF_NAN_ARM) {
		if (c.kind == SF_KIND_SNAN)
			return F_(nan_result)(env, c);
		if (a.kind == SF_KIND_SNAN)
			return F_(nan_result)(env, a);
		if (b.kind == SF_KIND_SNAN)
			return F_(nan_result)(env, b);
		if (F_(nan_kind)(c))
			return F_(nan_result)(env, c);
	}
	if (F_(nan_kind)(a))
		return F_(nan_result)(env, a);
	return F_(nan_result)(env, F_(nan_kind)(b) ? b : c);
}

BITS F_(muladd)(struct sf_env *env, BITS ua, BITS ub, BITS uc, unsigned int neg)
{
	struct NUM a = F_(unpack)(env, ua);
	struct NUM b = F_(unpack)(env, ub);
	struct NUM c = F_(unpack)(env, uc);
	bool inf = a.kind == SF_KIND_INF || b.kind == SF_KIND_INF;
	bool zero = a.kind == SF_KIND_ZERO || b.kind == SF_KIND_ZERO;
	struct NUM r;
	bool sign;

	if (F_(nan_kind)(a) || F_(nan_kind)(b) || F_(nan_kind)(c))
		return F_(nan3)(env, a, b, c, inf && zero);
	if (neg & SF_FMA_NEG_PRODUCT)
		a.sign = !a.sign;
	if (neg & SF_FMA_NEG_ADDEND)
		c.sign = !c.sign;
	sign = a.sign ^ b.sign;
	if (inf && zero)
		return F_(invalid)(env);
	if (inf && c.kind == SF_KIND_INF && c.sign != sign)
		return F_(invalid)(env);
	F_(note_denorm)(env, a.denorm || b.denorm || c.denorm);

	if (inf)
		return F_(pack_inf)(sign);
	if (c.kind == SF_KIND_INF)
		return F_(pack_inf)(c.sign);
	if (zero && c.kind == SF_KIND_ZERO)
		return sign == c.sign ? F_(pack_zero)(sign) :
					F_(cancelled)(env);
	if (zero)
		return F_(round_pack)(env, c);
	if (c.kind == SF_KIND_ZERO)
		return F_(round_pack)(env, CORE(mul)(a, b));

	r = CORE(mul_add)(a, b, c);
	if (r.kind == SF_KIND_ZERO)
		return F_(cancelled)(env);
	return F_(round_pack)(env, r);
}

BITS F_(fma)(struct sf_env *env, BITS a, BITS b, BITS c)
{
	return F_(muladd)(env, a, b, c, 0);
}

BITS F_(rem)(struct sf_env *env, BITS ua, BITS ub)
{
	struct NUM a = F_(unpack)(env, ua);
	struct NUM b = F_(unpack)(env, ub);
	struct NUM r;

	if (F_(nan_kind)(a) || F_(nan_kind)(b))
		return F_(nan2)(env, a, b);
	if (a.kind == SF_KIND_INF || b.kind == SF_KIND_ZERO)
		return F_(invalid)(env);
	F_(note_denorm)(env, a.denorm || b.denorm);
	if (a.kind == SF_KIND_ZERO)
		return F_(pack_zero)(a.sign);
	if (b.kind == SF_KIND_INF)
		return F_(round_pack)(env, a);
	r = CORE(remainder)(a, b);
	if (r.kind == SF_KIND_ZERO)
		return F_(pack_zero)(a.sign);
	return F_(round_pack)(env, r);
}
