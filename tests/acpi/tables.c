/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tables as a guest finds them: from the RSDP by its pointers, every sum right, whether
 * direct boot placed them or a firmware did, which is played here by a loader of its own.
 */
#include <errno.h>

#include "hw/misc/fw_cfg.h"
#include "tests/acpi/sample.h"

#define RSDP_AT BUS_RAM
#define AT	(BUS_RAM + 0x1000)
#define ROOM	0x40000
#define FW_AT	(BUS_RAM + 0x80000)		/* where the firmware puts them */
#define FW_RSDP (BUS_RAM + 0x70000)

static struct bus *b;

static uint8_t *ptr(uint64_t gpa, uint64_t n)
{
	uint8_t *p = mem_ptr(&b->m->mem, gpa, n);

	if (!p) {
		fprintf(stderr, "nothing at %#llx\n", (unsigned long long)gpa);
		exit(1);
	}
	return p;
}

static uint8_t sum(const uint8_t *p, size_t n)
{
	uint8_t s = 0;

	while (n--)
		s = (uint8_t)(s + *p++);
	return s;
}

/* ---- what a guest does ---- */

struct found { const uint8_t *t[16]; uint64_t at[16]; unsigned n; };

static const uint8_t *add_table(struct found *f, uint64_t at)
{
	const uint8_t *t = ptr(at, ld_le32(ptr(at, 36) + 4));

	if (memcmp(t, "FACS", 4))
		CHECK_EQ(sum(t, ld_le32(t + 4)), 0);
	else
		CHECK_EQ(at & 63, 0);
	if (f->n == ARRAY_SIZE(f->t))
		exit(1);
	f->at[f->n] = at;
	return f->t[f->n++] = t;
}

static const uint8_t *table(const struct found *f, const char *sig)
{
	for (unsigned i = 0; i < f->n; i++)
		if (!memcmp(f->t[i], sig, 4))
			return f->t[i];
	return NULL;
}

static void walk(uint64_t rsdp_at, struct found *f)
{
	const uint8_t *rsdp = ptr(rsdp_at, 36), *rsdt, *xsdt, *fadt;

	memset(f, 0, sizeof(*f));
	CHECK(!memcmp(rsdp, "RSD PTR ", 8) && rsdp[15] == 2 && ld_le32(rsdp + 20) == 36, "RSDP");
	CHECK_EQ(sum(rsdp, 20), 0);
	CHECK_EQ(sum(rsdp, 36), 0);
	rsdt = add_table(f, ld_le32(rsdp + 16));
	xsdt = add_table(f, ld_le64(rsdp + 24));
	CHECK(!memcmp(rsdt, "RSDT", 4) && !memcmp(xsdt, "XSDT", 4), "roots");
	CHECK_EQ((ld_le32(rsdt + 4) - 36) / 4, (ld_le32(xsdt + 4) - 36) / 8);
	for (unsigned i = 0; i < (ld_le32(xsdt + 4) - 36) / 8; i++) {
		CHECK_EQ(ld_le64(xsdt + 36 + 8 * i), ld_le32(rsdt + 36 + 4 * i));
		add_table(f, ld_le64(xsdt + 36 + 8 * i));
	}
	fadt = table(f, "FACP");
	CHECK_EQ(ld_le32(fadt + 40), ld_le64(fadt + 140));
	add_table(f, ld_le32(fadt + 36));
	add_table(f, ld_le32(fadt + 40));
	CHECK(table(f, "FACS") && table(f, "DSDT"), "FADT's pointers");
}

/* ---- what a firmware does with the files, told by the format alone ---- */

static uint8_t *fw_file(const uint8_t *name, uint64_t *at, size_t *size,
			const struct acpi_tables *t)
{
	bool rsdp = !strcmp((const char *)name, "etc/acpi/rsdp");

	CHECK(rsdp || !strcmp((const char *)name, "etc/acpi/tables"), "file '%s'", name);
	*at = rsdp ? FW_RSDP : FW_AT;
	*size = rsdp ? t->rsdp.size : t->tables.size;
	return ptr(*at, *size);
}

static void play_firmware(const struct acpi_tables *t)
{
	unsigned allocated = 0;
	uint64_t at, to_at;
	size_t size, to_size;
	uint8_t *p;

	for (size_t i = 0; i < t->loader.size; i += 128) {
		const uint8_t *c = t->loader.data + i;
		uint64_t v = 0;

		p = fw_file(c + 4, &at, &size, t);
		switch (ld_le32(c)) {
		case 1:
			memcpy(p, at == FW_AT ? t->tables.data : t->rsdp.data, size);
			CHECK_EQ(at & (ld_le32(c + 60) - 1), 0);
			CHECK_EQ(c[64], at == FW_AT ? 1 : 2);
			allocated++;
			break;
		case 2:
			fw_file(c + 60, &to_at, &to_size, t);
			CHECK(ld_le32(c + 116) + c[120] <= size, "pointer's place");
			memcpy(&v, p + ld_le32(c + 116), c[120]);
			CHECK(v < to_size, "pointer's value");
			v += to_at;
			memcpy(p + ld_le32(c + 116), &v, c[120]);
			break;
		case 3:
			CHECK(ld_le32(c + 64) + ld_le32(c + 68) <= size, "range");
			p[ld_le32(c + 60)] = (uint8_t)(p[ld_le32(c + 60)] -
						       sum(p + ld_le32(c + 64), ld_le32(c + 68)));
			break;
		default:
			CHECK(0, "command %u", ld_le32(c));
		}
	}
	CHECK_EQ(allocated, 2);
}

/* Both ways differ in the pointers, by the distance, and in sums. */
static void check_same(const struct found *x, const struct found *y, const struct acpi_tables *t)
{
	uint8_t *px = ptr(AT, t->tables.size), *py = ptr(FW_AT, t->tables.size);
	unsigned pointers = 0;

	CHECK_EQ(x->n, y->n);
	for (unsigned i = 0; i < x->n; i++)
		CHECK_EQ(y->at[i] - x->at[i], FW_AT - AT);
	for (size_t i = 0; i < t->loader.size; i += 128) {
		const uint8_t *c = t->loader.data + i;
		uint32_t off = ld_le32(c) == 2 ? ld_le32(c + 116) : ld_le32(c + 60);

		if (ld_le32(c) == 1 || strcmp((const char *)c + 4, "etc/acpi/tables"))
			continue;
		if (ld_le32(c) == 2) {
			CHECK_EQ(ld_le32(py + off) - ld_le32(px + off), FW_AT - AT);
			memset(px + off, 0, c[120]);
			memset(py + off, 0, c[120]);
			pointers++;
		} else {
			px[off] = py[off] = 0;
		}
	}
	CHECK(!memcmp(px, py, t->tables.size), "tables differ");
	CHECK_EQ(pointers, 3 + 2 * (x->n - 4));
}

/* ---- golden facts ---- */

static unsigned madt_count(const uint8_t *t, unsigned type, const uint8_t **last)
{
	unsigned n = 0;

	*last = t;
	for (uint32_t at = 44; at < ld_le32(t + 4); at += t[at + 1]) {
		if (!t[at + 1])
			exit(1);
		if (t[at] == type) {
			*last = t + at;
			n++;
		}
	}
	return n;
}

static void check_madt(const uint8_t *t, const struct acpi_config *c)
{
	const uint8_t *p;
	unsigned ids = 0;

	CHECK_EQ(ld_le32(t + 36), c->lapic_base);
	CHECK_EQ(t[40], 1);
	CHECK_EQ(madt_count(t, 0, &p), MIN(c->nr_cpus, 255u));
	CHECK_EQ(p[3], MIN(c->nr_cpus, 255u) - 1);
	CHECK_EQ(madt_count(t, 9, &p), c->nr_cpus > 255 ? c->nr_cpus - 255 : 0);
	if (c->nr_cpus > 255) {
		CHECK_EQ(ld_le32(p + 4), c->nr_cpus - 1);
		CHECK_EQ(ld_le32(p + 12), c->nr_cpus - 1);
		CHECK_EQ(madt_count(t, 10, &p), 1);
		CHECK_EQ(ld_le32(p + 4), UINT32_MAX);
		CHECK_EQ(p[8], 1);
	}
	for (uint32_t at = 44; at < ld_le32(t + 4); at += t[at + 1])
		if (t[at] == 0) {
			CHECK(t[at + 2] == ids && t[at + 3] == ids && t[at + 4] == 1, "%u", ids);
			ids++;
		}
	CHECK_EQ(madt_count(t, 1, &p), 1);
	CHECK(ld_le32(p + 4) == c->ioapic_base && !ld_le32(p + 8), "IOAPIC");
	CHECK_EQ(madt_count(t, 2, &p), 2);
	CHECK(p[3] == 9 && ld_le32(p + 4) == 9 && ld_le16(p + 8) == 0x0d, "SCI");
	CHECK(p[-10 + 3] == 0 && ld_le32(p - 10 + 4) == 2 && !ld_le16(p - 10 + 8), "PIT");
	CHECK_EQ(madt_count(t, 4, &p), 1);
	CHECK(p[2] == 0xff && p[5] == 1, "NMI");
}

static void check_fadt(const uint8_t *t, const struct acpi_config *c)
{
	CHECK_EQ(ld_le32(t + 4), 276);
	CHECK_EQ(t[8], 6);
	CHECK_EQ(ld_le16(t + 46), c->sci);
	CHECK_EQ(ld_le32(t + 48), 0);
	CHECK_EQ(ld_le32(t + 56), c->pm_base);
	CHECK_EQ(ld_le32(t + 64), c->pm_base + 4);
	CHECK_EQ(ld_le32(t + 76), c->pm_base + 8);
	CHECK_EQ(ld_le32(t + 80), c->pm_base + 0x20);
	CHECK_EQ(ld_le64(t + 152), c->pm_base);
	CHECK_EQ(ld_le64(t + 176), c->pm_base + 4);
	CHECK_EQ(ld_le64(t + 212), c->pm_base + 8);
	CHECK_EQ(ld_le64(t + 224), c->pm_base + 0x20);
	CHECK(t[88] == 4 && t[89] == 2 && t[91] == 4 && t[92] == 16, "lengths");
	CHECK_EQ(t[108], 0x32);
	CHECK_EQ(ld_le16(t + 109), 1u | (c->i8042 ? 2 : 0) | (c->vga ? 0 : 4));
	CHECK(ld_le32(t + 112) & 1 << 10 && !(ld_le32(t + 112) & (1 << 20 | 1 << 4)), "flags");
	CHECK(t[116] == 1 && ld_le64(t + 120) == c->reset_port, "reset register");
	CHECK_EQ(t[128], c->reset_value);
}

static const uint8_t *find_bytes(const uint8_t *t, const void *what, size_t n)
{
	const uint8_t *p = memmem(t, ld_le32(t + 4), what, n);

	if (!p) {
		fprintf(stderr, "'%.*s' is not there\n", (int)n, (const char *)what);
		exit(1);
	}
	return p + n;
}

static uint64_t term_int(const uint8_t **p)
{
	const uint8_t *s = *p;

	switch (*s) {
	case 0: case 1: *p += 1; return *s;
	case 0x0a: *p += 2; return s[1];
	case 0x0b: *p += 3; return ld_le16(s + 1);
	case 0x0c: *p += 5; return ld_le32(s + 1);
	}
	CHECK(0, "no integer: %#x", *s);
	exit(1);
}

static const uint8_t *skip_length(const uint8_t *p)
{
	return p + 1 + (*p >> 6);
}

static void check_prt(const uint8_t *dsdt, bool apic)
{
	const uint8_t *p = find_bytes(dsdt, apic ? "\x08PRTA\x12" : "\x08PRTP\x12", 6);

	p = skip_length(p);
	CHECK_EQ(*p++, 128);
	for (unsigned i = 0; i < 128; i++) {
		unsigned slot = i / 4, pin = i % 4, pirq = q35_pirq(slot, pin);

		CHECK_EQ(*p, 0x12);
		p = skip_length(p + 1);
		CHECK_EQ(*p++, 4);
		CHECK_EQ(term_int(&p), (uint64_t)slot << 16 | 0xffff);
		CHECK_EQ(term_int(&p), pin);
		if (apic) {
			CHECK_EQ(term_int(&p), 0);
			CHECK_EQ(term_int(&p), 16 + pirq);
		} else {
			CHECK(!memcmp(p, "\\._SB_LNK", 9) && p[9] == 'A' + pirq, "slot %u", slot);
			p += 10;
			CHECK_EQ(term_int(&p), 0);
		}
	}
}

/* The host bridge's descriptors of addresses, in order; returns how many. */
static unsigned windows(const uint8_t *dsdt, uint64_t out[][2], unsigned max)
{
	const uint8_t *p = find_bytes(dsdt, "PCI0\x08_HID", 9), *end;
	unsigned n = 0, w;

	p = memmem(p, 200, "_CRS\x11", 5);
	if (!p)
		return 0;
	p = skip_length(p + 5);
	end = p + 3 + ld_le16(p + 1);
	for (p += 3; p < end && *p != 0x79; p += *p & 0x80 ? 3 + ld_le16(p + 1) : 1 + (*p & 7)) {
		uint64_t v[5] = { 0 };

		if (*p < 0x87 || *p > 0x8a || *p == 0x89 || n == max)
			continue;
		w = *p == 0x88 ? 2 : *p == 0x87 ? 4 : 8;
		for (unsigned i = 0; i < 5; i++)
			memcpy(&v[i], p + 6 + w * i, w);
		CHECK_EQ(v[4], v[2] - v[1] + 1);
		out[n][0] = v[1];
		out[n++][1] = v[2];
	}
	return n;
}

static void check_windows(const uint8_t *dsdt, const struct acpi_config *c)
{
	uint64_t w[8][2], want[][2] = {
		{ 0, 255 }, { 0, 0xcf7 }, { 0xd00, 0xffff }, { c->mem32, Q35_ECAM_BASE - 1 },
		{ Q35_ECAM_BASE + Q35_ECAM_SIZE, c->mem32_end - 1 }, { c->mem64, c->mem64_end - 1 },
	};

	CHECK_EQ(windows(dsdt, w, 8), ARRAY_SIZE(want));
	for (unsigned i = 0; i < ARRAY_SIZE(want); i++) {
		CHECK_EQ(w[i][0], want[i][0]);
		CHECK_EQ(w[i][1], want[i][1]);
	}
}

static unsigned count(const uint8_t *t, const char *what)
{
	const uint8_t *p = t, *end = t + ld_le32(t + 4);
	unsigned n = 0;

	while ((p = memmem(p, (size_t)(end - p), what, strlen(what)))) {
		p += strlen(what);
		n++;
	}
	return n;
}

static void check_dsdt(const uint8_t *t, const struct acpi_config *c)
{
	static const uint8_t osc[] = { 0x5b, 0x4d, 0xdb, 0x33, 0xf7, 0x1f, 0x1c, 0x40 };
	char name[16];

	check_prt(t, false);
	check_prt(t, true);
	check_windows(t, c);
	CHECK_EQ(count(t, "ACPI0007"), c->nr_cpus);
	snprintf(name, sizeof(name), "C%03X", c->nr_cpus - 1);
	CHECK_EQ(count(t, name), 1);
	for (unsigned i = 0; i < c->nr_root_ports; i++) {
		const uint8_t *p;

		snprintf(name, sizeof(name), "RP%02u", i);
		p = find_bytes(t, name, 4);
		CHECK(!memcmp(p, "\x08_ADR", 5), "%s", name);
		p += 5;
		CHECK_EQ(term_int(&p), (uint64_t)c->root_port[i].slot << 16);
	}
	CHECK_EQ(count(t, "COM1"), 1);
	CHECK_EQ(count(t, "HPET"), c->hpet_base ? 1 : 0);
	CHECK(!memcmp(find_bytes(t, "\x08_S5_\x12", 6), "\x07\x04\x0a\x07", 4), "_S5");
	find_bytes(t, osc, sizeof(osc));
}

/* PIC mode's registers lie where the ICH9 has them (316972, 13.1). */
static void check_pirq_field(const uint8_t *t)
{
	static const uint8_t region[] = { 0x5b, 0x80, 'P', 'I', 'R', 'R', 2, 0x0a, 0x60 };
	const uint8_t *p = find_bytes(t, region, sizeof(region)) + 2;	/* and its length */
	unsigned at = 0x60, n = 0;

	CHECK(p[0] == 0x5b && p[1] == 0x81, "field");
	p = skip_length(p + 2) + 5;
	while (n < 8) {
		unsigned bits = *p ? p[4] : p[1];

		if (*p) {
			CHECK(!memcmp(p, "PRQ", 3) && p[3] == 'A' + n, "field %u", n);
			CHECK_EQ(at, n < 4 ? 0x60 + n : 0x68 + n - 4);
			n++;
		}
		p += *p ? 5 : 2;
		at += bits / 8;
	}
}

static void test_sample(const struct sample *s)
{
	struct acpi_config c = sample_acpi(s);
	struct found here, there;
	struct acpi_tables t;
	gpa_t end = 0;

	b = sample_bus();
	CHECK(!acpi_build(b->m, &c, &t, &b->err), "%s", b->err.msg);
	CHECK(!acpi_place(&t, &b->m->mem, AT, ROOM, RSDP_AT, &end, &b->err), "%s", b->err.msg);
	CHECK_EQ(end, AT + t.tables.size);
	walk(RSDP_AT, &here);
	CHECK_EQ(here.n, c.hpet_base ? 9 : 8);
	check_madt(table(&here, "APIC"), &c);
	check_fadt(table(&here, "FACP"), &c);
	check_dsdt(table(&here, "DSDT"), &c);
	check_pirq_field(table(&here, "DSDT"));
	CHECK_EQ(ld_le64(table(&here, "MCFG") + 44), c.ecam_base);
	CHECK_EQ(table(&here, "MCFG")[55], 255);
	CHECK(!table(&here, "HPET") == !c.hpet_base, "HPET");
	if (c.hpet_base)
		CHECK_EQ(ld_le64(table(&here, "HPET") + 44), c.hpet_base);
	CHECK_EQ(ld_le32(table(&here, "WAET") + 36), 3);
	play_firmware(&t);
	walk(FW_RSDP, &there);
	check_same(&here, &there, &t);
	acpi_tables_free(&t);
	CHECK(!t.tables.data && !t.loader.data, "freed");
	bus_free(b);
}

static unsigned windows_of(struct acpi_config *c, uint64_t w[8][2])
{
	struct acpi_tables t;
	struct found f;
	unsigned n;

	b = sample_bus();
	CHECK(!acpi_build(b->m, c, &t, &b->err), "%s", b->err.msg);
	CHECK(!acpi_place(&t, &b->m->mem, AT, ROOM, RSDP_AT, NULL, &b->err), "%s", b->err.msg);
	walk(RSDP_AT, &f);
	n = windows(table(&f, "DSDT"), w, 8);
	CHECK_EQ(table(&f, "MCFG")[55], w[0][1]);
	acpi_tables_free(&t);
	bus_free(b);
	return n;
}

/* ECAM below, at the beginning, at the end and above the window; small; no 64-bit window. */
static void test_ecam_places(void)
{
	static const struct { uint64_t ecam, size, first, last; } at[] = {
		{ 0x70000000, 256 << 20, 0x80000000, 0xfebfffff },
		{ 0x80000000, 256 << 20, 0x90000000, 0xfebfffff },
		{ 0xe0000000, 256 << 20, 0x80000000, 0xdfffffff },
		{ UINT64_C(0x100000000), 1 << 20, 0x80000000, 0xfebfffff },
	};
	uint64_t w[8][2];

	for (unsigned i = 0; i < ARRAY_SIZE(at); i++) {
		struct acpi_config c = sample_acpi(&samples[0]);

		c.mem64 = c.mem64_end = 0;
		c.ecam_base = at[i].ecam;
		c.ecam_size = at[i].size;
		if (i == 2)
			c.mem32_end = 0xf0000000;
		CHECK_EQ(windows_of(&c, w), 4);
		CHECK_EQ(w[0][1], (c.ecam_size >> 20) - 1);
		c.nr_buses = 1;		/* fewer may be told of; the windows stay */
		CHECK_EQ(windows_of(&c, w), 4);
		CHECK_EQ(w[0][1], 0);
		CHECK_EQ(w[3][0], at[i].first);
		CHECK_EQ(w[3][1], at[i].last);
	}
}

static void test_refused(void)
{
	struct acpi_tables t;

	b = sample_bus();
	for (unsigned i = 0; i < 9; i++) {
		struct acpi_config c = sample_acpi(&samples[1]);

		switch (i) {
		case 0: c.nr_cpus = 0; break;
		case 1: c.nr_root_ports = 33; break;
		case 2: c.pirq = NULL; break;
		case 3: c.ecam_size = 0; break;
		case 4: c.ecam_base += 0x1000; break;
		case 5: c.mem32_end = UINT64_C(1) << 33; break;
		case 6: c.mem64 = c.mem64_end + 1; break;
		case 7: c.nr_buses = 257; break;
		case 8: c.ioapic_base = UINT64_C(1) << 32; break;
		}
		CHECK_EQ(acpi_build(b->m, &c, &t, &b->err), -EINVAL);
		CHECK(!strncmp(b->err.msg, "ACPI: ", 6), "'%s'", b->err.msg);
		acpi_tables_free(&t);
	}
	bus_free(b);
}

static void test_place_refused(void)
{
	struct acpi_config c = sample_acpi(&samples[1]);
	uint64_t end = BUS_RAM + BUS_RAM_SIZE;
	struct acpi_tables t;

	b = sample_bus();
	CHECK(!acpi_build(b->m, &c, &t, &b->err), "%s", b->err.msg);
	CHECK_EQ(acpi_place(&t, &b->m->mem, AT, 4096, RSDP_AT, NULL, &b->err), -ENOSPC);
	CHECK_EQ(acpi_place(&t, &b->m->mem, end - 4096, ROOM, RSDP_AT, NULL, &b->err), -EFAULT);
	CHECK_EQ(acpi_place(&t, &b->m->mem, AT, ROOM, end, NULL, &b->err), -EFAULT);
	CHECK_EQ(acpi_place(&t, &b->m->mem, AT, UINT64_MAX, RSDP_AT, NULL, &b->err), -EINVAL);
	/* The tables have pointers of four bytes. */
	CHECK_EQ(acpi_place(&t, &b->m->mem, UINT64_C(1) << 32, ROOM, RSDP_AT, NULL, &b->err),
		 -EINVAL);
	t.loader.data[0] = 7;
	CHECK_EQ(acpi_place(&t, &b->m->mem, AT, ROOM, RSDP_AT, NULL, &b->err), -EINVAL);
	acpi_tables_free(&t);
	bus_free(b);
}

static void test_fw_cfg(void)
{
	struct smbios_config sc = sample_smbios(&samples[1]);
	struct acpi_config c = sample_acpi(&samples[1]);
	struct smbios_tables s;
	struct acpi_tables t;
	struct dev *d;

	b = sample_bus();
	d = bus_new_dev(b, "fw-cfg");
	bus_plug(b, d, 0x10000000, 0);
	CHECK(!acpi_build(b->m, &c, &t, &b->err), "%s", b->err.msg);
	CHECK(!smbios_build(&sc, &s, &b->err), "%s", b->err.msg);
	CHECK(!acpi_to_fw_cfg(&t, d, &b->err), "%s", b->err.msg);
	CHECK(!smbios_to_fw_cfg(&s, d, &b->err), "%s", b->err.msg);
	CHECK_EQ(acpi_to_fw_cfg(&t, d, &b->err), -EEXIST);
	CHECK_EQ(smbios_to_fw_cfg(&s, d, &b->err), -EEXIST);
	acpi_tables_free(&t);
	smbios_free(&s);
	bus_free(b);
}

int main(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(samples); i++)
		test_sample(&samples[i]);
	test_ecam_places();
	test_refused();
	test_place_refused();
	test_fw_cfg();
	return check_done();
}
