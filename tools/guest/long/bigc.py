#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""bigc.py [FUNCTIONS] > big.c

A C program of some 30 lines a function (400: more than 10,000 lines), always
the same: integers of all widths, floats of all three formats, strings, structs
by value, bit fields, function pointers, switches, loops that vectorise, vector
types, atomics. It prints a hash after every eighth function, so that the first
line that differs between two machines says which functions to look at.
"""
import random
import sys

R = random.Random(20240607)
INTS = ["int8_t", "uint8_t", "int16_t", "uint16_t", "int32_t", "uint32_t", "int64_t", "uint64_t"]
HEAD = r"""
#include <math.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint32_t v8u __attribute__((vector_size(32)));
typedef float v4f __attribute__((vector_size(16)));
typedef double v4d __attribute__((vector_size(32)));
typedef int64_t v4l __attribute__((vector_size(32)));
struct mix { int8_t a; uint16_t b; int32_t c; float d; double e; uint64_t f; };
struct bits { uint64_t a:3, b:7, c:13, d:1; int64_t e:20, f:9; };
union any { uint64_t u; int64_t i; double d; float s[2]; uint8_t b[8]; };
static _Atomic uint64_t shared;

static uint64_t stir(uint64_t h, uint64_t v)
{
	h ^= v;
	h *= 0x9e3779b97f4a7c15u;
	return h ^ (h >> 29);
}
static uint64_t of_double(double d)
{
	union any x = { .d = d };

	return x.u;
}
static uint64_t of_long(long double d)
{
	unsigned char b[16] = { 0 };
	uint64_t u[2];

	memcpy(b, &d, 10);
	memcpy(u, b, 16);
	return u[0] ^ u[1] << 7;
}
static uint64_t sum_va(int n, ...)
{
	uint64_t h = 0;
	va_list ap;

	va_start(ap, n);
	while (n-- > 0)
		h = stir(h, n & 1 ? va_arg(ap, uint64_t) : of_double(va_arg(ap, double)));
	va_end(ap);
	return h;
}
"""


def const(width=64):
    return R.choice(["%d" % R.randrange(1, 100), "0x%xu" % R.getrandbits(16), "0x%xull" % R.getrandbits(width)])


def fconst():
    return R.choice(["%d.%d" % (R.randrange(50), R.randrange(1000)), "0x1.%xp%d" % (R.getrandbits(40), R.randrange(-30, 30))])


def int_line(v):
    d, a, b = (R.choice(v) for _ in range(3))
    return R.choice([
        "%s += %s * %s;" % (d, a, const(32)), "%s ^= %s >> %d;" % (d, a, R.randrange(1, 7)), "%s = %s - (%s & %s);" % (d, a, b, const()),
        "%s = (uint64_t)%s << (%s & 31);" % (d, a, b), "%s = %s / ((%s & 0x7f) + 1);" % (d, a, b), "%s = %s %% ((%s & 0x3ff) + 3);" % (d, a, b),
        "%s = %s > %s ? %s : %s;" % (d, a, b, b, const()), "if (%s < %s) %s++;" % (a, b, d), "%s |= ~%s;" % (d, a),
        "%s = __builtin_popcountll(%s) + __builtin_clzll((%s) | 1);" % (d, a, b), "%s = __builtin_bswap64(%s) >> 3;" % (d, a),
        "%s = (uint64_t)((unsigned __int128)(uint64_t)%s * (uint64_t)%s >> %d);" % (d, a, b, R.randrange(1, 90)),
        "%s = (uint64_t)%s >> %d | (uint64_t)%s << %d;" % ((d, a) + (lambda n: (n, a, 64 - n))(R.randrange(1, 63))),
        "for (int i = 0; i < %d; i++) %s += %s ^ i;" % (R.randrange(2, 20), d, a),
    ])


def body_int(n):
    v = ["v%d" % i for i in range(8)]
    out = ["%s %s = (%s)(x + %s);" % (t, name, t, const()) for t, name in zip(R.sample(INTS, 8), v)]
    out += [int_line(v) for _ in range(14)]
    return out + ["return stir(stir(stir(x, v0 ^ v1), v2 + v3), (v4 ^ v5) + (v6 ^ v7));"]


def body_float(n):
    t = R.choice(["double", "double", "float", "long double"])
    out = ["%s a = (int32_t)x * %s, b = (uint16_t)(x >> 9) + %s, c = %s, d = 1;" % (t, fconst(), fconst(), fconst())]
    for _ in range(16):
        d, a, b = (R.choice("abcd") for _ in range(3))
        out.append(R.choice([
            "%s = %s * %s + %s;" % (d, a, b, fconst()), "%s = %s - %s / %s;" % (d, a, b, fconst()), "%s = %s < %s ? %s : -%s;" % (d, a, b, a, b),
            "%s = sqrt(fabs((double)%s)) + %s;" % (d, a, b), "%s = (%s)(float)%s - %s;" % (d, t, a, b),
            "if (!(%s >= -1e15 && %s <= 1e15)) %s = %s;" % (a, a, a, fconst()), "%s += (%s)(x >> %d);" % (d, t, R.randrange(30)),
            "x ^= (uint64_t)(int64_t)fmin(fmax((double)%s, -1e18), 1e18);" % a, "%s = floor((double)%s / 3) + rint((double)%s);" % (d, a, b),
            "%s = %s == %s ? 0.5 : %s;" % (d, a, b, b), "%s = (%s > 0) - (%s < 0) + %s * 0.25;" % (d, a, b, a),
        ]))
    return out + ["x = stir(x, of_double((double)(a + b)));", "return stir(stir(x, of_double((double)(c - d))), of_long(a * b));"]


def body_string(n):
    out = ["char s[200], t[100], *p;", "int k = snprintf(s, sizeof(s), \"%%d:%%s:%%llx:%%g\", (int)(x %% %d), \"%s\", (unsigned long long)x, (int32_t)x / 8.0);" %
           (R.randrange(9, 999), "".join(R.choice("abcdefghij -") for _ in range(R.randrange(3, 60))))]
    for _ in range(9):
        out += R.choice([
            ["p = strchr(s, '%s');" % R.choice("abc:"), "x = stir(x, p ? p - s : -1);"], ["for (char *q = s; *q; q++)", "\tx = stir(x, *q * %d);" % R.randrange(1, 99)],
            ["memset(t, '%s', sizeof(t) - 1);" % R.choice("xyz"), "t[99] = 0;", "memcpy(t + %d, s, k < %d ? k : %d);" % ((lambda a, b: (a, b, b))(R.randrange(20), R.randrange(1, 70))), "x = stir(x, strlen(t) + t[x %% 99]);".replace("%%", "%")],
            ["x = stir(x, strtoull(s, NULL, %d) + strspn(s, \"0123456789\"));" % R.choice([8, 10, 16])], ["memmove(s + 1, s, %d);" % R.randrange(2, 100), "s[k = %d] = 0;" % R.randrange(20, 150)],
            ["x = stir(x, (unsigned)(strcmp(s, \"%d\") > 0) + strlen(s));" % R.randrange(500)], ["p = strstr(s, \"%s\");" % R.choice(["a", "e f", ":4", "00"]), "x += p ? *p : 7;"],
        ])
    return ["memset(s, 0, sizeof(s));" if line == "" else line for line in out[:1]] + ["memset(s, 0, sizeof(s));", "memset(t, 0, sizeof(t));"] + out[1:] + ["(void)p;", "return stir(x, k);"]


def body_loop(n):
    t = R.choice(["int8_t", "uint8_t", "int16_t", "uint16_t", "int32_t", "uint32_t", "uint64_t", "float", "double"])
    size = R.randrange(30, 200)
    out = ["%s a[%d], b[%d], c[%d];" % (t, size, size, size), "for (int i = 0; i < %d; i++) {" % size, "\ta[i] = (%s)((int32_t)x * i %% 1009);" % t,
           "\tb[i] = (%s)(i * %d - (int)(x & 255));" % (t, R.randrange(1, 40)), "\tc[i] = 0;", "}"]
    for _ in range(6):
        d, e, f = (R.choice("abc") for _ in range(3))
        line = R.choice(["%s[i] = %s[i] + %s[i];", "%s[i] = %s[i] * %s[i] + 1;", "%s[i] = %s[i] > %s[i] ? 3 : i;", "%s[i] -= %s[i] + (%s[i] < 5);",
                         "%s[i] = %s[%d - 1 - i] + %s[i];", "if (%s[i] > %s[i]) %s[i] /= 2;"])
        args = (d, e, size, f) if "%d" in line else (d, e, f)
        out += ["for (int i = 0; i < %d; i++)" % size, "\t" + line % args]
    out += ["for (int i = 0; i < %d; i++)" % size]
    return out + ["\tx = stir(x, of_double((double)a[i]) + of_double((double)b[i] + (double)c[i]));", "return x;"]


def body_struct(n):
    out = ["struct mix m = { x, x >> 3, x >> 7, (int16_t)x / 4.0f, (int32_t)x / %s, ~x }, w[%d];" % ("7.0", 9), "struct bits f = { x, x >> 3, x >> 11, x >> 40, (int)(x & 0x7ffff), -(int)(x & 255) };",
           "union any u = { .u = x };", "for (int i = 0; i < 9; i++) {", "\tm.c = (int32_t)((uint32_t)m.c * %du + i);" % R.randrange(3, 9999), "\tm.b ^= m.c;", "\tw[i] = m;", "}"]
    for _ in range(10):
        i = R.randrange(9)
        out.append(R.choice(["f.b += w[%d].b;" % i, "f.e = (w[%d].c ^ f.b) & 0x7ffff;" % i, "f.c ^= f.a * %d;" % R.randrange(99), "w[%d].e += w[%d].d * f.f;" % (i, R.randrange(9)),
                             "u.b[%d] ^= f.c;" % R.randrange(8), "w[%d].f += u.u >> f.a;" % i, "f.d = w[%d].a > f.f;" % i, "w[%d] = w[%d];" % (i, R.randrange(9)), "f.f = (f.e >> 3) & 0xff;",
                             "u.i -= f.e * (int64_t)w[%d].b;" % i]))
    return out + ["for (int i = 0; i < 9; i++)", "\tx = stir(x, w[i].a + w[i].b + w[i].c + w[i].f + of_double(w[i].d * w[i].e));", "return stir(x, u.u + f.a + f.b + f.c + f.d + f.e + f.f);"]


def body_switch(n):
    out = ["for (int i = 0; i < %d; i++) {" % R.randrange(10, 60), "\tswitch ((x >> (i & 15)) & 15) {"]
    for k in R.sample(range(16), 11):
        out += ["\tcase %d: %s" % (k, R.choice(["x = stir(x, %s); break;" % const(), "x += %s; /* fall through */" % const(), "atomic_fetch_add(&shared, x & 255); x ^= shared; break;",
                                                "x = x << 7 | x >> 57; continue;", "x -= atomic_exchange(&shared, %d); break;" % R.randrange(999)]))]
    return out + ["\tdefault: x = x * %s + i;" % const(32), "\t}", "}", "return x ^ sum_va(4, (double)(x & 0xffff), x, %s, x ^ 5);" % fconst()]


def body_vector(n):
    out = ["v8u a = { %s }, b = a * (uint32_t)x + 1;" % ", ".join("%du" % R.getrandbits(32) for _ in range(8)), "v4f f = { 1, (int16_t)x, %s, 3 }, g = { %s, 2, (int8_t)x, 5 };" % (fconst(), fconst()), "v4d d = { (int32_t)x, 2, %s, 1 };" % fconst()]
    for _ in range(14):
        out.append(R.choice(["a += b << %d;" % R.randrange(1, 31), "b ^= a >> %d;" % R.randrange(1, 31), "a = (v8u)(a > b) ^ b;", "f = f * g + %sf;" % "0.5", "g = g - f / 3;", "d = d * %s - 1;" % fconst(),
                             "a = __builtin_shuffle(a, b, (v8u){ %s });" % ", ".join(str(R.randrange(16)) for _ in range(8)), "b *= a | 1;", "d = (v4d)((v4l)(d / 7) & (d > 0)) + 1;", "b = ~a & b;", "a[%d] = b[%d];" % (R.randrange(8), R.randrange(8)),
                             "f[%d] = (float)d[%d];" % (R.randrange(4), R.randrange(4))]))
    return out + ["for (int i = 0; i < 8; i++)", "\tx = stir(x, a[i] ^ (uint64_t)b[i] << 32);", "for (int i = 0; i < 4; i++)", "\tx = stir(x, of_double(f[i]) ^ of_double(g[i]) ^ of_double(d[i]));", "return x;"]


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    kinds = [body_int, body_float, body_loop, body_struct, body_switch, body_string, body_vector, body_float]
    print("// made by bigc.py" + HEAD)
    for i in range(n):
        print("\nuint64_t f%d(uint64_t x);\nuint64_t f%d(uint64_t x)\n{" % (i, i))
        print("".join("\t%s\n" % line for line in kinds[i % len(kinds)](i)) + "}")
    print("\nstatic uint64_t (*const table[%d])(uint64_t) = {" % n)
    print("".join("\tf%d,\n" % i for i in range(n)) + "};")
    print(r"""
int main(int argc, char **argv)
{
	uint64_t h = 1, rounds = argc > 1 ? strtoul(argv[1], NULL, 0) : 3;

	for (unsigned i = 0; i < sizeof(table) / sizeof(*table); i++) {
		for (uint64_t r = 0; r < rounds; r++)
			h = stir(h, table[i](h + r));
		if (i % 8 == 7)
			printf("%u %016llx %.17g\n", i, (unsigned long long)h, (double)(int64_t)h / 3);
	}
	return 0;
}""")


if __name__ == "__main__":
    main()
