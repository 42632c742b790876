/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile guest against the SATA and NVMe controllers, whose drives are a disk, an
 * overlay and a CD-ROM. The input is a program of register and configuration writes,
 * commands that are almost right, starts, stops, resets and hostile saved states.
 * Whatever it does: no crash, no hang, no byte outside of guest memory (the sanitizers
 * watch), and both controllers work again after a reset.
 */
#include "tests/fuzz/fuzz.h"

#include "hw/block/ahci.h"
#include "tests/block/rig.h"

enum { AHCI_SLOT = 5, NVME_SLOT = 6, LISTS = 0, TABLES = 0x1000, QUEUES = 0x10000,
       PRPS = 0x20000, DATA = 0x40000 };
enum { NR_DISKS = 4 };

static struct block *disk[NR_DISKS];
static struct dev *ahci, *nvme;

static uint64_t abar(void) { return pci_bar_addr(pci_fn_of(ahci), 5); }
static uint64_t nbar(void) { return pci_bar_addr(pci_fn_of(nvme), 0); }

static void set(uint64_t base, uint64_t off, unsigned size, uint64_t v)
{
	if (base != UINT64_MAX)
		region_write(rig_bus->m->mmio, base + off, size, v);
}

static uint64_t get(uint64_t base, uint64_t off, unsigned size)
{
	uint64_t v = 0;

	if (base != UINT64_MAX)
		region_read(rig_bus->m->mmio, base + off, size, &v);
	return v;
}

/* An address that is mostly memory: near its start, near its end, or anywhere. */
static uint64_t address(struct fuzz_in *in)
{
	uint32_t x = in_u32(in);

	switch (x & 15) {
	case 0: return (uint64_t)x << 13 | x;
	case 1: return BUS_RAM + BUS_RAM_SIZE - (x >> 18);
	case 2: return UINT64_MAX - (x >> 8);
	case 3: return BUS_RAM + (x >> 4) % BUS_RAM_SIZE;
	default: return BUS_RAM + DATA + (x >> 8) % 128 * 4096 + (x & 16 ? x >> 15 & 0xffc : 0);
	}
}

static uint64_t lba(struct fuzz_in *in)
{
	uint32_t x = in_u32(in);

	switch (x & 7) {
	case 0: return UINT64_MAX - (x >> 8);
	case 1: return 2048 - (x >> 8) % 16;
	default: return (x >> 8) % 2048;
	}
}

/* ---- SATA ---- */

static void put_ata(struct fuzz_in *in)
{
	static const uint8_t commands[] = {
		0x60, 0x61, 0x60, 0x61, 0x25, 0x35, 0xc8, 0xca, 0x20, 0x30, 0x24, 0x34, 0xc4, 0xc5,
		0x3d, 0xce, 0x06, 0xec, 0xa1, 0xa0, 0xa0, 0xa0, 0xea, 0xef, 0xb0, 0x2f, 0x47, 0x27,
		0xf8, 0xe0, 0xe5, 0x40, 0x08, 0x90, 0xc6,
	};
	static const uint8_t packets[] = {
		0x00, 0x03, 0x12, 0x1b, 0x1e, 0x25, 0x28, 0x28, 0x2b, 0x43, 0x46, 0x4a, 0x51, 0x5a,
		0xa8, 0xbb, 0xbd,
	};
	unsigned slot = in_u8(in) % 32, which = in_u8(in), n = in_u8(in) % 12, flags = in_u8(in);
	uint64_t table = BUS_RAM + TABLES + 512 * slot, at = lba(in);
	uint8_t *h = ram(BUS_RAM + LISTS + 32 * slot), *t = ram(table);

	t[0] = which == 255 ? in_u8(in) : 0x27;
	t[1] = flags < 8 ? in_u8(in) : 0x80;
	t[2] = which < 230 ? commands[which % sizeof(commands)] : in_u8(in);
	st_le16(t + 12, (uint16_t)(in_u8(in) % 32));
	t[3] = in_u8(in);
	t[7] = 0x40 | (in_u8(in) & 0x80);
	t[11] = 0;
	if (t[2] == 0x60 || t[2] == 0x61) {
		t[3] %= 32;
		st_le16(t + 12, (uint16_t)((flags < 250 ? slot : in_u8(in)) << 3));
	}
	if (t[2] == 0xb0)
		at = 0xc24f00 | (at & 15);
	if (t[2] == 0x2f || t[2] == 0x47)
		at = flags & 1 ? 0x10 : at;
	for (unsigned i = 0; i < 3; i++) {
		t[4 + i] = (uint8_t)(at >> 8 * i);
		t[8 + i] = (uint8_t)(at >> (24 + 8 * i));
	}
	t[15] = flags & 2 ? 4 : 0;
	t[0x40] = packets[which % sizeof(packets)];
	for (unsigned i = 1; i < 12; i++)
		t[0x40 + i] = i < 6 && (flags & 4) ? 0 : in_u8(in) % 32;
	st_le16(h, (uint16_t)(5 | (flags & 1) << 6 | (flags & 2) << 9));
	st_le16(h + 2, flags == 9 ? in_u16(in) : (uint16_t)n);
	st_le64(h + 8, flags == 10 ? address(in) : table);
	for (unsigned i = 0; i < n; i++) {
		st_le64(t + 0x80 + 16 * i, address(in));
		st_le32(t + 0x8c + 16 * i, in_u8(in) < 250 ? in_u16(in) | 1 : in_u32(in));
	}
}

static void port_set(struct fuzz_in *in)
{
	static const uint8_t regs[] = { 0, 4, 8, 0xc, 0x10, 0x14, 0x18, 0x2c, 0x30, 0x34, 0x38 };
	unsigned r = in_u8(in);

	set(abar(), 0x100 + r / 16 % 4 * 0x80u + regs[r % sizeof(regs)], 4, in_u32(in));
}

/* A port as a driver starts it, or stops it. */
static void port_start(struct fuzz_in *in)
{
	unsigned how = in_u8(in);
	uint64_t p = 0x100 + how % 4 * 0x80u;
	uint32_t cmd = (uint32_t)get(abar(), p + 0x18, 4);

	if (how & 0x80) {
		set(abar(), p + 0x18, 4, cmd & ~1u);
		if (how & 0x40)
			set(abar(), p + 0x2c, 4, 1);
		set(abar(), p + 0x2c, 4, 0);
		return;
	}
	set(abar(), p, 4, BUS_RAM + LISTS);
	set(abar(), p + 8, 4, BUS_RAM + 0x800 + how % 4 * 256u);
	set(abar(), p + 0x18, 4, 0x10 | cmd);
	set(abar(), p + 0x18, 4, 0x11 | cmd | (how & 8));
	set(abar(), p + 0x14, 4, UINT32_MAX);
	set(abar(), 4, 4, 2);
}

static void port_issue(struct fuzz_in *in)
{
	uint64_t p = 0x100 + in_u8(in) % 4 * 0x80u;
	uint32_t bits = in_u8(in) & 1 ? in_u32(in) : 1u << in_u8(in) % 32;

	if (in_u8(in) & 3)
		set(abar(), p + 0x34, 4, bits);
	set(abar(), p + 0x38, 4, bits);
}

/* ---- NVMe ---- */

static void nvme_set(struct fuzz_in *in)
{
	static const uint8_t regs[] = { 0xc, 0x10, 0x14, 0x24, 0x28, 0x30, 0x1c };
	unsigned r = in_u8(in);

	set(nbar(), regs[r % sizeof(regs)], r & 0x80 ? 8 : 4, in_u32(in));
}

static void nvme_enable(struct fuzz_in *in)
{
	unsigned how = in_u8(in);

	if (how & 12) {
		set(nbar(), 0x14, 4, how & 1 ? 0 : 1 | 6 << 16 | 4 << 20 | (how & 2) << 13);
		return;
	}
	set(nbar(), 0x14, 4, 0);
	set(nbar(), 0x24, 4, 31 | 31 << 16);
	set(nbar(), 0x28, 8, BUS_RAM + QUEUES);
	set(nbar(), 0x30, 8, BUS_RAM + QUEUES + 0x1000);
	set(nbar(), 0x14, 4, 1 | 6 << 16 | 4 << 20);
}

static unsigned tails[5];

/* A command at the tail of a queue as a driver would count it; rings the bell mostly. */
static void nvme_put(struct fuzz_in *in)
{
	static const uint8_t admin[] = { 0, 1, 1, 2, 4, 5, 5, 6, 8, 9, 10, 12 };
	static const uint8_t io[] = { 0, 1, 2, 1, 2, 8, 9 };
	unsigned which = in_u8(in), q = which % 5, flags = in_u8(in);
	uint64_t at = lba(in);
	uint8_t *e = ram(BUS_RAM + QUEUES + q * 0x2000 + 64 * (tails[q] % 32));

	memset(e, 0, 64);
	e[0] = flags == 1 ? in_u8(in) : q ? io[which / 5 % sizeof(io)] :
					    admin[which / 5 % sizeof(admin)];
	e[1] = flags == 2 ? in_u8(in) : 0;
	st_le16(e + 2, (uint16_t)flags);
	st_le32(e + 4, flags == 3 ? in_u32(in) : 1);
	st_le64(e + 24, address(in));
	st_le64(e + 32, flags & 4 ? BUS_RAM + PRPS + in_u16(in) % 0x10000u / 8 * 8 : address(in));
	if (q) {
		st_le64(e + 40, at);
		st_le32(e + 48, flags & 8 ? in_u32(in) : in_u8(in));
		if (e[0] == 9) {
			st_le32(e + 40, in_u8(in));
			st_le32(e + 44, 4);
		}
	} else if (e[0] == 1 || e[0] == 5) {
		unsigned id = in_u8(in) % 6;

		st_le64(e + 24, flags < 240 ?
					BUS_RAM + QUEUES + id * 0x2000 + (e[0] == 5) * 0x1000 :
					address(in));
		st_le32(e + 40, id | (flags < 200 ? 31u : in_u16(in)) << 16);
		st_le32(e + 44, 3 | (e[0] == 1 ? id : in_u8(in) % 6) << 16);
	} else {
		for (unsigned i = 0; i < 4; i++)
			st_le32(e + 40 + 4 * i, flags & 16 ? in_u32(in) : in_u8(in) % 16);
	}
	tails[q]++;
	if (flags & 3)
		set(nbar(), 0x1000 + 8 * q, 4, tails[q] % 32);
}

static void nvme_bell(struct fuzz_in *in)
{
	unsigned r = in_u8(in), v = in_u8(in);

	set(nbar(), 0x1000 + r % 12 * 4, 4, r & 0x80 ? v * 0x101u : v % 32);
}

/* Lists of pages, some of which lead on. */
static void put_prps(struct fuzz_in *in)
{
	unsigned at = in_u16(in) % 0x10000u / 8, n = in_u8(in);

	for (unsigned i = 0; i < n; i++) {
		uint64_t v = in_u8(in) < 16 ? BUS_RAM + PRPS + in_u8(in) % 16 * 4096u : address(in);

		st_le64(ram(BUS_RAM + PRPS + (at + i) % 0x2000 * 8),
			in_u8(in) < 240 ? align_down(v, 4096) : v);
	}
}

/* ---- both ---- */

static void configure(struct fuzz_in *in)
{
	static const unsigned sizes[] = { 1, 2, 4 };
	unsigned how = in_u8(in), off = in_u8(in), size = sizes[how % 3];
	unsigned slot = how & 0x80 ? AHCI_SLOT : NVME_SLOT;

	if (how & 0x40)			/* mostly what matters and does not lose the device */
		pci_config_set(rig_root, 0, PCI_DEVFN(slot, 0), PCI_COMMAND, 2 | (off & 0x404), 2);
	else if (off % size == 0)
		pci_config_set(rig_root, 0, PCI_DEVFN(slot, 0), off, in_u32(in), size);
}

static void move(struct fuzz_in *in)
{
	struct dev *d = in_u8(in) & 1 ? ahci : nvme;
	struct state_buf s = { 0 };

	if (!state_save(d, &s, NULL)) {
		for (unsigned n = in_u8(in) % 4; n; n--)
			s.data[in_u32(in) % s.len] = in_u8(in);
		if (!state_load(d, s.data, s.len, NULL)) {
			dev_lock(d);
			dev_resume(d);
			dev_unlock(d);
		}
	}
	free(s.data);
}

static void place(void)
{
	static const struct pci_windows w = { 0, 0, 0xc0000000, 0xe0000000, 0x200000000,
					      0x300000000 };

	if (pci_assign(rig_root, &w, NULL, &rig_bus->err))
		bus_fail(rig_bus, "pci_assign");
	for (unsigned slot = AHCI_SLOT; slot <= NVME_SLOT; slot++)
		pci_config_set(rig_root, 0, PCI_DEVFN(slot, 0), PCI_COMMAND,
			       PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
	memset(tails, 0, sizeof(tails));
}

static void step(struct fuzz_in *in)
{
	switch (in_u8(in) % 24) {
	case 0: case 1: case 2: case 3: put_ata(in); break;
	case 4: case 5: case 6: port_issue(in); break;
	case 7: case 8: port_start(in); break;
	case 9: port_set(in); break;
	case 10: set(abar(), in_u16(in) % 0x1000, 4, in_u32(in)); break;
	case 11: get(abar(), in_u16(in) % 0x1000u, 4); break;
	case 12: case 13: case 14: case 15: nvme_put(in); break;
	case 16: nvme_enable(in); break;
	case 17: nvme_set(in); break;
	case 18: nvme_bell(in); break;
	case 19: put_prps(in); break;
	case 20: configure(in); break;
	case 21: set(nbar(), in_u16(in) % 0x4000u, 1u << in_u8(in) % 4, in_u32(in)); break;
	case 22:
		if (in_u8(in) < 24) {
			machine_reset(rig_bus->m, RESET_WARM);
			place();
		}
		break;
	case 23:
		if (in_u8(in) < 64)
			move(in);
		break;
	}
}

/* After all that a reset brings both back. */
static void still_alive(void)
{
	uint8_t *t = ram(BUS_RAM + TABLES), *e = ram(BUS_RAM + QUEUES);
	struct fuzz_in zeros = { NULL, NULL };

	machine_reset(rig_bus->m, RESET_WARM);
	place();
	memset(ram(BUS_RAM), 0, 0x20000);
	port_start(&zeros);
	t[0] = 0x27;
	t[1] = 0x80;
	t[2] = 0xe5;
	st_le64((uint8_t *)ram(BUS_RAM) + 8, BUS_RAM + TABLES);
	set(abar(), 0x138, 4, 1);
	WAIT_FOR(!get(abar(), 0x138, 4));
	CHECK_EQ(get(abar(), 0x120, 4), 0x50);
	nvme_enable(&zeros);
	e[0] = 6;
	st_le64(e + 24, BUS_RAM + DATA);
	st_le32(e + 40, 1);
	set(nbar(), 0x1000, 4, 1);
	WAIT_FOR(ld_le32((uint8_t *)ram(BUS_RAM + QUEUES + 0x1000) + 12) == 1u << 16);
	if (check_failed)
		abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static uint8_t zeros[1 << 20];

	disk[0] = rig_disk(zeros, sizeof(zeros), "");
	disk[1] = rig_disk(zeros, sizeof(zeros), ",snapshot=on");
	disk[2] = rig_disk(zeros, sizeof(zeros), ",readonly=on");
	disk[3] = rig_disk(zeros, sizeof(zeros), "");
	ahci = rig_new("ich9-ahci");
	ahci_set_drive(ahci, 0, disk[0], false);
	ahci_set_drive(ahci, 1, disk[1], false);
	ahci_set_drive(ahci, 2, disk[2], true);
	rig_plug();
	nvme = bus_new_dev(rig_bus, "nvme");
	dev_set_ptr(nvme, "drive", disk[3]);
	if (dev_init(nvme, &rig_bus->err) ||
	    pci_plug(rig_root, pci_fn_of(nvme), PCI_DEVFN(NVME_SLOT, 0), &rig_bus->err))
		bus_fail(rig_bus, "nvme");
	rig_bus->m->engine.msi = NULL;	/* messages go anywhere */
	machine_reset(rig_bus->m, RESET_COLD);
	place();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, data + size };

	memset(ram(BUS_RAM), 0, 0x40000);
	machine_reset(rig_bus->m, RESET_COLD);
	place();
	while (in.p < in.end)
		step(&in);
	still_alive();
	return 0;
}
