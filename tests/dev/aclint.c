/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/dev/devtest.h"

#define BASE	    0x2000000u
#define MSIP(h)	    (BASE + 4 * (h))
#define MTIMECMP(h) (BASE + 0x4000 + 8 * (h))
#define MTIME	    (BASE + 0xbff8)
#define SSWI(h)	    (BASE + 0x4000000 + 4 * (h))
enum { SSIP = 1, MSIP_LINE = 3, MTIP = 7 };

static struct bus *b;

static bool line(unsigned hart, unsigned n) { return b->port[hart].lines >> n & 1; }

int main(void)
{
	struct dev *d;
	uint64_t now, later;

	b = bus_new();
	d = bus_new_dev(b, "riscv-aclint");
	bus_plug(b, d, BASE, 0);

	bus_write(b, MSIP(2), 4, 0xffffffff);
	CHECK(line(2, MSIP_LINE) && !line(1, MSIP_LINE), "msip of hart 2");
	CHECK_EQ(bus_read(b, MSIP(2), 4), 1);
	bus_write(b, MSIP(2), 4, 0);
	CHECK(!line(2, MSIP_LINE), "down again");
	bus_write(b, MSIP(4), 4, 1);		/* four harts */
	CHECK_EQ(bus_read(b, MSIP(4), 4), 0);

	bus_write(b, SSWI(1), 4, 1);
	CHECK(line(1, SSIP), "setssip");
	CHECK_EQ(bus_read(b, SSWI(1), 4), 0);
	bus_write(b, SSWI(1), 4, 0);
	CHECK(line(1, SSIP), "only the hart takes it down");
	bus_write(b, SSWI(4000), 4, 1);

	now = bus_read(b, MTIME, 8);
	usleep(1000);
	later = bus_read(b, MTIME, 8);
	CHECK(later - now >= 10000 && later - now < 100000000, "10 MHz: %llu in 1 ms",
	      (unsigned long long)(later - now));
	CHECK_EQ(bus_read(b, MTIME + 4, 4), later >> 32);
	bus_write(b, MTIME, 8, 0);		/* ignored */
	CHECK(bus_read(b, MTIME, 8) >= later, "the machine's clock");

	CHECK_EQ(bus_read(b, MTIMECMP(0), 8), UINT64_MAX);
	CHECK(!line(0, MTIP), "quiet after reset");
	bus_write(b, MTIMECMP(0), 8, 0);
	CHECK(line(0, MTIP), "due at once");
	later = bus_read(b, MTIME, 8) + 50000;	/* 5 ms */
	bus_write(b, MTIMECMP(0), 8, later);
	CHECK(!line(0, MTIP) || bus_read(b, MTIME, 8) >= later, "not yet");
	WAIT_FOR(line(0, MTIP));
	CHECK(bus_read(b, MTIME, 8) >= later, "not early");
	/* In halves, as 32-bit code does it (Privileged ISA 3.2.1). */
	bus_write(b, MTIMECMP(3), 4, 0xffffffff);
	bus_write(b, MTIMECMP(3) + 4, 4, 0);
	bus_write(b, MTIMECMP(3), 4, 0x80000000);
	CHECK_EQ(bus_read(b, MTIMECMP(3), 8), 0x80000000);
	CHECK_EQ(bus_read(b, MTIMECMP(3) + 4, 4), 0);
	bus_write(b, MTIMECMP(4), 8, 0);

	/* A restore arms the timer and drives the lines. */
	bus_write(b, MSIP(1), 4, 1);
	bus_write(b, MTIMECMP(1), 8, bus_read(b, MTIME, 8) + 100000);
	b->port[1].lines = 0;
	bus_save_load(b, d);
	CHECK(line(1, MSIP_LINE), "msip");
	WAIT_FOR(line(1, MTIP));
	machine_reset(b->m, RESET_WARM);
	CHECK(!line(1, MTIP) && !line(1, MSIP_LINE) && !line(0, MTIP), "reset");
	bus_free(b);
	return check_done();
}
