/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fw_cfg (QEMU's docs/specs/fw_cfg): a data register that streams the selected
 * item's bytes, a 16-bit selector and a 64-bit DMA address. Memory-mapped, selector
 * and address are big-endian; at ports the selector is little-endian and shares its
 * second port with the data. Items are fixed before the guest runs; only those with a
 * `written` hook may be changed by it, and only by DMA.
 */
#include "hw/misc/fw_cfg.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/acpi/aml.h"
#include "hw/core/fdt.h"
#include "hw/core/machine.h"
#include "hw/core/state.h"
#include "util/bits.h"

enum { FW_SELECTOR = 8, FW_DMA = 16, FW_SIZE = 24 };
enum { PORT_SELECT = 0, PORT_DATA = 1, PORT_SIZE = 2 };
enum { DMA_ERROR = 1, DMA_READ = 2, DMA_SKIP = 4, DMA_SELECT = 8, DMA_WRITE = 16 };

#define DMA_SIGNATURE UINT64_C(0x51454d5520434647)	/* "QEMU CFG" */
#define MAX_ITEMS     128
#define ARCH_LOCAL    (1u << 15)
#define NAME_SIZE     56
#define MAX_WRITE     4096u		/* bytes of a writable item */
#define DIR_ENTRY     64

struct fw_item {
	uint16_t key;
	char name[NAME_SIZE];		/* of a file; empty: a numbered item */
	size_t len;
	const uint8_t *data;
	uint8_t *own;			/* data, where it is ours; NULL: borrowed */
	fw_cfg_written *written;	/* NULL: the guest may not write */
	void *opaque;
};

struct fw_cfg {
	struct dev dev;
	struct fw_item item[MAX_ITEMS];
	uint32_t nr_items;
	uint32_t nr_files;
	uint32_t offset;		/* in the selected item; may lie beyond its end */
	uint32_t dma_high;
	uint16_t selected;
};

static struct fw_item *find(struct fw_cfg *f, uint16_t key)
{
	/* Bit 14 asks for writing, by a way that nobody has offered for long. */
	key &= (uint16_t)~(1u << 14);
	for (unsigned i = 0; i < f->nr_items; i++)
		if (f->item[i].key == key)
			return &f->item[i];
	return NULL;
}

static int add_item(struct fw_cfg *f, uint16_t key, const char *name, const void *data,
		    size_t len, bool copy, struct err *e)
{
	struct fw_item *it = &f->item[f->nr_items];

	if (f->nr_items == MAX_ITEMS)
		return err_set(e, ENOSPC, "%s: more than %d items", f->dev.id, MAX_ITEMS);
	if (len > UINT32_MAX)
		return err_set(e, EINVAL, "%s: '%s' is too large", f->dev.id, name);
	it->own = copy ? malloc(len ? len : 1) : NULL;
	if (copy && !it->own)
		return err_errno(e, ENOMEM, "%s", f->dev.id);
	if (copy && len)
		memcpy(it->own, data, len);
	it->data = copy ? it->own : data;
	it->key = key;
	it->len = len;
	snprintf(it->name, sizeof(it->name), "%s", name);
	f->nr_items++;
	return 0;
}

/* The directory is an item too, made anew with each file: count, then entries sorted by name. */
static int write_dir(struct fw_cfg *f, struct err *e)
{
	const struct fw_item *sorted[MAX_ITEMS];
	struct fw_item *dir = find(f, FW_CFG_FILE_DIR);
	unsigned n = 0;
	uint8_t *to;

	for (unsigned i = 0; i < f->nr_items; i++) {
		unsigned at = n;

		if (!*f->item[i].name)
			continue;
		for (; at && strcmp(sorted[at - 1]->name, f->item[i].name) > 0; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = &f->item[i];
		n++;
	}
	to = calloc(1, 4 + (size_t)n * DIR_ENTRY);
	if (!to)
		return err_errno(e, ENOMEM, "%s", f->dev.id);
	free(dir->own);
	dir->data = dir->own = to;
	dir->len = 4 + (size_t)n * DIR_ENTRY;
	st_be32(to, n);
	for (unsigned i = 0; i < n; i++) {
		uint8_t *ent = to + 4 + i * DIR_ENTRY;

		st_be32(ent, (uint32_t)sorted[i]->len);
		st_be16(ent + 4, sorted[i]->key);
		memcpy(ent + 8, sorted[i]->name, NAME_SIZE);
	}
	return 0;
}

static int add_numbered(struct dev *d, uint16_t key, const void *data, size_t len, bool copy,
			struct err *e)
{
	struct fw_cfg *f = DEV_STATE(struct fw_cfg, d);

	if ((key & ~ARCH_LOCAL) >= FW_CFG_FIRST_FILE)
		return err_set(e, EINVAL, "%s: bad item %#x", d->id, key);
	if (find(f, key))
		return err_set(e, EEXIST, "%s: item %#x is there already", d->id, key);
	return add_item(f, key, "", data, len, copy, e);
}

int fw_cfg_add(struct dev *d, uint16_t key, const void *data, size_t len, struct err *e)
{
	return add_numbered(d, key, data, len, true, e);
}

int fw_cfg_add_ref(struct dev *d, uint16_t key, const void *data, size_t len, struct err *e)
{
	return add_numbered(d, key, data, len, false, e);
}

static int add_file(struct dev *d, const char *name, const void *data, size_t len, bool copy,
		    struct err *e)
{
	struct fw_cfg *f = DEV_STATE(struct fw_cfg, d);
	int rc;

	if (!*name || strlen(name) >= NAME_SIZE)
		return err_set(e, EINVAL, "%s: file name '%s' must have 1 to %d characters", d->id,
			       name, NAME_SIZE - 1);
	for (unsigned i = 0; i < f->nr_items; i++)
		if (!strcmp(f->item[i].name, name))
			return err_set(e, EEXIST, "%s: file '%s' is there already", d->id, name);
	rc = add_item(f, (uint16_t)(FW_CFG_FIRST_FILE + f->nr_files), name, data, len, copy, e);
	if (rc)
		return rc;
	f->nr_files++;
	return write_dir(f, e);
}

int fw_cfg_add_file(struct dev *d, const char *name, const void *data, size_t len, struct err *e)
{
	return add_file(d, name, data, len, true, e);
}

int fw_cfg_add_file_ref(struct dev *d, const char *name, const void *data, size_t len,
			struct err *e)
{
	return add_file(d, name, data, len, false, e);
}

int fw_cfg_add_writable(struct dev *d, const char *name, const void *data, size_t len,
			fw_cfg_written *written, void *opaque, struct err *e)
{
	struct fw_cfg *f = DEV_STATE(struct fw_cfg, d);
	int rc;

	if (len > MAX_WRITE)
		return err_set(e, EINVAL, "%s: file '%s' is too large", d->id, name);
	rc = add_file(d, name, data, len, false, e);
	if (rc)
		return rc;
	for (unsigned i = 0; i < f->nr_items; i++)
		if (f->item[i].data == data) {
			f->item[i].written = written;
			f->item[i].opaque = opaque;
		}
	return 0;
}

int fw_cfg_add_string(struct dev *d, const char *name, const char *text, struct err *e)
{
	return add_file(d, name, text, strlen(text) + 1, true, e);
}

int fw_cfg_add_number(struct dev *d, const char *name, uint64_t val, unsigned bytes,
		      struct err *e)
{
	uint8_t raw[8];

	st_le64(raw, val);
	return add_file(d, name, raw, MIN(bytes, 8u), true, e);
}

int fw_cfg_add_e820(struct dev *d, const struct fw_cfg_e820 *map, unsigned n, struct err *e)
{
	uint8_t raw[20 * FW_CFG_E820_MAX];

	if (n > FW_CFG_E820_MAX)
		return err_set(e, EINVAL, "%s: a memory map of %u ranges", d->id, n);
	for (unsigned i = 0; i < n; i++) {
		st_le64(raw + 20 * i, map[i].base);
		st_le64(raw + 20 * i + 8, map[i].size);
		st_le32(raw + 20 * i + 16, map[i].type);
	}
	return add_file(d, "etc/e820", raw, 20 * (size_t)n, true, e);
}

int fw_cfg_add_system_states(struct dev *d, bool s3, bool s4, struct err *e)
{
	/* By state: bit 7 allowed, the rest the value for the PM1 control register's SLP_TYP. */
	const uint8_t states[6] = { 0x80, 0, 0, s3 ? 0x81 : 1, s4 ? 0x82 : 2, 0x80 };

	return add_file(d, "etc/system-states", states, sizeof(states), true, e);
}

static void fw_select(struct fw_cfg *f, uint16_t key)
{
	f->selected = key;
	f->offset = 0;
}

/* Moves the offset by n; it stays where no item reaches. */
static void advance(struct fw_cfg *f, uint32_t n)
{
	if (__builtin_add_overflow(f->offset, n, &f->offset))
		f->offset = UINT32_MAX;
}

/* What is left of the selected item, at most n bytes. */
static const uint8_t *rest(struct fw_cfg *f, uint32_t n, uint32_t *have)
{
	struct fw_item *it = find(f, f->selected);

	*have = it && f->offset < it->len ? (uint32_t)MIN(it->len - f->offset, n) : 0;
	return *have ? it->data + f->offset : NULL;
}

/* The item's bytes in memory order; zeros beyond its end. */
static void stream(struct fw_cfg *f, uint8_t *to, uint32_t n)
{
	uint32_t have;
	const uint8_t *from = rest(f, n, &have);

	if (have)
		memcpy(to, from, have);
	memset(to + have, 0, n - have);
	advance(f, n);
}

static int dma_transfer(struct fw_cfg *f, uint64_t addr, uint32_t len)
{
	static const uint8_t zeros[4096];
	uint32_t have;
	const uint8_t *from = rest(f, len, &have);

	if (have && dma_write(&f->dev, addr, from, have))
		return -EFAULT;
	for (uint32_t done = have, n; done < len; done += n) {
		n = MIN(len - done, (uint32_t)sizeof(zeros));
		if (dma_write(&f->dev, addr + done, zeros, n))
			return -EFAULT;
	}
	advance(f, len);
	return 0;
}

/* From the guest into a writable item; all of it or nothing. */
static int dma_store(struct fw_cfg *f, uint64_t addr, uint32_t len)
{
	struct fw_item *it = find(f, f->selected);
	uint8_t buf[MAX_WRITE];

	if (!it || !it->written || f->offset > it->len || len > it->len - f->offset)
		return -EPERM;
	if (dma_read(&f->dev, addr, buf, len))
		return -EFAULT;
	it->written(it->opaque, f->offset, buf, len);
	advance(f, len);
	return 0;
}

/* The guest's request: control, length, address, all big-endian; the answer overwrites control. */
static void dma_run(struct fw_cfg *f, uint64_t gpa)
{
	uint8_t req[16], answer[4];
	uint32_t control, len;
	uint64_t addr;
	bool bad = false;

	if (dma_read(&f->dev, gpa, req, sizeof(req)))
		return;			/* nowhere to answer */
	control = ld_be32(req);
	len = ld_be32(req + 4);
	addr = ld_be64(req + 8);
	if (control & DMA_SELECT)
		fw_select(f, (uint16_t)(control >> 16));
	if (control & DMA_READ)
		bad = dma_transfer(f, addr, len);
	else if (control & DMA_WRITE)
		bad = dma_store(f, addr, len);
	else if (control & DMA_SKIP)
		advance(f, len);
	st_be32(answer, bad ? DMA_ERROR : 0);
	dma_write(&f->dev, gpa, answer, sizeof(answer));
}

/* Reads of the DMA address: the signature, whose first byte is the most significant. */
static uint64_t signature(uint64_t off, unsigned size)
{
	return DMA_SIGNATURE >> 8 * (8 - size - off);
}

static void write_dma(struct fw_cfg *f, uint64_t off, uint64_t val, unsigned size)
{
	uint64_t gpa = size == 8 ? val : (uint64_t)f->dma_high << 32 | val;

	if (off == 0 && size == 4) {
		f->dma_high = (uint32_t)val;
	} else if ((off == 4 && size == 4) || size == 8) {
		f->dma_high = 0;
		dma_run(f, gpa);	/* the low half starts it */
	}
}

/* The regions but "ports" are big-endian: a value's first byte is its most significant. */
static uint64_t fw_read(struct dev *d, uint64_t off, unsigned size)
{
	struct fw_cfg *f = DEV_STATE(struct fw_cfg, d);
	uint8_t raw[8] = { 0 };

	if (off < FW_SELECTOR) {
		stream(f, raw + 8 - size, size);
		return ld_be64(raw);
	}
	return off >= FW_DMA ? signature(off - FW_DMA, size) : 0;
}

static void fw_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct fw_cfg *f = DEV_STATE(struct fw_cfg, d);

	if (off == FW_SELECTOR && size == 2)
		fw_select(f, (uint16_t)val);
	else if (off >= FW_DMA)
		write_dma(f, off - FW_DMA, val, size);
}

static uint64_t port_read(struct dev *d, uint64_t off, unsigned size)
{
	uint8_t byte = 0;

	if (off == PORT_DATA)
		stream(DEV_STATE(struct fw_cfg, d), &byte, 1);
	return byte;
}

static void port_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	if (off == PORT_SELECT && size == 2)
		fw_select(DEV_STATE(struct fw_cfg, d), (uint16_t)val);
}

static uint64_t dma_port_read(struct dev *d, uint64_t off, unsigned size)
{
	return signature(off, size);
}

static void dma_port_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	write_dma(DEV_STATE(struct fw_cfg, d), off, val, size);
}

static int fw_init(struct dev *d, struct err *e)
{
	uint8_t id[4], ram[8], cpus[2], none[4] = { 0 };
	int rc;

	st_le32(id, 3);			/* the plain interface and DMA */
	st_le64(ram, d->machine->cfg.ram_size);
	st_le16(cpus, (uint16_t)d->machine->cfg.nr_cpus);
	rc = fw_cfg_add(d, FW_CFG_SIGNATURE, "QEMU", 4, e);
	if (!rc)
		rc = fw_cfg_add(d, FW_CFG_ID, id, sizeof(id), e);
	if (!rc)
		rc = fw_cfg_add(d, FW_CFG_FILE_DIR, none, sizeof(none), e);
	if (!rc)
		rc = fw_cfg_add(d, FW_CFG_RAM_SIZE, ram, sizeof(ram), e);
	if (!rc)
		rc = fw_cfg_add(d, FW_CFG_NB_CPUS, cpus, sizeof(cpus), e);
	if (!rc)
		rc = fw_cfg_add(d, FW_CFG_MAX_CPUS, cpus, sizeof(cpus), e);
	return rc;
}

static void fw_fini(struct dev *d)
{
	struct fw_cfg *f = DEV_STATE(struct fw_cfg, d);

	for (unsigned i = 0; i < f->nr_items; i++)
		free(f->item[i].own);
}

static void fw_fdt(struct dev *d, struct fdt *f)
{
	if (!d->space[0])
		return;
	fdt_dev_node(f, d, "fw-cfg", "qemu,fw-cfg-mmio");
	fdt_prop_empty(f, "dma-coherent");
	fdt_node_end(f);
}

/* The guest's driver takes the first range of ports and finds the rest behind it. */
static void fw_acpi(struct dev *d, struct aml *a)
{
	if (d->space[1] != d->machine->pio)
		return;
	aml_device(a, "FWCF");
	aml_id(a, "_HID", "QEMU0002");
	aml_name_int(a, "_STA", 0x0b);
	aml_name(a, "_CRS");
	aml_template(a);
	aml_res_io(a, (uint16_t)d->base[1], 12);
	aml_end(a);
	aml_end(a);
}

const struct dev_type dev_fw_cfg = {
	.name = "fw-cfg",
	.help = "firmware configuration",
	.size = sizeof(struct fw_cfg),
	.regions = (const struct region[]){
		{ "regs", FW_SIZE, 1, 8, REGION_BIG_ENDIAN, fw_read, fw_write },
		{ "ports", PORT_SIZE, 1, 2, 0, port_read, port_write },
		{ "dma", 8, 1, 8, REGION_BIG_ENDIAN, dma_port_read, dma_port_write } },
	.nr_regions = 3,
	.state = (const struct field[]){
		FIELD_SKIP(struct fw_cfg, item, "configuration"),
		FIELD_SKIP(struct fw_cfg, nr_items, "configuration"),
		FIELD_SKIP(struct fw_cfg, nr_files, "configuration"),
		FIELD(struct fw_cfg, offset), FIELD(struct fw_cfg, dma_high),
		FIELD(struct fw_cfg, selected),
		FIELD_END },
	.init = fw_init,
	.fini = fw_fini,
	.describe_fdt = fw_fdt,
	.describe_acpi = fw_acpi,
};
