/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 16550A semantics; section numbers are those of the PC16550D data sheet. */
#include "tests/dev/devtest.h"
#include "io/char/char.h"

#define BASE 0x10000000u
enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR, FCR = IIR };

static struct bus *b;
static struct dev *d;
static struct chardev *c;

static uint64_t rd(unsigned reg) { return bus_read(b, BASE + reg, 1); }
static void wr(unsigned reg, uint64_t v) { bus_write(b, BASE + reg, 1, v); }
static bool irq(void) { return b->level[0]; }

static void fresh(void)
{
	machine_reset(b->m, RESET_COLD);
	b->level[0] = 0;
}

/* What comes out within 5 s, n bytes of it. */
static void expect_output(const char *text)
{
	char got[256] = "";
	size_t n = 0;

	for (unsigned ms = 0; ms < 5000 && n < strlen(text); ms++) {
		n += chardev_ring_take(c, got + n, sizeof(got) - 1 - n);
		if (n < strlen(text))
			usleep(1000);
	}
	got[n] = '\0';
	CHECK(!strcmp(got, text), "'%s', expected '%s'", got, text);
}

static void test_registers(void)
{
	fresh();
	CHECK_EQ(rd(LSR), 0x60);
	CHECK_EQ(rd(IIR), 0x01);
	CHECK_EQ(rd(MSR), 0xb0);
	wr(SCR, 0x5a);
	CHECK_EQ(rd(SCR), 0x5a);
	wr(IER, 0xff);
	CHECK_EQ(rd(IER), 0x0f);
	wr(IER, 0);
	wr(LCR, 0x83);
	wr(DATA, 0x12);
	wr(IER, 0x34);
	CHECK_EQ(rd(DATA), 0x12);
	CHECK_EQ(rd(IER), 0x34);
	wr(LCR, 0x03);
	CHECK_EQ(rd(IER), 0);
	wr(MCR, 0xff);
	CHECK_EQ(rd(MCR), 0x1f);
	wr(LSR, 0xff);
	wr(MCR, 0);
	wr(FCR, 0xc1);
	CHECK_EQ(rd(IIR), 0xc1);		/* how drivers tell a 16550A */
	wr(FCR, 0xc0);				/* bit 0 clear: the others do not count */
	CHECK_EQ(rd(IIR), 0x01);
	CHECK_EQ(bus_read(b, BASE + 0x40, 1), 0);
	CHECK_EQ(bus_read(b, BASE + SCR, 4), 0x5a);
}

static void test_transmit(void)
{
	fresh();
	for (const char *p = "hello\n"; *p; p++) {
		CHECK(rd(LSR) & 0x20, "ready");
		wr(DATA, (uint8_t)*p);
	}
	expect_output("hello\n");
	CHECK(!irq(), "no interrupt was enabled");

	/* THRE: raised when enabled, down by reading IIR, raised by the next byte (table IV). */
	wr(IER, 2);
	CHECK(irq(), "THRE at once");
	CHECK_EQ(rd(IIR), 0x02);
	CHECK(!irq() && rd(IIR) == 0x01, "seen");
	wr(IER, 2);
	CHECK(!irq(), "it was enabled already");
	wr(DATA, 'x');
	CHECK(irq(), "empty again");
	CHECK_EQ(rd(LSR), 0x60);
	CHECK(irq(), "LSR does not take it down");
	wr(IER, 0);
	CHECK(!irq(), "disabled");
	wr(IER, 2);
	CHECK(irq() && rd(IIR) == 0x02, "enabled again");
	expect_output("x");
}

static void feed(const char *text)
{
	size_t n = strlen(text), done = 0;

	for (unsigned ms = 0; ms < 5000 && done < n; ms++) {
		done += chardev_ring_feed(c, text + done, n - done);
		if (done < n)
			usleep(1000);
	}
	CHECK_EQ(done, n);
}

static void test_receive(void)
{
	fresh();
	feed("A");
	WAIT_FOR(rd(LSR) & 1);
	CHECK(!irq(), "not enabled");
	wr(IER, 1);
	CHECK(irq() && rd(IIR) == 0x04, "RDA");
	CHECK_EQ(rd(DATA), 'A');
	CHECK(!irq() && rd(LSR) == 0x60 && rd(IIR) == 0x01, "read");

	/* FIFO: below the trigger only the time-out tells. */
	wr(FCR, 0x81);				/* 8 bytes */
	feed("bcd");
	WAIT_FOR(irq());
	CHECK_EQ(rd(IIR), 0xcc);
	b->rises[0] = 0;
	feed("e");				/* another character does not take it back */
	CHECK(irq() && rd(IIR) == 0xcc && !b->rises[0], "the time-out stays");
	CHECK_EQ(rd(DATA), 'b');
	CHECK(!irq(), "a read takes the time-out down");
	WAIT_FOR(irq());			/* and it comes again for what is left */
	CHECK_EQ(rd(IIR), 0xcc);
	feed("fghij");
	WAIT_FOR(rd(IIR) == 0xc4);
	for (const char *p = "cdefghij"; *p; p++)
		CHECK_EQ(rd(DATA), *p);
	CHECK(!irq() && rd(LSR) == 0x60, "drained");

	/* The back end is told how much room there is: sixteen, then one for each byte read. */
	feed("0123456789abcdef");
	CHECK_EQ(chardev_ring_feed(c, "g", 1), 0);
	CHECK_EQ(rd(IIR), 0xc4);
	for (unsigned i = 0; i < 32; i++) {
		CHECK_EQ(rd(DATA), "0123456789abcdefghijklmnopqrstuv"[i]);
		if (i < 16)
			CHECK_EQ(chardev_ring_feed(c, &"ghijklmnopqrstuv!"[i], 2), 1);
	}
	CHECK_EQ(rd(LSR), 0x60);		/* and nothing was lost */

	/* FCR bit 1 empties; so does switching the FIFO off. */
	feed("xyz");
	WAIT_FOR(rd(LSR) & 1);
	usleep(10000);
	wr(FCR, 0x83);
	CHECK_EQ(rd(LSR), 0x60);
	feed("q");
	WAIT_FOR(rd(LSR) & 1);
	wr(FCR, 0x00);
	CHECK_EQ(rd(LSR), 0x60);
	CHECK(!irq(), "nothing there");
}

static void test_loopback(void)
{
	fresh();
	wr(MCR, 0x10);
	CHECK_EQ(rd(MSR), 0x0b);		/* lines fell: CTS, DSR, DCD changed */
	CHECK_EQ(rd(MSR), 0x00);
	wr(IER, 8);
	wr(MCR, 0x1f);
	CHECK(irq() && rd(IIR) == 0x00, "modem status");
	CHECK_EQ(rd(MSR), 0xfb);		/* all up; RI tells its trailing edge only */
	CHECK(!irq(), "read");
	wr(MCR, 0x1b);
	CHECK_EQ(rd(MSR), 0xb4);		/* OUT1 down: RI's trailing edge */
	wr(IER, 0);

	wr(DATA, 0x11);
	CHECK_EQ(rd(LSR), 0x61);
	wr(DATA, 0x22);				/* 8.6: the second overruns the first */
	CHECK_EQ(rd(LSR), 0x63);
	CHECK_EQ(rd(LSR), 0x61);		/* errors are told once */
	CHECK_EQ(rd(DATA), 0x22);
	wr(FCR, 0x01);
	for (unsigned i = 0; i < 18; i++)
		wr(DATA, i);
	wr(IER, 4);
	CHECK(irq() && rd(IIR) == 0xc6, "line status");
	CHECK_EQ(rd(LSR), 0x63);
	CHECK(!irq(), "read");
	for (unsigned i = 0; i < 16; i++)
		CHECK_EQ(rd(DATA), i);		/* the FIFO keeps the older ones */
	CHECK_EQ(rd(LSR), 0x60);
	wr(IER, 0x0f);
	wr(DATA, 1);
	CHECK_EQ(rd(IIR), 0xc4);		/* priorities: data before THRE */
	CHECK_EQ(rd(DATA), 1);
	CHECK_EQ(rd(IIR), 0xc2);
	wr(MCR, 0);
	rd(MSR);
	feed("z");				/* input comes again */
	WAIT_FOR(rd(LSR) & 1);
	CHECK_EQ(rd(DATA), 'z');
}

static void test_moves(void)
{
	fresh();
	wr(MCR, 0x10);
	wr(FCR, 0x01);
	wr(DATA, 7);
	wr(DATA, 8);
	wr(SCR, 0x77);
	bus_save_load(b, d);
	CHECK_EQ(rd(DATA), 7);
	CHECK_EQ(rd(DATA), 8);
	CHECK_EQ(rd(SCR), 0x77);
}

/* Registers spaced by four bytes. */
static void test_shift(void)
{
	struct dev *s = bus_new_dev(b, "uart16550a");

	CHECK_EQ(dev_set(s, "reg_shift", "2", &b->err), 0);
	bus_plug(b, s, 0x40000000, 1);
	bus_write(b, 0x40000000 + 4 * SCR, 4, 0x1234);
	CHECK_EQ(bus_read(b, 0x40000000 + 4 * SCR, 4), 0x34);
	CHECK_EQ(bus_read(b, 0x40000000 + 4 * SCR, 1), 0x34);
	CHECK_EQ(bus_read(b, 0x40000000 + 4 * SCR + 1, 1), 0);
	bus_write(b, 0x40000000, 4, 'n');	/* no back end: dropped */
	CHECK_EQ(bus_read(b, 0x40000000 + 4 * LSR, 4), 0x60);
	/* Ports: a wide access touches neighbours. */
	bus_write(b, 0x44000000 + SCR, 1, 0x99);
	CHECK_EQ(bus_read(b, 0x44000000 + MSR, 2), 0x99b0);
}

int main(void)
{
	b = bus_new();
	c = chardev_new("ring", &b->err);
	if (!c)
		bus_fail(b, "ring");
	d = bus_new_dev(b, "uart16550a");
	dev_set_ptr(d, "chardev", c);
	bus_plug(b, d, BASE, 0);
	test_registers();
	test_transmit();
	test_receive();
	test_loopback();
	test_moves();
	test_shift();
	bus_free(b);
	chardev_free(c);
	return check_done();
}
