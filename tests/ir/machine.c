/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Built without FP and vector registers: emitted code calls into this file. */
#include "tests/ir/machine.h"

#include "util/bits.h"

#include <stdlib.h>

const uint8_t tm_page_kind[TM_PAGES] = {
	TM_RW, TM_RW, TM_RW, TM_RW, TM_RO, TM_SLOW, TM_SLOW, TM_ABSENT
};
/* Where the pages are in ram[]: neighbours are not neighbours. */
static const uint8_t tm_page_at[TM_PAGES] = { 3, 0, 6, 1, 5, 2, 7, 4 };

struct tmach *tm_of(void *state)
{
	return container_of(state, struct tmach, st);
}

static void tm_mode(void *state, struct cpu_mode *m)
{
	*m = (struct cpu_mode){ 0 };
}

static void tm_mem_fault(void *state, gva_t va, enum cpu_access acc, enum fault_kind k)
{
	struct tm_state *st = state;

	st->fault = (uint8_t)k;
	st->fault_access = (uint8_t)acc;
	st->fault_va = va;
	CPU_HEAD(state)->leave = LEAVE_LOOP;
}

static void tm_guard_fail(void *state)
{
	struct tm_state *st = state;

	st->guard_failed++;
}

static unsigned tm_fp_round(void *state)
{
	return CPU_HEAD(state)->fp_round;
}

static void tm_fp_flags(void *state, unsigned flags)
{
	CPU_HEAD(state)->fp_flags |= (uint8_t)flags;
}

#define X1(n, p) [n] = { "x" #n, offsetof(struct tm_state, x) + 8 * (n), 0, p },
#define F1(n, p) [TM_INTS + (n)] = { "f" #n, offsetof(struct tm_state, f) + 8 * (n), 1, p },
static const struct ir_slot tm_slots[TM_INTS + TM_FLOATS] = {
	/* pinned ones first; 24 and up hold addresses, some of them pinned */
	X1(0, 1) X1(1, 2) X1(2, 3) X1(3, 4) X1(4, 5) X1(5, 6) X1(6, 0) X1(7, 0)
	X1(8, 0) X1(9, 0) X1(10, 0) X1(11, 0) X1(12, 0) X1(13, 0) X1(14, 0) X1(15, 0)
	X1(16, 0) X1(17, 0) X1(18, 0) X1(19, 0) X1(20, 0) X1(21, 0) X1(22, 0) X1(23, 0)
	X1(24, 7) X1(25, 8) X1(26, 9) X1(27, 10) X1(28, 0) X1(29, 0) X1(30, 0) X1(31, 0)
	F1(0, 1) F1(1, 2) F1(2, 3) F1(3, 4) F1(4, 5) F1(5, 6) F1(6, 7) F1(7, 8)
	F1(8, 9) F1(9, 10) F1(10, 11) F1(11, 12) F1(12, 13) F1(13, 0) F1(14, 0) F1(15, 0)
	F1(16, 0) F1(17, 0) F1(18, 0) F1(19, 0) F1(20, 0) F1(21, 0) F1(22, 0) F1(23, 0)
	F1(24, 0) F1(25, 0) F1(26, 0) F1(27, 0) F1(28, 0) F1(29, 0) F1(30, 0) F1(31, 0)
};

const struct isa_tcg tm_isa = {
	.slots = tm_slots,
	.nr_slots = ARRAY_SIZE(tm_slots),
	.nr_views = 1,
	.pc_off = offsetof(struct tm_state, pc),
	.resv_addr_off = offsetof(struct tm_state, resv_addr),
	.resv_val_off = offsetof(struct tm_state, resv_val),
	.fp_policy = FP_RISCV,
	.has_flags = true,
	.flags_op_off = offsetof(struct tm_state, flags_op),
	.flags_off = { offsetof(struct tm_state, flags[0]), offsetof(struct tm_state, flags[1]),
		       offsetof(struct tm_state, flags[2]) },
	.mode = tm_mode,
	.mem_fault = tm_mem_fault,
	.guard_fail = tm_guard_fail,
	.fp_round = tm_fp_round,
	.fp_flags = tm_fp_flags,
};

struct tmach *tm_new(void)
{
	struct tmach *tm = aligned_alloc(4096, align_up(sizeof(*tm), 4096));

	if (!tm)
		abort();
	memset(tm, 0, sizeof(*tm));
	CPU_HEAD(&tm->st)->env = &tm->env;
	return tm;
}

void tm_free(struct tmach *tm)
{
	free(tm);
}

void tm_reset(struct tmach *tm, const struct tm_state *start, uint64_t seed)
{
	struct cpu_head *head = CPU_HEAD(&tm->st);
	uint64_t *p = (uint64_t *)(void *)tm->ram;
	size_t i;

	tm->st = *start;
	head->leave = 0;
	head->fp_flags = 0;
	for (i = 0; i < sizeof(tm->ram) / 8; i++) {
		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		p[i] = seed ^ seed >> 29;
	}
}

uint8_t *tm_host(struct tmach *tm, uint64_t va, enum tm_page *kind)
{
	uint64_t off = va - TM_BASE;

	if (off >= TM_PAGES * TM_PAGE) {
		*kind = TM_ABSENT;
		return NULL;
	}
	*kind = (enum tm_page)tm_page_kind[off / TM_PAGE];
	return *kind == TM_ABSENT ? NULL : &tm->ram[tm_page_at[off / TM_PAGE]][off % TM_PAGE];
}

static int check_byte(struct tmach *tm, uint64_t va, bool write)
{
	enum tm_page kind;
	bool ok = tm_host(tm, va, &kind) && !(write && kind == TM_RO);

	if (ok)
		return 0;
	tm_mem_fault(&tm->st, va, write ? ACCESS_WRITE : ACCESS_READ, FAULT_PAGE);
	return -1;
}

int tm_check(struct tmach *tm, uint64_t va, uint32_t memop, bool write)
{
	uint64_t size = UINT64_C(1) << (memop & MO_SIZE);
	uint64_t last = va + size - 1;

	if (memop & MO_ALIGN && va & (size - 1)) {
		tm_mem_fault(&tm->st, va, write ? ACCESS_WRITE : ACCESS_READ, FAULT_ALIGN);
		return -1;
	}
	if (check_byte(tm, va, write))
		return -1;
	/* The part in the second page faults with the address of that page. */
	if ((va ^ last) & ~(uint64_t)(TM_PAGE - 1))
		return check_byte(tm, align_down(last, TM_PAGE), write);
	return 0;
}

static uint64_t swapped(uint64_t v, uint32_t memop)
{
	return memop & MO_BE ? __builtin_bswap64(v) >> (64 - (8u << (memop & MO_SIZE))) : v;
}

static uint64_t read_bytes(struct tmach *tm, uint64_t va, uint32_t memop)
{
	unsigned i, n = 1u << (memop & MO_SIZE);
	enum tm_page kind;
	uint64_t v = 0;

	for (i = 0; i < n; i++)
		v |= (uint64_t)*tm_host(tm, va + i, &kind) << (8 * i);
	return swapped(v, memop);
}

static void write_bytes(struct tmach *tm, uint64_t va, uint32_t memop, uint64_t v)
{
	unsigned i, n = 1u << (memop & MO_SIZE);
	enum tm_page kind;

	v = swapped(v, memop);
	for (i = 0; i < n; i++)
		*tm_host(tm, va + i, &kind) = (uint8_t)(v >> (8 * i));
}

int tm_load(void *opaque, uint64_t va, uint32_t memop, uint64_t *val)
{
	if (tm_check(opaque, va, memop, false))
		return -1;
	*val = read_bytes(opaque, va, memop);
	return 0;
}

int tm_store(void *opaque, uint64_t va, uint32_t memop, uint64_t val)
{
	if (tm_check(opaque, va, memop, true))
		return -1;
	write_bytes(opaque, va, memop, val);
	return 0;
}

int tm_amo(void *opaque, uint64_t va, enum ir_amo kind, uint64_t v, uint32_t memop, uint64_t *old)
{
	if (tm_check(opaque, va, memop, true))
		return -1;
	*old = read_bytes(opaque, va, memop);
	write_bytes(opaque, va, memop, interp_amo_value(kind, *old, v, memop));
	return 0;
}

int tm_cas(void *opaque, uint64_t va, uint64_t expect, uint64_t new, uint32_t memop, uint64_t *old)
{
	if (tm_check(opaque, va, memop, true))
		return -1;
	*old = read_bytes(opaque, va, memop);
	if (!((*old ^ expect) & mask_bits(8u << (memop & MO_SIZE))))
		write_bytes(opaque, va, memop, new);
	return 0;
}

static int tm_vec(void *opaque, uint64_t va, uint32_t memop, bool write, uint64_t *val)
{
	unsigned i;

	if (tm_check(opaque, va, memop, write))
		return -1;
	for (i = 0; i < 1u << (memop & MO_SIZE) >> 3; i++) {
		if (write)
			write_bytes(opaque, va + 8 * i, MO_64, val[i]);
		else
			val[i] = read_bytes(opaque, va + 8 * i, MO_64);
	}
	return 0;
}

struct interp_mem tm_mem(struct tmach *tm)
{
	return (struct interp_mem){ tm_load, tm_store, tm_amo, tm_cas, tm, tm_vec };
}

uint64_t tm_helper_pure(void *state, uint64_t a, uint64_t b)
{
	return a * 3 + (b ^ UINT64_C(0x5555));
}

uint64_t tm_helper_sync(void *state, uint64_t a, uint64_t b)
{
	struct tm_state *st = state;
	uint64_t old = st->x[3] + st->x[15] + st->f[2];

	st->calls++;
	st->x[3] += a;
	st->x[15] ^= b;
	st->f[2] = st->f[20];
	return old;
}

uint64_t tm_helper_leave(void *state, uint64_t a, uint64_t b)
{
	struct tm_state *st = state;

	st->calls++;
	if (!(a & 1)) {
		st->pc += 64;
		CPU_HEAD(state)->leave = LEAVE_LOOP;
	}
	return b + 1;
}

void tm_exit_fn(void *state, uint64_t a, uint64_t b)
{
	struct tm_state *st = state;

	st->calls++;
	st->pc += (a ^ b) & 0xff0;
}

static bool words_differ(const char *what, const uint64_t *a, const uint64_t *b, size_t n,
			 char *buf, size_t size)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (a[i] == b[i])
			continue;
		snprintf(buf, size, "%s[%zu]: 0x%llx, 0x%llx", what, i, (unsigned long long)a[i],
			 (unsigned long long)b[i]);
		return true;
	}
	return false;
}

bool tm_differ(struct tmach *a, struct tmach *b, char *buf, size_t size)
{
	struct cpu_head *ha = CPU_HEAD(&a->st), *hb = CPU_HEAD(&b->st);
	unsigned i;

	if (a->st.fault != b->st.fault || a->st.fault_access != b->st.fault_access ||
	    a->st.fault_va != b->st.fault_va) {
		snprintf(buf, size,
			 "fault: kind %u access %u at 0x%llx, kind %u access %u at 0x%llx",
			 a->st.fault, a->st.fault_access, (unsigned long long)a->st.fault_va,
			 b->st.fault, b->st.fault_access, (unsigned long long)b->st.fault_va);
		return true;
	}
	if (words_differ("pc", &a->st.pc, &b->st.pc, 1, buf, size) ||
	    words_differ("x", a->st.x, b->st.x, TM_INTS, buf, size) ||
	    words_differ("f", a->st.f, b->st.f, TM_FLOATS, buf, size) ||
	    words_differ("word", &a->st.word, &b->st.word, 1, buf, size) ||
	    words_differ("reservation", &a->st.resv_addr, &b->st.resv_addr, 1, buf, size))
		return true;
	if (a->st.guard_failed != b->st.guard_failed || a->st.calls != b->st.calls) {
		snprintf(buf, size, "guards failed %u, %u; calls %u, %u", a->st.guard_failed,
			 b->st.guard_failed, a->st.calls, b->st.calls);
		return true;
	}
	if (ha->fp_flags != hb->fp_flags) {
		snprintf(buf, size, "FP flags: 0x%x, 0x%x", ha->fp_flags, hb->fp_flags);
		return true;
	}
	for (i = 0; i < TM_PAGES; i++) {
		if (words_differ("memory", (uint64_t *)(void *)a->ram[i],
				 (uint64_t *)(void *)b->ram[i], TM_PAGE / 8, buf, size))
			return true;
	}
	return false;
}
