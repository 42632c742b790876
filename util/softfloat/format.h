/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The constants of each format, looked up by pasting the width N:
 *
 *	SF_WORD_N	significand word of the arithmetic (64 or 128); at
 *			least SF_PREC_N + 11, see word.inc.h
 *	SF_EXP_N	bits of the exponent field
 *	SF_FIELD_N	bits of the significand field
 *	SF_PREC_N	significand bits, the integer bit included; equal to
 *			SF_FIELD_N where that bit is explicit
 *
 * To use a format's internals: define SF_N, include format.inc.h, then one of
 * the *_ops.inc.h or code of your own.
 */
#ifndef UTIL_SOFTFLOAT_FORMAT_H
#define UTIL_SOFTFLOAT_FORMAT_H

#include "util/softfloat/word.h"

#define SF_WORD_16	64
#define SF_EXP_16	5
#define SF_FIELD_16	10
#define SF_PREC_16	11

#define SF_WORD_32	64
#define SF_EXP_32	8
#define SF_FIELD_32	23
#define SF_PREC_32	24

#define SF_WORD_64	64
#define SF_EXP_64	11
#define SF_FIELD_64	52
#define SF_PREC_64	53

#define SF_WORD_80	128
#define SF_EXP_80	15
#define SF_FIELD_80	64
#define SF_PREC_80	64

#define SF_WORD_128	128
#define SF_EXP_128	15
#define SF_FIELD_128	112
#define SF_PREC_128	113

#define SF_DEFINE_BITS(N, T) typedef T sf_bits##N;
SF_FORMATS(SF_DEFINE_BITS)
#undef SF_DEFINE_BITS

/* Names inside the templates, resolved at the point of use through SF_N. */
#define F_(name)	SF_CAT4(sf, SF_N, _, name)
#define BITS		SF_CAT(sf_bits, SF_N)
#define WORD		SF_CAT(SF_WORD_, SF_N)
#define SIG		SF_CAT(sf_sig, WORD)
#define NUM		SF_CAT(sf_num, WORD)
#define CLZ		SF_CAT(sf_clz, WORD)
#define CORE(name)	SF_CAT4(sf_, name, _w, WORD)
#define EXP_BITS	SF_CAT(SF_EXP_, SF_N)
#define FIELD		SF_CAT(SF_FIELD_, SF_N)
#define PREC		SF_CAT(SF_PREC_, SF_N)
#define EXPLICIT_INT	(FIELD == PREC)
#define EXP_MAX		((1 << EXP_BITS) - 1)
#define BIAS		((1 << (EXP_BITS - 1)) - 1)
#define TOP_BIT		((SIG)1 << (WORD - 1))
#define QUIET_BIT	((SIG)1 << (WORD - 2))

#endif
