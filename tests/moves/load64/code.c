/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ring 3: functions that are written, called, and written anew, by the CPU itself and, in a
 * shared part, by any CPU, with an IPI between writing and calling (SDM volume 3, 8.1.3). Some
 * lie over a page's end. Last, a function that changes its own next instruction.
 */
#include "tests/moves/load64/load.h"

enum { FUNCTIONS = 64, STRIDE = 200, OWN = 64 * STRIDE, SYNC_SPINS = 100 };
#define LOST UINT64_C(1000000000)

static uint8_t own[MAX_CPUS][OWN + PAGE] __attribute__((aligned(4096)));
static uint8_t shared[OWN + PAGE] __attribute__((aligned(4096)));
static uint64_t shared_version[FUNCTIONS];
static volatile uint32_t shared_lock;

/* mov $imm, %rax; op %rdi, %rax; ret */
static void write_function(uint8_t *p, uint64_t n, uint64_t version)
{
	static const uint8_t ops[] = { 0x01, 0x29, 0x31, 0x09 };

	p[0] = 0x48;
	p[1] = 0xb8;
	*(volatile uint64_t *)(void *)(p + 2) = mix(n << 32 ^ version);
	p[10] = 0x48;
	p[11] = ops[version % 4];
	p[12] = 0xf8;
	p[13] = 0xc3;
	__asm__ volatile("" : : : "memory");
}

static uint64_t result(uint64_t n, uint64_t version, uint64_t arg)
{
	uint64_t v = mix(n << 32 ^ version);

	switch (version % 4) {
	case 0: return v + arg;
	case 1: return v - arg;
	case 2: return v ^ arg;
	default: return v | arg;
	}
}

/* The last function of a page begins in it and ends in the next: 4096 % 200 is 96, so 4090. */
static uint8_t *place(uint8_t *area, uint64_t n)
{
	return n % 16 == 15 ? area + (n / 16 + 1) * PAGE - 6 : area + n * STRIDE;
}

static void call_function(const char *what, uint8_t *p, uint64_t n, uint64_t version, uint64_t arg)
{
	uint64_t v = ((uint64_t (*)(uint64_t))(uintptr_t)p)(arg);

	if (v != result(n, version, arg))
		bad(what, n << 32 | version, v);
}

void code_start(struct cpu *c)
{
	for (uint64_t n = 0; n < FUNCTIONS; n++) {
		write_function(place(own[c->id], n), n, 0);
		if (!c->id)
			write_function(place(shared, n), n, 0);
	}
}

/* All CPUs execute an IRET. */
static void sync(struct cpu *c)
{
	uint64_t at = hpet_now();

	for (unsigned i = 0; i < nr_cpus; i++) {
		if (i == c->id)
			continue;
		c->sync_sent[i]++;
		call(CALL_IPI, i, V_SYNC + c->id, 0);
		for (unsigned k = 1; cpus[i].sync_got[c->id] != c->sync_sent[i]; k++) {
			relax();
			if (k % 100000 == 0 && hpet_now() - at > LOST) {
				bad("an IPI that waits for code was lost", c->sync_sent[i],
				    cpus[i].sync_got[c->id]);
				break;
			}
		}
	}
}

/* The byte behind the store is changed before it runs. */
static void change_self(struct cpu *c)
{
	static uint8_t bodies[MAX_CPUS][PAGE] __attribute__((aligned(4096)));
	static const uint8_t code[] = {
		0x40, 0x88, 0x3d, 3, 0, 0, 0,		/* mov %dil, 3(%rip): the immediate */
		0xeb, 0,				/* jmp .+2 */
		0xb8, 0, 0, 0, 0,			/* mov $0, %eax */
		0xc3,
	};
	uint8_t *p = bodies[c->id] + 64 * (c->loops % 32), arg = (uint8_t)next_random(c);
	uint64_t v;

	for (unsigned i = 0; i < sizeof(code); i++)
		p[i] = code[i];
	for (unsigned i = 0; i < 4; i++, arg += 77) {
		v = ((uint64_t (*)(uint64_t))(uintptr_t)p)(arg);
		if (v != arg)
			bad("code that changes itself", arg, v);
	}
}

void work_code(struct cpu *c)
{
	for (unsigned i = 0; i < 64; i++) {
		uint64_t r = next_random(c), n = r % FUNCTIONS;

		call_function("own code", place(own[c->id], n), n, c->code_version[n], r);
		if (!(r >> 60)) {
			write_function(place(own[c->id], n), n, ++c->code_version[n]);
			call_function("own new code", place(own[c->id], n), n,
				      c->code_version[n], r);
		}
	}
	change_self(c);
	if (__atomic_exchange_n(&shared_lock, 1, __ATOMIC_ACQUIRE))
		return;
	for (unsigned i = 0; i < 16; i++) {
		uint64_t r = next_random(c), n = r % FUNCTIONS;

		call_function("shared code", place(shared, n), n, shared_version[n], r);
	}
	if (c->loops % 4 == c->id) {
		uint64_t r = next_random(c), n = r % FUNCTIONS;

		write_function(place(shared, n), n, ++shared_version[n]);
		sync(c);
		call_function("shared new code", place(shared, n), n, shared_version[n], r);
	}
	unlock(&shared_lock);
}
