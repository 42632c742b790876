/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest whose every value follows from its own counters: integers, floating point, memory and
 * calls, no time and no interrupts. It ends in the same state however long it took.
 */
typedef unsigned long u64;

#ifndef ROUNDS
#define ROUNDS 40000000
#endif

enum { WORDS = 1 << 14 };

static u64 area[WORDS];
volatile u64 progress;
#ifndef INTEGER			/* for a KVM that merely interprets */
static volatile double real = 1.0;
#endif
#if defined(__x86_64__) && !defined(INTEGER)
static volatile long double extended = 1.0L;
#endif

static u64 mix(u64 x, unsigned depth)
{
	x = x * 6364136223846793005ul + 1442695040888963407ul;
	return depth ? mix(x ^ x >> 23, depth - 1) + depth : x;
}

static void leave(void)
{
#if defined(__x86_64__)
	__asm__ volatile("outb %b0, %w1" : : "a"(0), "Nd"(0xf4));
	__asm__ volatile("outw %w0, %w1" : : "a"(0x3c00), "Nd"(0x604));
#else
	*(volatile unsigned *)0x100000 = 0x5555;
#endif
}

void calc(void)
{
	u64 x = 1;

	for (unsigned i = 0; i < ROUNDS; i++) {
		x = mix(x, i & 3);
		area[x >> 50] += x;
		if (!(i & 15)) {
#ifndef INTEGER
			real = real * 1.0000001 + (double)(x >> 60);
#endif
#if defined(__x86_64__) && !defined(INTEGER)
			extended = extended * 0.9999L + (long double)(x >> 58);
#endif
			progress = i;
		}
	}
	progress = ROUNDS;
	leave();
	for (;;)
		;
}
