/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An ATA disk (ACS-3): what a command does, from the task file to its end. Sectors are
 * of 512 bytes; the volatile cache is the back end's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/block/ahci_int.h"

enum {
	NOP = 0x00, DATA_SET_MANAGEMENT = 0x06, DEVICE_RESET = 0x08, RECALIBRATE = 0x10,
	READ_SECTORS = 0x20, READ_SECTORS_NR = 0x21, READ_SECTORS_EXT = 0x24, READ_DMA_EXT = 0x25,
	READ_NATIVE_MAX_EXT = 0x27, READ_MULTIPLE_EXT = 0x29, READ_LOG_EXT = 0x2f,
	WRITE_SECTORS = 0x30, WRITE_SECTORS_NR = 0x31, WRITE_SECTORS_EXT = 0x34,
	WRITE_DMA_EXT = 0x35, WRITE_MULTIPLE_EXT = 0x39, WRITE_DMA_FUA_EXT = 0x3d,
	READ_VERIFY = 0x40, READ_VERIFY_NR = 0x41, READ_VERIFY_EXT = 0x42, READ_LOG_DMA_EXT = 0x47,
	READ_FPDMA = 0x60, WRITE_FPDMA = 0x61, SEEK = 0x70, DIAGNOSTIC = 0x90,
	INIT_PARAMETERS = 0x91, PACKET = 0xa0, IDENTIFY_PACKET = 0xa1, SMART = 0xb0,
	READ_MULTIPLE = 0xc4, WRITE_MULTIPLE = 0xc5, SET_MULTIPLE = 0xc6, READ_DMA = 0xc8,
	READ_DMA_NR = 0xc9, WRITE_DMA = 0xca, WRITE_DMA_NR = 0xcb, WRITE_MULTIPLE_FUA_EXT = 0xce,
	STANDBY_IMMEDIATE = 0xe0, IDLE_IMMEDIATE = 0xe1, STANDBY = 0xe2, IDLE = 0xe3,
	CHECK_POWER = 0xe5, SLEEP = 0xe6, FLUSH = 0xe7, FLUSH_EXT = 0xea, IDENTIFY = 0xec,
	SET_FEATURES = 0xef, READ_NATIVE_MAX = 0xf8,
};

enum { EXT = 1, WRITE = 2, PIO = 4, FUA = 8, NCQ = 16, VERIFY = 32 };

/* Commands that move sectors. */
static const struct { uint8_t command, how; } transfers[] = {
	{ READ_SECTORS, PIO }, { READ_SECTORS_NR, PIO }, { READ_MULTIPLE, PIO },
	{ READ_SECTORS_EXT, PIO | EXT }, { READ_MULTIPLE_EXT, PIO | EXT },
	{ READ_DMA, 0 }, { READ_DMA_NR, 0 }, { READ_DMA_EXT, EXT },
	{ WRITE_SECTORS, WRITE | PIO }, { WRITE_SECTORS_NR, WRITE | PIO },
	{ WRITE_MULTIPLE, WRITE | PIO }, { WRITE_SECTORS_EXT, WRITE | PIO | EXT },
	{ WRITE_MULTIPLE_EXT, WRITE | PIO | EXT },
	{ WRITE_MULTIPLE_FUA_EXT, WRITE | PIO | EXT | FUA },
	{ WRITE_DMA, WRITE }, { WRITE_DMA_NR, WRITE }, { WRITE_DMA_EXT, WRITE | EXT },
	{ WRITE_DMA_FUA_EXT, WRITE | EXT | FUA },
	{ READ_FPDMA, EXT | NCQ }, { WRITE_FPDMA, WRITE | EXT | NCQ },
	{ READ_VERIFY, VERIFY }, { READ_VERIFY_NR, VERIFY }, { READ_VERIFY_EXT, VERIFY | EXT },
};

static uint64_t sectors(const struct ahci_port *p) { return block_size(p->h.drive) / BLOCK_SECTOR; }

enum ata_result ata_fail(struct ahci_req *r, uint8_t error)
{
	r->out.status = ATA_READY | ATA_ERR;
	r->out.error = error;
	return ATA_DONE;
}

static enum ata_result mapped(struct ahci_req *r, int ret)
{
	switch (ret) {
	case 0: return ATA_SUBMIT;
	case -EFAULT: return ATA_BUS_ERROR;
	default: return ata_fail(r, ATA_ABRT);
	}
}

static enum ata_result reply(struct ahci_req *r, const void *buf, uint32_t len)
{
	int ret = ahci_reply(r, buf, len);

	r->pio_in = r->in.command != READ_LOG_DMA_EXT;
	return ret ? mapped(r, ret) : ATA_DONE;
}

static enum ata_result flush(struct ahci_req *r)
{
	r->io.op = BLOCK_FLUSH;
	r->io.offset = r->io.bytes = 0;
	r->io.nr_iov = 0;
	return ATA_SUBMIT;
}

/* ---- sectors ---- */

static enum ata_result transfer(struct ahci_req *r, unsigned how)
{
	struct ahci_port *p = r->port;
	uint64_t lba = r->in.lba, n = how & NCQ ? r->in.features : r->in.count;
	int ret;

	if (!(how & EXT)) {
		lba = (lba & 0xffffff) | (uint64_t)(r->in.device & 15) << 24;
		n &= 0xff;
	}
	if (!n)
		n = how & EXT ? 0x10000 : 0x100;
	if (!(how & EXT) && !(r->in.device & 0x40))
		return ata_fail(r, ATA_ABRT);	/* cylinders and heads are of the past */
	if (n > sectors(p) || lba > sectors(p) - n)
		return ata_fail(r, ATA_IDNF);
	if (how & VERIFY)
		return ATA_DONE;
	if ((how & WRITE) && block_readonly(p->h.drive))
		return ata_fail(r, ATA_ABRT);
	ret = ahci_map(r, n * BLOCK_SECTOR, !(how & WRITE));
	if (ret)
		return mapped(r, ret);
	p->standby = false;
	r->pio_in = (how & PIO) && !(how & WRITE);
	r->then_flush = (how & WRITE) && block_has_flush(p->h.drive) &&
			((how & FUA) || ((how & NCQ) && (r->in.device & 0x80)) || p->cache_off);
	r->io.op = how & WRITE ? BLOCK_WRITE : BLOCK_READ;
	r->io.offset = lba * BLOCK_SECTOR;
	r->io.bytes = n * BLOCK_SECTOR;
	r->io.iov = r->sg.iov;
	r->io.nr_iov = r->sg.nr;
	return ATA_SUBMIT;
}

/* ---- TRIM (ACS-3, 7.5): ranges of 48 bits LBA, 16 bits length, one after the other ---- */

static enum ata_result trim_next(struct ahci_req *r)
{
	struct ahci_port *p = r->port;

	while (r->trim_at < r->trim_end) {
		uint64_t e = ld_le64(r->trim + 8 * r->trim_at++);
		uint64_t lba = e & mask_bits(48), n = e >> 48;

		if (!n)
			continue;
		if (n > sectors(p) || lba > sectors(p) - n)
			return ata_fail(r, ATA_IDNF);
		r->io.op = BLOCK_DISCARD;
		r->io.offset = lba * BLOCK_SECTOR;
		r->io.bytes = n * BLOCK_SECTOR;
		r->io.iov = NULL;
		r->io.nr_iov = 0;
		return ATA_SUBMIT;
	}
	return ATA_DONE;
}

static enum ata_result trim(struct ahci_req *r)
{
	struct ahci_port *p = r->port;
	unsigned n = r->in.count, at = 0;
	int ret;

	if ((r->in.features & 0xff) != 1 || !n || n > ATA_MAX_TRIM ||
	    !block_has_discard(p->h.drive))
		return ata_fail(r, ATA_ABRT);
	ret = ahci_map(r, n * BLOCK_SECTOR, false);
	if (!ret && !r->trim && !(r->trim = malloc(ATA_MAX_TRIM * BLOCK_SECTOR)))
		ret = -ENOMEM;
	if (ret)
		return mapped(r, ret);
	for (unsigned i = 0; i < r->sg.nr; i++) {
		memcpy(r->trim + at, r->sg.iov[i].iov_base, r->sg.iov[i].iov_len);
		at += (unsigned)r->sg.iov[i].iov_len;
	}
	r->moved = at;
	r->trim_at = 0;
	r->trim_end = at / 8;
	return trim_next(r);
}

enum ata_result ata_next(struct ahci_req *r, int ret)
{
	struct ahci_port *p = r->port;

	if (p->h.cdrom)
		return atapi_next(r, ret);
	if (ret)
		return ata_fail(r, r->io.op == BLOCK_READ ? ATA_UNC : ATA_ABRT);
	switch (r->io.op) {
	case BLOCK_DISCARD:
		return trim_next(r);
	case BLOCK_READ:
	case BLOCK_WRITE:
		r->moved = r->io.bytes;
		if (!r->then_flush)
			return ATA_DONE;
		r->then_flush = false;
		return flush(r);
	default:
		return ATA_DONE;
	}
}

/* ---- settings and reports ---- */

static enum ata_result set_features(struct ahci_req *r)
{
	struct ahci_port *p = r->port;
	uint8_t mode = (uint8_t)r->in.count;

	switch (r->in.features & 0xff) {
	case 0x02: p->cache_off = false; return ATA_DONE;
	case 0x82:
		p->cache_off = true;
		return p->h.cdrom || !block_has_flush(p->h.drive) ? ATA_DONE : flush(r);
	case 0x55: p->look_ahead_off = true; return ATA_DONE;
	case 0xaa: p->look_ahead_off = false; return ATA_DONE;
	case 0x03:			/* default PIO, PIO, multiword DMA, Ultra DMA */
		if (mode > 1 && (mode & 0xf8) != 0x08 && (mode & 0xf8) != 0x20 &&
		    (mode & 0xf8) != 0x40)
			break;
		p->xfer_mode = mode;
		return ATA_DONE;
	case 0x66: case 0xcc:		/* settings over a software reset: they are kept anyway */
		return ATA_DONE;
	}
	return ata_fail(r, ATA_ABRT);
}

static void checksum(uint8_t *page)
{
	uint8_t sum = 0;

	for (unsigned i = 0; i < 511; i++)
		sum = (uint8_t)(sum + page[i]);
	page[511] = (uint8_t)-sum;
}

/* 7.48: a disk that is well and has nothing to tell. */
static enum ata_result smart(struct ahci_req *r)
{
	struct ahci_port *p = r->port;
	uint8_t page[512] = { 0 };

	if ((r->in.lba >> 8 & 0xffff) != 0xc24f)
		return ata_fail(r, ATA_ABRT);
	switch (r->in.features & 0xff) {
	case 0xd8: p->smart_off = false; return ATA_DONE;
	case 0xd9: p->smart_off = true; return ATA_DONE;
	}
	if (p->smart_off)
		return ata_fail(r, ATA_ABRT);
	switch (r->in.features & 0xff) {
	case 0xd0:			/* data */
	case 0xd1:			/* thresholds */
		page[0] = 16;
		checksum(page);
		return reply(r, page, sizeof(page));
	case 0xd5:			/* log: directory, summary of errors, self-tests */
		if ((r->in.lba & 0xff) > 1 && (r->in.lba & 0xff) != 6)
			break;
		page[0] = 1;
		if (!(r->in.lba & 0xff))
			page[2] = page[12] = 1;
		else
			checksum(page);
		return reply(r, page, sizeof(page));
	case 0xd2: case 0xd4: case 0xda:	/* autosave, self-test now, status: good */
		return ATA_DONE;
	}
	return ata_fail(r, ATA_ABRT);
}

/* 7.24: the directory, and what the last NCQ error was. */
static enum ata_result read_log(struct ahci_req *r)
{
	struct ahci_port *p = r->port;
	uint8_t page[512] = { 0 };
	unsigned log = r->in.lba & 0xff, at = (r->in.lba >> 8 & 0xff) | (r->in.lba >> 24 & 0xff00);

	if (r->in.count != 1 || at)
		return ata_fail(r, ATA_ABRT);
	if (log == 0) {
		st_le16(page, 1);
		st_le16(page + 2 * 0x10, 1);
	} else if (log == 0x10) {
		memcpy(page, p->ncq_log, sizeof(p->ncq_log));
		checksum(page);
	} else {
		return ata_fail(r, ATA_ABRT);
	}
	return reply(r, page, sizeof(page));
}

static enum ata_result native_max(struct ahci_req *r, bool ext)
{
	uint64_t last = sectors(r->port) - 1;

	if (!ext)
		last = MIN(last, UINT64_C(0xfffffff));
	r->out.lba = ext ? last : last & 0xffffff;
	if (!ext)
		r->out.device = (uint8_t)((r->in.device & 0xf0) | last >> 24);
	return ATA_DONE;
}

/* ---- commands that both kinds of device have ---- */

static enum ata_result identify(struct ahci_req *r, bool packet)
{
	struct ahci_port *p = r->port;
	uint8_t buf[512];

	if (packet != p->h.cdrom) {
		/* a driver that asks for the wrong one learns which it is (7.12) */
		if (p->h.cdrom)
			ata_signature(p, &r->out);
		return ata_fail(r, ATA_ABRT);
	}
	if (packet)
		atapi_identify(p, buf);
	else
		ata_identify(p, buf);
	return reply(r, buf, sizeof(buf));
}

static enum ata_result common(struct ahci_req *r)
{
	struct ahci_port *p = r->port;

	switch (r->in.command) {
	case IDENTIFY: return identify(r, false);
	case IDENTIFY_PACKET: return identify(r, true);
	case SET_FEATURES: return set_features(r);
	case DIAGNOSTIC:
		ata_signature(p, &r->out);
		r->out.error = 1;
		return ATA_DONE;
	case STANDBY_IMMEDIATE: case STANDBY: case SLEEP:
		p->standby = true;
		return p->h.cdrom || !block_has_flush(p->h.drive) ? ATA_DONE : flush(r);
	case IDLE_IMMEDIATE: case IDLE:
		p->standby = false;
		return ATA_DONE;
	case CHECK_POWER:
		r->out.count = p->standby ? 0x00 : 0xff;
		return ATA_DONE;
	default:
		return ata_fail(r, ATA_ABRT);
	}
}

static enum ata_result disk(struct ahci_req *r)
{
	struct ahci_port *p = r->port;

	switch (r->in.command) {
	case FLUSH: case FLUSH_EXT:
		return block_has_flush(p->h.drive) ? flush(r) : ATA_DONE;
	case DATA_SET_MANAGEMENT: return trim(r);
	case SMART: return smart(r);
	case READ_LOG_EXT: case READ_LOG_DMA_EXT: return read_log(r);
	case READ_NATIVE_MAX: return native_max(r, false);
	case READ_NATIVE_MAX_EXT: return native_max(r, true);
	case RECALIBRATE: case SEEK: case INIT_PARAMETERS:
		return ATA_DONE;
	case SET_MULTIPLE:
		if (r->in.count > 16 || (r->in.count & (r->in.count - 1)))
			return ata_fail(r, ATA_ABRT);
		p->multiple = (uint8_t)r->in.count;
		return ATA_DONE;
	default:
		return common(r);
	}
}

enum ata_result ata_start(struct ahci_req *r)
{
	struct ahci_port *p = r->port;

	if (p->h.cdrom) {
		if (r->in.command == PACKET)
			return atapi_start(r);
		if (r->in.command == DEVICE_RESET) {
			ata_device_reset(p, true);
			ata_signature(p, &r->out);
			return ATA_DONE;
		}
		return common(r);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(transfers); i++)
		if (transfers[i].command == r->in.command)
			return transfer(r, transfers[i].how);
	return disk(r);
}

void ata_signature(const struct ahci_port *p, struct ata_tf *tf)
{
	tf->count = 1;
	tf->lba = p->h.cdrom ? 0xeb1401 : 1;
	tf->device = 0;
}

void ata_device_reset(struct ahci_port *p, bool soft)
{
	memset(p->ncq_log, 0, sizeof(p->ncq_log));
	if (!soft) {
		p->multiple = 0;
		p->xfer_mode = 0x46;	/* UDMA 6 */
		p->cache_off = p->look_ahead_off = p->smart_off = false;
	}
	p->standby = false;
	p->sense = (struct ata_sense){ 0 };
	p->unit_attention = p->media_event = p->h.cdrom;
	p->locked = false;
}
