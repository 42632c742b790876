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

enum machine_event {
	MACHINE_POWEROFF, MACHINE_RESET, MACHINE_PANIC, MACHINE_CRASHLOADED,
	MACHINE_BALLOON,		/* what the guest has is another amount now */
};

/*
 * A place whose writes only say "look": a queue's notify register. While it is bound,
 * an engine may take such writes to `fd` (an eventfd) without leaving the guest's CPU.
 */
struct doorbell {
	struct space *space;	/* the machine's mmio or pio */
	uint64_t addr;
	unsigned len;		/* bytes of the write; 0: any */
	bool has_match;		/* only writes of `match`; len is 2 or 4 then */
	uint32_t match;
	int fd;			/* the device's own; stays open until after unbinding */
};

/*
 * What the engine does for the machine; filled by the VMM, and by tests. Every function may be
 * NULL: the engine does not do it. Any thread.
 */
struct machine_engine {
	void *opaque;
	/* Interrupt chips in the engine: an input line, a message. */
	void (*gsi)(void *opaque, unsigned gsi, int level);
	int  (*msi)(void *opaque, uint64_t addr, uint32_t data);
	/* Local APICs in the engine, IOAPIC here: its redirection table changed. */
	void (*ioapic_changed)(void *opaque);
	/* The PIT in the engine gives up (or gets back) line 0 to the HPET. */
	void (*pit_legacy_off)(void *opaque, bool off);
	/* Port 0x61 and the PIT's speaker channel are the engine's with the PIT. */
	/* 0: bound (or unbound), writes go to d->fd; else -errno, writes go to the region. */
	int  (*doorbell)(void *opaque, const struct doorbell *d, bool on);
};

struct irqchip;			/* hw/core/irqchip.h: the PC's interrupt chips */
struct pci_bus;			/* hw/pci/pci.h */

struct machine_config {		/* from the boot plan; strings owned by the caller */
	uint64_t ram_size;	/* bytes */
	unsigned nr_cpus;
	const char *isa_string;	/* riscv,isa for the device tree */
	uint64_t timebase_hz;	/* riscv: 10 MHz */
	const char *mmu_type;	/* riscv: "riscv,sv57" ... */
	bool s_mode_boot;	/* SBI in the VMM: no CLINT and no M-mode contexts */
	bool sstc;
	struct chardev *serial[4];	/* NULL: output is dropped */
	struct chardev *debugcon;	/* pc: behind port 0x402; NULL: dropped */
	struct block *flash[2];	/* behind the flash banks, the caller's; NULL: empty */
	struct block *sata[6];	/* pc: behind the SATA ports, the caller's; all NULL: no SATA */
	uint8_t sata_cdrom;	/* bits: which of these are CD-ROM drives */
	const uint8_t *bios;	/* pc: ROM image that ends at 4 GiB, the caller's; NULL: none */
	size_t bios_size;
	uint64_t tsc_hz;	/* pc: of the guest's TSC, for local APICs in user space */
	unsigned phys_bits;	/* pc: width of guest physical addresses; 0: not known */
	unsigned sockets, cores, threads;	/* topology; 0: one thread a core, one socket */
	bool acpi_off, hpet_off, i8042_off;	/* -machine acpi=off,hpet=off,i8042=off */
	int64_t rtc_offset_s;	/* of the RTC from UTC (-rtc base=localtime or a date) */
	bool direct_boot;	/* a kernel is entered without firmware: chips are set up for it */
	uint8_t uuid[16];	/* SMBIOS; zero: not set */
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
	struct machine_engine engine;	/* set before the vCPUs run */
	struct irqchip *irqchip;	/* NULL: none of our own */
	struct pci_bus *pci;		/* root bus; NULL: none */
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
	/* The same below a bridge (a "pcie-root-port"). NULL: the machine has no such thing. */
	int  (*plug_below)(struct machine *m, struct dev *d, struct dev *bridge, struct err *e);
	/* After all devices are there, and after every reset: tables for the guest and, on direct
	 * boot, what firmware would have programmed. May be NULL. */
	int  (*ready)(struct machine *m, struct err *e);
	void (*fini)(struct machine *m);	/* frees what m->priv points to; may be NULL */
};

extern const struct machine_type *const machine_types[];	/* NULL-terminated */
const struct machine_type *machine_type_find(const char *isa, const char *name);

/*
 * A message-signalled interrupt (x86: SDM volume 3, 11.11) to the local APICs, wherever they are.
 * Any thread. 0, or -errno where nothing took it.
 */
int machine_msi(struct machine *m, uint64_t addr, uint32_t data);

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
