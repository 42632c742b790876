/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile guest. The target is named by AMBI_FUZZ_DEV: a device type, alone on a
 * bus (virtio types in a slot), or "virt", "pc" or "testpc", a whole machine. The input
 * is a list of operations: register accesses, writes to memory that devices read,
 * virtqueue set-up and submissions, console input, time warps, resets, save and
 * load (of mutated streams). Nothing may crash, hang or leak.
 *
 * With the first byte odd a second vCPU thread runs half of the input.
 */
#include "tests/fuzz/fuzz.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hw/block/ahci.h"
#include "hw/core/machine.h"
#include "hw/core/state.h"
#include "hw/display/display.h"
#include "hw/misc/cfi_flash.h"
#include "hw/misc/fw_cfg.h"
#include "hw/input/input.h"
#include "hw/virtio/virtio.h"
#include "hw/virtio/virtio_blk.h"
#include "hw/virtio/virtio_console.h"
#include "hw/virtio/virtio_mmio.h"
#include "hw/virtio/virtio_net.h"
#include "io/block/block.h"
#include "io/char/char.h"
#include "io/net/net.h"
#include "util/bits.h"
#include "util/epoch.h"

#define RAM	   UINT64_C(0x80000000)
#define RAM_SIZE   0x200000u
#define PC_RAM_SIZE (UINT64_C(16) << 20)
#define SLOT	   UINT64_C(0x70000000)	/* of a virtio type that is alone */
#define FLASH	   UINT64_C(0xf0000000)	/* as memory */
#define DISK_BYTES 0x100000u

/* One queue's memory: descriptors, then the two rings, 16 KiB in all. */
#define QUEUE_BYTES 0x4000u
#define AVAIL	    0x2000u
#define USED	    0x3000u
#define QUEUE_SIZE  64u

static const char *target;
static struct chardev *ring;
static struct block *disk;
static struct netdev *near, *far;
static struct cpu_port ports[256];

static _Noreturn void die(const char *what, const struct err *e)
{
	fprintf(stderr, "fuzz_dev: %s: %s\n", what, e->msg);
	exit(2);
}

static int bare_init(struct machine *m, struct err *e)
{
	m->pio = space_new("ports", 16);
	return mem_add(&m->mem, "ram", RAM, RAM_SIZE, 0, e);
}

static const struct machine_type bare = {
	.name = "bare", .isa = "none", .ram_base = RAM, .init = bare_init,
};

static const struct machine_type *machine_named(const char *name)
{
	for (unsigned i = 0; machine_types[i]; i++)
		if (!strcmp(machine_types[i]->name, name))
			return machine_types[i];
	return NULL;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char path[] = "/tmp/ambi-fuzz-XXXXXX";
	struct block_config c = { .snapshot = false };
	struct err e = { 0 };
	int fd = mkstemp(path);

	target = getenv("AMBI_FUZZ_DEV");
	if (!target)
		target = "virt";
	if (!dev_type_find(target) && !machine_named(target)) {
		fprintf(stderr, "fuzz_dev: AMBI_FUZZ_DEV=%s is no device and no machine\n", target);
		exit(2);
	}
	snprintf(c.path, sizeof(c.path), "%s", path);
	ring = chardev_new("ring", &e);
	if (fd < 0 || ftruncate(fd, DISK_BYTES) || !ring || netdev_pair_new(&near, &far, &e) ||
	    !(disk = block_open(&c, &e)))
		die("back ends", &e);
	close(fd);
	unlink(path);
	/* Guest mistakes are the point here; one line a kind is still too much. */
	if (!getenv("AMBI_FUZZ_VERBOSE") && !freopen("/dev/null", "w", stdout))
		return 0;
	return 0;
}

static char private_dir[] = "/tmp/ambi-fuzz-dir-XXXXXX";

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *w)
{
	return remove(path);
}

static void remove_private_dir(void)
{
	nftw(private_dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A directory of our own; what a guest makes there goes with us. */
static void give_directory(struct dev *d, struct err *e)
{
	static bool made;

	if (!made && !mkdtemp(private_dir))
		die(private_dir, e);
	if (!made)
		atexit(remove_private_dir);
	made = true;
	if (dev_set(d, "path", private_dir, e) || dev_set(d, "mount_tag", "fuzz", e))
		die(d->id, e);
}

static void give_drives(struct dev *d)
{
	ahci_set_drive(d, 0, disk, false);
	ahci_set_drive(d, 1, disk, true);
}

/* Pointer properties by the type's name; a new device with a back end gets its line here. */
static void give_backends(struct dev *d, struct err *e)
{
	static const uint8_t rom[512] = { 0x55, 0xaa, 1 };

	if (!strcmp(d->type->name, "uart16550a"))
		dev_set_ptr(d, "chardev", ring);
	else if (!strcmp(d->type->name, "isa-debugcon"))
		dev_set_ptr(d, "chardev", ring);
	else if (!strcmp(d->type->name, "cfi-flash"))
		dev_set_ptr(d, "block", disk);
	else if (!strcmp(d->type->name, "virtio-blk"))
		virtio_blk_set_drive(d, disk);
	else if (!strcmp(d->type->name, "ich9-ahci"))
		give_drives(d);
	else if (!strcmp(d->type->name, "nvme"))
		dev_set_ptr(d, "drive", disk);
	else if (!strcmp(d->type->name, "virtio-net"))
		virtio_net_set_netdev(d, near);
	else if (!strcmp(d->type->name, "virtio-9p"))
		give_directory(d, e);
	else if (!strcmp(d->type->name, "VGA"))
		vga_set_rom(d, rom, sizeof(rom), e);
	else if (!strcmp(d->type->name, "virtio-console") &&
		 (virtio_console_add_port(d, ring, true, NULL, e) ||
		  virtio_console_add_port(d, NULL, false, "channel", e)))
		die(d->id, e);
}

static struct dev *new_dev(struct machine *m, const char *type, struct err *e)
{
	struct dev *d = dev_new(m, dev_type_find(type), NULL, e);

	if (!d)
		die(type, e);
	give_backends(d, e);
	return d;
}

/* As on a PC: memory, with the registers beneath it. */
static void add_mapped_flash(struct machine *m, struct err *e)
{
	struct dev *d = new_dev(m, "cfi-flash", e);

	cfi_flash_set_pc(d);
	if (dev_init(d, e) || cfi_flash_map(d, FLASH, e))
		die(d->id, e);
}

/* What a device needs beside it. */
static void add_fw_cfg(struct machine *m, struct err *e)
{
	struct dev *d = dev_new(m, dev_type_find("fw-cfg"), "fw-cfg", e);

	if (!d || dev_init(d, e) || dev_map(d, 1, m->pio, FW_CFG_PORTS, e) ||
	    dev_map(d, 2, m->pio, FW_CFG_DMA_PORT, e))
		die("fw-cfg", e);
}

static void add_alone(struct machine *m, const char *type, struct err *e)
{
	struct dev *d = new_dev(m, type, e), *slot;

	if (!strcmp(type, "ramfb"))
		add_fw_cfg(m, e);
	if (dev_init(d, e))
		die(d->id, e);
	for (unsigned i = 0; i < d->type->nr_regions; i++)
		if (!d->space[i] && dev_map(d, i, m->mmio, i * UINT64_C(0x10000000), e))
			die(d->id, e);
	if (!virtio_dev_of(d))
		return;
	slot = new_dev(m, "virtio-mmio", e);
	if (dev_init(slot, e) || virtio_mmio_place(slot, m->mmio, SLOT, e) ||
	    virtio_mmio_attach(slot, d, e))
		die(d->id, e);
}

/* What the VMM does after every reset. */
static void make_ready(struct machine *m)
{
	struct err e = { 0 };

	if (m->type->ready && m->type->ready(m, &e))
		die("ready", &e);
}

static struct machine *build(uint8_t how)
{
	static const char *const cards[] = { "virtio-blk", "virtio-net", "virtio-console",
					     "virtio-rng" };
	const struct machine_type *t = machine_named(target);
	bool is_pc = t && !strcmp(t->name, "pc"), has_slots = t && strcmp(t->name, "testpc");
	struct machine_config c = {
		.ram_size = is_pc ? PC_RAM_SIZE : RAM_SIZE, .nr_cpus = 1 + (how >> 4 & 3),
		.timebase_hz = 10000000,
		.isa_string = "rv64imafdc_zicsr_sstc", .mmu_type = "riscv,sv57",
		.s_mode_boot = how & 2, .direct_boot = !(how & 2), .tsc_hz = 1000000000,
	};
	struct err e = { 0 };
	struct dev *port = NULL;
	struct machine *m;

	c.serial[0] = ring;
	if (is_pc)
		c.flash[0] = disk;
	m = machine_new(t ? t : &bare, &c, &e);
	if (!m)
		die("machine", &e);
	for (unsigned i = 0; i < c.nr_cpus; i++) {
		ports[i] = (struct cpu_port){ .index = i };
		m->ports[i] = &ports[i];
	}
	if (machine_init(m, &e))
		die("machine", &e);
	if (!t && !strcmp(target, "cfi-flash") && (how & 8))
		add_mapped_flash(m, &e);
	else if (!t)
		add_alone(m, target, &e);
	if (is_pc && m->type->plug(m, port = new_dev(m, "pcie-root-port", &e), &e))
		die("pcie-root-port", &e);
	for (unsigned i = 0; has_slots && i < ARRAY_SIZE(cards); i++)
		if (m->type->plug(m, new_dev(m, cards[i], &e), &e))
			die(cards[i], &e);
	if (is_pc && m->type->plug(m, new_dev(m, "ich9-ahci", &e), &e))
		die("ich9-ahci", &e);
	if (is_pc && m->type->plug(m, new_dev(m, "nvme", &e), &e))
		die("nvme", &e);
	if (is_pc) {
		struct dev *fb = new_dev(m, "ramfb", &e);

		if (dev_init(fb, &e) || m->type->plug(m, new_dev(m, "VGA", &e), &e) ||
		    m->type->plug(m, new_dev(m, "bochs-display", &e), &e))
			die("displays", &e);
	}
	if (is_pc && m->type->plug_below(m, new_dev(m, "virtio-rng", &e), port, &e))
		die("behind the port", &e);
	machine_reset(m, RESET_COLD);
	make_ready(m);
	clock_run(m->clock);
	return m;
}

/* ---- operations ---- */

struct run {
	struct machine *m;
	struct fuzz_in in;
	bool alone;		/* the only vCPU: reset, save and load are allowed */
};

static uint64_t ram_base(struct run *r) { return r->m->mem.block[0].base; }

static uint64_t value(struct run *r)
{
	switch (in_u8(&r->in) % 6) {
	case 0: return in_u8(&r->in);
	case 1: return in_u32(&r->in);
	case 2: return in_u64(&r->in);
	case 3: return ram_base(r) + (uint64_t)in_u16(&r->in) * 16;
	case 4: return UINT64_MAX << in_u8(&r->in) % 64;
	default: return __builtin_bswap64(ram_base(r) + in_u16(&r->in));
	}
}

static const struct mapping *mapping(struct run *r)
{
	unsigned n = in_u8(&r->in), count = 0;

	while (space_nth(r->m->mmio, count))
		count++;
	/* Ports, where a machine has any, take half of the accesses. */
	if (r->m->pio && space_nth(r->m->pio, 0) && (n & 0x80 || !count))
		for (count = 0; space_nth(r->m->pio, count); count++)
			;
	else if (count)
		return space_nth(r->m->mmio, n % count);
	return count ? space_nth(r->m->pio, n % count) : NULL;
}

static uint64_t offset(struct run *r, const struct mapping *map)
{
	switch (in_u8(&r->in) % 4) {
	case 0: return in_u8(&r->in) * 4u % map->size;
	case 1: return in_u16(&r->in) * 4u % map->size;
	case 2: return in_u8(&r->in) * UINT64_C(0x1000) % map->size + in_u8(&r->in) % 16;
	default: return in_u32(&r->in) % map->size;
	}
}

static void op_access(struct run *r, bool write)
{
	const struct mapping *map;
	unsigned size;
	uint64_t off, v;

	epoch_enter();
	map = mapping(r);
	size = 1u << in_u8(&r->in) % 4;
	off = map ? offset(r, map) : 0;
	if (map && write)
		mapping_write(map, map->base + off, size, value(r));
	else if (map)
		mapping_read(map, map->base + off, size, &v);
	epoch_exit();
}

static void put(struct run *r, uint64_t off, const void *p, size_t n)
{
	mem_write(&r->m->mem, ram_base(r) + off, p, n, false);
}

static void op_memory(struct run *r)
{
	uint8_t buf[64];
	unsigned n = in_u8(&r->in) % sizeof(buf);
	uint64_t off = in_u16(&r->in);

	for (unsigned i = 0; i < n; i++)
		buf[i] = in_u8(&r->in);
	put(r, off, buf, n);
}

/* fw_cfg's request block, so that DMA by it gets somewhere. */
static void op_fw_dma(struct run *r)
{
	uint8_t req[16];

	st_be32(req, in_u8(&r->in) | (uint32_t)in_u8(&r->in) << 16);
	st_be32(req + 4, in_u16(&r->in));
	st_be64(req + 8, value(r));
	put(r, in_u16(&r->in), req, sizeof(req));
}

static uint64_t slot(struct run *r)
{
	return strcmp(r->m->type->name, "virt") ? SLOT : 0x10001000 + in_u8(&r->in) % 4 * 0x1000u;
}

static void reg(struct run *r, uint64_t at, uint64_t v)
{
	region_write(r->m->mmio, at, 4, v);
}

static uint64_t queue_at(unsigned q) { return 0x20000 + q * (uint64_t)QUEUE_BYTES; }

/* A driver's start, with the features the input leaves. */
static void op_virtio_start(struct run *r)
{
	uint64_t base = slot(r), v;

	for (unsigned s = 0; s <= 3; s = s ? s * 2 + 1 : 1)
		reg(r, base + 0x70, s);
	for (unsigned i = 0; i < 2; i++) {
		reg(r, base + 0x14, i);
		region_read(r->m->mmio, base + 0x10, 4, &v);
		reg(r, base + 0x24, i);
		/* All but a few; VERSION_1, the lowest bit of the second word, stays. */
		v &= ~((uint64_t)(in_u8(&r->in) & 0x7e) << (i ? 8 : 4 * (in_u8(&r->in) % 8)));
		reg(r, base + 0x20, v);
	}
	reg(r, base + 0x70, 11);
	for (unsigned q = 0; q < 6; q++) {
		uint64_t at = ram_base(r) + queue_at(q);

		reg(r, base + 0x30, q);
		reg(r, base + 0x38, 1u << in_u8(&r->in) % 9);
		reg(r, base + 0x80, at);
		reg(r, base + 0x84, at >> 32);
		reg(r, base + 0x90, at + AVAIL);
		reg(r, base + 0x94, (at + AVAIL) >> 32);
		reg(r, base + 0xa0, at + USED);
		reg(r, base + 0xa4, (at + USED) >> 32);
		reg(r, base + 0x44, 1);
	}
	reg(r, base + 0x70, 15);
}

static void op_descriptor(struct run *r)
{
	uint64_t at = queue_at(in_u8(&r->in) % 6) + 16u * (in_u8(&r->in) % QUEUE_SIZE);
	uint8_t d[16];

	st_le64(d, in_u8(&r->in) % 8 ? ram_base(r) + in_u16(&r->in) * 8u : value(r));
	st_le32(d + 8, in_u8(&r->in) % 8 ? in_u8(&r->in) * 16u : (uint32_t)value(r));
	st_le16(d + 12, in_u8(&r->in) & 7);
	st_le16(d + 14, in_u8(&r->in) % QUEUE_SIZE);
	put(r, at, d, sizeof(d));
}

/* A plausible request: header (type 0..7 or so), data, status byte. */
static void op_request(struct run *r)
{
	unsigned q = in_u8(&r->in) % 6, head = in_u8(&r->in) % (QUEUE_SIZE - 2);
	uint64_t at = queue_at(q) + 16u * head, hdr = 0x8000 + head * 64u;
	uint8_t d[48] = { 0 }, h[16] = { 0 };

	h[0] = in_u8(&r->in) % 16;
	st_le64(h + 8, in_u16(&r->in));
	put(r, hdr, h, sizeof(h));
	st_le64(d, ram_base(r) + hdr);
	st_le32(d + 8, 16);
	st_le16(d + 12, 1);
	st_le16(d + 14, (uint16_t)(head + 1));
	st_le64(d + 16, ram_base(r) + 0x100000 + in_u16(&r->in));
	st_le32(d + 24, in_u8(&r->in) * 512u);
	st_le16(d + 28, 1 | (in_u8(&r->in) & 2));
	st_le16(d + 30, (uint16_t)(head + 2));
	st_le64(d + 32, ram_base(r) + hdr + 32);
	st_le32(d + 40, 1);
	st_le16(d + 44, 2);
	put(r, at, d, sizeof(d));
}

static void op_submit(struct run *r)
{
	uint64_t base = slot(r);
	unsigned q = in_u8(&r->in) % 6;
	uint64_t avail = queue_at(q) + AVAIL;
	uint16_t idx = 0;
	uint8_t raw[2];

	for (unsigned n = 1 + in_u8(&r->in) % 4; n; n--) {
		mem_read(&r->m->mem, ram_base(r) + avail + 2, &idx, 2);
		st_le16(raw, in_u8(&r->in) % QUEUE_SIZE);
		/* the ring's size was chosen by op_virtio_start: fill each place it may have */
		for (unsigned size = 1; size <= 256; size *= 2)
			put(r, avail + 4 + 2 * (idx % size), raw, 2);
		st_le16(raw, (uint16_t)(idx + 1));
		put(r, avail + 2, raw, 2);
	}
	reg(r, base + 0x50, q);
}

static void op_input(struct run *r)
{
	uint8_t buf[32];
	unsigned n = 1 + in_u8(&r->in) % 32;

	for (unsigned i = 0; i < n; i++)
		buf[i] = in_u8(&r->in);
	chardev_ring_feed(ring, buf, n);
	input_key(r->m, buf[0], n & 1);
	input_motion(r->m, (int8_t)buf[0] * 40, (int8_t)buf[n - 1] * 40, n & 3);
	input_button(r->m, 1u << buf[0] % 5, n & 2);
	netdev_send(far, buf, n);
	while (chardev_ring_take(ring, buf, sizeof(buf)))
		;
}

/* What a user looks at. */
static void op_look(struct run *r)
{
	struct display_image im;
	struct err e;

	if (!display_capture(r->m, &im, &e)) {
		/* the last one is there */
		if (!im.width || !im.height || im.pixel[im.width * im.height - 1] >> 24)
			abort();
		free(im.pixel);
	}
	free(display_text(r->m, &e));
}

/* A display's configuration that makes some sense, at a place that memory may have. */
static void op_display(struct run *r)
{
	static const uint32_t formats[] = { 0x34325258, 0x34324752, 0x36314752, 0 };
	static const uint16_t vbe[] = { 4, 0, 1, 640, 2, 480, 3, 32, 4, 0x41 };
	uint8_t c[28], req[16];

	st_be64(c, value(r));
	st_be32(c + 8, formats[in_u8(&r->in) & 3]);
	st_be32(c + 12, 0);
	st_be32(c + 16, in_u8(&r->in) * 4u);
	st_be32(c + 20, in_u8(&r->in));
	st_be32(c + 24, in_u8(&r->in) & 1 ? 0 : in_u16(&r->in));
	put(r, 0x3000, c, sizeof(c));
	st_be32(req, (0x20u + in_u8(&r->in) % 16) << 16 | 8 | 16);
	st_be32(req + 4, sizeof(c));
	st_be64(req + 8, ram_base(r) + 0x3000);
	put(r, 0x2000, req, sizeof(req));
	if (!r->m->pio)
		return;
	region_write(r->m->pio, 0x514, 4, __builtin_bswap32((uint32_t)(ram_base(r) >> 32)));
	region_write(r->m->pio, 0x518, 4, __builtin_bswap32((uint32_t)ram_base(r) + 0x2000));
	for (unsigned i = 0; i < ARRAY_SIZE(vbe); i += 2) {
		bool odd = in_u8(&r->in) % 8 == 0;

		region_write(r->m->pio, 0x1ce, 2, vbe[i]);
		region_write(r->m->pio, 0x1cf, 2, odd ? in_u16(&r->in) : vbe[i + 1]);
	}
}

static void op_warp(struct run *r)
{
	struct clock *c = r->m->clock;

	clock_stop(c);
	clock_set(c, clock_now(c) + ((uint64_t)in_u16(&r->in) << in_u8(&r->in) % 48));
	clock_run(c);
}

/* Save, mutate now and then, load; as the VMM does: everything stopped. */
static void op_move(struct run *r)
{
	struct state_buf s = { 0 };
	unsigned which = in_u8(&r->in), n = 0, mutations = in_u8(&r->in) % 4;
	struct dev *d;

	for (d = r->m->devs; d && n++ < which % 16 && d->next;)
		d = d->next;
	if (!d)
		return;
	clock_stop(r->m->clock);
	if (virtio_dev_of(d))
		virtio_quiesce(d);
	state_save(d, &s, NULL);
	while (mutations--)
		s.data[in_u32(&r->in) % s.len] = in_u8(&r->in);
	state_load(d, s.data, s.len, NULL);
	if (virtio_dev_of(d))
		virtio_resume(d);
	dev_lock(d);
	dev_resume(d);
	dev_unlock(d);
	clock_run(r->m->clock);
	free(s.data);
}

static void op_reset(struct run *r)
{
	machine_reset(r->m, in_u8(&r->in) & 1 ? RESET_WARM : RESET_COLD);
	make_ready(r->m);
}

static void *run(void *arg)
{
	struct run *r = arg;

	while (r->in.p < r->in.end) {
		switch (in_u8(&r->in) % 18) {
		case 0: case 1: op_access(r, false); break;
		case 2: case 3: case 4: case 5: op_access(r, true); break;
		case 6: op_memory(r); break;
		case 7: op_fw_dma(r); break;
		case 8: op_virtio_start(r); break;
		case 9: op_descriptor(r); break;
		case 10: op_request(r); break;
		case 11: case 12: op_submit(r); break;
		case 13: op_input(r); break;
		case 14: op_warp(r); break;
		case 16: op_look(r); break;
		case 17: op_display(r); break;
		case 15:
			if (!r->alone)
				break;
			if (in_u8(&r->in) & 1)
				op_move(r);
			else
				op_reset(r);
			break;
		}
	}
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run first = { .in = { data, data + size }, .alone = true }, second;
	uint8_t how = in_u8(&first.in);
	pthread_t t;
	char *tree;

	first.m = build(how);
	if (how & 1) {
		first.alone = false;
		second = first;
		first.in.end = second.in.p = data + 1 + (size ? size - 1 : 0) / 2;
		if (first.in.end > second.in.end)
			first.in.end = second.in.p = second.in.end;
		if (pthread_create(&t, NULL, run, &second))
			abort();
	}
	run(&first);
	if (how & 1)
		pthread_join(t, NULL);
	tree = machine_qtree(first.m);
	free(tree);
	machine_free(first.m);
	return 0;
}
