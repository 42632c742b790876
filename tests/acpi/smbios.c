/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The structures, read as a guest reads them (DSP0134, 6.1). */
#include <errno.h>

#include "tests/acpi/sample.h"

struct seen { unsigned n[128]; const uint8_t *first[128], *last[128]; };

/* 0 where the structures fill the table exactly, end with type 127 and have their own handles. */
static int walk(const uint8_t *t, size_t size, struct seen *s)
{
	static uint8_t handles[65536];
	size_t at = 0;
	unsigned type = 0;

	memset(s, 0, sizeof(*s));
	memset(handles, 0, sizeof(handles));
	while (at < size) {
		const uint8_t *p = t + at;

		if (size - at < 6 || p[1] < 4 || p[1] > size - at - 2 || p[0] > 127)
			return -1;
		type = p[0];
		if (handles[ld_le16(p + 2)]++)
			return -2;
		if (!s->n[type]++)
			s->first[type] = p;
		s->last[type] = p;
		at += p[1];
		while (at + 1 < size && (t[at] || t[at + 1]))
			at++;
		if (at + 1 >= size)
			return -3;
		at += 2;
	}
	return type == 127 && s->n[127] == 1 ? 0 : -4;
}

/* The string that the field at off names; NULL: none. */
static const char *string(const uint8_t *p, unsigned off)
{
	const char *s = (const char *)p + p[1];

	for (unsigned i = 1; i < p[off]; i++)
		s += strlen(s) + 1;
	return p[off] ? s : NULL;
}

static bool is(const uint8_t *p, unsigned off, const char *want)
{
	const char *s = string(p, off);

	return want ? s && !strcmp(s, want) : !s;
}

static void test_sample(const struct sample *smp)
{
	static const uint8_t uuid[16] = { 0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66,
					  0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };
	struct smbios_config c = sample_smbios(smp);
	struct smbios_tables t;
	struct err e;
	struct seen s;

	CHECK(!smbios_build(&c, &t, &e), "%s", e.msg);
	CHECK_EQ(walk(t.tables.data, t.tables.size, &s), 0);
	CHECK_EQ(s.n[0], 1);
	CHECK_EQ(s.n[1], 1);
	CHECK_EQ(s.n[3], 1);
	CHECK_EQ(s.n[4], c.sockets);
	CHECK_EQ(s.n[16], 1);
	CHECK_EQ(s.n[17], 1);
	CHECK_EQ(s.n[19], c.ram_high ? 2 : 1);
	CHECK_EQ(s.n[32], 1);
	CHECK(is(s.first[0], 4, "ambi") && is(s.first[1], 4, "ambi"), "vendor");
	CHECK(is(s.first[1], 5, "pc") && is(s.first[1], 7, c.serial), "product, serial");
	CHECK(!memcmp(s.first[1] + 8, uuid, 16), "UUID");
	CHECK(is(s.last[4], 4, c.sockets == 2 ? "CPU 1" : "CPU 0"), "socket");
	CHECK_EQ(ld_le16(s.first[4] + 0x2a), c.cores);
	CHECK_EQ(ld_le16(s.first[4] + 0x2e), c.cores * c.threads);
	CHECK_EQ(ld_le32(s.first[16] + 7), smp->ram >> 10);
	CHECK_EQ(ld_le16(s.first[17] + 4), ld_le16(s.first[16] + 2));
	if (smp->ram >= 32 * GIB) {
		CHECK_EQ(ld_le16(s.first[17] + 12), 0x7fff);
		CHECK_EQ(ld_le32(s.first[17] + 28), smp->ram >> 20);
	} else {
		CHECK_EQ(ld_le16(s.first[17] + 12), smp->ram >> 20);
	}
	CHECK_EQ(ld_le32(s.first[19] + 8), (c.ram_low >> 10) - 1);
	if (c.ram_high) {
		CHECK_EQ(ld_le32(s.last[19] + 4), 4 << 20);
		CHECK_EQ(ld_le32(s.last[19] + 8), (4 << 20) + (c.ram_high >> 10) - 1);
	}
	smbios_free(&t);
	CHECK(!t.tables.data && !t.anchor.data, "freed");
}

/* Sizes that need the wider fields. */
static void test_large(void)
{
	struct smbios_config c = {
		.sockets = 1, .cores = 300, .threads = 2, .ram_low = 2 * GIB,
		.ram_high = 8192 * GIB, .vendor = "", .product = "box", .version = "7",
	};
	struct smbios_tables t;
	struct err e;
	struct seen s;

	CHECK(!smbios_build(&c, &t, &e), "%s", e.msg);
	CHECK_EQ(walk(t.tables.data, t.tables.size, &s), 0);
	CHECK_EQ(s.first[4][0x23], 255);
	CHECK_EQ(ld_le16(s.first[4] + 0x2a), 300);
	CHECK_EQ(ld_le16(s.first[4] + 0x2e), 600);
	CHECK_EQ(ld_le32(s.first[16] + 7), 0x80000000);
	CHECK_EQ(ld_le64(s.first[16] + 15), 8194 * GIB);
	CHECK_EQ(ld_le32(s.last[19] + 4), UINT32_MAX);
	CHECK_EQ(ld_le64(s.last[19] + 15), 4 * GIB);
	CHECK_EQ(ld_le64(s.last[19] + 23), 8196 * GIB - 1);
	CHECK(is(s.first[1], 4, NULL) && is(s.first[1], 5, "box") && is(s.first[1], 6, "7"), "own");
	for (unsigned i = 0; i < 16; i++)
		CHECK_EQ(s.first[1][8 + i], 0);
	smbios_free(&t);
}

/* 7.18.5: from 32 GiB - 1 MiB on, the size is in the extended field. */
static void test_module_size(void)
{
	for (uint64_t mib = 0x7ffe; mib <= 0x8000; mib++) {
		struct sample smp = { 1, 0, mib << 20 };
		struct smbios_config c = sample_smbios(&smp);
		struct smbios_tables t;
		struct err e;
		struct seen s;

		CHECK(!smbios_build(&c, &t, &e), "%s", e.msg);
		CHECK_EQ(walk(t.tables.data, t.tables.size, &s), 0);
		CHECK_EQ(ld_le16(s.first[17] + 12), MIN(mib, UINT64_C(0x7fff)));
		CHECK_EQ(ld_le32(s.first[17] + 28), mib < 0x7fff ? 0 : mib);
		smbios_free(&t);
	}
}

static void test_place(void)
{
	struct smbios_config c = sample_smbios(&samples[1]);
	struct bus *b = bus_new();
	struct smbios_tables t;
	uint8_t *anchor, sum = 0;

	CHECK(!smbios_build(&c, &t, &b->err), "%s", b->err.msg);
	CHECK(!smbios_place(&t, &b->m->mem, BUS_RAM, 0, &b->err), "%s", b->err.msg);
	anchor = mem_ptr(&b->m->mem, BUS_RAM, 24);
	for (unsigned i = 0; i < 24; i++)
		sum = (uint8_t)(sum + anchor[i]);
	CHECK_EQ(sum, 0);
	CHECK(!memcmp(anchor, "_SM3_", 5) && anchor[6] == 24 && anchor[7] == 3, "anchor");
	CHECK_EQ(ld_le32(anchor + 12), t.tables.size);
	CHECK_EQ(ld_le64(anchor + 16), BUS_RAM + 32);
	CHECK(!memcmp(mem_ptr(&b->m->mem, BUS_RAM + 32, t.tables.size), t.tables.data,
		      t.tables.size), "structures");
	CHECK(!smbios_place(&t, &b->m->mem, BUS_RAM, BUS_RAM + 0x1000, &b->err), "%s", b->err.msg);
	CHECK_EQ(ld_le64(anchor + 16), BUS_RAM + 0x1000);
	CHECK_EQ(smbios_place(&t, &b->m->mem, BUS_RAM, BUS_RAM + BUS_RAM_SIZE - 8, &b->err),
		 -EFAULT);
	smbios_free(&t);
	bus_free(b);
}

static void test_refused(void)
{
	char big[257];
	struct smbios_tables t;
	struct err e;

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	for (unsigned i = 0; i < 6; i++) {
		struct smbios_config c = sample_smbios(&samples[0]);

		switch (i) {
		case 0: c.sockets = 0; break;
		case 1: c.sockets = 257; break;
		case 2: c.cores = 0; break;
		case 3: c.ram_low = 0; break;
		case 4: c.ram_low = 5 * GIB; break;
		case 5: c.serial = big; break;
		}
		CHECK_EQ(smbios_build(&c, &t, &e), -EINVAL);
		smbios_free(&t);		/* also after an error */
	}
}

int main(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(samples); i++)
		test_sample(&samples[i]);
	test_large();
	test_module_size();
	test_place();
	test_refused();
	return check_done();
}
