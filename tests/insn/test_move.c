/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory that the guest moves: a display's, behind its BAR, under the translator. Loads
 * and stores find it at its new place from the next instruction on, code in it is
 * translated anew or not as its bytes say, and nothing is left at the old place.
 */
#include "accel/tcg/tcg.h"
#include "hw/pci/pci.h"
#include "hw/pci/q35.h"
#include "tests/check.h"
#include "tests/insn/hart.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define CONFIG (Q35_ECAM_BASE + (2 << 15))	/* the display's, in slot 2 */
#define BAR0   (CONFIG + 0x10)
#define FIRST  UINT64_C(0xc0000000)
#define SECOND UINT64_C(0xd0000000)
#define PROG   (HART_RAM + 0x1000)
enum { SW_A0 = 0x00a5a023, SW_A2 = 0x00c72023, LW_A2 = 0x00072603, LW_A3 = 0x0007a683,
       ADDI_3 = 0x00350513, ADDI_1 = 0x00150513, ECALL = 0x73 };
enum { FETCH_FAULT = 1, LOAD_FAULT = 5, STORE_FAULT = 7, ECALL_U = 8 };

static struct dev *add(struct machine *m, const char *type, struct err *e)
{
	struct dev *d = dev_new(m, dev_type_find(type), NULL, e);

	return d && !dev_init(d, e) ? d : NULL;
}

static int add_display(struct machine *m, struct err *e)
{
	struct dev *host, *d;

	m->pio = space_new("ports", 16);
	if (!(host = add(m, "q35-host", e)) || !(d = add(m, "bochs-display", e)))
		return -1;
	q35_host_direct_boot(host);
	return pci_plug(q35_host_bus(host), pci_fn_of(d), PCI_DEVFN(2, 0), e);
}

/* a0: what goes to a1; a4, a5: two places to look at. */
static uint64_t run(struct hart *h, uint64_t pc, uint64_t a0, uint64_t a1, uint64_t a4, uint64_t a5)
{
	hart_reset(h);
	h->s->x[10] = a0;
	h->s->x[11] = a1;
	h->s->x[14] = a4;
	h->s->x[15] = a5;
	return hart_run(h, pc);
}

static void test(const char *args)
{
	const uint64_t store = PROG + 0x100, there = PROG + 0x200, back = PROG + 0x300;
	struct hart *h = hart_new_with(args, add_display);

	HART_CODE(h, store, SW_A0, ECALL);
	HART_CODE(h, there, LW_A2, SW_A0, LW_A3, ECALL);		/* look, move, look there */
	HART_CODE(h, back, LW_A2, SW_A0, SW_A2, ECALL);		/* look, move, store where it was */
	CHECK(run(h, store, 1, FIRST, 0, 0) == STORE_FAULT);
	CHECK(run(h, store, FIRST, BAR0, 0, 0) == ECALL_U);
	CHECK(run(h, store, 1, FIRST, 0, 0) == STORE_FAULT);
	CHECK(run(h, store, PCI_COMMAND_MEMORY, CONFIG + 4, 0, 0) == ECALL_U);
	CHECK(run(h, store, ADDI_3, FIRST + 0x100, 0, 0) == ECALL_U);
	CHECK(run(h, store, ECALL, FIRST + 0x104, 0, 0) == ECALL_U);
	for (unsigned i = 0; i < 3; i++)
		CHECK(run(h, FIRST + 0x100, 5, 0, 0, 0) == ECALL_U && h->s->x[10] == 8);

	/* to the second place, within one block */
	CHECK(run(h, there, SECOND, BAR0, FIRST + 0x100, SECOND + 0x104) == ECALL_U);
	CHECK(h->s->x[12] == ADDI_3 && h->s->x[13] == ECALL);
	CHECK(run(h, FIRST + 0x100, 5, 0, 0, 0) == FETCH_FAULT);
	CHECK(run(h, SECOND + 0x100, 5, 0, 0, 0) == ECALL_U && h->s->x[10] == 8);
	/* other code there, and back: the old translation must not live again */
	CHECK(run(h, store, ADDI_1, SECOND + 0x100, 0, 0) == ECALL_U);
	CHECK(run(h, SECOND + 0x100, 5, 0, 0, 0) == ECALL_U && h->s->x[10] == 6);
	CHECK(run(h, back, FIRST, BAR0, SECOND + 0x200, 0) == STORE_FAULT);
	CHECK(run(h, FIRST + 0x100, 5, 0, 0, 0) == ECALL_U && h->s->x[10] == 6);
	CHECK(run(h, SECOND + 0x100, 5, 0, 0, 0) == FETCH_FAULT);
	CHECK(run(h, store, ADDI_3, FIRST + 0x100, 0, 0) == ECALL_U);
	CHECK(run(h, FIRST + 0x100, 5, 0, 0, 0) == ECALL_U && h->s->x[10] == 8);
	/* there and back again, translated at both places before it is written */
	CHECK(run(h, there, SECOND, BAR0, FIRST + 0x100, SECOND + 0x104) == ECALL_U);
	CHECK(run(h, SECOND + 0x100, 5, 0, 0, 0) == ECALL_U && h->s->x[10] == 8);
	CHECK(run(h, back, FIRST, BAR0, SECOND + 0x200, 0) == STORE_FAULT);
	CHECK(run(h, store, ADDI_1, FIRST + 0x100, 0, 0) == ECALL_U);
	CHECK(run(h, FIRST + 0x100, 5, 0, 0, 0) == ECALL_U && h->s->x[10] == 6);
	CHECK(run(h, store, ADDI_3, FIRST + 0x100, 0, 0) == ECALL_U);
	CHECK(run(h, FIRST + 0x100, 5, 0, 0, 0) == ECALL_U && h->s->x[10] == 8);
	/* decoding off; a reset */
	CHECK(run(h, there, 0, CONFIG + 4, FIRST + 0x100, FIRST + 0x100) == LOAD_FAULT);
	CHECK(h->s->x[12] == ADDI_3);
	CHECK(run(h, store, PCI_COMMAND_MEMORY, CONFIG + 4, 0, 0) == ECALL_U);
	CHECK(run(h, FIRST + 0x100, 5, 0, 0, 0) == ECALL_U && h->s->x[10] == 8);
	machine_reset(h->solo.m, RESET_WARM);
	CHECK(run(h, FIRST + 0x100, 5, 0, 0, 0) == FETCH_FAULT);
	hart_free(h);
}

struct other { struct tcg_cpu *c; _Atomic unsigned at; };

static void *evicts(void *opaque)
{
	struct other *o = opaque;

	world_enter(o->c);
	atomic_store(&o->at, 1);
	world_stop(o->c->tv, o->c, false);
	atomic_store(&o->at, 2);
	world_resume(o->c->tv, o->c);
	world_leave(o->c);
	return NULL;
}

/*
 * One vCPU waits for the others in the middle of a block, another between blocks, to evict: the
 * first is out of its block before the second does.
 */
static void inside_first(void)
{
	struct hart *h = hart_new(NULL);
	struct tcg_cpu *c = h->solo.v->engines[ACCEL_TCG];
	struct other o = { .c = calloc(1, sizeof(*o.c)) };
	struct tcg_vm *tv = c->tv;
	pthread_t t;

	*o.c = *c;
	world_enter(c);
	CHECK(!pthread_create(&t, NULL, evicts, &o));
	while (atomic_load(&tv->exclusive) != 1)	/* it waits for us to leave */
		usleep(100);
	world_stop(tv, c, true);
	CHECK(atomic_load(&o.at) == 1);
	world_resume(tv, c);
	usleep(20000);					/* the rest of the block */
	CHECK(atomic_load(&o.at) == 1);
	world_leave(c);
	pthread_join(t, NULL);
	CHECK(atomic_load(&o.at) == 2 && !tv->nr_running && !atomic_load(&tv->exclusive));
	free(o.c);
	hart_free(h);
}

/* A move by an access for which the other vCPUs stand still already (x86: LOCK). */
static void stopped_twice(void)
{
	struct hart *h = hart_new(NULL);
	struct tcg_cpu *c = h->solo.v->engines[ACCEL_TCG];

	world_enter(c);
	world_stop(c->tv, c, true);
	world_stop(c->tv, c, true);
	world_resume(c->tv, c);
	CHECK(atomic_load(&c->tv->exclusive));
	world_resume(c->tv, c);
	CHECK(!atomic_load(&c->tv->exclusive) && c->tv->nr_running == 1);
	world_leave(c);
	hart_free(h);
}

/* The second level's numbers of address spaces begin again, with nothing that had one. */
static void numbers_run_out(void)
{
	struct hart *h = hart_new(NULL);
	struct tcg_cpu *c = h->solo.v->engines[ACCEL_TCG];
	unsigned i, k;

	HART_CODE(h, PROG, ECALL);
	CHECK(run(h, PROG, 0, 0, 0, 0) == ECALL_U);
	c->next_serial = UINT32_MAX - 1;
	c->l2[5] = (struct l2_entry){ .va = 5 << 12, .serial = 3, .prot = PROT_R };
	tlb_flush_everything(c);
	CHECK(c->next_serial < 100 && !c->l2[5].prot);
	for (i = 0; i < TCG_MAX_CONTEXTS; i++) {
		CHECK(c->contexts[i].serial && c->contexts[i].serial != c->global_serial);
		for (k = 0; k < i; k++)
			CHECK(c->contexts[i].serial != c->contexts[k].serial);
	}
	CHECK(run(h, PROG, 0, 0, 0, 0) == ECALL_U);
	hart_free(h);
}

int main(void)
{
	stopped_twice();
	numbers_run_out();
	inside_first();
	test(NULL);
	test("interp=on");
	test("check=on");
	return check_done();
}
