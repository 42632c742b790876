/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RISC-V core-local interruptor: SiFive's CLINT map, which is the ACLINT's MSWI
 * and MTIMER in one range (RISC-V ACLINT specification 1.0-rc4, chapter 5), and
 * the ACLINT's SSWI as a second range.
 *
 * mtime is the machine's clock, which the `time` CSR reads too. A write to it is
 * ignored: the two would part, and nothing but a clock-less board needs it.
 */
#include <errno.h>

#include "hw/core/fdt.h"
#include "hw/core/machine.h"
#include "hw/core/state.h"
#include "util/bits.h"
#include "util/log.h"

#define CLINT_MSIP     0x0
#define CLINT_MTIMECMP 0x4000
#define CLINT_MTIME    0xbff8
#define CLINT_SIZE     0x10000
#define SSWI_SIZE      0x4000
#define MAX_HARTS      256

/* Bits of mip. */
enum { LINE_SSIP = 1, LINE_MSIP = 3, LINE_MTIP = 7 };

struct aclint_hart {		/* what the timer's handler needs */
	struct aclint *owner;
	struct timer timer;
};

struct aclint {
	struct dev dev;
	uint8_t msip[MAX_HARTS];
	uint64_t mtimecmp[MAX_HARTS];
	struct aclint_hart hart[MAX_HARTS];
};

static uint64_t mtime(struct aclint *a)
{
	return clock_ns_to_ticks(dev_now(&a->dev), a->dev.machine->cfg.timebase_hz);
}

static void drive(struct aclint *a, unsigned h, unsigned line, int level)
{
	if (a->dev.machine->ports[h])
		cpu_port_set(a->dev.machine->ports[h], line, level);
}

static void update_timer(struct aclint *a, unsigned h)
{
	bool due = mtime(a) >= a->mtimecmp[h];

	timer_set(&a->hart[h].timer, due ? TIMER_NEVER :
		  clock_ticks_to_ns(a->mtimecmp[h], a->dev.machine->cfg.timebase_hz));
	drive(a, h, LINE_MTIP, due);
}

static void timer_fired(void *opaque)
{
	struct aclint_hart *th = opaque;
	struct aclint *a = th->owner;

	dev_lock(&a->dev);
	update_timer(a, (unsigned)(th - a->hart));
	dev_unlock(&a->dev);
}

/* Takes 4- or 8-byte pieces of a 64-bit register. */
static uint64_t part(uint64_t reg, uint64_t off, unsigned size)
{
	return reg >> 8 * (off & 7) & mask_bits(8 * size);
}

static uint64_t clint_read(struct dev *d, uint64_t off, unsigned size)
{
	struct aclint *a = DEV_STATE(struct aclint, d);
	unsigned nr = d->machine->cfg.nr_cpus;

	if (off >= CLINT_MTIME)
		return off < CLINT_MTIME + 8 ? part(mtime(a), off, size) : 0;
	if (off >= CLINT_MTIMECMP)
		return (off - CLINT_MTIMECMP) / 8 < nr ?
		       part(a->mtimecmp[(off - CLINT_MTIMECMP) / 8], off, size) : 0;
	if (off / 4 >= nr)
		return 0;
	return a->msip[off / 4] |
	       (size == 8 && off / 4 + 1 < nr ? (uint64_t)a->msip[off / 4 + 1] << 32 : 0);
}

static void set_msip(struct aclint *a, uint64_t h, bool on)
{
	if (h >= a->dev.machine->cfg.nr_cpus)
		return;
	a->msip[h] = on;
	drive(a, (unsigned)h, LINE_MSIP, on);
}

static void clint_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct aclint *a = DEV_STATE(struct aclint, d);

	if (off >= CLINT_MTIME) {
		log_guest("%s: write to mtime ignored", d->id);
	} else if (off >= CLINT_MTIMECMP) {
		uint64_t h = (off - CLINT_MTIMECMP) / 8, mask = mask_bits(8 * size);
		unsigned shift = 8 * (off & 7);

		if (h >= d->machine->cfg.nr_cpus)
			return;
		a->mtimecmp[h] = (a->mtimecmp[h] & ~(mask << shift)) | (val & mask) << shift;
		update_timer(a, (unsigned)h);
	} else {
		set_msip(a, off / 4, val & 1);
		if (size == 8)
			set_msip(a, off / 4 + 1, val >> 32 & 1);
	}
}

/* SETSSIP: a write of one raises the hart's SSIP, which only the hart itself takes down. */
static void sswi_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	if ((val & 1) && off / 4 < d->machine->cfg.nr_cpus)
		drive(DEV_STATE(struct aclint, d), (unsigned)(off / 4), LINE_SSIP, 1);
}

static int aclint_init(struct dev *d, struct err *e)
{
	struct aclint *a = DEV_STATE(struct aclint, d);

	if (d->machine->cfg.nr_cpus > MAX_HARTS)
		return err_set(e, EINVAL, "at most %d CPUs", MAX_HARTS);
	if (!d->machine->cfg.timebase_hz)
		return err_set(e, EINVAL, "the machine has no timebase");
	for (unsigned h = 0; h < MAX_HARTS; h++) {
		a->hart[h].owner = a;
		timer_init(&a->hart[h].timer, d->machine->clock, timer_fired, &a->hart[h]);
	}
	return 0;
}

static void aclint_drive_all(struct aclint *a)
{
	for (unsigned h = 0; h < a->dev.machine->cfg.nr_cpus; h++) {
		drive(a, h, LINE_MSIP, a->msip[h]);
		update_timer(a, h);
	}
}

static void aclint_reset(struct dev *d, enum reset_kind kind)
{
	struct aclint *a = DEV_STATE(struct aclint, d);

	/* Unspecified by the standard; all ones keeps the timer quiet until it is set. */
	for (unsigned h = 0; h < MAX_HARTS; h++)
		a->mtimecmp[h] = UINT64_MAX;
	aclint_drive_all(a);
}

static int aclint_loaded(struct dev *d, struct err *e)
{
	struct aclint *a = DEV_STATE(struct aclint, d);

	for (unsigned h = 0; h < MAX_HARTS; h++)
		if (a->msip[h] > (h < d->machine->cfg.nr_cpus))
			return err_set(e, EINVAL, "msip[%u] is out of range", h);
	aclint_drive_all(a);
	return 0;
}

static void aclint_fini(struct dev *d)
{
	struct aclint *a = DEV_STATE(struct aclint, d);

	for (unsigned h = 0; h < MAX_HARTS; h++)
		timer_fini(&a->hart[h].timer);
}

static void aclint_fdt(struct dev *d, struct fdt *f)
{
	unsigned nr = d->machine->cfg.nr_cpus;
	uint32_t cells[4 * MAX_HARTS];

	for (unsigned h = 0; h < nr; h++) {
		cells[4 * h] = cells[4 * h + 2] = FDT_PHANDLE_CPU_INTC + h;
		cells[4 * h + 1] = LINE_MSIP;
		cells[4 * h + 3] = LINE_MTIP;
	}
	fdt_node_at(f, "clint", d->base[0]);
	fdt_prop_strs(f, "compatible", "sifive,clint0", "riscv,clint0");
	fdt_prop_reg(f, d->base[0], CLINT_SIZE);
	fdt_prop_cells_(f, "interrupts-extended", cells, 4 * nr);
	fdt_node_end(f);
	if (!d->space[1])
		return;
	for (unsigned h = 0; h < nr; h++) {
		cells[2 * h] = FDT_PHANDLE_CPU_INTC + h;
		cells[2 * h + 1] = LINE_SSIP;
	}
	fdt_node_at(f, "sswi", d->base[1]);
	fdt_prop_str(f, "compatible", "riscv,aclint-sswi");
	fdt_prop_reg(f, d->base[1], SSWI_SIZE);
	fdt_prop_empty(f, "interrupt-controller");
	fdt_prop_u32(f, "#interrupt-cells", 0);
	fdt_prop_cells_(f, "interrupts-extended", cells, 2 * nr);
	fdt_node_end(f);
}

static const struct field aclint_hart_state[] = {
	FIELD_SKIP(struct aclint_hart, owner, "constant"),
	FIELD_SKIP(struct aclint_hart, timer, "follows from mtimecmp"),
	FIELD_END
};

const struct dev_type dev_riscv_aclint = {
	.name = "riscv-aclint",
	.help = "RISC-V core-local interrupts and timer (CLINT map)",
	.size = sizeof(struct aclint),
	.regions = (const struct region[]){
		{ "clint", CLINT_SIZE, 4, 8, 0, clint_read, clint_write },
		{ "sswi", SSWI_SIZE, 4, 4, 0, NULL, sswi_write } },
	.nr_regions = 2,
	.state = (const struct field[]){
		FIELD_ARRAY(struct aclint, msip),
		FIELD_ARRAY(struct aclint, mtimecmp),
		FIELD_SUB(struct aclint, hart, struct aclint_hart, aclint_hart_state),
		FIELD_END },
	.init = aclint_init,
	.reset = aclint_reset,
	.loaded = aclint_loaded,
	.fini = aclint_fini,
	.describe_fdt = aclint_fdt,
};
