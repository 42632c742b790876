/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dump DIR N|pc: places the tables of sample N, or of the machine `pc`, as direct boot does,
 * follows the pointers and writes each table to DIR/SIGNATURE.dat for iasl, and of samples
 * SMBIOS to DIR/smbios.bin for dmidecode.
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

static int dump_sample(int argc, char **argv)
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

/* The machine itself, entered without firmware: what its devices say of themselves is there. */
static void dump_pc(const char *dir)
{
	static struct cpu_port port[2] = { { .index = 0 }, { .index = 1 } };
	struct machine_config cfg = {
		.ram_size = 5 * GIB, .nr_cpus = 2, .sockets = 1, .cores = 2, .threads = 1,
		.direct_boot = true,
	};
	const struct machine_type *type = machine_type_find("x86_64", "pc");
	struct bus b = { 0 };
	uint8_t *rsdp;

	if (!type)
		bus_fail(&b, "no machine 'pc'");
	b.m = machine_new(type, &cfg, &b.err);
	if (!b.m)
		bus_fail(&b, "machine_new");
	for (unsigned i = 0; i < cfg.nr_cpus; i++)
		b.m->ports[i] = &port[i];
	if (machine_init(b.m, &b.err))
		bus_fail(&b, "machine_init");
	machine_reset(b.m, RESET_COLD);
	if (type->ready(b.m, &b.err))
		bus_fail(&b, "ready");
	for (uint64_t at = 0xe0000; ; at += 16) {
		rsdp = mem_ptr(&b.m->mem, at, 36);
		if (!rsdp)
			bus_fail(&b, "no RSDP");
		if (!memcmp(rsdp, "RSD PTR ", 8))
			break;
	}
	save_table(&b, dir, ld_le32(rsdp + 16));
	save_table(&b, dir, ld_le64(rsdp + 24));
	machine_free(b.m);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[2], "pc")) {
		dump_pc(argv[1]);
		return 0;
	}
	return dump_sample(argc, argv);
}
