/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The local APIC's timer: one-shot, periodic, TSC deadline; while the clock runs. */
#include "tests/dev/lapic.h"

#include <errno.h>

static void test_one_shot(void)
{
	uint64_t start;

	fresh();
	at(b, UINT64_C(1000000000));
	for (unsigned d = 0; d < 8; d++) {
		static const uint8_t code[8] = { 0xb, 0, 1, 2, 3, 8, 9, 10 };
		uint64_t div = 1u << d;

		wr(1, DIVIDE, code[d]);
		wr(1, TIMER, 0x81);
		wr(1, INITIAL, 1000);
		start = now(b);
		CHECK_EQ(rd(1, CURRENT), 1000);
		at(b, start + 300 * div);
		CHECK_EQ(rd(1, CURRENT), 700);
		CHECK_EQ(rd(1, INITIAL), 1000);
		at(b, start + 1000 * div - 1);
		CHECK(rd(1, CURRENT) == 1 && !intr(b, 1), "divider %u: early", d);
		round_trip(b, b->lapic[1]);
		at(b, start + 1000 * div);
		round_trip(b, b->lapic[1]);		/* due, and not lost */
		CHECK_EQ(rd(1, CURRENT), 0);
		CHECK_EQ(inta(b, 1), 0x81);
		wr(1, EOI, 0);
		round_trip(b, b->lapic[1]);
		pass(b, UINT64_C(1000000000));
		CHECK(rd(1, CURRENT) == 0 && !intr(b, 1), "once");
	}
	/* stopped by zero; masked it runs, but does not interrupt, nor later */
	wr(1, DIVIDE, 0xb);
	wr(1, INITIAL, 1000);
	wr(1, INITIAL, 0);
	pass(b, 5000);
	CHECK(rd(1, CURRENT) == 0 && !intr(b, 1), "stopped");
	wr(1, TIMER, MASKED | 0x81);
	wr(1, INITIAL, 1000);
	pass(b, 400);
	CHECK_EQ(rd(1, CURRENT), 600);
	pass(b, 1000);
	wr(1, TIMER, 0x81);
	pass(b, 1000);
	CHECK(rd(1, CURRENT) == 0 && !intr(b, 1), "masked");
	/* unmasked in time */
	wr(1, TIMER, MASKED | 0x81);
	wr(1, INITIAL, 1000);
	pass(b, 400);
	wr(1, TIMER, 0x81);
	pass(b, 600);
	(void)rd(1, CURRENT);
	CHECK_EQ(inta(b, 1), 0x81);
	wr(1, EOI, 0);
	/* a divider that changes: the count goes on at another speed */
	wr(1, INITIAL, 1000);
	pass(b, 500);
	wr(1, DIVIDE, 0);
	CHECK_EQ(rd(1, CURRENT), 500);
	pass(b, 500);
	CHECK_EQ(rd(1, CURRENT), 250);
	pass(b, 500);
	CHECK_EQ(rd(1, CURRENT), 0);
	CHECK_EQ(inta(b, 1), 0x81);
	wr(1, EOI, 0);
}

static void test_periodic(void)
{
	uint64_t start, k = 0;

	fresh();
	at(b, UINT64_C(7000000003));
	wr(1, DIVIDE, 0xb);
	wr(1, TIMER, PERIODIC | 0x82);
	wr(1, INITIAL, 1000003);
	start = now(b);
	for (unsigned i = 0; i < 20000; i++) {
		k += rnd(10) ? 1 : 2 + rnd(5000);
		at(b, start + k * 1000003);		/* missed ones are one */
		CHECK_EQ(rd(1, CURRENT), 1000003);
		CHECK_EQ(inta(b, 1), 0x82);
		wr(1, EOI, 0);
		if (!rnd(16))
			round_trip(b, b->lapic[1]);
		at(b, start + (k + 1) * 1000003 - 1);
		CHECK_EQ(rd(1, CURRENT), 1);
		CHECK(!intr(b, 1), "period %llu is early", (unsigned long long)k);
	}
	CHECK(k > 4000000, "over %llu periods", (unsigned long long)k);
	/* to one-shot: the present round is the last */
	wr(1, TIMER, 0x82);
	pass(b, 5000000);
	(void)rd(1, CURRENT);
	while (intr(b, 1)) {
		CHECK_EQ(inta(b, 1), 0x82);
		wr(1, EOI, 0);
	}
	pass(b, 5000000);
	CHECK(rd(1, CURRENT) == 0 && !intr(b, 1), "over");
}

static uint64_t tsc(void) { return clock_ns_to_ticks(now(b), BOARD_TSC_HZ); }

static void test_deadline(void)
{
	uint64_t v, due;

	fresh();
	at(b, UINT64_C(50000000000));
	CHECK_EQ(msr_wr(b, 1, MSR_TSC_DEADLINE, tsc() + 1000), 0);
	CHECK_EQ(msr_rd(b, 1, MSR_TSC_DEADLINE, &v), 0);
	CHECK_EQ(v, 0);					/* not in this mode */
	wr(1, TIMER, DEADLINE | 0x83);
	wr(1, INITIAL, 1000);
	CHECK_EQ(rd(1, INITIAL), 0);
	for (unsigned i = 0; i < 2000; i++) {
		due = tsc() + 1 + rnd(100000000);
		CHECK_EQ(msr_wr(b, 1, MSR_TSC_DEADLINE, due), 0);
		CHECK_EQ(msr_rd(b, 1, MSR_TSC_DEADLINE, &v), 0);
		CHECK_EQ(v, due);
		at(b, clock_ticks_to_ns(due, BOARD_TSC_HZ) - 1);
		CHECK(tsc() < due, "before");
		msr_rd(b, 1, MSR_TSC_DEADLINE, &v);
		CHECK(v == due && !intr(b, 1), "early");
		pass(b, 1);
		if (!rnd(8))
			round_trip(b, b->lapic[1]);
		msr_rd(b, 1, MSR_TSC_DEADLINE, &v);
		CHECK_EQ(v, 0);
		CHECK_EQ(inta(b, 1), 0x83);
		wr(1, EOI, 0);
	}
	/* in the past: at once; zero disarms; leaving the mode, too */
	CHECK_EQ(msr_wr(b, 1, MSR_TSC_DEADLINE, 1), 0);
	CHECK_EQ(inta(b, 1), 0x83);
	wr(1, EOI, 0);
	msr_wr(b, 1, MSR_TSC_DEADLINE, tsc() + 1000);
	msr_wr(b, 1, MSR_TSC_DEADLINE, 0);
	pass(b, 1000000);
	msr_rd(b, 1, MSR_TSC_DEADLINE, &v);
	CHECK(!intr(b, 1), "disarmed");
	msr_wr(b, 1, MSR_TSC_DEADLINE, tsc() + 1000);
	wr(1, TIMER, 0x83);
	wr(1, TIMER, DEADLINE | 0x83);
	pass(b, 1000000);
	msr_rd(b, 1, MSR_TSC_DEADLINE, &v);
	CHECK(!v && !intr(b, 1), "disarmed by the mode");
	/* masked when it passes: gone */
	wr(1, TIMER, MASKED | DEADLINE | 0x83);
	msr_wr(b, 1, MSR_TSC_DEADLINE, tsc() + 1000);
	pass(b, 1000000);
	wr(1, TIMER, DEADLINE | 0x83);
	CHECK(!intr(b, 1), "masked");
	/* an illegal vector is an error, not an interrupt */
	wr(1, TIMER, DEADLINE | 0x03);
	msr_wr(b, 1, MSR_TSC_DEADLINE, 1);
	CHECK(!intr(b, 1), "vector 3");
	wr(1, ESR, 0);
	CHECK_EQ(rd(1, ESR), 0x40);
	b->m->cfg.tsc_hz = 0;
	CHECK_EQ(msr_wr(b, 1, MSR_TSC_DEADLINE, 1), -EINVAL);
	CHECK_EQ(msr_rd(b, 1, MSR_TSC_DEADLINE, &v), -EINVAL);
	b->m->cfg.tsc_hz = BOARD_TSC_HZ;
}

/* By the clock's thread, on all CPUs at once; and a guest that wants one a nanosecond. */
static void test_running(void)
{
	fresh();
	for (unsigned i = 0; i < BOARD_CPUS; i++) {
		wr(i, DIVIDE, 0xb);
		wr(i, TIMER, PERIODIC | 0x90);
		wr(i, INITIAL, 1000000);
	}
	clock_run(b->m->clock);
	for (unsigned n = 0; n < 10; n++)
		for (unsigned i = 0; i < BOARD_CPUS; i++) {
			WAIT_FOR(intr(b, i));
			CHECK_EQ(inta(b, i), 0x90);
			wr(i, EOI, 0);
		}
	for (unsigned i = 1; i < BOARD_CPUS; i++)
		wr(i, INITIAL, 0);
	wr(0, INITIAL, 1);
	usleep(3000);
	wr(0, INITIAL, 0);
	clock_stop(b->m->clock);
}

/* A count so short that it is over while the register is being written is not lost. */
static void test_short(void)
{
	fresh();
	clock_run(b->m->clock);
	wr(1, DIVIDE, 0xb);
	for (unsigned n = 0; n < 1000; n++) {
		wr(1, TIMER, 0x91);
		wr(1, INITIAL, 1 + n % 300);
		wr(1, TIMER, 0x92);
		wr(1, DIVIDE, n & 1 ? 0xb : 0);
		WAIT_FOR(intr(b, 1));
		CHECK((inta(b, 1) & ~3) == 0x90, "turn %u", n);
		wr(1, EOI, 0);
		CHECK(!intr(b, 1), "turn %u: twice", n);
	}
	clock_stop(b->m->clock);
}

int main(void)
{
	b = board_new(BOARD_CPUS, BOARD_ALL);
	test_one_shot();
	test_periodic();
	test_deadline();
	test_running();
	test_short();
	board_free(b);
	return check_done();
}
