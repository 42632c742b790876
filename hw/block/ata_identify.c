/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a drive says of itself: IDENTIFY (PACKET) DEVICE, ACS-3 7.12 and 7.13. Words. */
#include <stdio.h>
#include <string.h>

#include "hw/block/ahci_int.h"

static void word(uint8_t *buf, unsigned n, unsigned v) { st_le16(buf + 2 * n, (uint16_t)v); }

/* Characters of a word are swapped; padded with spaces. */
static void text(uint8_t *buf, unsigned first, unsigned words, const char *s)
{
	size_t len = strlen(s);

	for (unsigned i = 0; i < 2 * words; i++)
		buf[2 * first + (i ^ 1)] = i < len ? (uint8_t)s[i] : ' ';
}

static void names(const struct ahci_port *p, uint8_t *buf, const char *model)
{
	char serial[21];

	snprintf(serial, sizeof(serial), "AMBI%05u", p->h.nr + 1);
	text(buf, 10, 10, serial);
	text(buf, 23, 4, "1.0");
	text(buf, 27, 20, model);
}

static void finish(uint8_t *buf)
{
	uint8_t sum = 0;

	buf[510] = 0xa5;
	for (unsigned i = 0; i < 511; i++)
		sum = (uint8_t)(sum + buf[i]);
	buf[511] = (uint8_t)-sum;
}

static void transfer_modes(const struct ahci_port *p, uint8_t *buf)
{
	unsigned m = p->xfer_mode;

	word(buf, 49, 0x0f00);				/* DMA, LBA, IORDY */
	word(buf, 53, 6);				/* words 64 to 70, and 88, hold */
	word(buf, 63, 0x07 | ((m & 0xf8) == 0x20 && (m & 7) < 3 ? 0x100u << (m & 7) : 0));
	word(buf, 64, 3);				/* PIO 3 and 4 */
	for (unsigned i = 65; i <= 68; i++)
		word(buf, i, 120);			/* ns a word */
	word(buf, 88, 0x7f | ((m & 0xf8) == 0x40 && (m & 7) < 7 ? 0x100u << (m & 7) : 0));
	word(buf, 76, 0x000e | (p->h.cdrom ? 0 : 0x0100));	/* 1.5, 3, 6 Gb/s; NCQ */
	word(buf, 77, 3 << 1);				/* runs at 6 Gb/s */
	word(buf, 80, 0x07f0);				/* ATA-4 to ACS-3 */
	word(buf, 222, 0x10ff);				/* serial, up to SATA 3.2 */
}

void ata_identify(const struct ahci_port *p, uint8_t *buf)
{
	struct block *b = p->h.drive;
	uint64_t n = block_size(b) / BLOCK_SECTOR, cyl = MIN(n / (16 * 63), UINT64_C(16383));
	unsigned physical = (unsigned)__builtin_ctz(MAX(block_alignment(b), 4096u) / BLOCK_SECTOR);
	bool discard = block_has_discard(b);

	memset(buf, 0, 512);
	names(p, buf, "AMBI DISK");
	transfer_modes(p, buf);
	word(buf, 0, 0x0040);				/* a fixed disk */
	word(buf, 1, (unsigned)cyl);
	word(buf, 3, 16);
	word(buf, 6, 63);
	word(buf, 47, 0x8010);				/* 16 sectors a PIO block */
	word(buf, 50, 0x4000);
	word(buf, 59, p->multiple ? 0x100u | p->multiple : 0);
	st_le32(buf + 2 * 60, (uint32_t)MIN(n, UINT64_C(0xfffffff)));
	word(buf, 75, AHCI_SLOTS - 1);
	/* SMART, power management, write cache, look-ahead; 48 bits, FLUSH CACHE; logs, FUA */
	word(buf, 82, 0x0069);
	word(buf, 83, 0x7400);
	word(buf, 84, 0x4060);
	word(buf, 85, 0x0008 | (p->smart_off ? 0 : 1) | (p->cache_off ? 0 : 0x20) |
			(p->look_ahead_off ? 0 : 0x40));
	word(buf, 86, 0x3400);
	word(buf, 87, 0x4060);
	st_le64(buf + 2 * 100, n);
	word(buf, 105, discard ? ATA_MAX_TRIM : 0);
	word(buf, 106, 0x6000 | physical);		/* 2^n logical sectors in a physical one */
	word(buf, 169, discard);
	word(buf, 217, 1);				/* does not turn */
	finish(buf);
}

void atapi_identify(const struct ahci_port *p, uint8_t *buf)
{
	memset(buf, 0, 512);
	names(p, buf, "AMBI DVD-ROM");
	transfer_modes(p, buf);
	word(buf, 0, 0x85c0);				/* CD-ROM, removable, packets of 12 bytes */
	word(buf, 82, 0x0218);				/* PACKET, power management, reset */
	word(buf, 83, 0x4000);
	word(buf, 84, 0x4000);
	word(buf, 85, 0x0218);
	word(buf, 87, 0x4000);
	finish(buf);
}
