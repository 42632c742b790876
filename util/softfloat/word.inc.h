/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Template, included by word.h once per word width SF_W (64, 128).
 *
 * An unpacked finite number is sig * 2^(exp - (W - 1)) with the top bit of
 * sig set, so 1 <= sig / 2^(W-1) < 2.  Numbers that come from a format have
 * at least eleven zero bits at the low end (W is chosen so): shifts right by
 * one or two lose nothing.  Results of the functions below are unrounded:
 * bit 0 also stands for "something non-zero further right" (jamming), which
 * is all that rounding needs to know of the tail.
 */
#define W_(name)	SF_CAT4(sf_, name, _w, SF_W)
#define SIG		SF_CAT(sf_sig, SF_W)
#define NUM		SF_CAT(sf_num, SF_W)
#define WIDE		SF_CAT(sf_wide, SF_W)
#define CLZ		SF_CAT(sf_clz, SF_W)
#define HALF		(SF_W / 2)
#define LOW_HALF	(((SIG)1 << HALF) - 1)
#define TOP_BIT		((SIG)1 << (SF_W - 1))

#if SF_W == 64
typedef uint64_t sf_sig64;
#else
typedef unsigned __int128 sf_sig128;
#endif

struct NUM {
	uint8_t kind;		/* enum sf_kind */
	bool sign;
	bool denorm;		/* subnormal operand, not flushed */
	int32_t exp;
	/* NaN: top bit set, then quiet bit and payload; 0: no valid f80 */
	SIG sig;
};

struct WIDE {
	SIG hi, lo;
};

/* x >> n where bits shifted out are OR-ed into bit 0; n >= 0. */
static inline SIG W_(jam)(SIG x, unsigned int n)
{
	if (n == 0)
		return x;
	if (n >= SF_W)
		return x != 0;
	return x >> n | ((x << (SF_W - n)) != 0);
}

static inline struct WIDE W_(wide_jam)(struct WIDE x, unsigned int n)
{
	struct WIDE r;

	if (n == 0)
		return x;
	if (n < SF_W) {
		r.hi = x.hi >> n;
		r.lo = x.hi << (SF_W - n) | x.lo >> n;
		r.lo |= (x.lo << (SF_W - n)) != 0;
	} else {
		r.hi = 0;
		r.lo = W_(jam)(x.hi, n - SF_W) | (x.lo != 0);
	}
	return r;
}

/* Shift left until the top bit is set; returns the distance.  x != 0. */
static inline unsigned int W_(wide_normalize)(struct WIDE *x)
{
	unsigned int n;

	if (x->hi == 0) {
		n = CLZ(x->lo);
		x->hi = x->lo << n;
		x->lo = 0;
		return SF_W + n;
	}
	n = CLZ(x->hi);
	if (n) {
		x->hi = x->hi << n | x->lo >> (SF_W - n);
		x->lo <<= n;
	}
	return n;
}

static inline struct WIDE W_(wide_mul)(SIG a, SIG b)
{
	struct WIDE r;
#if SF_W == 64
	unsigned __int128 p = (unsigned __int128)a * b;

	r.hi = p >> 64;
	r.lo = p;
#else
	SIG al = a & LOW_HALF, ah = a >> HALF;
	SIG bl = b & LOW_HALF, bh = b >> HALF;
	SIG low = al * bl, high = ah * bh;
	SIG mid1 = ah * bl, mid2 = al * bh;
	SIG mid = (low >> HALF) + (mid1 & LOW_HALF) + (mid2 & LOW_HALF);

	r.lo = mid << HALF | (low & LOW_HALF);
	r.hi = high + (mid1 >> HALF) + (mid2 >> HALF) + (mid >> HALF);
#endif
	return r;
}

/* One quotient digit of HALF bits: min(n / d, 2^HALF - 1). */
static inline SIG W_(div_digit)(SIG n, SIG d)
{
#if SF_W == 64
	SIG q = n / d;

	return q > LOW_HALF ? LOW_HALF : q;
#else
	uint64_t rem;

	if (n >> HALF >= d)
		return LOW_HALF;
	return sf_div_w64(n >> HALF, (uint64_t)n, (uint64_t)d, &rem);
#endif
}

/*
 * (hi:lo) / d for hi < d and d with its top bit set: schoolbook division in
 * two digits of half a word (Knuth, TAOCP vol. 2, 4.3.1).
 */
static inline SIG W_(div)(SIG hi, SIG lo, SIG d, SIG *rem)
{
	SIG dh = d >> HALF, dl = d & LOW_HALF;
	SIG quot = 0;
	int i;

	for (i = 0; i < 2; i++) {
		SIG next = i ? lo & LOW_HALF : lo >> HALF;
		SIG q = W_(div_digit)(hi, dh);
		SIG r = hi - q * dh;

		/* The estimate is at most two too large. */
		while (!(r >> HALF) && q * dl > (r << HALF | next)) {
			q--;
			r += dh;
		}
		hi = (hi << HALF | next) - q * d;
		quot = quot << HALF | q;
	}
	*rem = hi;
	return quot;
}

/* |a| + |b|, sign of a.  Both finite and not zero. */
static inline struct NUM W_(add_mag)(struct NUM a, struct NUM b)
{
	struct NUM r = a;

	if (a.exp < b.exp) {
		r.exp = b.exp;
		r.sig = (b.sig >> 1) + W_(jam)(a.sig >> 1, b.exp - a.exp);
	} else {
		r.sig = (a.sig >> 1) + W_(jam)(b.sig >> 1, a.exp - b.exp);
	}
	if (r.sig & TOP_BIT)
		r.exp++;
	else
		r.sig <<= 1;
	return r;
}

/*
 * |a| - |b|, taken as a value with a's sign.  kind is SF_KIND_ZERO when they
 * cancel; the caller knows the sign of such a zero.
 */
static inline struct NUM W_(sub_mag)(struct NUM a, struct NUM b)
{
	struct NUM r = a;
	unsigned int n;

	if (a.exp < b.exp || (a.exp == b.exp && a.sig < b.sig)) {
		r = b;
		b = a;
		r.sign = !a.sign;
	}
	r.sig = (r.sig >> 1) - W_(jam)(b.sig >> 1, r.exp - b.exp);
	if (r.sig == 0) {
		r.kind = SF_KIND_ZERO;
		return r;
	}
	n = CLZ(r.sig);
	r.sig <<= n;
	r.exp -= (int)n - 1;
	return r;
}

/* a * b, finite and not zero. */
static inline struct NUM W_(mul)(struct NUM a, struct NUM b)
{
	struct WIDE p = W_(wide_mul)(a.sig, b.sig);
	struct NUM r = a;

	r.sign = a.sign ^ b.sign;
	r.exp = a.exp + b.exp + 1 - (int)W_(wide_normalize)(&p);
	r.sig = p.hi | (p.lo != 0);
	return r;
}

/* a / b, finite and not zero. */
static inline struct NUM W_(quotient)(struct NUM a, struct NUM b)
{
	struct NUM r = a;
	SIG rem;

	r.sign = a.sign ^ b.sign;
	r.exp = a.exp - b.exp;
	if (a.sig >= b.sig) {
		r.sig = W_(div)(a.sig >> 1, a.sig << (SF_W - 1), b.sig, &rem);
	} else {
		r.exp--;
		r.sig = W_(div)(a.sig, 0, b.sig, &rem);
	}
	r.sig |= rem != 0;
	return r;
}

/*
 * Square root of a positive finite number to at least bits significant bits,
 * one bit a step.  With q the root so far and t the value of the next bit,
 * rem holds (a - q * q) / t, and the bit is set if that is >= 2 * q + t.
 * rem stays below 8, hence the three integer bits.
 */
static inline struct NUM W_(root)(struct NUM a, unsigned int bits)
{
	SIG rem = a.exp & 1 ? a.sig >> 1 : a.sig >> 2;
	SIG t = (SIG)1 << (SF_W - 3);
	SIG q = 0;
	struct NUM r = a;

	for (; bits; bits--) {
		if (2 * q + t <= rem) {
			rem -= 2 * q + t;
			q |= t;
		}
		rem <<= 1;
		t >>= 1;
	}
	r.exp = (a.exp - (a.exp & 1)) / 2;
	r.sig = q << 2 | (rem != 0);
	return r;
}

/*
 * a * b + c, all finite and not zero, with the product exact in two words.
 * kind is SF_KIND_ZERO when they cancel.
 */
static inline struct NUM W_(mul_add)(struct NUM a, struct NUM b, struct NUM c)
{
	struct WIDE x = W_(wide_mul)(a.sig, b.sig);
	struct WIDE y = { c.sig, 0 };
	struct NUM r = a;
	int32_t yexp = c.exp;
	bool swap;

	r.sign = a.sign ^ b.sign;
	r.exp = a.exp + b.exp + 1 - (int)W_(wide_normalize)(&x);

	/* y.lo is zero: the high words decide, or x is not smaller. */
	swap = r.exp < yexp || (r.exp == yexp && x.hi < y.hi);
	if (swap) {
		struct WIDE tmp = x;
		int32_t e = r.exp;

		x = y;
		y = tmp;
		r.exp = yexp;
		yexp = e;
	}
	/* Room for the carry; the product has twice the spare low bits. */
	x = W_(wide_jam)(x, 1);
	y = W_(wide_jam)(y, 1);
	y = W_(wide_jam)(y, r.exp - yexp);

	if (r.sign == c.sign) {
		x.lo += y.lo;
		x.hi += y.hi + (x.lo < y.lo);
	} else {
		r.sign ^= swap;
		x.hi -= y.hi + (x.lo < y.lo);
		x.lo -= y.lo;
		if (x.hi == 0 && x.lo == 0) {
			r.kind = SF_KIND_ZERO;
			return r;
		}
	}
	r.exp += 1 - (int)W_(wide_normalize)(&x);
	r.sig = x.hi | (x.lo != 0);
	return r;
}

/*
 * IEEE remainder of finite, non-zero numbers, exact.  The loop runs once per
 * binade between them.
 */
static inline struct NUM W_(remainder)(struct NUM a, struct NUM b)
{
	int32_t n = a.exp - b.exp;
	SIG m = b.sig >> 1;
	SIG rem = a.sig >> 1;
	struct NUM r = a;
	bool odd = false;

	if (n < -1)
		return a;
	if (n < 0) {
		rem >>= 1;
	} else {
		for (;;) {
			odd = rem >= m;
			if (odd)
				rem -= m;
			if (n-- == 0)
				break;
			rem <<= 1;
		}
	}
	if (rem > m - rem || (rem == m - rem && odd)) {
		rem = m - rem;
		r.sign = !r.sign;
	}
	if (rem == 0) {
		r.kind = SF_KIND_ZERO;
		return r;
	}
	n = CLZ(rem);
	r.sig = rem << n;
	r.exp = b.exp + 1 - n;
	return r;
}

/* Magnitudes of numbers that are no NaNs: <0, 0, >0. */
static inline int W_(cmp_mag)(struct NUM a, struct NUM b)
{
	if (a.kind != b.kind)
		return a.kind < b.kind ? -1 : 1;
	if (a.kind != SF_KIND_FINITE)
		return 0;
	if (a.exp != b.exp)
		return a.exp < b.exp ? -1 : 1;
	return a.sig < b.sig ? -1 : a.sig > b.sig;
}

#undef W_
#undef SIG
#undef NUM
#undef WIDE
#undef CLZ
#undef HALF
#undef LOW_HALF
#undef TOP_BIT
