/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the controller and its namespace say of themselves (5.15); offsets are bytes. */
#include <stdio.h>

#include "hw/block/nvme_int.h"

enum { CNS_NAMESPACE = 0, CNS_CONTROLLER = 1, CNS_ACTIVE = 2, CNS_DESCRIPTORS = 3 };
enum { SIZE = 4096 };

static void text(uint8_t *at, unsigned n, const char *s)
{
	size_t len = strlen(s);

	for (unsigned i = 0; i < n; i++)
		at[i] = i < len ? (uint8_t)s[i] : ' ';
}

/* The same for the same serial number, and locally assigned as an EUI-64. */
static uint64_t unique(const struct nvme *s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (const char *c = s->serial ? s->serial : s->dev.id; *c; c++)
		h = (h ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
	return h >> 8 | UINT64_C(2) << 56;
}

static void controller(const struct nvme *s, uint8_t *p)
{
	st_le16(p, ld_le16(s->fn.cfg + PCI_VENDOR_ID));
	st_le16(p + 2, ld_le16(s->fn.cfg + PCI_SUBSYSTEM_VENDOR_ID));
	text(p + 4, 20, s->serial ? s->serial : s->dev.id);
	text(p + 24, 40, "AMBI NVMe Disk");
	text(p + 64, 8, "1.0");
	p[72] = 6;			/* arbitration burst */
	p[77] = NVME_MDTS;
	st_le32(p + 80, 0x00010400);
	st_le32(p + 84, 0);		/* resume latency */
	p[111] = 1;			/* an I/O controller */
	p[258] = 3;			/* abort: commands at once, less 1 */
	p[259] = NVME_AERS - 1;
	p[260] = 1 << 1 | 1;		/* one firmware slot, read-only */
	p[261] = 1 << 2;		/* log pages take an offset */
	p[262] = 0;			/* one error log entry */
	st_le16(p + 266, 343);		/* warning and critical temperature, K */
	st_le16(p + 268, 363);
	p[512] = 0x66;			/* log2 of entry sizes, least and most */
	p[513] = 0x44;
	st_le32(p + 516, 1);		/* namespaces */
	st_le16(p + 520, (uint16_t)(1 << 3 | (block_has_discard(s->drive) ? 1 << 2 : 0)));
	p[525] = nvme_has_cache(s);	/* volatile write cache */
	snprintf((char *)p + 768, 256, "nqn.2026-11.org.ambi:nvme:%016llx",
		 (unsigned long long)unique(s));
	st_le16(p + 2048, 900);		/* power state 0: 9 W */
}

static void namespace(const struct nvme *s, uint8_t *p)
{
	uint64_t n = block_size(s->drive) / BLOCK_SECTOR;
	unsigned unit = MAX(block_alignment(s->drive), 4096u) / BLOCK_SECTOR - 1;

	st_le64(p, n);			/* size, capacity, use */
	st_le64(p + 8, n);
	st_le64(p + 16, n);
	p[24] = 1 << 4;			/* the preferences below hold */
	st_le16(p + 64, (uint16_t)unit);	/* write granularity and alignment, the same of
						 * deallocation; less 1 */
	st_le16(p + 66, (uint16_t)unit);
	st_le16(p + 68, (uint16_t)unit);
	st_le16(p + 70, (uint16_t)unit);
	p[99] = block_readonly(s->drive);	/* write-protected */
	st_be64(p + 120, unique(s));
	p[128 + 2] = 9;			/* the one format: sectors of 2^9 bytes, no metadata */
}

static void descriptors(const struct nvme *s, uint8_t *p)
{
	p[0] = 1;			/* EUI-64 */
	p[1] = 8;
	st_be64(p + 4, unique(s));
}

unsigned nvme_identify(struct nvme_req *r, const struct nvme_cmd *c)
{
	const struct nvme *s = r->sq->h.ctrl;
	uint8_t p[SIZE] = { 0 };

	switch (c->dw10 & 0xff) {
	case CNS_NAMESPACE:
		if (c->nsid != 1)
			return NVME_BAD_NAMESPACE;
		namespace(s, p);
		break;
	case CNS_CONTROLLER:
		controller(s, p);
		break;
	case CNS_ACTIVE:		/* above nsid */
		if (c->nsid >= 0xfffffffe)
			return NVME_BAD_NAMESPACE;
		st_le32(p, c->nsid ? 0 : 1);
		break;
	case CNS_DESCRIPTORS:
		if (c->nsid != 1)
			return NVME_BAD_NAMESPACE;
		descriptors(s, p);
		break;
	default:
		return NVME_BAD_FIELD;
	}
	return nvme_reply(r, c, p, SIZE, SIZE);
}
