/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ring 3's half of the disks. Each CPU has its own places; a place is written with a new
 * sequence number in every word's making, flushed now and then, read back and compared, while the
 * CPU does other work. What is on the disk at the end is for the host to see: test_switch.py
 * (disk_check) computes the same words.
 *
 * Sector s of place p: words 0 and 1 are MAGIC ^ s and the sequence number, word i > 1 is
 * mix(s << 40 ^ sequence << 8 ^ i).
 */
#include "tests/moves/load64/load.h"

enum { PLACE = 32, PLACES = 16, SLOTS = 2, SECTOR = 512, WORDS = 64 };	/* sectors a place */
#define MAGIC	UINT64_C(0x616d6269206c6f61)
#define LATE	UINT64_C(1000000000)	/* 10 s of the HPET's */

struct slot {
	struct request r;
	uint64_t words[PLACE * WORDS];
	uint64_t sequence[PLACES];	/* that is on the disk */
	unsigned place;
	bool late;
	enum { IDLE, WRITING, FLUSHING, READING } state;
} __attribute__((aligned(4096)));

static struct slot slots[MAX_DISKS][MAX_CPUS][SLOTS];
volatile bool stopping;
volatile uint64_t io_done;

static uint64_t place_sector(unsigned cpu, unsigned s, unsigned place)
{
	return ((uint64_t)(cpu * SLOTS + s) * PLACES + place) * PLACE;
}

static uint64_t word(uint64_t sector, uint64_t sequence, unsigned i)
{
	if (i < 2)
		return i ? sequence : MAGIC ^ sector;
	return mix(sector << 40 ^ sequence << 8 ^ i);
}

static void submit(struct slot *s, unsigned type)
{
	s->r.type = type;
	s->r.data = s->words;
	s->r.bytes = type == DISK_FLUSH ? 0 : PLACE * SECTOR;
	s->r.done = 0;
	s->r.at = hpet_now();
	s->late = false;
	if (call(CALL_DISK, (uint64_t)(uintptr_t)&s->r, 0, 0))
		bad("a full queue", s->r.disk, 0);
}

static void write_next(struct cpu *c, struct slot *s, unsigned n)
{
	s->place = next_random(c) % PLACES;
	s->r.sector = place_sector(c->id, n, s->place);
	s->sequence[s->place]++;
	for (unsigned i = 0; i < PLACE; i++)
		for (unsigned j = 0; j < WORDS; j++)
			s->words[i * WORDS + j] = word(s->r.sector + i, s->sequence[s->place], j);
	submit(s, DISK_WRITE);
	s->state = WRITING;
}

static void read_any(struct cpu *c, struct slot *s, unsigned n)
{
	unsigned place = next_random(c) % PLACES;

	if (s->sequence[place])
		s->place = place;
	s->r.sector = place_sector(c->id, n, s->place);
	for (unsigned i = 0; i < PLACE * WORDS; i++)
		s->words[i] = 0;
	submit(s, DISK_READ);
	s->state = READING;
}

static void compare(struct slot *s)
{
	for (unsigned i = 0; i < PLACE; i++) {
		for (unsigned j = 0; j < WORDS; j++) {
			uint64_t v = s->words[i * WORDS + j];

			if (v != word(s->r.sector + i, s->sequence[s->place], j)) {
				bad("a disk's sector", s->r.sector + i, v);
				return;
			}
		}
	}
}

static void over(struct cpu *c, struct slot *s, unsigned n)
{
	if (s->r.done != 1)
		bad("a disk's status", s->r.type, s->r.done);
	__atomic_fetch_add(&io_done, 1, __ATOMIC_RELAXED);
	switch (s->state) {
	case WRITING:
		if (!(next_random(c) & 3)) {
			submit(s, DISK_FLUSH);
			s->state = FLUSHING;
			return;
		}
		read_any(c, s, n);
		return;
	case FLUSHING:
		read_any(c, s, n);
		return;
	default:
		compare(s);
		s->state = IDLE;
	}
}

/* Nothing came for long: was it the interrupt, or the request? */
static void is_late(struct slot *s)
{
	if (s->late || hpet_now() - s->r.at < LATE)
		return;
	s->late = true;
	if (call(CALL_DISK_POKE, s->r.disk, 0, 0))
		bad("a disk's interrupt was lost", s->r.disk, s->r.type);
	else
		bad("a disk's request was lost", s->r.disk, s->r.type);
}

void work_disk(struct cpu *c)
{
	for (unsigned d = 0; d < nr_disks; d++) {
		for (unsigned n = 0; n < SLOTS; n++) {
			struct slot *s = &slots[d][c->id][n];

			s->r.disk = d;
			if (s->state == IDLE && !stopping)
				write_next(c, s, n);
			else if (s->state != IDLE && s->r.done)
				over(c, s, n);
			else if (s->state != IDLE)
				is_late(s);
		}
	}
}

void disk_drain(void)
{
	for (unsigned d = 0; d < nr_disks; d++)
		for (unsigned i = 0; i < nr_cpus; i++)
			for (unsigned n = 0; n < SLOTS; n++)
				while (slots[d][i][n].state != IDLE && !slots[d][i][n].late) {
					if (i == 0)
						work_disk(&cpus[0]);
					relax();
				}
}

void disk_report(void)
{
	for (unsigned d = 0; d < nr_disks; d++) {
		uint64_t sum = 0, places = 0;

		for (unsigned i = 0; i < nr_cpus; i++) {
			for (unsigned n = 0; n < SLOTS; n++) {
				for (unsigned p = 0; p < PLACES; p++) {
					uint64_t q = slots[d][i][n].sequence[p];

					if (q) {
						places++;
						sum += mix(place_sector(i, n, p) << 40 ^ q);
					}
				}
			}
		}
		say("disk %u places %u sum %x\n", (uint64_t)d, places, sum);
	}
}
