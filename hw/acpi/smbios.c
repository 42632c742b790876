/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMBIOS 3.0 (DMTF DSP0134). One entry point of 64 bits: SeaBIOS from 1.16 and OVMF take it
 * from fw_cfg, and put in where the structures come to lie.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/acpi/aml_internal.h"
#include "hw/acpi/tables.h"
#include "hw/misc/fw_cfg.h"
#include "util/bits.h"

#define ANCHOR_SIZE 24
#define MAX_LEN	    0x60		/* of a structure's formatted part here */
#define MAX_STRINGS 6
#define NO_HANDLE   0xffff

/* The machine's, not the program's: guests see it, and they move between versions. */
#define OWN_VERSION "1"

/* Handles: 256 for each type, as many vendors number them. */
#define HANDLE(type, n) ((uint16_t)((type) << 8 | (n)))

struct smb {			/* structures, and the one being written */
	struct aml out;
	uint8_t s[MAX_LEN];
	unsigned len;
	const char *string[MAX_STRINGS];
	unsigned nr_strings;
	const struct smbios_config *c;
};

static void begin(struct smb *b, unsigned type, unsigned len, unsigned n)
{
	memset(b->s, 0, sizeof(b->s));
	b->s[0] = (uint8_t)type;
	b->s[1] = (uint8_t)len;
	st_le16(b->s + 2, HANDLE(type, n));
	b->len = len;
	b->nr_strings = 0;
}

/* A string's number in the field at off; 0 (no string) where it is empty. */
static void string(struct smb *b, unsigned off, const char *s)
{
	if (!s || !*s)
		return;
	if (b->nr_strings == MAX_STRINGS)
		abort();
	b->string[b->nr_strings++] = s;
	b->s[off] = (uint8_t)b->nr_strings;
}

static void end(struct smb *b)
{
	aml_raw(&b->out, b->s, b->len);
	for (unsigned i = 0; i < b->nr_strings; i++)
		aml_raw(&b->out, b->string[i], strlen(b->string[i]) + 1);
	aml_raw(&b->out, "\0", b->nr_strings ? 1 : 2);
}

static const char *or_own(const char *s, const char *own)
{
	return s ? s : own;
}

static void write_bios(struct smb *b)			/* 7.1 */
{
	begin(b, 0, 0x18, 0);
	string(b, 0x04, "ambi");
	string(b, 0x05, OWN_VERSION);
	st_le16(b->s + 0x06, 0xe800);			/* segment */
	string(b, 0x08, "01/01/2026");
	st_le64(b->s + 0x0a, 1 << 3);			/* characteristics are not told */
	b->s[0x12] = 1;					/* ACPI */
	b->s[0x13] = 1 << 4;				/* a virtual machine */
	b->s[0x16] = b->s[0x17] = 0xff;			/* no embedded controller */
	end(b);
}

static void write_system(struct smb *b)			/* 7.2 */
{
	begin(b, 1, 0x1b, 0);
	string(b, 0x04, or_own(b->c->vendor, "ambi"));
	string(b, 0x05, or_own(b->c->product, "pc"));
	string(b, 0x06, or_own(b->c->version, OWN_VERSION));
	string(b, 0x07, b->c->serial);
	if (b->c->have_uuid) {
		/* The first three groups are little-endian here (7.2.1), ours are as in text. */
		static const uint8_t from[8] = { 3, 2, 1, 0, 5, 4, 7, 6 };

		memcpy(b->s + 0x08, b->c->uuid, 16);
		for (unsigned i = 0; i < 8; i++)
			b->s[0x08 + i] = b->c->uuid[from[i]];
	}
	b->s[0x18] = 6;					/* woken up by the power switch */
	end(b);
}

static void write_chassis(struct smb *b)		/* 7.4 */
{
	begin(b, 3, 0x16, 0);
	string(b, 0x04, or_own(b->c->vendor, "ambi"));
	b->s[0x05] = 1;					/* other */
	string(b, 0x06, or_own(b->c->version, OWN_VERSION));
	string(b, 0x07, b->c->serial);
	b->s[0x09] = b->s[0x0a] = b->s[0x0b] = 3;	/* boot, supply, heat: safe */
	b->s[0x0c] = 2;					/* security: unknown */
	end(b);
}

static void write_processor(struct smb *b, unsigned socket)	/* 7.5 */
{
	enum { BITS_64 = 1 << 2, MANY_CORES = 1 << 3, HW_THREADS = 1 << 4 };
	unsigned cores = b->c->cores, threads = cores * b->c->threads;
	char name[16];

	snprintf(name, sizeof(name), "CPU %u", socket);
	begin(b, 4, 0x30, socket);
	string(b, 0x04, name);
	b->s[0x05] = 3;					/* central processor */
	b->s[0x06] = 1;					/* family: other */
	string(b, 0x07, or_own(b->c->vendor, "ambi"));
	string(b, 0x10, or_own(b->c->version, OWN_VERSION));
	b->s[0x18] = 0x41;				/* socket populated, enabled */
	b->s[0x19] = 1;					/* upgrade: other */
	st_le16(b->s + 0x1a, NO_HANDLE);		/* caches */
	st_le16(b->s + 0x1c, NO_HANDLE);
	st_le16(b->s + 0x1e, NO_HANDLE);
	b->s[0x23] = b->s[0x24] = (uint8_t)MIN(cores, 255u);
	b->s[0x25] = (uint8_t)MIN(threads, 255u);
	st_le16(b->s + 0x26, (uint16_t)(BITS_64 | (cores > 1 ? MANY_CORES : 0) |
					(threads > cores ? HW_THREADS : 0)));
	st_le16(b->s + 0x28, 1);			/* family 2: other */
	st_le16(b->s + 0x2a, (uint16_t)cores);
	st_le16(b->s + 0x2c, (uint16_t)cores);
	st_le16(b->s + 0x2e, (uint16_t)threads);
	end(b);
}

static void write_memory(struct smb *b)
{
	uint64_t size = b->c->ram_low + b->c->ram_high, mib = size >> 20, kib = size >> 10;

	begin(b, 16, 0x17, 0);				/* 7.17 */
	b->s[0x04] = 1;					/* other */
	b->s[0x05] = 3;					/* system memory */
	b->s[0x06] = 6;					/* multi-bit ECC */
	st_le32(b->s + 0x07, kib < 0x80000000 ? (uint32_t)kib : 0x80000000);
	st_le16(b->s + 0x0b, 0xfffe);			/* no error information */
	st_le16(b->s + 0x0d, 1);
	if (kib >= 0x80000000)
		st_le64(b->s + 0x0f, size);
	end(b);

	begin(b, 17, 0x28, 0);				/* 7.18 */
	st_le16(b->s + 0x04, HANDLE(16, 0));
	st_le16(b->s + 0x06, 0xfffe);
	st_le16(b->s + 0x08, 0xffff);			/* widths: unknown */
	st_le16(b->s + 0x0a, 0xffff);
	/* Megabytes; from 32 GiB - 1 MiB on in the extended field. */
	st_le16(b->s + 0x0c, (uint16_t)MIN(mib, (uint64_t)0x7fff));
	b->s[0x0e] = 9;					/* DIMM */
	string(b, 0x10, "DIMM 0");
	b->s[0x12] = 7;					/* RAM */
	st_le16(b->s + 0x13, 1 << 1);			/* other */
	string(b, 0x17, or_own(b->c->vendor, "ambi"));
	if (mib >= 0x7fff)
		st_le32(b->s + 0x1c, (uint32_t)mib);
	end(b);
}

static void write_range(struct smb *b, unsigned n, uint64_t first, uint64_t size)	/* 7.20 */
{
	uint64_t last = first + size - 1;

	begin(b, 19, 0x1f, n);
	if (last >> 10 < UINT32_MAX) {
		st_le32(b->s + 0x04, (uint32_t)(first >> 10));
		st_le32(b->s + 0x08, (uint32_t)(last >> 10));
	} else {
		st_le32(b->s + 0x04, UINT32_MAX);
		st_le32(b->s + 0x08, UINT32_MAX);
		st_le64(b->s + 0x0f, first);
		st_le64(b->s + 0x17, last);
	}
	st_le16(b->s + 0x0c, HANDLE(16, 0));
	b->s[0x0e] = 1;					/* one device wide */
	end(b);
}

static void write_structures(struct smb *b)
{
	write_bios(b);
	write_system(b);
	write_chassis(b);
	for (unsigned i = 0; i < b->c->sockets; i++)
		write_processor(b, i);
	write_memory(b);
	write_range(b, 0, 0, b->c->ram_low);
	if (b->c->ram_high)
		write_range(b, 1, UINT64_C(1) << 32, b->c->ram_high);
	begin(b, 32, 0x0b, 0);				/* 7.33: no errors at boot */
	end(b);
	begin(b, 127, 4, 0);
	end(b);
}

static bool fine(const char *s)
{
	return !s || strlen(s) <= 255;
}

static int check_config(const struct smbios_config *c, struct err *e)
{
	if (!c->sockets || c->sockets > 256 || !c->cores || !c->threads || c->cores > 4096 ||
	    c->threads > 16)
		return err_set(e, EINVAL, "SMBIOS: %u sockets of %u cores of %u threads",
			       c->sockets, c->cores, c->threads);
	if (!c->ram_low || c->ram_low > UINT64_C(1) << 32 || c->ram_high > UINT64_C(1) << 52)
		return err_set(e, EINVAL, "SMBIOS: bad sizes of memory");
	if (!fine(c->vendor) || !fine(c->product) || !fine(c->version) || !fine(c->serial))
		return err_set(e, EINVAL, "SMBIOS: a string of more than 255 bytes");
	return 0;
}

/* 5.2.2. The anchor with the structures' address. */
static void set_anchor(uint8_t *a, size_t size, uint64_t at)
{
	uint8_t sum = 0;

	memset(a, 0, ANCHOR_SIZE);
	memcpy(a, "_SM3_", 5);
	a[6] = ANCHOR_SIZE;
	a[7] = 3;
	a[10] = 1;					/* revision of the entry point */
	st_le32(a + 12, (uint32_t)size);
	st_le64(a + 16, at);
	for (unsigned i = 0; i < ANCHOR_SIZE; i++)
		sum = (uint8_t)(sum + a[i]);
	a[5] = (uint8_t)-sum;
}

int smbios_build(const struct smbios_config *c, struct smbios_tables *out, struct err *e)
{
	struct smb b = { .c = c };
	int rc = check_config(c, e);

	memset(out, 0, sizeof(*out));
	if (rc)
		return rc;
	aml_start(&b.out);
	write_structures(&b);
	rc = aml_finish(&b.out, e);
	out->tables = (struct acpi_blob){ b.out.buf, b.out.len };
	out->anchor = (struct acpi_blob){ malloc(ANCHOR_SIZE), ANCHOR_SIZE };
	if (!rc && !out->anchor.data)
		rc = err_errno(e, ENOMEM, "SMBIOS");
	if (rc)
		smbios_free(out);
	else
		set_anchor(out->anchor.data, out->tables.size, 0);
	return rc;
}

void smbios_free(struct smbios_tables *t)
{
	free(t->anchor.data);
	free(t->tables.data);
	memset(t, 0, sizeof(*t));
}

int smbios_to_fw_cfg(const struct smbios_tables *t, struct dev *fw_cfg, struct err *e)
{
	int rc = fw_cfg_add_file(fw_cfg, "etc/smbios/smbios-tables", t->tables.data,
				 t->tables.size, e);

	if (!rc)
		rc = fw_cfg_add_file(fw_cfg, "etc/smbios/smbios-anchor", t->anchor.data,
				     t->anchor.size, e);
	return rc;
}

int smbios_place(const struct smbios_tables *t, struct mem *mem, gpa_t anchor_at, gpa_t at,
		 struct err *e)
{
	uint8_t anchor[ANCHOR_SIZE];

	if (!at)
		at = align_up(anchor_at + ANCHOR_SIZE, 16);
	set_anchor(anchor, t->tables.size, at);
	if (mem_write(mem, anchor_at, anchor, sizeof(anchor), true) ||
	    mem_write(mem, at, t->tables.data, t->tables.size, true))
		return err_set(e, EFAULT, "SMBIOS: no memory at %#llx or %#llx",
			       (unsigned long long)anchor_at, (unsigned long long)at);
	return 0;
}
