/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/kvm/harness.h"

#include "hw/core/state.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { WATCHDOG_S = 60, LINE = 5 };

struct kt_dev {
	struct dev dev;
	struct kt *t;
};

static void end(struct kt *t, int code)
{
	t->code = code;
	for (unsigned i = 0; i < t->vm.nr_vcpus; i++)
		vcpu_kick(t->vm.vcpu[i], VCPU_REQ_STOP);
}

static void ring(struct kt *t)
{
	if (++t->rings == t->limit)
		end(t, 0);
}

static void con(struct kt *t, uint8_t c)
{
	if (t->con_len < sizeof(t->con) - 1)
		t->con[t->con_len++] = (char)c;
}

static uint64_t pio_read(struct dev *d, uint64_t off, unsigned size)
{
	if (off == 7)
		ring(DEV_STATE(struct kt_dev, d)->t);
	return off ? 0 : size == 1 ? 0x5a : size == 2 ? 0xbeef : 0xdeadbeef;
}

static void pio_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct kt *t = DEV_STATE(struct kt_dev, d)->t;

	if (off == 1)
		con(t, (uint8_t)val);
	else if (off == 2)
		t->vm.accel->irq(&t->vm, LINE, (int)val);
	else if (off == 7)
		ring(t);
	else if (off == 0xc)
		end(t, (int)(uint8_t)val);
}

static uint64_t mmio_read(struct dev *d, uint64_t off, unsigned size)
{
	struct kt *t = DEV_STATE(struct kt_dev, d)->t;
	uint64_t v = 0;

	if (off == 0x90)
		ring(t);
	if (off + size <= sizeof(t->regs))
		memcpy(&v, t->regs + off, size);
	return v;
}

static void mmio_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct kt *t = DEV_STATE(struct kt_dev, d)->t;

	if (off + size <= sizeof(t->regs)) {
		memcpy(t->regs + off, &val, size);
		t->writes++;
	} else if (off == 0x80) {
		con(t, (uint8_t)val);
	} else if (off == 0x90) {
		ring(t);
	} else if (off == 0x100) {
		end(t, (int)(uint8_t)val);
	}
}

static const struct dev_type kt_dev_type = {
	.name = "kvm-test",
	.help = "hears what test guests say",
	.size = sizeof(struct kt_dev),
	.regions = (const struct region[]){ { "ports", 0x10, 1, 4, 0, pio_read, pio_write },
					    { "mmio", 0x1000, 1, 8, 0, mmio_read, mmio_write } },
	.nr_regions = 2,
	.state = (const struct field[]){ FIELD_SKIP(struct kt_dev, t, "the test"), FIELD_END },
};

static int init(struct machine *m, struct err *e)
{
	struct dev *d;

	m->pio = space_new("ports", 16);
	if (mem_add(&m->mem, "low", 0, 0xa0000, 0, e) ||
	    mem_add(&m->mem, "high", HIGH, HIGH_SIZE, 0, e))
		return -1;
	d = dev_new(m, &kt_dev_type, "test", e);
	if (!d || dev_init(d, e) || dev_map(d, 0, m->pio, 0xe8, e) ||
	    dev_map(d, 1, m->mmio, MMIO_BASE, e))
		return -1;
	return 0;
}

static const struct machine_type kt_machine = { .name = "kvm-test", .isa = "x86_64", .init = init };

void kt_main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (access("/dev/kvm", F_OK) && errno == ENOENT) {
		fprintf(stderr,
			"*** SKIPPED: THIS MACHINE HAS NO /dev/kvm; NOTHING WAS TESTED ***\n");
		exit(77);
	}
	alarm(WATCHDOG_S);
}

void kt_memslots(struct kt *t, unsigned extra_flags)
{
	struct err e = { 0 };

	for (unsigned i = 0; i < t->m->mem.nr; i++) {
		struct mem_block *b = &t->m->mem.block[i];
		struct memslot s = { b->base, b->size, b->host, b->flags | extra_flags, i };

		CHECK(!t->vm.accel->mem_set(&t->vm, &s, &e), "%s", e.msg);
	}
}

const char *kt_args;
const void *kt_cpu_model;

struct kt *kt_new(unsigned nr_cpus, bool irqchip)
{
	struct machine_config cfg = { .ram_size = HIGH_SIZE, .nr_cpus = nr_cpus };
	struct kt *t = calloc(1, sizeof(*t));
	struct err e = { 0 };

	t->m = machine_new(&kt_machine, &cfg, &e);
	CHECK(t->m && !machine_init(t->m, &e), "%s", e.msg);
	DEV_STATE(struct kt_dev, machine_dev(t->m, "test"))->t = t;
	t->code = -1;
	t->vm = (struct vm){ .isa = &isa_x86_64,
			     .accel = &accel_kvm,
			     .machine = t->m,
			     .nr_vcpus = nr_cpus,
			     .accel_args = kt_args,
			     .cpu_model = kt_cpu_model,
			     .timebase_hz = 1000000000 };
	CHECK(!t->vm.accel->vm_start(&t->vm, &e), "%s", e.msg);
	if (irqchip)
		CHECK(!t->vm.accel->irqchip_take(&t->vm, &e), "%s", e.msg);
	kt_memslots(t, 0);
	for (unsigned i = 0; i < nr_cpus; i++) {
		struct vcpu *v = vcpu_new(&t->vm, i, 0, 0, &e);

		CHECK(v, "%s", e.msg);
		t->vm.vcpu[i] = v;
		t->m->ports[i] = &v->port;
		CHECK(!t->vm.accel->vcpu_start(v, &e), "%s", e.msg);
		t->vm.isa->reset(v->state);
	}
	return t;
}

void kt_free(struct kt *t)
{
	for (unsigned i = 0; i < t->vm.nr_vcpus; i++) {
		t->vm.accel->vcpu_stop(t->vm.vcpu[i]);
		vcpu_free(t->vm.vcpu[i]);
	}
	t->vm.accel->vm_stop(&t->vm);
	machine_free(t->m);
	free(t);
}

struct x86_state *kt_state(struct kt *t, unsigned cpu) { return t->vm.vcpu[cpu]->state; }

void kt_put(struct kt *t, gpa_t at, const void *p, size_t n)
{
	CHECK(!mem_write(&t->m->mem, at, p, n, true), "no memory at %llx", (unsigned long long)at);
}

uint32_t kt_get32(struct kt *t, gpa_t at)
{
	uint32_t v = 0;

	CHECK(!mem_read(&t->m->mem, at, &v, 4), "no memory at %llx", (unsigned long long)at);
	return v;
}

void kt_run(struct kt *t, unsigned cpu, struct vm_exit *x)
{
	do
		CHECK(!t->vm.accel->run(t->vm.vcpu[cpu], x) || *x->text,
		      "run fails without a text");
	while (x->reason == VM_EXIT_NONE && t->code < 0);
	atomic_store(&t->vm.vcpu[cpu]->request, 0);
}

void kt_expect(struct kt *t, unsigned cpu, int code)
{
	struct vm_exit x;

	kt_run(t, cpu, &x);
	CHECK(x.reason == VM_EXIT_NONE && t->code == code,
	      "exit %d (%s), code %d, wanted %d, console '%s'", x.reason, x.text, t->code, code,
	      t->con);
	t->code = -1;
}
