/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A made-up ISA and a small memory for running IR: integer and floating slots, a
 * few state fields, and one window of pages that are writable, read-only, slow
 * (as devices are) or absent, scattered in host memory.
 */
#ifndef TESTS_IR_MACHINE_H
#define TESTS_IR_MACHINE_H

#include "target/cpu.h"
#include "tcg/isa_tcg.h"
#include "tcg/interp/interp.h"
#include "tcg/view.h"

#define TM_INTS 32
#define TM_FLOATS 32
#define TM_FIELDS 8

struct tm_state {
	uint64_t x[TM_INTS], f[TM_FLOATS];
	uint64_t pc;
	uint64_t resv_addr, resv_val;
	uint64_t field[TM_FIELDS];	/* constants of blind programs */
	uint64_t word;			/* LDS, STS */
	uint64_t flags[3];
	uint8_t flags_op;
	uint8_t guard;			/* 1 */
	uint8_t guard_failed;
	uint8_t fault, fault_access;	/* enum fault_kind, enum cpu_access */
	uint32_t calls;
	uint64_t fault_va;
};

#define TM_PAGE 4096u
#define TM_PAGES 8
#define TM_BASE UINT64_C(0x7fffe000)	/* crosses bit 31 */
#define TM_PC UINT64_C(0x12345400)	/* blocks begin here, and end within 1 KiB */
/* RW RW RW RW(last before RO) RO SLOW SLOW absent */
enum tm_page { TM_RW, TM_RO, TM_SLOW, TM_ABSENT };
extern const uint8_t tm_page_kind[TM_PAGES];

/* A hart: head and state as the emitter wants them, and memory. */
struct tmach {
	_Alignas(64) char below[CPU_HEADROOM];	/* ends with struct cpu_head */
	struct tm_state st;
	struct cpu_env env;
	_Alignas(4096) uint8_t ram[TM_PAGES][TM_PAGE];
};

extern const struct isa_tcg tm_isa;
/* Slot ids */
#define TM_X(n) ((ir_val)(n))
#define TM_F(n) ((ir_val)(TM_INTS + (n)))

struct tmach *tm_new(void);
void tm_free(struct tmach *tm);
/* The start of a run: state as given, memory filled from the seed. */
void tm_reset(struct tmach *tm, const struct tm_state *start, uint64_t seed);
/* Host address of a guest byte, or NULL; *kind is the page's. */
uint8_t *tm_host(struct tmach *tm, uint64_t va, enum tm_page *kind);
/* Whole access, slow path: checks alignment and both pages, raises the fault (non-zero) if any. */
int tm_check(struct tmach *tm, uint64_t va, uint32_t memop, bool write);
int tm_load(void *tm, uint64_t va, uint32_t memop, uint64_t *val);
int tm_store(void *tm, uint64_t va, uint32_t memop, uint64_t val);
int tm_amo(void *tm, uint64_t va, enum ir_amo kind, uint64_t v, uint32_t memop, uint64_t *old);
int tm_cas(void *tm, uint64_t va, uint64_t expect, uint64_t new, uint32_t memop, uint64_t *old);
struct interp_mem tm_mem(struct tmach *tm);
struct tmach *tm_of(void *state);

/* Helpers that programs call. */
uint64_t tm_helper_pure(void *state, uint64_t a, uint64_t b);
uint64_t tm_helper_sync(void *state, uint64_t a, uint64_t b);	/* reads and writes slots */
uint64_t tm_helper_leave(void *state, uint64_t a, uint64_t b);	/* leaves when a is even */
void tm_exit_fn(void *state, uint64_t a, uint64_t b);

/* The first difference between two ends as text; false: none. */
bool tm_differ(struct tmach *a, struct tmach *b, char *buf, size_t size);

#endif
