/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Template: comparing and classifying in format SF_N.  IEEE 754-2019 5.11, 9.6 */

/* No NaNs. */
static inline int F_(order)(struct NUM a, struct NUM b)
{
	if (a.kind == SF_KIND_ZERO && b.kind == SF_KIND_ZERO)
		return SF_EQUAL;
	if (a.sign != b.sign)
		return a.sign ? SF_LESS : SF_GREATER;
	return a.sign ? CORE(cmp_mag)(b, a) : CORE(cmp_mag)(a, b);
}

static inline int F_(compare_inline)(struct sf_env *env, BITS ua, BITS ub,
				     bool signaling)
{
	struct NUM a = F_(unpack)(env, ua);
	struct NUM b = F_(unpack)(env, ub);

	if (F_(nan_kind)(a) || F_(nan_kind)(b)) {
		F_(note_snan)(env, a);
		F_(note_snan)(env, b);
		if (signaling)
			env->flags |= SF_NV;
		return SF_UNORDERED;
	}
	F_(note_denorm)(env, a.denorm || b.denorm);
	return F_(order)(a, b);
}

int F_(compare)(struct sf_env *env, BITS a, BITS b, bool signaling)
{
	return F_(compare_inline)(env, a, b, signaling);
}

bool F_(eq_q)(struct sf_env *env, BITS a, BITS b)
{
	return F_(compare_inline)(env, a, b, false) == SF_EQUAL;
}

bool F_(lt_q)(struct sf_env *env, BITS a, BITS b)
{
	return F_(compare_inline)(env, a, b, false) == SF_LESS;
}

bool F_(le_q)(struct sf_env *env, BITS a, BITS b)
{
	return F_(compare_inline)(env, a, b, false) <= SF_EQUAL;
}

bool F_(eq_s)(struct sf_env *env, BITS a, BITS b)
{
	return F_(compare_inline)(env, a, b, true) == SF_EQUAL;
}

bool F_(lt_s)(struct sf_env *env, BITS a, BITS b)
{
	return F_(compare_inline)(env, a, b, true) == SF_LESS;
}

bool F_(le_s)(struct sf_env *env, BITS a, BITS b)
{
	return F_(compare_inline)(env, a, b, true) <= SF_EQUAL;
}

/* v, whose unpacked form is n and no NaN, as an unchanged operand. */
static inline BITS F_(chosen)(struct NUM n, BITS v)
{
	/* Flushed, perhaps. */
	if (n.kind == SF_KIND_ZERO)
		return F_(pack_zero)(n.sign);
	/* A pseudo-denormal. */
	if (EXPLICIT_INT && n.denorm && (v >> (FIELD - 1) & 1))
		v |= (BITS)1 << FIELD;
	return v;
}

enum F_(nan_choice) {
	F_(NAN_LOSES),		/* minimumNumber */
	F_(NAN_WINS),		/* minimum */
	F_(SNAN_WINS),		/* minNum */
};

static inline BITS F_(min_max)(struct sf_env *env, BITS ua, BITS ub, bool max,
			       enum F_(nan_choice) choice)
{
	struct NUM a = F_(unpack)(env, ua);
	struct NUM b = F_(unpack)(env, ub);
	int order;

	if (F_(nan_kind)(a) || F_(nan_kind)(b)) {
		bool snan = a.kind == SF_KIND_SNAN || b.kind == SF_KIND_SNAN;
		bool both = F_(nan_kind)(a) && F_(nan_kind)(b);

		if (both || choice == F_(NAN_WINS) ||
		    (choice == F_(SNAN_WINS) && snan))
			return F_(nan2)(env, a, b);
		if (snan)
			env->flags |= SF_NV;
		if (F_(nan_kind)(a)) {
			a = b;
			ua = ub;
		}
		F_(note_denorm)(env, a.denorm);
		return F_(chosen)(a, ua);
	}
	F_(note_denorm)(env, a.denorm || b.denorm);
	order = F_(order)(a, b);
	/* -0 is less than +0 here. */
	if (order == SF_EQUAL)
		order = a.sign && !b.sign ? SF_LESS : SF_GREATER;
	if ((order == SF_LESS) == max) {
		a = b;
		ua = ub;
	}
	return F_(chosen)(a, ua);
}

BITS F_(min)(struct sf_env *env, BITS a, BITS b)
{
	return F_(min_max)(env, a, b, false, F_(NAN_LOSES));
}

BITS F_(max)(struct sf_env *env, BITS a, BITS b)
{
	return F_(min_max)(env, a, b, true, F_(NAN_LOSES));
}

BITS F_(minimum)(struct sf_env *env, BITS a, BITS b)
{
	return F_(min_max)(env, a, b, false, F_(NAN_WINS));
}

BITS F_(maximum)(struct sf_env *env, BITS a, BITS b)
{
	return F_(min_max)(env, a, b, true, F_(NAN_WINS));
}

BITS F_(minnum)(struct sf_env *env, BITS a, BITS b)
{
	return F_(min_max)(env, a, b, false, F_(SNAN_WINS));
}

BITS F_(maxnum)(struct sf_env *env, BITS a, BITS b)
{
	return F_(min_max)(env, a, b, true, F_(SNAN_WINS));
}

unsigned int F_(classify)(BITS v)
{
	struct NUM n = F_(unpack_raw)(v);

	switch (n.kind) {
	case SF_KIND_ZERO:
		return n.sign ? SF_CLASS_NEG_ZERO : SF_CLASS_POS_ZERO;
	case SF_KIND_INF:
		return n.sign ? SF_CLASS_NEG_INF : SF_CLASS_POS_INF;
	case SF_KIND_QNAN:
		return SF_CLASS_QNAN;
	case SF_KIND_SNAN:
		return SF_CLASS_SNAN;
	default:
		if (n.denorm)
			return n.sign ? SF_CLASS_NEG_SUBNORMAL :
					SF_CLASS_POS_SUBNORMAL;
		return n.sign ? SF_CLASS_NEG_NORMAL : SF_CLASS_POS_NORMAL;
	}
}

bool F_(is_nan)(BITS v)
{
	return F_(nan_kind)(F_(unpack_raw)(v));
}

bool F_(is_snan)(BITS v)
{
	return F_(unpack_raw)(v).kind == SF_KIND_SNAN;
}
