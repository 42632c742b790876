/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine: memory, address spaces, clock, devices and CPU ports. It knows no
 * engine and no ISA code; machine types (hw/machine/) only wire devices.
 */
#ifndef HW_CORE_MACHINE_H
#define HW_CORE_MACHINE_H

#include "hw/core/dev.h"

struct machine_type;
struct block;			/* io/: a disk back end */
struct netdev;			/* io/: a network back end */
struct chardev;			/* io/: a character back end */

enum machine_event { MACHINE_POWEROFF, MACHINE_RESET, MACHINE_PANIC, MACHINE_CRASHLOADED };

struct machine_config {		/* from the boot plan; strings owned by the caller */
	uint64_t ram_size;	/* bytes */
	unsigned nr_cpus;
	const char *isa_string;	/* riscv,isa for the device tree */
	uint64_t timebase_hz;	/* riscv: 10 MHz */
	const char *mmu_type;	/* riscv: "riscv,sv57" ... */
	bool s_mode_boot;	/* SBI in the VMM: no CLINT and no M-mode contexts */
	bool sstc;
	struct chardev *serial[4];	/* NULL: output is dropped */
	struct block *flash[2];	/* virt: behind the flash banks, the caller's; NULL: empty */
	uint8_t rng_seed[32];	/* /chosen/rng-seed, from the host's random source */
	bool have_rng_seed;
};

struct machine {
	const struct machine_type *type;
	struct machine_config cfg;
	struct mem mem;
	struct space *mmio, *pio;	/* pio NULL where the ISA has no ports */
	struct clock *clock;
	struct dev *devs;		/* list in creation order */
	struct cpu_port *ports[256];	/* nr_cpus, owned by the vCPUs, set before machine_init */
	void (*event)(void *opaque, enum machine_event ev, int code);	/* any thread; set by vmm */
	void *event_opaque;
	/* Where there is no chip model: lines go to an engine's in-kernel chip. Set by vmm. */
	void (*gsi)(void *opaque, unsigned gsi, int level);
	void *gsi_opaque;
	void *priv;			/* of the machine type */
};

struct machine_type {
	const char *name, *isa, *help;	/* "virt", "riscv64" */
	uint64_t ram_base;
	int  (*init)(struct machine *m, struct err *e);	/* adds RAM, creates and wires devices */
	/* Builds the device tree into buf; cmdline, initrd range and stdout-path go to /chosen.
	 * >0: size; or -errno. */
	int  (*build_fdt)(struct machine *m, void *buf, size_t size, const char *cmdline,
			  gpa_t initrd, uint64_t initrd_size, struct err *e);
	/* Next free virtio-mmio slot (or PCI slot later): attaches a virtio device that the
	 * caller created. */
	int  (*plug)(struct machine *m, struct dev *d, struct err *e);
};

extern const struct machine_type *const machine_types[];	/* NULL-terminated */
const struct machine_type *machine_type_find(const char *isa, const char *name);

struct machine *machine_new(const struct machine_type *t, const struct machine_config *cfg,
			    struct err *e);
int  machine_init(struct machine *m, struct err *e);
void machine_reset(struct machine *m, enum reset_kind kind);	/* vCPUs are stopped */
/* The devices and their threads: while the CPU ports they drive still exist. */
void machine_free_devs(struct machine *m);
void machine_free(struct machine *m);
struct dev *machine_dev(struct machine *m, const char *id);	/* NULL: none */
void machine_event(struct machine *m, enum machine_event ev, int code);
/* `info qtree`: devices, properties, regions, irqs, as text into a malloc'ed string. */
char *machine_qtree(struct machine *m);

#endif
