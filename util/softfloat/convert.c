/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Conversions between formats.  IEEE 754-2008 5.4.2, 6.2.3. */
#include "util/softfloat/format.h"

#define SF_N 16
#include "util/softfloat/format.inc.h"
#undef SF_N
#define SF_N 32
#include "util/softfloat/format.inc.h"
#undef SF_N
#define SF_N 64
#include "util/softfloat/format.inc.h"
#undef SF_N
#define SF_N 80
#include "util/softfloat/format.inc.h"
#undef SF_N
#define SF_N 128
#include "util/softfloat/format.inc.h"
#undef SF_N

static inline sf_sig64 sf_resize_w64_w64(sf_sig64 sig)
{
	return sig;
}

static inline sf_sig128 sf_resize_w64_w128(sf_sig64 sig)
{
	return (sf_sig128)sig << 64;
}

/*
 * What is jammed into bit 0 lies below the precision of every format with 64
 * bit words, so that truncated NaN payloads do not see it.
 */
static inline sf_sig64 sf_resize_w128_w64(sf_sig128 sig)
{
	return (sf_sig64)(sig >> 64) | ((sf_sig64)sig != 0);
}

static inline sf_sig128 sf_resize_w128_w128(sf_sig128 sig)
{
	return sig;
}

#define WORD_OF(n)	SF_CAT(SF_WORD_, n)
#define NUM_OF(n)	SF_CAT(sf_num, WORD_OF(n))
#define RESIZE(from, to) \
	SF_CAT4(sf_resize_w, WORD_OF(from), _w, WORD_OF(to))

#define CONVERT(from, to)						\
sf_bits##to sf##from##_to_f##to(struct sf_env *env, sf_bits##from v)	\
{									\
	struct NUM_OF(from) n = sf##from##_unpack(env, v);		\
	struct NUM_OF(to) r = {						\
		.kind = n.kind,						\
		.sign = n.sign,						\
		.exp = n.exp,						\
		.sig = RESIZE(from, to)(n.sig),				\
	};								\
									\
	if (sf##to##_nan_kind(r))					\
		return sf##to##_nan1(env, r);				\
	sf##to##_note_denorm(env, n.denorm);				\
	if (r.kind == SF_KIND_INF)					\
		return sf##to##_pack_inf(r.sign);			\
	if (r.kind == SF_KIND_ZERO)					\
		return sf##to##_pack_zero(r.sign);			\
	return sf##to##_round_pack(env, r);				\
}

#define CONVERT_FROM(from, type)					\
	CONVERT(from, 16)						\
	CONVERT(from, 32)						\
	CONVERT(from, 64)						\
	CONVERT(from, 80)						\
	CONVERT(from, 128)

SF_FORMATS(CONVERT_FROM)
