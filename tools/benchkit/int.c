// SPDX-License-Identifier: GPL-2.0-or-later
/* Integer work: a mix of what small programs do, calls, and an interpreter. */
#include "kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = 256, SLOTS = 512, DIM = 24 };

struct entry {
	char word[12];
	uint32_t hash, seen;
	struct entry *next;
};

static uint32_t hash_word(const char *s)
{
	uint32_t h = 2166136261u;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 16777619u;
	return h;
}

static struct entry *table_find(struct entry **table, const char *word)
{
	uint32_t h = hash_word(word);
	struct entry *e = table[h % SLOTS];

	while (e && (e->hash != h || strcmp(e->word, word)))
		e = e->next;
	return e;
}

/* Heap sort: data-dependent branches and strided loads. */
static void sort_keys(uint32_t *v, int n)
{
	for (int end = n, start = n / 2; end > 1;) {
		uint32_t x;
		int root, child;

		if (start) {
			x = v[--start];
		} else {
			x = v[--end];
			v[end] = v[0];
		}
		for (root = start; (child = 2 * root + 1) < end; root = child) {
			child += child + 1 < end && v[child + 1] > v[child];
			if (v[child] <= x)
				break;
			v[root] = v[child];
		}
		v[root] = x;
	}
}

/* What kinds of token a line has: names, numbers in three bases, operators. */
static uint32_t scan_line(const char *p)
{
	uint32_t kinds = 0;

	while (*p) {
		if (*p == ' ') {
			p++;
		} else if (*p >= 'a' && *p <= 'z') {
			while ((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9'))
				p++;
			kinds += 1;
		} else if (p[0] == '0' && p[1] == 'x') {
			for (p += 2; (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'f'); p++)
				kinds ^= (uint32_t)*p << 16;
			kinds += 0x100;
		} else if (*p >= '0' && *p <= '9') {
			uint32_t v = 0;

			for (; *p >= '0' && *p <= '9'; p++)
				v = v * 10 + (uint32_t)(*p - '0');
			kinds += v;
		} else {
			kinds = kinds * 3 + (uint32_t)*p++;
		}
	}
	return kinds;
}

static uint32_t crc_bitwise(uint32_t crc, const void *data, int len)
{
	const unsigned char *p = data;

	while (len--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
	}
	return crc;
}

static uint32_t multiply(const int16_t *a, const int16_t *b, int32_t *c)
{
	uint32_t sum = 0;

	for (int i = 0; i < DIM; i++)
		for (int j = 0; j < DIM; j++) {
			int32_t t = 0;

			for (int k = 0; k < DIM; k++)
				t += a[i * DIM + k] * b[k * DIM + j];
			c[i * DIM + j] = t;
			sum += (uint32_t)t >> (i & 7);
		}
	return sum;
}

uint64_t bench_intmix(long n)
{
	static struct entry entries[WORDS], *table[SLOTS];
	static uint32_t keys[WORDS];
	static int16_t a[DIM * DIM], b[DIM * DIM];
	static int32_t c[DIM * DIM];
	uint64_t state = 42;
	uint32_t sum = 0;
	char line[96];

	for (int i = 0; i < WORDS; i++) {
		struct entry *e = &entries[i];

		snprintf(e->word, sizeof(e->word), "w%x", (unsigned)(kit_random(&state) & 0xfffff));
		e->hash = hash_word(e->word);
		e->next = table[e->hash % SLOTS];
		table[e->hash % SLOTS] = e;
	}
	for (int i = 0; i < DIM * DIM; i++) {
		a[i] = (int16_t)(kit_random(&state) & 0xff);
		b[i] = (int16_t)(kit_random(&state) & 0xff);
	}
	for (long r = 0; r < n; r++) {
		for (int i = 0; i < WORDS; i++) {
			struct entry *e = table_find(table, entries[(i * 7 + r) % WORDS].word);

			sum += ++e->seen;
			keys[i] = (uint32_t)kit_random(&state);
		}
		sort_keys(keys, WORDS);
		a[r % (DIM * DIM)] ^= (int16_t)(keys[r % WORDS] & 0xff);
		sum += multiply(a, b, c);
		snprintf(line, sizeof(line), "let x%u = (0x%x + %u) * y - 17 >> 3", sum & 255,
			 keys[3], keys[5] & 0xffff);
		for (int i = 0; i < 8; i++) {
			line[4 + i] ^= (char)(i & 1);
			sum += scan_line(line);
		}
		sum = crc_bitwise(sum, keys, 256);
	}
	return sum;
}

/* Calls and returns, nothing else. */
static __attribute__((noinline)) unsigned fib(unsigned n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

uint64_t bench_fib(long n)
{
	uint64_t sum = 0;

	for (long i = 0; i < n; i++)
		sum += fib(24 + (unsigned)(i & 3));
	return sum;
}

/*
 * A register machine with switch dispatch, running a sieve: an indirect jump
 * every few instructions, whose target the host cannot guess from its address.
 */
enum op { SET, ADD, ADDI, LOAD, STORE, LESS, JUMP, COUNT, END };

struct insn {
	uint8_t op, d, a, b;
	int32_t imm;
};

uint64_t bench_vm(long n)
{
	enum { LIMIT = 2000 };
	static const struct insn program[] = {
		/* 0 */ { SET, 0, 0, 0, 2 },                /* p = 2 */
		/* 1 */ { LOAD, 3, 0, 0, 0 },               /* marked[p]? */
		/* 2 */ { LESS, 0, 7, 3, 9 },               /* if zero < marked: 9 */
		/* 3 */ { COUNT, 0, 0, 0, 0 },
		/* 4 */ { ADD, 1, 0, 0, 0 },                /* m = p + p */
		/* 5 */ { LESS, 0, 6, 1, 9 },               /* if limit < m: 9 */
		/* 6 */ { STORE, 5, 1, 0, 0 },              /* marked[m] = one */
		/* 7 */ { ADD, 1, 1, 0, 0 },                /* m += p */
		/* 8 */ { JUMP, 0, 0, 0, 5 },
		/* 9 */ { ADDI, 0, 0, 0, 1 },               /* p += 1 */
		/* 10 */ { LESS, 0, 0, 6, 1 },              /* if p < limit: 1 */
		/* 11 */ { END, 0, 0, 0, 0 },
	};
	static int64_t marked[LIMIT + 1];
	uint64_t sum = 0;

	for (long i = 0; i < n; i++) {
		int64_t r[8] = { [5] = 1, [6] = LIMIT - (i & 15) };
		const struct insn *pc = program;

		memset(marked, 0, sizeof(marked));
		for (;;) {
			const struct insn *in = pc++;

			switch ((enum op)in->op) {
			case SET: r[in->d] = in->imm; continue;
			case ADD: r[in->d] = r[in->a] + r[in->b]; continue;
			case ADDI: r[in->d] = r[in->a] + in->imm; continue;
			case LOAD: r[in->d] = marked[r[in->a]]; continue;
			case STORE: marked[r[in->a]] = r[in->d]; continue;
			case LESS: pc = r[in->a] < r[in->b] ? program + in->imm : pc; continue;
			case JUMP: pc = program + in->imm; continue;
			case COUNT: sum += (uint64_t)r[0]; continue;
			case END: break;
			}
			break;
		}
	}
	return sum;
}
