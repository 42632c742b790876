// SPDX-License-Identifier: GPL-2.0-or-later
/* Zicond, Zba, Zbb, Zbs: each instruction against a loop over bits. */
#include "tests/priv/priv.h"

static u64 rnd = 88172645463325252ul;
static u64 next(void)
{
	static const u64 special[] = { 0,          1,          ~0ul, 1ul << 63, 0x7fffffffffffffff,
				       0x80000000, 0xffffffff, 63,   64,        31,
				       32 };

	rnd ^= rnd << 13;
	rnd ^= rnd >> 7;
	rnd ^= rnd << 17;
	return rnd % 3 ? rnd >> (rnd & 31) : special[rnd / 3 % 11];
}

static unsigned bit(u64 v, unsigned n) { return v >> (n & 63) & 1; }
static u64 sx32(u64 v) { return (u64)(int64_t)(int32_t)v; }
static u64 clz(u64 v, unsigned n)
{
	unsigned c = 0;
	while (c < n && !bit(v, n - 1 - c))
		c++;
	return c;
}
static u64 ctz(u64 v, unsigned n)
{
	unsigned c = 0;
	while (c < n && !bit(v, c))
		c++;
	return c;
}
static u64 pop(u64 v, unsigned n)
{
	u64 c = 0;
	for (unsigned i = 0; i < n; i++)
		c += bit(v, i);
	return c;
}
static u64 ror64(u64 v, u64 n)
{
	u64 r = 0;
	for (unsigned i = 0; i < 64; i++)
		r |= (u64)bit(v, i + (unsigned)n) << i;
	return r;
}
static u64 ror32(u64 v, u64 n)
{
	u64 r = 0;

	for (unsigned i = 0; i < 32; i++)
		r |= (u64)bit(v, (i + (unsigned)n) & 31) << i;
	return sx32(r);
}
static u64 orcb(u64 v)
{
	u64 r = 0;
	for (unsigned i = 0; i < 64; i += 8)
		r |= (v >> i & 255 ? 255ul : 0) << i;
	return r;
}
static u64 rev(u64 v)
{
	u64 r = 0;
	for (unsigned i = 0; i < 8; i++)
		r = r << 8 | (v >> 8 * i & 255);
	return r;
}

/* The runtime must not need what is tested here: the compiler does not know of these extensions. */
#define ZB ".option push\n .option arch, +zba, +zbb, +zbs\n "
#define I2(text) ({ u64 r_; \
	asm(ZB text " %0, %1, %2\n .option pop" : "=r"(r_) : "r"(a), "r"(b)); r_; })
#define I1(text) ({ u64 r_; \
	asm(ZB text " %0, %1\n .option pop" : "=r"(r_) : "r"(a)); r_; })
#define IMM(text, n) ({ u64 r_; \
	asm(ZB text " %0, %1, " #n "\n .option pop" : "=r"(r_) : "r"(a)); r_; })
#define CZERO(f3)                                                                       \
	({                                                                              \
		register u64 r_ asm("a0"), x_ asm("a1") = a, y_ asm("a2") = b;          \
		asm(".4byte 0x0ec58533 | " #f3 " << 12" : "=r"(r_) : "r"(x_), "r"(y_)); \
		r_;                                                                     \
	})
#define EACH for (unsigned i_ = 0; i_ < 2000; i_++)

static void zba(void)
{
	EACH
	{
		u64 a = next(), b = next();

		EQ(I2("sh1add"), a * 2 + b);
		EQ(I2("sh2add"), a * 4 + b);
		EQ(I2("sh3add"), a * 8 + b);
		EQ(I2("add.uw"), (a & 0xffffffff) + b);
		EQ(I2("sh1add.uw"), (a & 0xffffffff) * 2 + b);
		EQ(I2("sh2add.uw"), (a & 0xffffffff) * 4 + b);
		EQ(I2("sh3add.uw"), (a & 0xffffffff) * 8 + b);
		EQ(IMM("slli.uw", 7), (a & 0xffffffff) << 7);
		EQ(IMM("slli.uw", 40), (a & 0xffffffff) << 40);
	}
}

static void zbb(void)
{
	EACH
	{
		u64 a = next(), b = next();

		EQ(I2("andn"), a & ~b);
		EQ(I2("orn"), a | ~b);
		EQ(I2("xnor"), ~(a ^ b));
		EQ(I1("clz"), clz(a, 64));
		EQ(I1("clzw"), clz(a, 32));
		EQ(I1("ctz"), ctz(a, 64));
		EQ(I1("ctzw"), ctz(a, 32));
		EQ(I1("cpop"), pop(a, 64));
		EQ(I1("cpopw"), pop(a, 32));
		EQ(I2("max"), (int64_t)a > (int64_t)b ? a : b);
		EQ(I2("min"), (int64_t)a < (int64_t)b ? a : b);
		EQ(I2("maxu"), a > b ? a : b);
		EQ(I2("minu"), a < b ? a : b);
		EQ(I1("sext.b"), (u64)(int64_t)(int8_t)a);
		EQ(I1("sext.h"), (u64)(int64_t)(int16_t)a);
		EQ(I1("zext.h"), a & 0xffff);
		EQ(I2("ror"), ror64(a, b & 63));
		EQ(I2("rol"), ror64(a, (64 - (b & 63)) & 63));
		EQ(I2("rorw"), ror32(a, b & 31));
		EQ(I2("rolw"), ror32(a, (32 - (b & 31)) & 31));
		EQ(IMM("rori", 0), a);
		EQ(IMM("rori", 47), ror64(a, 47));
		EQ(IMM("roriw", 0), sx32(a));
		EQ(IMM("roriw", 21), ror32(a, 21));
		EQ(I1("orc.b"), orcb(a));
		EQ(I1("rev8"), rev(a));
	}
}

static void zbs(void)
{
	EACH
	{
		u64 a = next(), b = next(), m = 1ul << (b & 63);

		EQ(I2("bset"), a | m);
		EQ(I2("bclr"), a & ~m);
		EQ(I2("binv"), a ^ m);
		EQ(I2("bext"), (a & m) != 0);
		EQ(IMM("bseti", 63), a | 1ul << 63);
		EQ(IMM("bclri", 32), a & ~(1ul << 32));
		EQ(IMM("binvi", 31), a ^ 1ul << 31);
		EQ(IMM("bexti", 40), a >> 40 & 1);
	}
}

static void zicond(void)
{
	t_clear();
	TRY(".4byte 0x0e005033", NO_OUT, "r"(0));
	if (cpu()->t.cause != ~0ul) {
		absent("Zicond");
		return;
	}
	EACH
	{
		u64 a = next(), b = i_ & 1 ? next() : 0;

		EQ(CZERO(5), b ? a : 0); /* czero.eqz */
		EQ(CZERO(7), b ? 0 : a); /* czero.nez */
	}
}

static void muldiv(void)
{
	EACH
	{
		u64 a = next(), b = next();
		__int128 sa = (int64_t)a, sb = (int64_t)b;
		unsigned __int128 ua = a, ub = b;

		EQ(I2("mulh"), (u64)(sa * sb >> 64));
		EQ(I2("mulhu"), (u64)(ua * ub >> 64));
		EQ(I2("mulhsu"), (u64)(sa * (__int128)ub >> 64));
		EQ(I2("mulw"), sx32(a * b));
	}
	{
		u64 a = 1ul << 63, b = ~0ul;

		EQ(I2("div"), a);
		EQ(I2("rem"), 0);
		b = 0;
		EQ(I2("div"), ~0ul);
		EQ(I2("rem"), a);
		EQ(I2("divu"), ~0ul);
		EQ(I2("remu"), a);
		a = 0x80000000;
		EQ(I2("divw"), ~0ul);
		EQ(I2("remw"), sx32(a));
		EQ(I2("divuw"), ~0ul);
		EQ(I2("remuw"), sx32(a));
		b = ~0ul;
		EQ(I2("divw"), sx32(a));
		EQ(I2("remw"), 0);
	}
}

const struct test tests[] = {
	{ "Zba", zba },       { "Zbb", zbb },  { "Zbs", zbs },
	{ "Zicond", zicond }, { "M", muldiv }, { NULL, NULL },
};
