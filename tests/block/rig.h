/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk controller on a PCI bus in this process, with image files behind it. INTx and
 * messages are counted; guest memory is BUS_RAM, given out by rig_alloc.
 */
#ifndef TESTS_BLOCK_RIG_H
#define TESTS_BLOCK_RIG_H

#include <fcntl.h>

#include "hw/pci/pci.h"
#include "hw/pci/q35.h"
#include "io/block/block.h"
#include "tests/block/random.h"
#include "tests/dev/devtest.h"
#include "util/bits.h"

static struct bus *rig_bus;
static struct pci_bus *rig_root;
static struct dev *rig_dev;
static struct pci_fn *rig_fn;
static uint64_t rig_next;
static _Atomic unsigned rig_level, rig_rises, rig_messages[PCI_MAX_MSIX];

enum { RIG_MSG_ADDR = 0xfee00000 };

static inline int rig_msi(void *opaque, uint64_t addr, uint32_t data)
{
	CHECK_EQ(addr, RIG_MSG_ADDR);
	atomic_fetch_add(&rig_messages[data % PCI_MAX_MSIX], 1);
	return 0;
}

static inline void rig_intx(void *opaque, unsigned slot, unsigned pin, int level)
{
	atomic_store(&rig_level, (unsigned)level);
	if (level)
		atomic_fetch_add(&rig_rises, 1);
}

static inline void *ram(uint64_t gpa) { return mem_ptr(&rig_bus->m->mem, gpa, 1); }

static inline uint64_t rig_alloc(uint64_t size, uint64_t align)
{
	uint64_t at = align_up(rig_next, align);

	rig_next = at + size;
	if (rig_next > BUS_RAM + BUS_RAM_SIZE) {
		fprintf(stderr, "test: out of guest memory\n");
		exit(1);
	}
	memset(ram(at), 0, size);
	return at;
}

/* A file with these contents, opened with these options and unlinked. */
static inline struct block *rig_disk(const void *data, size_t n, const char *options)
{
	char path[] = "/var/tmp/ambi-disk-XXXXXX", spec[128];
	struct block_config c;
	struct err e = { 0 };
	struct block *d = NULL;
	int fd = mkstemp(path);

	if (fd < 0 || write(fd, data, n) != (ssize_t)n || close(fd))
		exit(1);
	snprintf(spec, sizeof(spec), "file=%s%s", path, options);
	if (!block_config_parse(&c, spec, NULL, NULL, &e))
		d = block_open(&c, &e);
	if (!d) {
		fprintf(stderr, "%s: %s\n", spec, e.msg);
		exit(1);
	}
	unlink(path);
	return d;
}

/* The guest goes on after a load. */
static inline void rig_resume(void)
{
	dev_lock(rig_dev);
	dev_resume(rig_dev);
	dev_unlock(rig_dev);
}

static inline uint32_t cfg_get(unsigned off, unsigned size)
{
	return pci_config_get(rig_root, 0, rig_fn->h.devfn, off, size);
}

static inline void cfg_set(unsigned off, uint32_t v, unsigned size)
{
	pci_config_set(rig_root, 0, rig_fn->h.devfn, off, v, size);
}

static inline unsigned rig_cap(uint8_t id)
{
	unsigned at = cfg_get(PCI_CAPABILITY_LIST, 1);

	while (at && cfg_get(at, 1) != id)
		at = cfg_get(at + 1, 1);
	return at;
}

/* BARs, bus mastering. After each reset of the machine. */
static inline void rig_place(void)
{
	static const struct pci_windows w = { 0, 0, 0xc0000000, 0xe0000000, 0x200000000,
					      0x300000000 };

	if (pci_assign(rig_root, &w, NULL, &rig_bus->err))
		bus_fail(rig_bus, "pci_assign");
	cfg_set(PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
	rig_next = BUS_RAM;
}

/* First the rig, then the device's drives, then rig_plug. */
static inline struct dev *rig_new(const char *type)
{
	struct dev *host;

	rig_bus = bus_new();
	rig_bus->m->engine.msi = rig_msi;
	host = bus_new_dev(rig_bus, "q35-host");
	if (dev_init(host, &rig_bus->err))
		bus_fail(rig_bus, "q35-host");
	rig_root = q35_host_bus(host);
	rig_root->intx = rig_intx;
	return rig_dev = bus_new_dev(rig_bus, type);
}

static inline void rig_plug(void)
{
	if (dev_init(rig_dev, &rig_bus->err))
		bus_fail(rig_bus, rig_dev->id);
	rig_fn = pci_fn_of(rig_dev);
	if (pci_plug(rig_root, rig_fn, PCI_DEVFN(5, 0), &rig_bus->err))
		bus_fail(rig_bus, rig_dev->id);
	machine_reset(rig_bus->m, RESET_COLD);
	rig_place();
}

static inline void rig_free(void)
{
	bus_free(rig_bus);
}

#endif
