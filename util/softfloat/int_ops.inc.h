/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Template: format SF_N and integers.  IEEE 754-2008 5.4.1, 5.8, 5.9. */

/*
 * Split a finite |n| < 2^(WORD - 1) into its integral part and what follows
 * the point, the latter aligned so that its top bit means one half.
 */
static inline SIG F_(split)(struct NUM n, SIG *fraction)
{
	if (n.exp < 0) {
		*fraction = CORE(jam)(n.sig, -1 - n.exp);
		return 0;
	}
	*fraction = n.exp == WORD - 1 ? 0 : n.sig << (n.exp + 1);
	return n.sig >> (WORD - 1 - n.exp);
}

BITS F_(round_int)(struct sf_env *env, BITS v, enum sf_round rm, bool exact)
{
	struct NUM n = F_(unpack)(env, v);
	SIG whole, fraction;
	unsigned int shift;

	if (F_(nan_kind)(n))
		return F_(nan1)(env, n);
	if (n.kind == SF_KIND_INF)
		return F_(pack_inf)(n.sign);
	if (n.kind == SF_KIND_ZERO)
		return F_(pack_zero)(n.sign);
	if (n.exp >= PREC - 1)
		return v;

	whole = F_(split)(n, &fraction);
	if (fraction == 0)
		return v;
	if (exact)
		env->flags |= SF_NX;
	whole += sf_round_up(rm, n.sign, whole & 1, fraction & TOP_BIT,
			     fraction & (TOP_BIT - 1));
	if (whole == 0)
		return F_(pack_zero)(n.sign);
	shift = CLZ(whole);
	return F_(pack)(n.sign, WORD - 1 - (int32_t)shift + BIAS,
			whole << shift);
}

/*
 * The integer in two's complement; false if it is below -neg_limit, above
 * pos_limit or not finite.
 */
static inline bool F_(to_int)(struct sf_env *env, struct NUM n,
			      enum sf_round rm, uint64_t neg_limit,
			      uint64_t pos_limit, uint64_t *out)
{
	SIG whole, fraction;

	*out = 0;
	if (n.kind == SF_KIND_ZERO)
		return true;
	if (n.kind != SF_KIND_FINITE || n.exp > 63)
		return false;
	whole = F_(split)(n, &fraction);
	/*
	 * A carry to 2^64 takes 64 bits and a fraction, which only formats
	 * with a wider word have room for: it cannot wrap around.
	 */
	whole += sf_round_up(rm, n.sign, whole & 1, fraction & TOP_BIT,
			     fraction & (TOP_BIT - 1));
	if (whole > (n.sign ? neg_limit : pos_limit))
		return false;
	if (fraction)
		env->flags |= SF_NX;
	*out = n.sign ? -(uint64_t)whole : (uint64_t)whole;
	return true;
}

static inline bool F_(saturate_up)(struct NUM n, enum sf_int oor)
{
	if (F_(nan_kind)(n))
		return oor == SF_INT_RISCV;
	return !n.sign;
}

static inline int64_t F_(to_signed)(struct sf_env *env, BITS v,
				    enum sf_round rm, enum sf_int oor,
				    int64_t max)
{
	struct NUM n = F_(unpack)(env, v);
	uint64_t out;

	if (F_(to_int)(env, n, rm, (uint64_t)max + 1, max, &out))
		return (int64_t)out;
	env->flags |= SF_NV;
	if (oor == SF_INT_ARM && F_(nan_kind)(n))
		return 0;
	if (oor != SF_INT_X86 && F_(saturate_up)(n, oor))
		return max;
	return -max - 1;
}

static inline uint64_t F_(to_unsigned)(struct sf_env *env, BITS v,
				       enum sf_round rm, enum sf_int oor,
				       uint64_t max)
{
	struct NUM n = F_(unpack)(env, v);
	uint64_t out;

	if (F_(to_int)(env, n, rm, 0, max, &out))
		return out;
	env->flags |= SF_NV;
	return oor == SF_INT_X86 || F_(saturate_up)(n, oor) ? max : 0;
}

int32_t F_(to_i32)(struct sf_env *env, BITS v, enum sf_round rm,
		   enum sf_int oor)
{
	return F_(to_signed)(env, v, rm, oor, INT32_MAX);
}

uint32_t F_(to_u32)(struct sf_env *env, BITS v, enum sf_round rm,
		    enum sf_int oor)
{
	return F_(to_unsigned)(env, v, rm, oor, UINT32_MAX);
}

int64_t F_(to_i64)(struct sf_env *env, BITS v, enum sf_round rm,
		   enum sf_int oor)
{
	return F_(to_signed)(env, v, rm, oor, INT64_MAX);
}

uint64_t F_(to_u64)(struct sf_env *env, BITS v, enum sf_round rm,
		    enum sf_int oor)
{
	return F_(to_unsigned)(env, v, rm, oor, UINT64_MAX);
}

static inline BITS F_(from_mag)(struct sf_env *env, bool sign, uint64_t mag)
{
	unsigned int shift;
	SIG sig;

	if (mag == 0)
		return F_(pack_zero)(false);
	shift = sf_clz64(mag);
	sig = (SIG)(mag << shift) << (WORD - 64);
	return F_(round_pack_to)(env, sign, 63 - (int32_t)shift, sig, PREC);
}

BITS F_(from_i64)(struct sf_env *env, int64_t v)
{
	return F_(from_mag)(env, v < 0, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

BITS F_(from_u64)(struct sf_env *env, uint64_t v)
{
	return F_(from_mag)(env, false, v);
}

BITS F_(from_i32)(struct sf_env *env, int32_t v)
{
	return F_(from_i64)(env, v);
}

BITS F_(from_u32)(struct sf_env *env, uint32_t v)
{
	return F_(from_u64)(env, v);
}
