/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 8259A pair: each command by itself, then both against a second description of them. */
#include "tests/dev/chips.h"

static struct board *b;

static void gsi(unsigned n, int level) { irqchip_gsi(b->m, n, level); }
static void pulse(unsigned n) { gsi(n, 1); gsi(n, 0); }

static unsigned irr(unsigned chip)
{
	outb(b, chip ? 0xa0 : 0x20, 0x0a);
	return inb(b, chip ? 0xa0 : 0x20);
}

static unsigned isr(unsigned chip)
{
	outb(b, chip ? 0xa0 : 0x20, 0x0b);
	return inb(b, chip ? 0xa0 : 0x20);
}

static void eoi(unsigned chip) { outb(b, chip ? 0xa0 : 0x20, 0x20); }

static void fresh(unsigned icw4_master, unsigned icw4_slave)
{
	machine_reset(b->m, RESET_COLD);
	pic_start(b, icw4_master, icw4_slave);
}

static void test_init(void)
{
	machine_reset(b->m, RESET_COLD);
	outb(b, 0x21, 0xff);
	outb(b, 0x20, 0x11);
	CHECK_EQ(inb(b, 0x21), 0);		/* ICW1 clears the mask */
	outb(b, 0x21, 0x77);
	gsi(1, 1);
	CHECK(!intr(b, 0), "not while ICWs are awaited");
	outb(b, 0x21, 4);
	outb(b, 0x21, 1);
	CHECK(intr(b, 0), "ready");
	CHECK_EQ(inta(b, 0), 0x71);		/* the vector's low bits are the input */
	CHECK_EQ(isr(0), 2);
	outb(b, 0x20, 0x10);			/* no ICW4: three words */
	CHECK_EQ(isr(0), 0);
	CHECK_EQ(irr(0), 0);			/* the line is high still, the edge is gone */
	outb(b, 0x21, 0x20);
	outb(b, 0x21, 4);
	outb(b, 0x21, 0xfd);			/* OCW1 already */
	CHECK_EQ(inb(b, 0x21), 0xfd);
	CHECK(!intr(b, 0), "no new edge");
	gsi(1, 0);
	pulse(1);
	CHECK(intr(b, 0), "a new one");
	/* without IC4, AEOI and SFNM are off; with it, they are what ICW4 says */
	fresh(0x02, 0);
	pulse(3);
	CHECK_EQ(inta(b, 0), 0x23);
	CHECK_EQ(isr(0), 0);
	outb(b, 0x20, 0x10);
	outb(b, 0x21, 0x20);
	outb(b, 0x21, 0x04);
	pulse(3);
	CHECK_EQ(inta(b, 0), 0x23);
	CHECK_EQ(isr(0), 8);
}

static void test_edge(void)
{
	fresh(0, 0);
	CHECK(!intr(b, 0), "quiet");
	gsi(3, 1);
	CHECK(intr(b, 0), "edge");
	CHECK_EQ(irr(0), 8);
	CHECK_EQ(inta(b, 0), 0x23);
	CHECK(!intr(b, 0) && irr(0) == 0 && isr(0) == 8, "in service");
	eoi(0);
	CHECK(!intr(b, 0) && isr(0) == 0, "the level is no request");
	gsi(3, 1);
	CHECK(!intr(b, 0), "nor is saying it again");
	gsi(3, 0);
	CHECK_EQ(inta(b, 0), 0x27);		/* nobody asked: spurious */
	CHECK_EQ(isr(0), 0);
	pulse(3);
	CHECK_EQ(inta(b, 0), 0x23);		/* a pulse is kept */
	pulse(3);
	CHECK(!intr(b, 0), "not above itself");
	eoi(0);
	CHECK_EQ(inta(b, 0), 0x23);
	eoi(0);
	/* masked: remembered */
	outb(b, 0x21, 0x08);
	pulse(3);
	CHECK(!intr(b, 0) && irr(0) == 8, "masked");
	outb(b, 0x21, 0);
	CHECK_EQ(inta(b, 0), 0x23);
	eoi(0);
	/* GSI 2 is nobody's, the PIC's input 2 is the cascade */
	gsi(2, 1);
	CHECK(!intr(b, 0) && !irr(0), "GSI 2");
	gsi(2, 0);
}

static void test_level(void)
{
	fresh(0, 0);
	outb(b, 0x4d0, 0xff);
	outb(b, 0x4d1, 0xff);
	CHECK_EQ(inb(b, 0x4d0), 0xf8);
	CHECK_EQ(inb(b, 0x4d1), 0xde);
	gsi(5, 1);
	CHECK_EQ(inta(b, 0), 0x25);
	CHECK_EQ(irr(0), 0x20);
	eoi(0);
	CHECK(intr(b, 0), "again while it is high");
	gsi(5, 0);
	CHECK(!intr(b, 0), "withdrawn");
	CHECK_EQ(inta(b, 0), 0x27);		/* too late for the processor: spurious */
	CHECK_EQ(isr(0), 0);
	gsi(11, 1);
	CHECK_EQ(irr(0), 4);
	gsi(11, 0);
	CHECK_EQ(irr(0), 0);			/* with the slave's request the master's goes */
	gsi(11, 1);
	CHECK_EQ(inta(b, 0), 0x2b);
	eoi(1);
	eoi(0);
	CHECK_EQ(inta(b, 0), 0x2b);
	gsi(11, 0);
	eoi(1);
	eoi(0);
	/* to edge and back while high */
	gsi(5, 1);
	outb(b, 0x4d0, 0);
	CHECK(!intr(b, 0), "no edge yet");
	outb(b, 0x4d0, 0x20);
	CHECK(intr(b, 0), "a level at once");
	gsi(5, 0);
}

static void test_nesting(void)
{
	fresh(0, 0);
	pulse(5);
	CHECK_EQ(inta(b, 0), 0x25);
	pulse(6);
	CHECK(!intr(b, 0), "lower waits");
	pulse(1);
	CHECK_EQ(inta(b, 0), 0x21);
	CHECK_EQ(isr(0), 0x22);
	eoi(0);
	CHECK_EQ(isr(0), 0x20);			/* the highest ends */
	eoi(0);
	CHECK_EQ(inta(b, 0), 0x26);
	outb(b, 0x20, 0x65);			/* specific, of another */
	CHECK_EQ(isr(0), 0x40);
	outb(b, 0x20, 0x66);
	CHECK_EQ(isr(0), 0);
	eoi(0);					/* of nothing */
	CHECK_EQ(isr(0), 0);
	outb(b, 0x20, 0x40);			/* no operation */
	CHECK_EQ(isr(0), 0);
	/* simultaneous: lowest number first, the slave's in the place of 2 */
	for (unsigned i = 0; i < 16; i++)
		gsi(i, 1);
	for (unsigned i = 0; i < 16; i++) {
		static const uint8_t order[] = { 0, 1, 8, 9, 10, 11, 12, 13, 14, 15,
						 3, 4, 5, 6, 7 };

		if (i == 15)
			break;
		CHECK_EQ(inta(b, 0), 0x20 + order[i]);
		if (order[i] > 7)
			eoi(1);
		eoi(0);
	}
	CHECK(!intr(b, 0), "all done");
}

static void test_slave(void)
{
	fresh(0, 0);
	pulse(12);
	CHECK_EQ(inta(b, 0), 0x2c);
	CHECK(isr(0) == 4 && isr(1) == 0x10, "both in service");
	pulse(8);
	CHECK(!intr(b, 0), "the master's level 2 is in service");
	eoi(0);
	CHECK_EQ(inta(b, 0), 0x28);
	eoi(1);
	CHECK_EQ(isr(1), 0x10);
	eoi(1);
	eoi(0);
	CHECK(!intr(b, 0), "done");
	/* special fully nested mode on the master: higher ones of the slave pass */
	fresh(0x10, 0);
	pulse(12);
	CHECK_EQ(inta(b, 0), 0x2c);
	pulse(14);
	CHECK(!intr(b, 0), "lower within the slave");
	pulse(3);
	CHECK(!intr(b, 0), "lower on the master");
	pulse(8);
	CHECK_EQ(inta(b, 0), 0x28);
	CHECK_EQ(isr(1), 0x11);
	eoi(1);
	CHECK(isr(1) == 0x10 && isr(0) == 4, "only the slave is told while one is left");
	eoi(1);
	CHECK_EQ(inta(b, 0), 0x2e);
	eoi(1);
	eoi(0);
	CHECK_EQ(inta(b, 0), 0x23);
	/* masking the cascade masks the slave */
	fresh(0, 0);
	outb(b, 0x21, 4);
	pulse(9);
	CHECK(!intr(b, 0), "cascade masked");
	outb(b, 0x21, 0);
	CHECK_EQ(inta(b, 0), 0x29);
}

static void test_rotation(void)
{
	fresh(0, 0);
	outb(b, 0x20, 0xc3);			/* 3 is the lowest, 4 the highest */
	for (unsigned i = 0; i < 8; i++)
		if (i != 2)
			pulse(i);
	CHECK_EQ(inta(b, 0), 0x24);
	outb(b, 0x20, 0xa0);			/* EOI, and it becomes the lowest */
	CHECK_EQ(inta(b, 0), 0x25);
	pulse(4);
	outb(b, 0x20, 0xe7);			/* EOI of 7, which is not served; 7 is the lowest */
	CHECK_EQ(isr(0), 0x20);
	CHECK_EQ(inta(b, 0), 0x20);
	outb(b, 0x20, 0x60);
	CHECK_EQ(inta(b, 0), 0x21);
	outb(b, 0x20, 0x61);
	CHECK_EQ(inta(b, 0), 0x23);
	outb(b, 0x20, 0xe3);			/* EOI of 3, 4 becomes the highest */
	CHECK_EQ(inta(b, 0), 0x24);
	outb(b, 0x20, 0x64);
	outb(b, 0x20, 0x65);
	CHECK_EQ(inta(b, 0), 0x26);
	/* automatic EOI, with rotation and without */
	fresh(0x02, 0);
	outb(b, 0x20, 0x80);
	pulse(0);
	CHECK_EQ(inta(b, 0), 0x20);
	pulse(0);
	pulse(1);
	CHECK_EQ(inta(b, 0), 0x21);
	outb(b, 0x20, 0x00);
	pulse(1);
	CHECK_EQ(inta(b, 0), 0x20);
	CHECK_EQ(inta(b, 0), 0x21);
	pulse(0);
	pulse(7);
	CHECK_EQ(inta(b, 0), 0x27);		/* 2 is the highest still */
	CHECK_EQ(inta(b, 0), 0x20);
	CHECK_EQ(isr(0), 0);
}

static void test_special_mask(void)
{
	fresh(0, 0);
	pulse(3);
	CHECK_EQ(inta(b, 0), 0x23);
	pulse(6);
	CHECK(!intr(b, 0), "inhibited");
	outb(b, 0x21, 0x08);
	CHECK(!intr(b, 0), "masking is not enough");
	outb(b, 0x20, 0x68);
	CHECK_EQ(inta(b, 0), 0x26);
	CHECK_EQ(isr(0), 0x48);
	eoi(0);
	CHECK_EQ(isr(0), 0x08);			/* a masked one is not ended unspecifically */
	eoi(0);
	CHECK_EQ(isr(0), 0x08);
	outb(b, 0x20, 0x08);			/* without ESMM nothing changes */
	pulse(7);
	CHECK(intr(b, 0), "still special");
	outb(b, 0x20, 0x48);
	CHECK(!intr(b, 0), "normal again");
	eoi(0);
	CHECK_EQ(inta(b, 0), 0x27);
}

static void test_poll(void)
{
	fresh(0, 0);
	outb(b, 0x20, 0x0c);
	CHECK_EQ(inb(b, 0x20), 0);
	pulse(6);
	pulse(4);
	outb(b, 0x20, 0x0c);
	CHECK_EQ(inb(b, 0x21), 0x84);		/* either port is read as the poll */
	CHECK_EQ(isr(0), 0x10);
	CHECK_EQ(inb(b, 0x21), 0);		/* the next is the mask */
	eoi(0);
	outb(b, 0x20, 0x0b);
	outb(b, 0x20, 0x0c);			/* the choice of register stays */
	CHECK_EQ(inb(b, 0x20), 0x86);
	CHECK_EQ(inb(b, 0x20), 0x40);
	eoi(0);
	pulse(13);
	outb(b, 0x20, 0x0c);
	CHECK_EQ(inb(b, 0x20), 0x82);
	outb(b, 0xa0, 0x0c);
	CHECK_EQ(inb(b, 0xa0), 0x85);
	CHECK(!intr(b, 0), "both served");
}

/* ---- a second description: priorities as a list, requests recomputed from scratch ---- */

struct chip {
	unsigned irr, isr, imr, elcr, base, list[8];	/* list: highest first */
	bool aeoi, rotate, sfnm, smm;
};
static struct chip chip[2];
static unsigned wires;

static void chip_start(unsigned n, unsigned base, bool aeoi, bool sfnm)
{
	chip[n] = (struct chip){ .base = base, .aeoi = aeoi, .sfnm = sfnm };
	for (unsigned i = 0; i < 8; i++)
		chip[n].list[i] = i;
}

static void lowest(struct chip *c, unsigned pin)
{
	for (unsigned i = 0; i < 8; i++)
		c->list[i] = (pin + 1 + i) % 8;
}

static int wanted(unsigned n)
{
	struct chip *c = &chip[n];
	unsigned req = c->irr & ~c->imr;

	if (!n && wanted(1) >= 0 && !(c->imr & 4))
		req |= 4;
	for (unsigned i = 0; i < 8; i++) {
		unsigned bit = 1u << c->list[i];

		if (c->isr & bit && !(c->smm && c->imr & bit))
			return !n && c->sfnm && bit == 4 && req & 4 ? 2 : -1;
		if (req & bit)
			return (int)c->list[i];
	}
	return -1;
}

static unsigned take(unsigned n)
{
	int pin = wanted(n);

	if (pin < 0)
		return 7;
	if (!(chip[n].elcr >> pin & 1))
		chip[n].irr &= ~(1u << pin);
	if (!chip[n].aeoi)
		chip[n].isr |= 1u << pin;
	else if (chip[n].rotate)
		lowest(&chip[n], (unsigned)pin);
	return (unsigned)pin;
}

static void wire(unsigned n, int level)
{
	struct chip *c = &chip[n / 8];
	unsigned bit = 1u << n % 8;

	if (level && (c->elcr & bit || !(wires >> n & 1)))
		c->irr |= bit;
	if (!level && c->elcr & bit)
		c->irr &= ~bit;
	wires = level ? wires | 1u << n : wires & ~(1u << n);
	gsi(n, level);
}

static void ocw2(unsigned n, unsigned v)
{
	struct chip *c = &chip[n];
	unsigned pin = v & 7;

	outb(b, n ? 0xa0 : 0x20, v);
	switch (v >> 5) {
	case 0: c->rotate = false; break;
	case 4: c->rotate = true; break;
	case 6: lowest(c, pin); break;
	case 1:
	case 5:
		for (unsigned i = 0; i < 8; i++) {
			unsigned bit = 1u << c->list[i];

			if (!(c->isr & bit) || (c->smm && c->imr & bit))
				continue;
			c->isr &= ~bit;
			if (v >> 5 == 5)
				lowest(c, c->list[i]);
			break;
		}
		break;
	case 3:
	case 7:
		c->isr &= ~(1u << pin);
		if (v >> 5 == 7)
			lowest(c, pin);
		break;
	}
}

static void test_model(void)
{
	static const uint8_t elcr_mask[2] = { 0xf8, 0xde };
	unsigned wrong = 0;

	for (unsigned step = 0; step < 200000 && wrong < 5; step++) {
		unsigned op = rnd(64), n = rnd(2), v;

		if (!step || op == 0) {
			unsigned m = rnd(4), s = rnd(4);

			machine_reset(b->m, RESET_WARM);
			wires = 0;
			pic_start(b, (m & 1) << 1 | (m & 2) << 3, (s & 1) << 1 | (s & 2) << 3);
			chip_start(0, 0x20, m & 1, m & 2);
			chip_start(1, 0x28, s & 1, s & 2);
		} else if (op < 30) {
			v = rnd(16);
			if (v != 2)
				wire(v, (int)rnd(2));
		} else if (op < 40) {
			v = take(0);
			v = v == 2 ? chip[1].base + take(1) : chip[0].base + v;
			CHECK_EQ(inta(b, 0), v);
		} else if (op < 52) {
			ocw2(n, rnd(4) ? 0x20 : rnd(8) << 5 | rnd(8));
		} else if (op < 55) {
			chip[n].imr = rnd(3) ? 0 : rnd(256);
			outb(b, n ? 0xa1 : 0x21, chip[n].imr);
		} else if (op < 57) {
			chip[n].smm = rnd(2);
			outb(b, n ? 0xa0 : 0x20, 0x48 | (chip[n].smm ? 0x20 : 0));
		} else if (op < 59) {
			v = rnd(256) & elcr_mask[n];
			chip[n].irr = (chip[n].irr & ~(v ^ chip[n].elcr)) |
				      (v & ~chip[n].elcr & wires >> 8 * n & 0xff);
			chip[n].elcr = v;
			outb(b, n ? 0x4d1 : 0x4d0, v);
		} else if (op < 61) {
			int pin = wanted(n);

			outb(b, n ? 0xa0 : 0x20, 0x0c);
			CHECK_EQ(inb(b, n ? 0xa0 : 0x20), pin < 0 ? 0 : 0x80 | take(n));
		} else if (op == 61) {
			round_trip(b, b->pic);
		}
		v = chip[0].irr | (wanted(1) >= 0 ? 4 : 0);
		wrong += intr(b, 0) != (wanted(0) >= 0) || irr(0) != v || irr(1) != chip[1].irr ||
			 isr(0) != chip[0].isr || isr(1) != chip[1].isr;
		CHECK(!wrong, "step %u op %u: INTR %d, IRR %02x %02x, ISR %02x %02x", step, op,
		      intr(b, 0), irr(0), irr(1), isr(0), isr(1));
	}
}

/* ---- states that no 8259A has ---- */

static void test_loaded(void)
{
	struct pic_state *p = b->m->irqchip->pic;
	struct state_buf s = { 0 };

	fresh(0, 0);
	p[0].priority = 8;
	CHECK_EQ(state_save(b->pic, &s, &b->err), 0);
	CHECK(state_load(b->pic, s.data, s.len, &b->err) < 0, "priority 8");
	CHECK_EQ(p[0].priority, 0);
	s.len = 0;
	p[1].init_step = 1;
	CHECK_EQ(state_save(b->pic, &s, &b->err), 0);
	CHECK(state_load(b->pic, s.data, s.len, &b->err) < 0, "step 1");
	s.len = 0;
	fresh(0, 0);
	p[1].elcr = 1;
	CHECK_EQ(state_save(b->pic, &s, &b->err), 0);
	CHECK(state_load(b->pic, s.data, s.len, &b->err) < 0, "IRQ 8 by level");
	/* levels and requests that contradict each other are settled by the levels */
	s.len = 0;
	fresh(0, 0);
	p[0].elcr = 0x20;
	p[0].irr = 0x24;
	CHECK_EQ(state_save(b->pic, &s, &b->err), 0);
	CHECK_EQ(state_load(b->pic, s.data, s.len, &b->err), 0);
	CHECK(!intr(b, 0) && irr(0) == 0, "nothing is asked for");
	free(s.data);
}

int main(void)
{
	b = board_new(1, BOARD_PIC);
	test_init();
	test_edge();
	test_level();
	test_nesting();
	test_slave();
	test_rotation();
	test_special_mask();
	test_poll();
	test_model();
	test_loaded();
	board_free(b);
	return check_done();
}
