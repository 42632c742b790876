/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NOR flash with the Intel/Sharp extended command set (CFI: JESD68, primary
 * command set 0x0001; commands as in Intel's StrataFlash data sheets). Either two
 * 16-bit chips side by side on a 32-bit bus, which is what firmware for virt boards
 * expects: commands are written to both lanes at once and answered in both. Or one
 * 8-bit chip, which is what OVMF drives on the PC.
 *
 * A mapped chip's array is a ROM block of guest memory. Any command hides the block,
 * so that reads come here; "read array" shows it again.
 *
 * An array that is not mapped is kept inverted: erased flash is all ones, fresh
 * memory all zeros, so a bank of which nothing is used costs nothing.
 *
 * What is programmed goes to the back end when the guest goes back to reading, or a
 * little later where it does not: OVMF programs byte by byte.
 */
#include "hw/misc/cfi_flash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/core/fdt.h"
#include "hw/core/machine.h"
#include "hw/core/state.h"
#include "io/block/block.h"
#include "io/iov.h"
#include "util/bits.h"
#include "util/log.h"

#define BANK_SIZE    0x2000000u		/* of region 0: 32 MiB */
#define SIZE_MAX_    0x4000000u
#define BUFFER_SIZE  0x800u		/* write buffer, all chips */
#define FILL_SIZE    0x10000u		/* read at once at start */
#define GAP_MAX	     0x10000u		/* changes further apart are written one by one */
#define WRITE_DELAY  UINT64_C(200000000)	/* ns */

enum { SR_READY = 0x80, SR_ERASE_ERR = 0x20, SR_PROG_ERR = 0x10, SR_LOCKED = 0x02 };

enum flash_mode {
	READ_ARRAY, READ_STATUS, READ_ID, READ_QUERY,
	PROGRAM_WORD, ERASE_CONFIRM, LOCK_CONFIRM,
	BUFFER_COUNT, BUFFER_DATA, BUFFER_CONFIRM,
	NR_MODES
};

struct range { uint64_t lo, hi; };	/* empty: lo == hi */

struct cfi_flash {
	struct dev dev;
	struct block *block;		/* NULL: nothing is kept */
	uint32_t width;			/* bytes of the bus: 4 or 1 */
	uint64_t sector, size;
	uint8_t *array;			/* each byte xor `flip` */
	uint8_t flip;
	uint64_t backed;		/* bytes that the block back end holds */
	uint8_t mode;			/* enum flash_mode */
	uint8_t status;			/* error bits; 8-bit chip: and SR_READY */
	uint32_t buf_base;		/* of the window that the write buffer maps to */
	uint32_t buf_left;		/* words still to come */
	bool buf_bad;			/* a word fell outside the window */
	uint8_t buf[BUFFER_SIZE];	/* inverted */
	struct range unwritten;		/* changed, not yet in the back end */
	struct range unmarked;		/* changed while the block was hidden */
	struct range held;		/* changed, in no memory block, maybe in no file */
	struct timer timer;
	bool unflushed;
	_Atomic bool flushing;
	bool stale;			/* what the back end holds is from before a load */
	struct block_req flush;
	struct region region;		/* mapped: of this size */
	uint64_t base;			/* mapped: where; else UINT64_MAX */
};

static void grow(struct range *r, uint64_t off, uint64_t len)
{
	if (r->lo == r->hi)
		*r = (struct range){ off, off + len };
	r->lo = MIN(r->lo, off);
	r->hi = MAX(r->hi, off + len);
}

/* ---- the memory block ---- */

static struct mem_block *find_block(struct cfi_flash *f)
{
	struct mem *m = &f->dev.machine->mem;

	/* mem_find does not know a hidden one; places change until the machine is complete. */
	for (unsigned i = 0; f->base != UINT64_MAX && i < m->nr; i++)
		if (m->block[i].host == f->array)
			return &m->block[i];
	return NULL;
}

static void show(struct cfi_flash *f, struct mem_block *b, struct range changed)
{
	mem_hide(&f->dev.machine->mem, b, false);
	if (changed.lo != changed.hi)
		mem_mark(&f->dev.machine->mem, f->base + changed.lo, changed.hi - changed.lo);
}

/*
 * Makes the block as visible as the mode says. Without the lock: an engine stops other vCPUs for
 * it, and they may be waiting for the lock. Hence the look whether it is still so.
 */
static void settle(struct cfi_flash *f)
{
	struct mem_block *b = find_block(f);

	while (b) {
		struct range changed = { 0 };
		bool hide;

		dev_lock(&f->dev);
		hide = f->mode != READ_ARRAY;
		if (hide == !!(atomic_load(&b->flags) & MEM_HIDDEN)) {
			dev_unlock(&f->dev);
			return;
		}
		if (!hide) {
			changed = f->unmarked;
			f->unmarked = (struct range){ 0 };
		}
		dev_unlock(&f->dev);
		if (hide)
			mem_hide(&f->dev.machine->mem, b, true);
		else
			show(f, b, changed);
	}
}

/* The same with the vCPUs stopped and the lock held. */
static void settle_stopped(struct cfi_flash *f)
{
	struct mem_block *b = find_block(f);

	if (b && f->mode != READ_ARRAY) {
		mem_hide(&f->dev.machine->mem, b, true);
	} else if (b) {
		show(f, b, f->unmarked);
		f->unmarked = (struct range){ 0 };
	}
}

/* ---- the back end ---- */

/* Bytes beyond the back end stay in memory. */
static void persist(struct cfi_flash *f)
{
	uint64_t start = align_down(f->unwritten.lo, BLOCK_SECTOR);
	uint64_t end = MIN(align_up(f->unwritten.hi, BLOCK_SECTOR), f->backed);
	uint8_t raw[16384];

	f->unwritten = (struct range){ 0 };
	while (start < end) {
		uint64_t n = MIN(end - start, sizeof(raw));

		for (uint64_t i = 0; i < n; i++)
			raw[i] = f->array[start + i] ^ f->flip;
		if (block_rw(f->block, BLOCK_WRITE, start, raw, n)) {
			log_warn("%s: cannot write to its file", f->dev.id);
			f->status |= SR_PROG_ERR;
			return;
		}
		f->unflushed = true;
		start += n;
	}
}

static void flushed(struct block_req *r, int ret)
{
	struct cfi_flash *f = container_of(r, struct cfi_flash, flush);

	if (ret)
		log_warn("%s: cannot flush its file", f->dev.id);
	f->flushing = false;		/* no lock: who has it may wait for this */
}

static void timer_fired(void *opaque)
{
	struct cfi_flash *f = opaque;
	bool submit;

	dev_lock(&f->dev);
	persist(f);
	submit = f->unflushed && !f->flushing;
	if (submit) {
		f->unflushed = false;
		f->flushing = true;
		f->flush = (struct block_req){ .op = BLOCK_FLUSH, .done = flushed };
	} else if (f->unflushed) {
		timer_set(&f->timer, dev_now(&f->dev) + WRITE_DELAY);
	}
	dev_unlock(&f->dev);
	if (submit)
		block_submit(f->block, &f->flush);	/* may be done at once */
}

static void changed(struct cfi_flash *f, uint64_t off, uint64_t len)
{
	struct mem_block *b = find_block(f);

	for (uint64_t p = off >> MEM_PAGE_BITS; b && p <= (off + len - 1) >> MEM_PAGE_BITS; p++)
		mem_set_dirty(b, p);
	grow(b ? &f->unmarked : &f->held, off, len);
	if (!f->backed)
		return;
	if (f->unwritten.lo != f->unwritten.hi &&
	    (off > f->unwritten.hi + GAP_MAX || off + len + GAP_MAX < f->unwritten.lo))
		persist(f);
	grow(&f->unwritten, off, len);
	timer_set(&f->timer, dev_now(&f->dev) + WRITE_DELAY);
}

/* ---- programming ---- */

static bool writable(struct cfi_flash *f)
{
	return !f->block || !block_readonly(f->block);
}

/* `inverted` has a one for each bit to clear. */
static void program(struct cfi_flash *f, uint64_t off, const uint8_t *inverted, uint64_t len)
{
	f->status |= SR_READY;
	if (!writable(f)) {
		f->status |= SR_PROG_ERR | SR_LOCKED;
		return;
	}
	for (uint64_t i = 0; i < len; i++)
		f->array[off + i] = (uint8_t)(((f->array[off + i] ^ f->flip) & ~inverted[i]) ^
					      f->flip);
	changed(f, off, len);
}

static void erase(struct cfi_flash *f, uint64_t off)
{
	f->status |= SR_READY;
	off = align_down(off, f->sector);
	if (!writable(f)) {
		f->status |= SR_ERASE_ERR | SR_LOCKED;
		return;
	}
	memset(f->array + off, 0xff ^ f->flip, f->sector);
	changed(f, off, f->sector);
}

/* ---- reading ---- */

static unsigned log2_up(uint64_t v)
{
	unsigned n = 0;

	while (UINT64_C(1) << n < v)
		n++;
	return n;
}

/* Reads the back end into the array. Erased stretches are left alone: they cost no memory. */
static int fill(struct cfi_flash *f, bool again)
{
	uint8_t *buf = malloc(FILL_SIZE);
	int rc = buf ? 0 : -ENOMEM;

	for (uint64_t off = 0; !rc && off < f->backed; off += FILL_SIZE) {
		uint64_t n = MIN(f->backed - off, FILL_SIZE), used = 0;

		rc = block_rw(f->block, BLOCK_READ, off, buf, n);
		for (uint64_t i = 0; !rc && i < n; i += 8)
			used |= ~ld_64(buf + i);
		if (!rc && !used && again)
			memset(f->array + off, 0, n);
		for (uint64_t i = 0; !rc && used && i < n; i += 8)
			st_64(f->array + off + i, ~ld_64(buf + i));
	}
	free(buf);
	return rc;
}

/*
 * After a load the contents are those of the back end, which a migration hands over only when the
 * state is loaded: so it is looked at when the guest looks. (A mapped array came with the memory.)
 */
static void refresh(struct cfi_flash *f)
{
	if (!f->stale || block_is_inactive(f->block))
		return;
	f->stale = false;
	if (fill(f, true))
		log_warn("%s: cannot read its file", f->dev.id);
}

/* What one chip answers at query addresses 0x10 and up. */
static uint8_t query(const struct cfi_flash *f, uint64_t at)
{
	unsigned chips = f->width == 4 ? 2 : 1;
	uint64_t blocks = f->size / f->sector - 1, part = f->sector / chips / 256;
	const uint8_t table[] = {
		'Q', 'R', 'Y', 0x01, 0x00, 0x31, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x45, 0x55, 0x00, 0x00,			/* 0x1b: 4.5 V to 5.5 V, no Vpp */
		0x07, 0x07, 0x0a, 0x00,		/* 0x1f: 2^n us a word, a buffer; ms a block */
		0x04, 0x04, 0x04, 0x00,			/* 0x23: at most 2^n times that */
		/* 0x27: size, x8 or x16, buffer */
		(uint8_t)log2_up(f->size / chips), f->width == 4, 0x00,
		(uint8_t)log2_up(BUFFER_SIZE / chips), 0x00,
		0x01, (uint8_t)blocks, (uint8_t)(blocks >> 8),	/* 0x2c: one kind of block */
		(uint8_t)part, (uint8_t)(part >> 8),
		'P', 'R', 'I', '1', '0',		/* 0x31: extended table 1.0: no extras */
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x50, 0x00, 0x00,
	};

	return at >= 0x10 && at - 0x10 < sizeof(table) ? table[at - 0x10] : 0;
}

/* The chips' answer v in all lanes, cut to the bytes that were read. */
static uint64_t lanes(const struct cfi_flash *f, uint16_t v, uint64_t off, unsigned size)
{
	if (f->width == 1)
		return (v & 0xff) * UINT64_C(0x01010101) & mask_bits(8 * size);
	return ((uint64_t)v << 16 | v) >> 8 * (off % 4) & mask_bits(8 * size);
}

/*
 * A real chip that has nothing to do is ready. OVMF's probe takes a chip for flash only if its
 * status is zero once cleared, so the 8-bit chip is ready after it has done something.
 */
static uint8_t status(const struct cfi_flash *f)
{
	return f->width == 1 ? f->status : f->status | SR_READY;
}

static uint64_t answer(struct cfi_flash *f, uint64_t off, unsigned size)
{
	uint64_t word = off / f->width, v = 0;

	switch (f->mode) {
	case READ_ARRAY:
		for (unsigned i = 0; i < size; i++)
			v |= (uint64_t)(f->array[off + i] ^ f->flip) << 8 * i;
		return v;
	case READ_ID:
		word &= f->sector / f->width - 1;
		/* Intel, 28F128-class; block lock word: unlocked. */
		return lanes(f, word == 0 ? 0x0089 : word == 1 ? 0x8818 : 0, off, size);
	case READ_QUERY: return lanes(f, query(f, word), off, size);
	default: return lanes(f, status(f), off, size);
	}
}

static uint64_t flash_read(struct dev *d, uint64_t off, unsigned size)
{
	struct cfi_flash *f = DEV_STATE(struct cfi_flash, d);
	uint64_t v = mask_bits(8 * size);

	dev_lock(d);
	refresh(f);
	if (off + size <= f->size)
		v = answer(f, off, size);
	dev_unlock(d);
	return v;
}

/* ---- commands ---- */

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
	case 0xe8: f->mode = BUFFER_COUNT; f->status |= SR_READY; break;
	default: f->mode = READ_ARRAY; break;	/* 0xff, 0xf0 and what no chip knows */
	}
	if (f->mode == READ_ARRAY)
		persist(f);
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

static void bad_sequence(struct cfi_flash *f)
{
	f->status |= SR_READY | SR_ERASE_ERR | SR_PROG_ERR;
}

static void command(struct cfi_flash *f, uint64_t off, uint64_t val, unsigned size)
{
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
			bad_sequence(f);
		f->mode = READ_STATUS;
		break;
	case LOCK_CONFIRM:
		/* Lock, unlock and lock-down are taken and have no effect. */
		if (cmd != 0x01 && cmd != 0xd0 && cmd != 0x2f)
			bad_sequence(f);
		f->mode = READ_STATUS;
		break;
	case BUFFER_COUNT:		/* words of one chip, minus one */
		f->buf_left = (uint32_t)(val & 0xffff) + 1;
		f->buf_base = UINT32_MAX;
		f->buf_bad = f->buf_left > BUFFER_SIZE / f->width;
		f->mode = f->buf_bad ? READ_STATUS : BUFFER_DATA;
		if (f->buf_bad)
			bad_sequence(f);
		break;
	case BUFFER_DATA:
		buffer_word(f, off, val, size);
		break;
	case BUFFER_CONFIRM:
		if (cmd == 0xd0 && !f->buf_bad)
			program(f, f->buf_base, f->buf, BUFFER_SIZE);
		else
			bad_sequence(f);
		f->mode = READ_STATUS;
		break;
	default:
		start_command(f, cmd);
	}
}

static void flash_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct cfi_flash *f = DEV_STATE(struct cfi_flash, d);

	if (off + size > f->size)
		return;
	dev_lock(d);
	refresh(f);
	command(f, off, val, size);
	dev_unlock(d);
	settle(f);
}

/* ---- life ---- */

static int check_geometry(struct cfi_flash *f, struct err *e)
{
	if (f->width != 1 && f->width != 4)
		return err_set(e, EINVAL, "width=%u: 1 or 4 are possible", f->width);
	if (f->sector < 2 * BUFFER_SIZE || f->sector & (f->sector - 1) || f->sector > BANK_SIZE)
		return err_set(e, EINVAL, "sector: 4K to 32M, a power of two");
	if (f->backed > SIZE_MAX_ || (f->size && f->backed > f->size))
		return err_set(e, EFBIG, "the file has %llu bytes, a flash bank %llu",
			       (unsigned long long)f->backed,
			       (unsigned long long)(f->size ? f->size : SIZE_MAX_));
	if (!f->size)
		f->size = align_up(MAX(f->backed, 1u), f->sector);
	if (f->size > SIZE_MAX_ || f->size % f->sector || f->size / f->sector > 65536)
		return err_set(e, EINVAL, "size: at most 64M, whole sectors");
	return 0;
}

static int flash_init(struct dev *d, struct err *e)
{
	struct cfi_flash *f = DEV_STATE(struct cfi_flash, d);
	int rc;

	f->base = UINT64_MAX;
	f->flip = 0xff;
	f->backed = f->block ? block_size(f->block) : 0;
	rc = check_geometry(f, e);
	if (rc)
		return rc;
	f->array = calloc(1, f->size);
	if (!f->array)
		return err_errno(e, ENOMEM, "flash bank");
	rc = fill(f, false);
	/* one that another process has is read when it comes here */
	if (rc && !block_is_inactive(f->block)) {
		free(f->array);
		return err_errno(e, -rc, "reading the flash file");
	}
	timer_init(&f->timer, d->machine->clock, timer_fired, f);
	return 0;
}

void cfi_flash_set_pc(struct dev *d)
{
	struct cfi_flash *f = DEV_STATE(struct cfi_flash, d);

	f->width = 1;
	f->sector = MEM_PAGE_SIZE;
	f->size = 0;
}

uint64_t cfi_flash_size(struct dev *d)
{
	return DEV_STATE(struct cfi_flash, d)->size;
}

int cfi_flash_map(struct dev *d, uint64_t base, struct err *e)
{
	struct cfi_flash *f = DEV_STATE(struct cfi_flash, d);
	struct mem *m = &d->machine->mem;
	uint8_t *host;
	int rc;

	f->region = d->type->regions[0];
	f->region.size = f->size;
	f->region.access_max = (uint8_t)f->width;
	rc = mem_add(m, d->id, base, f->size, MEM_ROM, e);
	if (!rc)
		rc = space_map(d->machine->mmio, base, &f->region, d, e);
	if (rc)
		return err_prefix(e, "%s", d->id);
	host = mem_ptr(m, base, f->size);
	for (uint64_t i = 0; i < f->size; i += 8)
		st_64(host + i, ~ld_64(f->array + i));
	free(f->array);
	f->array = host;
	f->flip = 0;
	f->base = base;
	return 0;
}

/* What is on its way to the back end is there before that is saved or handed over. */
static void flash_quiesce(struct dev *d)
{
	struct cfi_flash *f = DEV_STATE(struct cfi_flash, d);

	persist(f);
	if (f->block)
		block_drain(f->block);
}

static void flash_reset(struct dev *d, enum reset_kind kind)
{
	settle_stopped(DEV_STATE(struct cfi_flash, d));
}

/* The pages behind what the back end holds that may have something in them. */
#define for_each_held(f, off)								\
	for (uint64_t off = (f)->backed + align_down(MAX((f)->held.lo, (f)->backed) -	\
						     (f)->backed, MEM_PAGE_SIZE);	\
	     off < (f)->held.hi; off += MEM_PAGE_SIZE)

static size_t rest_of_page(const struct cfi_flash *f, uint64_t off)
{
	return MIN(f->size - off, (uint64_t)MEM_PAGE_SIZE);
}

static int flash_loaded(struct dev *d, struct err *e)
{
	struct cfi_flash *f = DEV_STATE(struct cfi_flash, d);

	if (f->mode >= NR_MODES)
		return err_set(e, EINVAL, "mode %u does not exist", f->mode);
	if (f->buf_base != UINT32_MAX &&
	    (f->buf_base % BUFFER_SIZE || f->buf_base >= f->size))
		return err_set(e, EINVAL, "the write buffer lies outside the bank");
	if (f->mode == BUFFER_DATA && (!f->buf_left || f->buf_left > BUFFER_SIZE / f->width))
		return err_set(e, EINVAL, "the write buffer's count is out of range");
	if (f->mode == BUFFER_CONFIRM && f->buf_base == UINT32_MAX)
		return err_set(e, EINVAL, "the write buffer has no address");
	f->unmarked = (struct range){ 0, f->size };
	settle_stopped(f);
	f->stale = f->backed && f->flip;
	for_each_held(f, off)
		memset(f->array + off, 0, rest_of_page(f, off));
	f->held = (struct range){ 0 };
	return 0;
}

/*
 * The part of an array that is neither memory nor the back end's, by pages with something in them:
 * u64 offset, contents, both little-endian.
 */
static void flash_save_more(struct dev *d, struct state_buf *b)
{
	struct cfi_flash *f = DEV_STATE(struct cfi_flash, d);
	uint8_t head[8];

	for_each_held(f, off) {
		if (is_zeros(f->array + off, rest_of_page(f, off)))
			continue;
		st_le64(head, off);
		state_append(b, head, sizeof(head));
		state_append(b, f->array + off, rest_of_page(f, off));
	}
}

static int flash_load_more(struct dev *d, const uint8_t *data, size_t len, bool check,
			   struct err *e)
{
	struct cfi_flash *f = DEV_STATE(struct cfi_flash, d);

	for (size_t n = 0; len; data += n, len -= n) {
		uint64_t off = len < 8 ? f->size : ld_le64(data);

		if (off < f->backed || off >= f->size || (off - f->backed) % MEM_PAGE_SIZE ||
		    len - 8 < rest_of_page(f, off) || !f->flip)
			return err_set(e, EINVAL, "contents that do not fit the bank");
		n = 8 + rest_of_page(f, off);
		if (check)
			continue;
		memcpy(f->array + off, data + 8, n - 8);
		grow(&f->held, off, n - 8);
	}
	return 0;
}

static void flash_fini(struct dev *d)
{
	struct cfi_flash *f = DEV_STATE(struct cfi_flash, d);

	timer_fini(&f->timer);
	if (f->base != UINT64_MAX)
		space_unmap(d->machine->mmio, &f->region, d);
	persist(f);
	if (f->block)
		block_drain(f->block);
	if (f->unflushed)
		block_rw(f->block, BLOCK_FLUSH, 0, NULL, 0);
	if (f->flip)
		free(f->array);		/* else the machine's */
}

static void flash_fdt(struct dev *d, struct fdt *f)
{
	if (!d->space[0])
		return;
	fdt_dev_node(f, d, "flash", "cfi-flash");
	fdt_prop_u32(f, "bank-width", DEV_STATE(struct cfi_flash, d)->width);
	fdt_node_end(f);
}

const struct dev_type dev_cfi_flash = {
	.name = "cfi-flash",
	.help = "NOR flash, Intel command set",
	.size = sizeof(struct cfi_flash),
	.props = (const struct prop[]){
		PROP(struct cfi_flash, block, PROP_PTR, "what holds the contents", NULL),
		PROP(struct cfi_flash, width, PROP_U32, "bytes of the bus: 4 or 1", "4"),
		PROP(struct cfi_flash, sector, PROP_SIZE, "erase block, all chips", "256K"),
		PROP(struct cfi_flash, size, PROP_SIZE, "0: as the file's", "32M"),
		PROP_END },
	.regions = (const struct region[]){
		{ "array", BANK_SIZE, 1, 4, REGION_UNLOCKED, flash_read, flash_write } },
	.nr_regions = 1,
	.state = (const struct field[]){
		FIELD_SKIP(struct cfi_flash, array, "memory's, the back end's, or save_more"),
		FIELD_SKIP(struct cfi_flash, flip, "is it mapped?"),
		FIELD_SKIP(struct cfi_flash, backed, "from the back end"),
		FIELD(struct cfi_flash, mode), FIELD(struct cfi_flash, status),
		FIELD(struct cfi_flash, buf_base), FIELD(struct cfi_flash, buf_left),
		FIELD(struct cfi_flash, buf_bad), FIELD_BLOB(struct cfi_flash, buf),
		FIELD_SKIP(struct cfi_flash, unwritten, "on its way to the back end"),
		FIELD_SKIP(struct cfi_flash, unmarked, "everything is, after a restore"),
		FIELD_SKIP(struct cfi_flash, held, "as save_more says"),
		FIELD_SKIP(struct cfi_flash, timer, "of what is unwritten"),
		FIELD_SKIP(struct cfi_flash, unflushed, "on its way to the disk"),
		FIELD_SKIP(struct cfi_flash, flushing, "on its way to the disk"),
		FIELD_SKIP(struct cfi_flash, stale, "everything is, after a restore"),
		FIELD_SKIP(struct cfi_flash, flush, "on its way to the disk"),
		FIELD_SKIP(struct cfi_flash, region, "wiring"),
		FIELD_SKIP(struct cfi_flash, base, "wiring"),
		FIELD_END },
	.init = flash_init,
	.quiesce = flash_quiesce,
	.reset = flash_reset,
	.loaded = flash_loaded,
	.save_more = flash_save_more,
	.load_more = flash_load_more,
	.fini = flash_fini,
	.describe_fdt = flash_fdt,
};
