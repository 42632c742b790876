/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/kvm/harness.h"

#include "hw/core/irqchip.h"
#include "hw/core/state.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { WATCHDOG_S = 40, LINE = 5 };

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
		irqchip_gsi(t->m, LINE, (int)val);
	else if (off == 3)
		machine_msi(t->m, 0xfee00000, (uint32_t)val);
	else if (off == 4 && t->hook)
		t->hook(t, (unsigned)val);
	else if (off == 8)
		t->port_writes++;
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

static struct dev *add(struct machine *m, const char *type, const char *id, struct err *e)
{
	const struct dev_type *dt = dev_type_find(type);

	return dt ? dev_new(m, dt, id, e) : NULL;
}

static int map_ports(struct machine *m, struct dev *d, unsigned first, const uint16_t *at,
		     unsigned n, struct err *e)
{
	int r = 0;

	for (unsigned i = 0; !r && i < n; i++)
		r = dev_map(d, first + i, m->pio, at[i], e);
	return r;
}

static int init_chips(struct machine *m, struct err *e)
{
	static const uint16_t pic_ports[] = { 0x20, 0xa0, 0x4d0 }, pit_ports[] = { 0x40, 0x61 };
	struct dev *pic = add(m, "i8259", "pic", e), *ioapic = add(m, "ioapic", "ioapic", e);
	struct dev *lapic[256] = { NULL }, *pit;
	char text[16];

	for (unsigned i = 0; i < m->cfg.nr_cpus; i++) {
		snprintf(text, sizeof(text), "lapic%u", i);
		lapic[i] = add(m, "lapic", text, e);
		snprintf(text, sizeof(text), "%u", i);
		if (!lapic[i] || dev_set(lapic[i], "cpu", text, e) ||
		    dev_set(lapic[i], "x2apic", "on", e))
			return -1;
	}
	pit = add(m, "i8254", "pit", e);
	for (struct dev *d = m->devs; d; d = d->next)
		if (dev_init(d, e))
			return -1;
	if (map_ports(m, pic, 0, pic_ports, 3, e) || map_ports(m, pit, 0, pit_ports, 2, e) ||
	    dev_map(ioapic, 0, m->mmio, 0xfec00000, e) ||
	    dev_map(lapic[0], 0, m->mmio, 0xfee00000, e))
		return -1;
	return 0;
}

static int init(struct machine *m, struct err *e)
{
	struct dev *d;

	m->pio = space_new("ports", 16);
	if (mem_add(&m->mem, "low", 0, 0xa0000, 0, e) ||
	    mem_add(&m->mem, "high", HIGH, HIGH_SIZE, 0, e) ||
	    (!strcmp(m->type->name, "kvm-chips") && init_chips(m, e)))
		return -1;
	d = dev_new(m, &kt_dev_type, "test", e);
	if (!d || dev_init(d, e) || dev_map(d, 0, m->pio, 0xe8, e) ||
	    dev_map(d, 1, m->mmio, MMIO_BASE, e))
		return -1;
	return 0;
}

static const struct machine_type kt_machine = { .name = "kvm-test", .isa = "x86_64", .init = init };
static const struct machine_type kt_chips = { .name = "kvm-chips", .isa = "x86_64", .init = init };

static struct kt *current;

/* Says where the time went. */
static void on_alarm(int sig)
{
	struct kvm_regs r = { 0 };
	char line[400];
	int n;

	if (!current)
		_exit(1);
	if (kvm_cpu(current->vm.vcpu[0]))
		ioctl(kvm_cpu(current->vm.vcpu[0])->fd, KVM_GET_REGS, &r);
	n = snprintf(line, sizeof(line),
		     "timed out: '%s', rip %llx, rsi %llx, console '%s', "
		     "counters %u %u %u %u %u %u %u, lines %#x, intr %#x\n",
		     current->vm.accel_args ? current->vm.accel_args : "", r.rip, r.rsi,
		     current->con,
		     kt_get32(current, 0x500), kt_get32(current, 0x504), kt_get32(current, 0x508),
		     kt_get32(current, 0x50c), kt_get32(current, 0x510), kt_get32(current, 0x514),
		     kt_get32(current, 0x518),
		     current->m->irqchip ? atomic_load(&current->m->irqchip->lines) : 0,
		     (unsigned)atomic_load(&current->vm.vcpu[0]->port.lines));
	if (write(2, line, (size_t)n) < 0)
		_exit(2);
	_exit(1);
}

void kt_main(void)
{
	signal(SIGALRM, on_alarm);
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

static void engine_gsi(void *o, unsigned gsi, int level) { accel_kvm.irq(o, gsi, level); }
static int engine_msi(void *o, uint64_t addr, uint32_t data)
{
	return accel_kvm.msi(o, addr, data);
}
static void engine_ioapic_changed(void *o) { accel_kvm.ioapic_changed(o); }
static void engine_pit_legacy_off(void *o, bool off) { accel_kvm.pit_legacy_off(o, off); }

const char *kt_args;
const void *kt_cpu_model;
const struct accel_ops *kt_engine;

static struct kt *new(const struct machine_type *type, unsigned nr_cpus, const char *args,
		      bool take)
{
	struct machine_config cfg = { .ram_size = HIGH_SIZE,
				      .nr_cpus = nr_cpus,
				      .tsc_hz = 1000000000 };
	struct kt *t = calloc(1, sizeof(*t));
	struct err e = { 0 };

	t->m = machine_new(type, &cfg, &e);
	CHECK(t->m, "%s", e.msg);
	t->code = -1;
	t->vm = (struct vm){ .isa = &isa_x86_64,
			     .accel = kt_engine ? kt_engine : &accel_kvm,
			     .machine = t->m,
			     .nr_vcpus = nr_cpus,
			     .accel_args = args,
			     .cpu_model = kt_cpu_model,
			     .timebase_hz = 1000000000 };
	t->m->engine = (struct machine_engine){ .opaque = &t->vm,
						.gsi = engine_gsi,
						.msi = engine_msi,
						.ioapic_changed = engine_ioapic_changed,
						.pit_legacy_off = engine_pit_legacy_off };
	for (unsigned i = 0; i < nr_cpus; i++) {
		t->vm.vcpu[i] = vcpu_new(&t->vm, i, 0, 0, &e);
		CHECK(t->vm.vcpu[i], "%s", e.msg);
		t->m->ports[i] = &t->vm.vcpu[i]->port;
	}
	CHECK(!machine_init(t->m, &e), "%s", e.msg);
	DEV_STATE(struct kt_dev, machine_dev(t->m, "test"))->t = t;
	CHECK(!t->vm.accel->vm_start(&t->vm, &e), "%s", e.msg);
	if (take)
		CHECK(!t->vm.accel->irqchip_take(&t->vm, &e), "%s", e.msg);
	kt_memslots(t, 0);
	current = t;
	for (unsigned i = 0; i < nr_cpus; i++) {
		CHECK(!t->vm.accel->vcpu_start(t->vm.vcpu[i], &e), "%s", e.msg);
		t->vm.isa->reset(t->vm.vcpu[i]->state);
	}
	return t;
}

struct kt *kt_new(unsigned nr_cpus, bool irqchip)
{
	return new(&kt_machine, nr_cpus, kt_args, irqchip);
}

struct kt *kt_new_chips(unsigned nr_cpus, const char *args)
{
	struct kt *t = new(&kt_chips, nr_cpus, args, true);
	struct err e = { 0 };

	CHECK(!t->vm.accel->irqchip_push(&t->vm, &e), "%s", e.msg);
	clock_run(t->m->clock);
	return t;
}

void kt_reset(struct kt *t)
{
	struct err e = { 0 };

	machine_reset(t->m, RESET_WARM);
	DEV_STATE(struct kt_dev, machine_dev(t->m, "test"))->t = t;
	for (unsigned i = 0; i < t->vm.nr_vcpus; i++) {
		CHECK(!vcpu_pull(t->vm.vcpu[i], REGS_ALL, &e), "%s", e.msg);
		t->vm.isa->reset(t->vm.vcpu[i]->state);
	}
	CHECK(!t->vm.accel->irqchip_push(&t->vm, &e), "%s", e.msg);
}

void kt_free(struct kt *t)
{
	current = NULL;
	clock_stop(t->m->clock);
	machine_free_devs(t->m); /* their timers know the vCPUs */
	for (unsigned i = 0; i < t->vm.nr_vcpus; i++)
		t->vm.accel->vcpu_stop(t->vm.vcpu[i]);
	t->vm.accel->vm_stop(&t->vm); /* until then the engine looks at the vCPUs */
	for (unsigned i = 0; i < t->vm.nr_vcpus; i++)
		vcpu_free(t->vm.vcpu[i]);
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

void kt_loop(struct kt *t, unsigned cpu)
{
	struct vcpu *v = t->vm.vcpu[cpu];
	struct vm_exit x;

	cpu_current = cpu;
	while (t->code < 0) {
		CHECK(!t->vm.accel->run(v, &x), "%s", x.text);
		CHECK(x.reason == VM_EXIT_NONE || x.reason == VM_EXIT_HALT,
		      "vCPU %u: exit %d (%s), console '%s'", cpu, x.reason, x.text, t->con);
		if (x.reason == VM_EXIT_HALT)
			vcpu_wait(v, x.data[0]);
	}
}

struct looper { struct kt *t; unsigned cpu; };

static void *loop(void *opaque)
{
	struct looper *l = opaque;

	kt_loop(l->t, l->cpu);
	return NULL;
}

void kt_expect_all(struct kt *t, int code)
{
	unsigned n = t->vm.nr_vcpus;
	struct looper l[8];
	struct err e = { 0 };
	pthread_t th[8];

	for (unsigned i = 0; i < n; i++)
		CHECK(!vcpu_push(t->vm.vcpu[i], &e), "%s", e.msg);
	for (unsigned i = 1; i < n; i++) {
		l[i] = (struct looper){ t, i };
		pthread_create(&th[i], NULL, loop, &l[i]);
	}
	kt_loop(t, 0);
	for (unsigned i = 1; i < n; i++)
		pthread_join(th[i], NULL);
	for (unsigned i = 0; i < n; i++)
		atomic_store(&t->vm.vcpu[i]->request, 0);
	CHECK(t->code == code, "code %d, wanted %d, console '%s'", t->code, code, t->con);
	t->code = -1;
}
