/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dump DIR N: places the tables of sample N as direct boot would, follows the pointers and
 * writes each table to DIR/SIGNATURE.dat for iasl, SMBIOS to DIR/smbios.bin for dmidecode.
 */
#include "tests/acpi/sample.h"

#define AT	(BUS_RAM + 0x10000)
#define RSDP_AT BUS_RAM

static void save(const char *dir, const char *name, const void *data, size_t n)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	if (!f || fwrite(data, 1, n, f) != n || fclose(f)) {
		perror(path);
		exit(1);
	}
}

static void save_table(struct bus *b, const char *dir, uint64_t gpa)
{
	uint8_t *t = mem_ptr(&b->m->mem, gpa, 36);
	char name[16];

	if (!t || !(t = mem_ptr(&b->m->mem, gpa, ld_le32(t + 4))))
		bus_fail(b, "a pointer to nowhere");
	snprintf(name, sizeof(name), "%.4s.dat", (char *)t);
	save(dir, name, t, ld_le32(t + 4));
	if (!memcmp(t, "FACP", 4)) {
		save_table(b, dir, ld_le32(t + 36));
		save_table(b, dir, ld_le64(t + 140));
	}
	if (!memcmp(t, "XSDT", 4))
		for (unsigned i = 36; i < ld_le32(t + 4); i += 8)
			save_table(b, dir, ld_le64(t + i));
	if (!memcmp(t, "RSDT", 4))
		for (unsigned i = 36; i < ld_le32(t + 4); i += 4)
			save_table(b, dir, ld_le32(t + i));
}

/* dmidecode --from-dump: the entry point at 0, the structures where it points. */
static void save_smbios(struct bus *b, const char *dir, const struct sample *s)
{
	struct smbios_config c = sample_smbios(s);
	struct smbios_tables t;
	uint8_t *dump;
	size_t n;

	if (smbios_build(&c, &t, &b->err) ||
	    smbios_place(&t, &b->m->mem, BUS_RAM, BUS_RAM + 32, &b->err))
		bus_fail(b, "SMBIOS");
	n = 32 + t.tables.size;
	dump = mem_ptr(&b->m->mem, BUS_RAM, n);
	/* The address becomes an offset in the file, the sum with it. */
	dump[5] = (uint8_t)(dump[5] + dump[16] + dump[17] + dump[18] + dump[19] - 32);
	st_le64(dump + 16, 32);
	save(dir, "smbios.bin", dump, n);
	smbios_free(&t);
}

int main(int argc, char **argv)
{
	unsigned n = argc == 3 ? (unsigned)atoi(argv[2]) : ARRAY_SIZE(samples);
	struct acpi_tables t;
	struct acpi_config c;
	struct bus *b;
	uint8_t *rsdp;

	if (n >= ARRAY_SIZE(samples))
		return 2;
	b = sample_bus();
	c = sample_acpi(&samples[n]);
	if (acpi_build(b->m, &c, &t, &b->err) ||
	    acpi_place(&t, &b->m->mem, AT, 0x80000, RSDP_AT, NULL, &b->err))
		bus_fail(b, "ACPI");
	rsdp = mem_ptr(&b->m->mem, RSDP_AT, 36);
	save_table(b, argv[1], ld_le32(rsdp + 16));
	save_table(b, argv[1], ld_le64(rsdp + 24));
	save_smbios(b, argv[1], &samples[n]);
	acpi_tables_free(&t);
	bus_free(b);
	return 0;
}
