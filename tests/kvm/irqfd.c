/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupts from eventfds: messages, lines, lines that are sampled again at the EOI. */
#include "tests/kvm/harness.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/os.h"

static int bind(struct kt *t, const struct irqfd *f) { return t->vm.accel->irqfd(&t->vm, f, true); }
static int unbind(struct kt *t, const struct irqfd *f)
{
	return t->vm.accel->irqfd(&t->vm, f, false);
}

static void pause_ms(unsigned ms)
{
	struct timespec wait = { 0, ms * 1000000 };

	nanosleep(&wait, NULL);
}

struct signaller {
	struct kt *t;
	int fd, resample;
	unsigned times;
	bool counts;		/* the guest does, at 0x50c */
};

static void *signal_ready(void *opaque)
{
	struct signaller *s = opaque;
	volatile uint32_t *came = mem_ptr(&s->t->m->mem, 0x50c, 4);

	while (!*(volatile uint32_t *)mem_ptr(&s->t->m->mem, 0x504, 4))
		pause_ms(1);
	for (unsigned i = 0; i < s->times; i++) {
		os_eventfd_signal(s->fd);
		if (s->resample >= 0)
			os_eventfd_wait(&s->resample, 1), os_eventfd_drain(s->resample);
		else if (s->counts)
			while (*came <= i) /* two edges at once are one interrupt */
				pause_ms(1);
	}
	return NULL;
}

static void expect(struct kt *t, struct signaller *s, int code)
{
	pthread_t th;

	memset(mem_ptr(&t->m->mem, 0x500, 16), 0, 16);
	pthread_create(&th, NULL, signal_ready, s);
	kt_expect_all(t, code);
	pthread_join(th, NULL);
}

static void message(const char *mode)
{
	struct kt *t = kt_new_chips(1, mode);
	struct irqfd f = { .fd = os_eventfd(), .resample = -1, .msi = true,
			   .addr = 0xfee00000, .data = 0x51 };
	struct signaller s = { t, f.fd, -1, 1, false };
	uint64_t set;

	CHECK(!bind(t, &f), "cannot bind");
	CHECK(bind(t, &f) == -EBUSY, "bound twice");
	kt_load(t, g_64_msi, CODE);
	x86_boot_long(kt_state(t, 0), CODE, 0, 0);
	expect(t, &s, 51);
	/* masked and unmasked again: the route is still there */
	set = kvm_vm(&t->vm)->irq.routings;
	for (unsigned i = 0; i < 100; i++)
		CHECK(!unbind(t, &f) && !bind(t, &f), "round %u", i);
	CHECK(kvm_vm(&t->vm)->irq.routings == set, "the table was set again");
	CHECK(!unbind(t, &f) && unbind(t, &f) == -ENOENT, "unbound twice");
	close(f.fd);
	kt_free(t);
}

/* More than one allocation's worth; places are used again. */
static void many(void)
{
	enum { N = 150 };
	struct kt *t = kt_new_chips(1, "irqchip=on");
	struct irqfd f[N];
	unsigned had;

	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < N; i++) {
			f[i] = (struct irqfd){ .fd = os_eventfd(), .resample = -1, .msi = true,
					       .addr = 0xfee00000, .data = 0x30 + i / 2 };
			CHECK(!bind(t, &f[i]), "%u", i);
		}
		had = kvm_vm(&t->vm)->irq.nr_messages;
		CHECK(had == N / 2, "%u messages", had);
		for (unsigned i = 0; i < N; i++) {
			CHECK(!unbind(t, &f[i]), "%u", i);
			close(f[i].fd);
		}
	}
	f[0].data = 0xf0; /* takes an unused place */
	f[0].fd = os_eventfd();
	CHECK(!bind(t, &f[0]) && kvm_vm(&t->vm)->irq.nr_messages == had, "a new place");
	close(f[0].fd);
	kt_free(t);
}

static void line(const char *mode)
{
	struct kt *t = kt_new_chips(1, mode);
	struct irqfd f = { .fd = os_eventfd(), .resample = -1, .gsi = 5 };
	struct signaller s = { t, f.fd, -1, 2, true };

	CHECK(!bind(t, &f), "cannot bind");
	kt_load(t, g_64_gsi, CODE);
	x86_boot_long(kt_state(t, 0), CODE, 0x41, 2);
	expect(t, &s, 104);
	/* masked: nothing comes */
	machine_reset(t->m, RESET_WARM);
	kt_reset(t);
	os_eventfd_signal(f.fd);
	pause_ms(2);
	x86_boot_long(kt_state(t, 0), CODE, 0x41, 0);
	memset(mem_ptr(&t->m->mem, 0x500, 16), 0, 16);
	kt_expect_all(t, 104);
	CHECK(!kt_get32(t, 0x50c), "an interrupt of a masked pin");
	CHECK(!unbind(t, &f), "cannot unbind");
	f.gsi = 24;
	CHECK(bind(t, &f) == -EINVAL, "no such line");
	close(f.fd);
	kt_free(t);
}

static void resampled(void)
{
	struct kt *t = kt_new_chips(1, "irqchip=on");
	struct irqfd f = { .fd = os_eventfd(), .resample = os_eventfd(), .gsi = 5 };
	struct signaller s = { t, f.fd, f.resample, 3, false };

	CHECK(!bind(t, &f), "cannot bind");
	kt_load(t, g_64_gsi, CODE);
	x86_boot_long(kt_state(t, 0), CODE, 0x8041, 3);
	expect(t, &s, 104);
	CHECK(kt_get32(t, 0x50c) == 3, "%u interrupts", kt_get32(t, 0x50c));
	CHECK(!unbind(t, &f), "cannot unbind");
	f.msi = true;
	CHECK(bind(t, &f) == -ENOTSUP, "a message has no level");
	close(f.fd);
	close(f.resample);
	kt_free(t);
}

static void unsupported(void)
{
	struct kt *t = kt_new_chips(1, "irqchip=off");
	struct irqfd f = { .fd = os_eventfd(), .resample = -1, .gsi = 5 };

	CHECK(bind(t, &f) == -ENOTSUP, "chips are in user space");
	kt_free(t);
	t = kt_new_chips(1, "irqchip=split");
	f.resample = os_eventfd();
	CHECK(bind(t, &f) == -ENOTSUP, "the IOAPIC is in user space");
	kt_free(t);
	close(f.fd);
	close(f.resample);
}

int main(void)
{
	kt_main();
	message("irqchip=on");
	message("irqchip=split");
	many();
	line("irqchip=on");
	line("irqchip=split");
	resampled();
	unsupported();
	return 0;
}
