/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A CD-ROM or DVD-ROM drive (MMC-6, SPC-4) behind PACKET: one data track of blocks of
 * 2048 bytes, whatever the image is. Sections are of MMC-6 unless said otherwise.
 */
#include <errno.h>
#include <string.h>

#include "hw/block/ahci_int.h"

enum {
	TEST_UNIT_READY = 0x00, REQUEST_SENSE = 0x03, INQUIRY = 0x12, START_STOP = 0x1b,
	PREVENT_ALLOW = 0x1e, READ_CAPACITY = 0x25, READ_10 = 0x28, SEEK_10 = 0x2b,
	READ_TOC = 0x43, GET_CONFIGURATION = 0x46, GET_EVENT = 0x4a, READ_DISC_INFO = 0x51,
	MODE_SENSE_10 = 0x5a, READ_12 = 0xa8, SET_CD_SPEED = 0xbb, MECHANISM_STATUS = 0xbd,
};
enum { NOT_READY = 2, MEDIUM_ERROR = 3, ILLEGAL_REQUEST = 5, UNIT_ATTENTION = 6, ABORTED = 11 };
enum { BLOCK_BYTES = 2048, SECTORS = BLOCK_BYTES / BLOCK_SECTOR, CD_BLOCKS = 449850 };	/* 99:59 */
enum { PROFILE_CD_ROM = 0x08, PROFILE_DVD_ROM = 0x10 };

static uint64_t blocks(const struct ahci_port *p)
{
	return MIN(block_size(p->h.drive) / BLOCK_BYTES, UINT64_C(0xffffffff));
}

static bool has_medium(const struct ahci_port *p) { return !p->tray_open && blocks(p); }

static enum ata_result check(struct ahci_req *r, uint8_t key, uint8_t asc, uint8_t ascq)
{
	r->port->sense = (struct ata_sense){ key, asc, ascq };
	r->out.count = 3;		/* SATA: the phase is "status" */
	return ata_fail(r, (uint8_t)(key << 4 | (key == ILLEGAL_REQUEST || key == ABORTED ?
						 ATA_ABRT : 0)));
}

static enum ata_result bad_field(struct ahci_req *r)
{
	return check(r, ILLEGAL_REQUEST, 0x24, 0);
}

static enum ata_result mapped(struct ahci_req *r, int ret)
{
	/* data phase error */
	return ret == -EFAULT ? ATA_BUS_ERROR : check(r, ABORTED, 0x4b, 0);
}

/* As much of the reply as the command allows. */
static enum ata_result reply(struct ahci_req *r, const void *buf, unsigned len, unsigned allowed)
{
	int ret = ahci_reply(r, buf, MIN(len, allowed));

	return ret ? mapped(r, ret) : ATA_DONE;
}

static enum ata_result inquiry(struct ahci_req *r)
{
	static const uint8_t data[36] = { 0x05, 0x80, 0x05, 0x02, 31, 0, 0, 0,
		'A', 'M', 'B', 'I', ' ', ' ', ' ', ' ',
		'D', 'V', 'D', '-', 'R', 'O', 'M', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ',
		'1', '.', '0', ' ' };

	if (r->cdb[1] & 1 || r->cdb[2])
		return bad_field(r);
	return reply(r, data, sizeof(data), ld_be16(r->cdb + 3));
}

static enum ata_result request_sense(struct ahci_req *r)
{
	struct ahci_port *p = r->port;
	uint8_t data[18] = { 0x70 };
	struct ata_sense s = p->sense;

	if (!s.key && p->unit_attention)
		s = (struct ata_sense){ UNIT_ATTENTION, 0x29, 0 };
	if (s.key == UNIT_ATTENTION)
		p->unit_attention = false;
	data[2] = s.key;
	data[7] = sizeof(data) - 8;
	data[12] = s.asc;
	data[13] = s.ascq;
	p->sense = (struct ata_sense){ 0 };
	return reply(r, data, sizeof(data), r->cdb[4]);
}

static enum ata_result read_capacity(struct ahci_req *r)
{
	uint8_t data[8];

	st_be32(data, (uint32_t)blocks(r->port) - 1);
	st_be32(data + 4, BLOCK_BYTES);
	return reply(r, data, sizeof(data), sizeof(data));
}

static enum ata_result read_blocks(struct ahci_req *r, uint64_t lba, uint64_t n)
{
	struct ahci_port *p = r->port;
	int ret;

	if (n > blocks(p) || lba > blocks(p) - n)
		return check(r, ILLEGAL_REQUEST, 0x21, 0);	/* address out of range */
	if (!n)
		return ATA_DONE;
	ret = ahci_map(r, n * BLOCK_BYTES, true);
	if (ret)
		return mapped(r, ret);
	r->io.op = BLOCK_READ;
	r->io.offset = lba * BLOCK_BYTES;
	r->io.bytes = n * BLOCK_BYTES;
	r->io.iov = r->sg.iov;
	r->io.nr_iov = r->sg.nr;
	return ATA_SUBMIT;
}

static void put_address(uint8_t *at, uint64_t lba, bool msf)
{
	uint64_t f = lba + 150;

	if (!msf) {
		st_be32(at, (uint32_t)lba);
		return;
	}
	at[0] = 0;
	at[1] = (uint8_t)MIN(f / 75 / 60, UINT64_C(255));
	at[2] = (uint8_t)(f / 75 % 60);
	at[3] = (uint8_t)(f % 75);
}

/* 6.25 */
static enum ata_result read_toc(struct ahci_req *r)
{
	const uint8_t *cdb = r->cdb;
	unsigned format = cdb[2] & 15, first = cdb[6], n = 4;
	bool msf = cdb[1] & 2;
	uint8_t data[20] = { 0, 0, 1, 1 };

	if (!format)
		format = cdb[9] >> 6;	/* where older drivers put it */
	if (format > 1 || (!format && first > 1 && first != 0xaa))
		return bad_field(r);
	if (format == 1 || first <= 1) {
		data[n + 1] = 0x14;	/* data track */
		data[n + 2] = 1;
		put_address(data + n + 4, 0, msf);
		n += 8;
	}
	if (!format) {
		data[n + 1] = 0x14;
		data[n + 2] = 0xaa;	/* lead-out */
		put_address(data + n + 4, blocks(r->port), msf);
		n += 8;
	}
	st_be16(data, (uint16_t)(n - 2));
	return reply(r, data, n, ld_be16(cdb + 7));
}

/* 5.3: features, in the order of their numbers */
static enum ata_result get_configuration(struct ahci_req *r)
{
	struct ahci_port *p = r->port;
	unsigned profile = !has_medium(p) ? 0 : blocks(p) > CD_BLOCKS ? PROFILE_DVD_ROM :
									PROFILE_CD_ROM;
	const bool cd = profile == PROFILE_CD_ROM, dvd = profile == PROFILE_DVD_ROM;
	const struct {
		uint16_t code;
		uint8_t version;	/* and whether it is persistent */
		uint8_t current, len, data[8];
	} features[] = {
		{ 0x0000, 2, 1, 8, { 0, PROFILE_DVD_ROM, dvd, 0, 0, PROFILE_CD_ROM, cd, 0 } },
		/* core: serial ATA; removable: tray, eject, lock; random readable; CD; DVD */
		{ 0x0001, 2 << 2 | 2, 1, 8, { 0, 0, 0, 8, 1, 0, 0, 0 } },
		{ 0x0003, 2 << 2 | 2, 1, 4, { 0x29, 0, 0, 0 } },
		{ 0x0010, 0, profile != 0, 8, { 0, 0, 8, 0, 0, 1, 1, 0 } },
		{ 0x001e, 2 << 2, cd, 4, { 0, 0, 0, 0 } },
		{ 0x001f, 0, dvd, 0, { 0 } },
	};
	unsigned how = r->cdb[1] & 3, from = ld_be16(r->cdb + 2), n = 8;
	uint8_t data[8 + 6 * 12] = { 0 };

	if (how == 3)
		return bad_field(r);
	for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
		if (how == 2 ? features[i].code != from :
		    features[i].code < from || (how == 1 && !features[i].current))
			continue;
		st_be16(data + n, features[i].code);
		data[n + 2] = features[i].version | features[i].current;
		data[n + 3] = features[i].len;
		memcpy(data + n + 4, features[i].data, features[i].len);
		n += 4u + features[i].len;
	}
	st_be32(data, n - 4);
	st_be16(data + 6, (uint16_t)profile);
	return reply(r, data, n, ld_be16(r->cdb + 7));
}

/* 6.6: polled; of the media class only */
static enum ata_result get_event(struct ahci_req *r)
{
	struct ahci_port *p = r->port;
	uint8_t data[8] = { 0, 2, 0x80, 1 << 4 };
	unsigned n = 4;

	if (!(r->cdb[1] & 1))
		return bad_field(r);
	if (r->cdb[4] & 1 << 4) {
		n = 8;
		data[1] = 6;
		data[2] = 4;
		data[4] = p->media_event ? (has_medium(p) ? 2 : 3) : 0;	/* new medium, removed */
		data[5] = (uint8_t)((p->tray_open ? 1 : 0) | (has_medium(p) ? 2 : 0));
		if (ld_be16(r->cdb + 7) >= n)
			p->media_event = false;
	}
	return reply(r, data, n, ld_be16(r->cdb + 7));
}

/* SPC-4 6.14; pages: error recovery, capabilities (MMC-3 5.5.10) */
static enum ata_result mode_sense(struct ahci_req *r)
{
	static const uint8_t recovery[8] = { 0x01, 6, 0, 5 };
	uint8_t caps[20] = { 0x2a, 18, 0x3b, 0, 0x70, 0, 0x29, 0 };
	unsigned page = r->cdb[2] & 0x3f, control = r->cdb[2] >> 6, n = 8;
	uint8_t data[8 + sizeof(recovery) + sizeof(caps)] = { 0 };

	if (control == 3)
		return check(r, ILLEGAL_REQUEST, 0x39, 0);	/* nothing is saved */
	if (page != 0x01 && page != 0x2a && page != 0x3f)
		return bad_field(r);
	caps[6] |= r->port->locked ? 2 : 0;
	if (page != 0x2a) {
		memcpy(data + n, recovery, control == 1 ? 2 : sizeof(recovery));
		n += sizeof(recovery);
	}
	if (page != 0x01) {
		memcpy(data + n, caps, control == 1 ? 2 : sizeof(caps));
		n += sizeof(caps);
	}
	st_be16(data, (uint16_t)(n - 2));
	data[2] = has_medium(r->port) ? 0x01 : 0x70;
	return reply(r, data, n, ld_be16(r->cdb + 7));
}

static enum ata_result mechanism_status(struct ahci_req *r)
{
	uint8_t data[8] = { 0, r->port->tray_open ? 0x10 : 0 };

	return reply(r, data, sizeof(data), ld_be16(r->cdb + 8));
}

/* 6.22: one closed session */
static enum ata_result read_disc_info(struct ahci_req *r)
{
	uint8_t data[34] = { 0, 32, 0x0e, 1, 1, 1, 1, 0x20 };

	if (r->cdb[1] & 7)
		return bad_field(r);
	memset(data + 16, 0xff, 8);	/* no lead-in or lead-out of a next session */
	return reply(r, data, sizeof(data), ld_be16(r->cdb + 7));
}

static enum ata_result start_stop(struct ahci_req *r)
{
	struct ahci_port *p = r->port;
	bool open = !(r->cdb[4] & 1);

	if (!(r->cdb[4] & 2))
		return ATA_DONE;
	if (open && p->locked)
		return check(r, ILLEGAL_REQUEST, 0x53, 2);	/* removal prevented */
	if (p->tray_open != open) {
		p->tray_open = open;
		p->media_event = true;
	}
	return ATA_DONE;
}

/* Commands that a drive answers without looking whether a medium is there. */
static enum ata_result drive_command(struct ahci_req *r)
{
	switch (r->cdb[0]) {
	case INQUIRY: return inquiry(r);
	case REQUEST_SENSE: return request_sense(r);
	case GET_CONFIGURATION: return get_configuration(r);
	case GET_EVENT: return get_event(r);
	case MODE_SENSE_10: return mode_sense(r);
	case MECHANISM_STATUS: return mechanism_status(r);
	case START_STOP: return start_stop(r);
	case PREVENT_ALLOW:
		r->port->locked = r->cdb[4] & 1;
		return ATA_DONE;
	case SET_CD_SPEED: return ATA_DONE;
	default: return check(r, ILLEGAL_REQUEST, 0x20, 0);	/* unknown command */
	}
}

static enum ata_result medium_command(struct ahci_req *r)
{
	const uint8_t *cdb = r->cdb;

	switch (cdb[0]) {
	case READ_CAPACITY: return read_capacity(r);
	case READ_10: return read_blocks(r, ld_be32(cdb + 2), ld_be16(cdb + 7));
	case READ_12: return read_blocks(r, ld_be32(cdb + 2), ld_be32(cdb + 6));
	case READ_TOC: return read_toc(r);
	case READ_DISC_INFO: return read_disc_info(r);
	case SEEK_10:
		return ld_be32(cdb + 2) < blocks(r->port) ? ATA_DONE :
							    check(r, ILLEGAL_REQUEST, 0x21, 0);
	default: return ATA_DONE;	/* TEST UNIT READY */
	}
}

static bool needs_medium(uint8_t op)
{
	static const uint8_t ops[] = { TEST_UNIT_READY, READ_CAPACITY, READ_10, READ_12, READ_TOC,
				       READ_DISC_INFO, SEEK_10 };

	return memchr(ops, op, sizeof(ops)) != NULL;
}

enum ata_result atapi_start(struct ahci_req *r)
{
	struct ahci_port *p = r->port;
	uint8_t op = r->cdb[0];

	r->atapi_cmd = true;
	r->pio_in = !(r->in.features & 1);
	r->out.count = 3;
	p->standby = false;
	if (p->unit_attention && op != INQUIRY && op != REQUEST_SENSE && op != GET_EVENT &&
	    op != GET_CONFIGURATION) {
		p->unit_attention = false;
		return check(r, UNIT_ATTENTION, 0x29, 0);	/* power on or reset */
	}
	if (op != REQUEST_SENSE)
		p->sense = (struct ata_sense){ 0 };
	if (!needs_medium(op))
		return drive_command(r);
	if (!has_medium(p))
		return check(r, NOT_READY, 0x3a, p->tray_open ? 2 : 1);	/* no medium; tray */
	return medium_command(r);
}

enum ata_result atapi_next(struct ahci_req *r, int ret)
{
	if (ret)
		return check(r, MEDIUM_ERROR, 0x11, 0);		/* unrecovered read error */
	r->moved = r->io.bytes;
	return ATA_DONE;
}
