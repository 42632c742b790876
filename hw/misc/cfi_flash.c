/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NOR flash with the Intel/Sharp extended command set (CFI: JESD68, primary
 * command set 0x0001; commands as in Intel's StrataFlash data sheets): two 16-bit
 * chips side by side on a 32-bit bus, which is what firmware for virt boards
 * expects. Commands are written to both lanes at once and answered in both.
 *
 * The array is kept inverted: erased flash is all ones, fresh memory all zeros,
 * so a bank of which nothing is used costs nothing. Programming clears bits, that
 * is, it sets them in the inverted array.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/core/fdt.h"
#include "hw/core/machine.h"
#include "hw/core/state.h"
#include "io/block/block.h"
#include "util/bits.h"
#include "util/log.h"

#define BANK_SIZE    0x2000000u		/* 32 MiB */
#define BLOCK_SIZE   0x40000u		/* erase block, both chips */
#define BUFFER_SIZE  0x800u		/* write buffer, both chips */
#define BUS_WIDTH    4u
#define FILL_SIZE    0x10000u		/* read at once at start */

enum { SR_READY = 0x80, SR_ERASE_ERR = 0x20, SR_PROG_ERR = 0x10, SR_LOCKED = 0x02 };

enum flash_mode {
	READ_ARRAY, READ_STATUS, READ_ID, READ_QUERY,
	PROGRAM_WORD, ERASE_CONFIRM, LOCK_CONFIRM,
	BUFFER_COUNT, BUFFER_DATA, BUFFER_CONFIRM,
	NR_MODES
};

struct cfi_flash {
	struct dev dev;
	struct block *block;		/* NULL: nothing is kept */
	uint8_t *array;			/* inverted */
	uint64_t backed;		/* bytes that the block back end holds */
	uint8_t mode;			/* enum flash_mode */
	uint8_t status;			/* error bits; always ready */
	uint32_t buf_base;		/* of the window that the write buffer maps to */
	uint32_t buf_left;		/* words still to come */
	bool buf_bad;			/* a word fell outside the window */
	uint8_t buf[BUFFER_SIZE];	/* inverted */
};

/* What one chip answers at query addresses 0x10 and up. */
static const uint8_t query[] = {
	'Q', 'R', 'Y', 0x01, 0x00, 0x31, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x45, 0x55, 0x00, 0x00,			/* 0x1b: 4.5 V to 5.5 V, no Vpp */
	0x07, 0x07, 0x0a, 0x00,			/* 0x1f: 2^n us a word, a buffer; ms a block */
	0x04, 0x04, 0x04, 0x00,			/* 0x23: at most 2^n times that */
	24, 0x01, 0x00, 10, 0x00,		/* 0x27: 16 MiB, x16, buffer of 1 KiB */
	0x01, BANK_SIZE / BLOCK_SIZE - 1, 0x00,	/* 0x2c: one kind of block, 128 of them */
	BLOCK_SIZE / 2 / 256 & 0xff, BLOCK_SIZE / 2 / 256 >> 8,
	'P', 'R', 'I', '1', '0',		/* 0x31: extended table 1.0: no extras */
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x50, 0x00, 0x00,
};
_Static_assert(BANK_SIZE / 2 == 1u << 24, "the query says 2^24 bytes a chip");
_Static_assert(BUFFER_SIZE / 2 == 1u << 10, "the query says 2^10 bytes a buffer");
_Static_assert(BANK_SIZE / BLOCK_SIZE <= 256, "the block count has one byte here");

/* The chips' answer v in both lanes, cut to the bytes that were read. */
static uint64_t lanes(uint16_t v, uint64_t off, unsigned size)
{
	return ((uint64_t)v << 16 | v) >> 8 * (off % BUS_WIDTH) & mask_bits(8 * size);
}

static uint64_t flash_read(struct dev *d, uint64_t off, unsigned size)
{
	struct cfi_flash *f = DEV_STATE(struct cfi_flash, d);
	uint64_t word = off / BUS_WIDTH, v = 0;

	switch (f->mode) {
	case READ_ARRAY:
		for (unsigned i = 0; i < size; i++)
			v |= (uint64_t)(uint8_t)~f->array[off + i] << 8 * i;
		return v;
	case READ_ID:
		word &= BLOCK_SIZE / BUS_WIDTH - 1;
		/* Intel, 28F128-class; block lock word: unlocked. */
		return lanes(word == 0 ? 0x0089 : word == 1 ? 0x8818 : 0, off, size);
	case READ_QUERY:
		return lanes(word >= 0x10 && word - 0x10 < sizeof(query) ? query[word - 0x10] : 0,
			     off, size);
	default:
		return lanes(f->status | SR_READY, off, size);
	}
}

/* n is a multiple of the back end's sector size. */
static void invert(uint8_t *to, const uint8_t *from, uint64_t n)
{
	for (uint64_t i = 0; i < n; i += 8)
		st_64(to + i, ~ld_64(from + i));
}

/* Writes [off, off+len) of the array through to the back end; bytes beyond it stay in memory. */
static bool persist(struct cfi_flash *f, uint64_t off, uint64_t len)
{
	uint64_t start = align_down(off, BLOCK_SECTOR), end = align_up(off + len, BLOCK_SECTOR);
	uint8_t raw[16384];

	end = MIN(end, f->backed);
	while (start < end) {
		uint64_t n = MIN(end - start, sizeof(raw));

		invert(raw, f->array + start, n);
		if (block_rw(f->block, BLOCK_WRITE, start, raw, n)) {
			log_warn("%s: cannot write to its file", f->dev.id);
			return false;
		}
		start += n;
	}
	return true;
}

static bool flash_writable(struct cfi_flash *f)
{
	return !f->block || !block_readonly(f->block);
}

/* `inverted` has a one for each bit to clear. */
static void program(struct cfi_flash *f, uint64_t off, const uint8_t *inverted, uint64_t len)
{
	if (!flash_writable(f)) {
		f->status |= SR_PROG_ERR | SR_LOCKED;
		return;
	}
	for (uint64_t i = 0; i < len; i++)
		f->array[off + i] |= inverted[i];
	if (!persist(f, off, len))
		f->status |= SR_PROG_ERR;
}

static void erase(struct cfi_flash *f, uint64_t off)
{
	off = align_down(off, BLOCK_SIZE);
	if (!flash_writable(f)) {
		f->status |= SR_ERASE_ERR | SR_LOCKED;
		return;
	}
	memset(f->array + off, 0, BLOCK_SIZE);
	if (!persist(f, off, BLOCK_SIZE))
		f->status |= SR_ERASE_ERR;
}

static void start_command(struct cfi_flash *f, uint8_t cmd)
{
	switch (cmd) {
	case 0x10:
	case 0x40: f->mode = PROGRAM_WORD; break;
	case 0x20: f->mode = ERASE_CONFIRM; break;
	case 0x50: f->status = 0; f->mode = READ_ARRAY; break;
	case 0x60: f->mode = LOCK_CONFIRM; break;
	case 0x70: f->mode = READ_STATUS; break;
	case 0x90: f->mode = READ_ID; break;
	case 0x98: f->mode = READ_QUERY; break;
	case 0xb0:			/* suspend: nothing ever takes time */
	case 0xd0: f->mode = READ_STATUS; break;
	case 0xe8: f->mode = BUFFER_COUNT; break;
	default: f->mode = READ_ARRAY; break;	/* 0xff, 0xf0 and what no chip knows */
	}
}

static void buffer_word(struct cfi_flash *f, uint64_t off, uint64_t val, unsigned size)
{
	uint64_t at;

	if (f->buf_base == UINT32_MAX) {
		f->buf_base = (uint32_t)align_down(off, BUFFER_SIZE);
		memset(f->buf, 0, sizeof(f->buf));
	}
	at = off - f->buf_base;
	if (at < BUFFER_SIZE)
		for (unsigned i = 0; i < size; i++)
			f->buf[at + i] |= (uint8_t)~(val >> 8 * i);
	else
		f->buf_bad = true;
	if (!--f->buf_left)
		f->mode = BUFFER_CONFIRM;
}

static void flash_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct cfi_flash *f = DEV_STATE(struct cfi_flash, d);
	uint8_t cmd = (uint8_t)val, raw[4];

	switch (f->mode) {
	case PROGRAM_WORD:
		for (unsigned i = 0; i < size; i++)
			raw[i] = (uint8_t)~(val >> 8 * i);
		program(f, off, raw, size);
		f->mode = READ_STATUS;
		break;
	case ERASE_CONFIRM:
		if (cmd == 0xd0)
			erase(f, off);
		else
			f->status |= SR_ERASE_ERR | SR_PROG_ERR;	/* bad sequence */
		f->mode = READ_STATUS;
		break;
	case LOCK_CONFIRM:
		/* Lock, unlock and lock-down are taken and have no effect. */
		if (cmd != 0x01 && cmd != 0xd0 && cmd != 0x2f)
			f->status |= SR_ERASE_ERR | SR_PROG_ERR;
		f->mode = READ_STATUS;
		break;
	case BUFFER_COUNT:		/* words of one chip, minus one */
		f->buf_left = (uint32_t)(val & 0xffff) + 1;
		f->buf_base = UINT32_MAX;
		f->buf_bad = f->buf_left > BUFFER_SIZE / BUS_WIDTH;
		f->mode = f->buf_bad ? READ_STATUS : BUFFER_DATA;
		if (f->buf_bad)
			f->status |= SR_ERASE_ERR | SR_PROG_ERR;
		break;
	case BUFFER_DATA:
		buffer_word(f, off, val, size);
		break;
	case BUFFER_CONFIRM:
		if (cmd == 0xd0 && !f->buf_bad)
			program(f, f->buf_base, f->buf, BUFFER_SIZE);
		else
			f->status |= SR_ERASE_ERR | SR_PROG_ERR;
		f->mode = READ_STATUS;
		break;
	default:
		start_command(f, cmd);
	}
}

/* Reads the back end into the array. Erased stretches are left alone: they cost no memory. */
static int flash_fill(struct cfi_flash *f)
{
	uint8_t *buf = malloc(FILL_SIZE);
	int rc = buf ? 0 : -ENOMEM;

	for (uint64_t off = 0; !rc && off < f->backed; off += FILL_SIZE) {
		uint64_t n = MIN(f->backed - off, FILL_SIZE), used = 0;

		rc = block_rw(f->block, BLOCK_READ, off, buf, n);
		for (uint64_t i = 0; !rc && i < n; i += 8)
			used |= ~ld_64(buf + i);
		if (!rc && used)
			invert(f->array + off, buf, n);
	}
	free(buf);
	return rc;
}

static int flash_init(struct dev *d, struct err *e)
{
	struct cfi_flash *f = DEV_STATE(struct cfi_flash, d);
	int rc;

	f->array = calloc(1, BANK_SIZE);
	if (!f->array)
		return err_errno(e, ENOMEM, "flash bank");
	if (!f->block)
		return 0;
	f->backed = block_size(f->block);
	if (f->backed > BANK_SIZE) {
		free(f->array);
		return err_set(e, EFBIG, "the file has %llu bytes, a flash bank %u",
			       (unsigned long long)f->backed, BANK_SIZE);
	}
	rc = flash_fill(f);
	if (rc) {
		free(f->array);
		return err_errno(e, -rc, "reading the flash file");
	}
	return 0;
}

static int flash_loaded(struct dev *d, struct err *e)
{
	struct cfi_flash *f = DEV_STATE(struct cfi_flash, d);

	if (f->mode >= NR_MODES)
		return err_set(e, EINVAL, "mode %u does not exist", f->mode);
	if (f->buf_base != UINT32_MAX &&
	    (f->buf_base % BUFFER_SIZE || f->buf_base >= BANK_SIZE))
		return err_set(e, EINVAL, "the write buffer lies outside the bank");
	if (f->mode == BUFFER_DATA && (!f->buf_left || f->buf_left > BUFFER_SIZE / BUS_WIDTH))
		return err_set(e, EINVAL, "the write buffer's count is out of range");
	if (f->mode == BUFFER_CONFIRM && f->buf_base == UINT32_MAX)
		return err_set(e, EINVAL, "the write buffer has no address");
	return 0;
}

static void flash_fini(struct dev *d)
{
	free(DEV_STATE(struct cfi_flash, d)->array);
}

static void flash_fdt(struct dev *d, struct fdt *f)
{
	fdt_dev_node(f, d, "flash", "cfi-flash");
	fdt_prop_u32(f, "bank-width", BUS_WIDTH);
	fdt_node_end(f);
}

const struct dev_type dev_cfi_flash = {
	.name = "cfi-flash",
	.help = "NOR flash, Intel command set, 32 MiB",
	.size = sizeof(struct cfi_flash),
	.props = (const struct prop[]){
		PROP(struct cfi_flash, block, PROP_PTR, "what holds the contents", NULL),
		PROP_END },
	.regions = (const struct region[]){
		{ "array", BANK_SIZE, 1, 4, 0, flash_read, flash_write } },
	.nr_regions = 1,
	.state = (const struct field[]){
		FIELD_SKIP(struct cfi_flash, array, "contents, like a disk's, are the back end's"),
		FIELD_SKIP(struct cfi_flash, backed, "from the back end"),
		FIELD(struct cfi_flash, mode), FIELD(struct cfi_flash, status),
		FIELD(struct cfi_flash, buf_base), FIELD(struct cfi_flash, buf_left),
		FIELD(struct cfi_flash, buf_bad), FIELD_BLOB(struct cfi_flash, buf),
		FIELD_END },
	.init = flash_init,
	.loaded = flash_loaded,
	.fini = flash_fini,
	.describe_fdt = flash_fdt,
};
