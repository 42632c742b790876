/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory that hides: a flash chip under the translator. Code runs from it, its
 * registers take the stores, and what TLBs and translations remember follows.
 */
#include "hw/misc/cfi_flash.h"
#include "tests/check.h"
#include "tests/insn/hart.h"

#define FLASH UINT64_C(0x20000000)
#define PROG  (HART_RAM + 0x1000)
#define CODE  (FLASH + 0x100)
enum { LBU_A2 = 0x0005c603, LBU_A3 = 0x0005c683, SB_A0 = 0x00a58023, AMOADD_A0 = 0x00a5a52f,
       ADDI_3 = 0x00350513, ECALL = 0x73 };
enum { FETCH_FAULT = 1, STORE_FAULT = 7, ECALL_U = 8 };

static int add_flash(struct machine *m, struct err *e)
{
	struct dev *d = dev_new(m, dev_type_find("cfi-flash"), "flash", e);
	int rc;

	if (!d)
		return -1;
	cfi_flash_set_pc(d);
	rc = dev_init(d, e);
	return rc ? rc : cfi_flash_map(d, FLASH, e);
}

static uint64_t run(struct hart *h, uint64_t pc, uint64_t a0, uint64_t a1)
{
	hart_reset(h);
	h->s->x[10] = a0;
	h->s->x[11] = a1;
	return hart_run(h, pc);
}

static void test(const char *args)
{
	struct hart *h = hart_new_with(args, add_flash);
	const uint64_t store = PROG + 0x100, amo = PROG + 0x200;

	HART_CODE(h, CODE, ADDI_3, ECALL);
	HART_CODE(h, PROG, LBU_A2, SB_A0, LBU_A3, ECALL);
	HART_CODE(h, store, SB_A0, ECALL);
	HART_CODE(h, amo, AMOADD_A0, ECALL);
	for (unsigned i = 0; i < 3; i++) {
		CHECK(run(h, CODE, 5, 0) == ECALL_U);
		CHECK(h->s->x[10] == 8);
	}
	/* read array, "read status", read status: in one block, with the page in the TLB */
	CHECK(run(h, PROG, 0xff, CODE) == ECALL_U);
	CHECK(h->s->x[12] == 0x13 && h->s->x[13] == 0x13);
	CHECK(run(h, PROG, 0x70, CODE) == ECALL_U);
	CHECK(h->s->x[12] == 0x13 && h->s->x[13] == 0x00);
	CHECK(!mem_find(&h->solo.m->mem, FLASH));
	CHECK(run(h, CODE, 5, 0) == FETCH_FAULT);
	CHECK(run(h, amo, 1, CODE) == STORE_FAULT);
	CHECK(run(h, PROG, 0xff, CODE) == ECALL_U);
	CHECK(h->s->x[12] == 0x00 && h->s->x[13] == 0x13);
	CHECK(run(h, CODE, 5, 0) == ECALL_U && h->s->x[10] == 8);
	CHECK(run(h, amo, 1, CODE) == STORE_FAULT);
	/* the immediate 3 becomes 1: the translation of it must go */
	CHECK(run(h, store, 0x10, CODE + 2) == ECALL_U);
	CHECK(run(h, store, 0x15, CODE + 2) == ECALL_U);
	CHECK(run(h, PROG, 0xff, CODE + 2) == ECALL_U);
	CHECK(h->s->x[12] == 0x80 && h->s->x[13] == 0x15);
	CHECK(run(h, CODE, 5, 0) == ECALL_U && h->s->x[10] == 6);
	/* erased: no instruction is all ones */
	CHECK(run(h, store, 0x20, CODE) == ECALL_U);
	CHECK(run(h, store, 0xd0, CODE) == ECALL_U);
	CHECK(run(h, store, 0xff, CODE) == ECALL_U);
	CHECK(run(h, CODE, 5, 0) == 2);
	/* hidden in the middle of things: a reset shows it again */
	CHECK(run(h, store, 0x90, CODE) == ECALL_U);
	CHECK(!mem_find(&h->solo.m->mem, FLASH));
	machine_reset(h->solo.m, RESET_WARM);
	CHECK(mem_find(&h->solo.m->mem, FLASH) != NULL);
	CHECK(run(h, PROG, 0xff, CODE) == ECALL_U);
	CHECK(h->s->x[12] == 0xff);
	hart_free(h);
}

int main(void)
{
	test(NULL);
	test("interp=on");
	test("check=on");
	return check_done();
}
