/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands of the table loader: bytes as they come, or commands that are nearly right,
 * on files whose ends are watched. Then SMBIOS and ACPI tables from arbitrary sizes.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "hw/acpi/loader.h"
#include "hw/acpi/tables.h"
#include "hw/pci/q35.h"
#include "util/bits.h"

enum { MAX_COMMANDS = 32 };

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return 0;
}

static void put_name(struct fuzz_in *in, uint8_t *to)
{
	static const char *const names[] = { "one", "two", "empty", "etc/acpi/tables" };
	unsigned n = in_u8(in) % 16;

	if (n < 15)
		strcpy((char *)to, names[n % 4]);
	else
		memset(to, 'x', LOADER_NAME);
}

/* Small numbers most of the time, so that many commands do something. */
static uint32_t number(struct fuzz_in *in)
{
	unsigned kind = in_u8(in);

	return kind < 240 ? kind : kind < 248 ? UINT32_MAX - in_u8(in) : in_u32(in);
}

static void put_command(struct fuzz_in *in, uint8_t *c)
{
	memset(c, 0, LOADER_ENTRY);
	st_le32(c, 1 + in_u8(in) % 3);
	put_name(in, c + 4);
	switch (c[0]) {
	case 1:
		st_le32(c + 60, 1u << in_u8(in) % 14);
		c[64] = (uint8_t)(1 + in_u8(in) % 2);
		break;
	case 2:
		put_name(in, c + 60);
		st_le32(c + 116, number(in));
		c[120] = (uint8_t)(1 << in_u8(in) % 4);
		break;
	case 3:
		st_le32(c + 60, number(in));
		st_le32(c + 64, number(in));
		st_le32(c + 68, number(in));
		break;
	}
}

static void run(struct fuzz_in *in, const uint8_t *script, size_t size)
{
	static const size_t sizes[] = { 200, 64, 0 };
	static const char *const names[] = { "one", "two", "empty" };
	struct loader_room room[3] = {
		[LOADER_HIGH] = { number(in) << 8, (uint64_t)number(in) << in_u8(in) % 33 },
		[LOADER_FSEG] = { 0xf0000, 0xf0100 },
	};
	struct loader_room was[3];
	struct loader_file f[3];
	struct err e;

	memcpy(was, room, sizeof(was));
	for (unsigned i = 0; i < 3; i++) {
		/* Own blocks: a byte beyond the end is the sanitizer's. */
		f[i] = (struct loader_file){ .name = names[i], .data = malloc(sizes[i]),
					     .size = sizes[i] };
		for (size_t k = 0; k < sizes[i]; k++)
			f[i].data[k] = k % 8 ? 0 : in_u8(in);
	}
	loader_run(script, size, f, 3, room, &e);
	for (unsigned i = 0; i < 3; i++) {
		bool high = f[i].addr - was[LOADER_HIGH].next <=
			    was[LOADER_HIGH].end - was[LOADER_HIGH].next &&
			    f[i].size <= was[LOADER_HIGH].end - f[i].addr;
		bool fseg = f[i].addr >= 0xf0000 && f[i].addr + f[i].size <= 0xf0100;

		if (f[i].placed && !high && !fseg)
			abort();
		free(f[i].data);
	}
}

static void build(struct fuzz_in *in)
{
	struct smbios_config s = {
		.sockets = in_u16(in), .cores = in_u16(in), .threads = in_u8(in),
		.ram_low = in_u32(in), .ram_high = in_u64(in) >> in_u8(in) % 64,
		.have_uuid = true, .serial = in_u8(in) & 1 ? "x" : NULL,
	};
	struct acpi_config a = {
		.nr_cpus = in_u16(in) % 4100, .ecam_base = (uint64_t)in_u16(in) << 20,
		.ecam_size = (uint64_t)in_u16(in) << 20,
		.mem32 = in_u32(in), .mem32_end = in_u64(in) >> 31,
		.mem64 = in_u64(in) >> in_u8(in) % 64, .mem64_end = in_u64(in) >> in_u8(in) % 64,
		.pm_base = in_u16(in), .sci = in_u8(in), .hpet_base = in_u32(in),
		.pirq = q35_pirq, .nr_root_ports = in_u8(in) % 40,
		.nr_buses = in_u16(in) % 300,
	};
	struct machine m = { 0 };
	struct smbios_tables st;
	struct acpi_tables at;
	struct err e;

	if (!smbios_build(&s, &st, &e))
		smbios_free(&st);
	if (!acpi_build(&m, &a, &at, &e))
		acpi_tables_free(&at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, data + size };
	uint8_t script[MAX_COMMANDS * LOADER_ENTRY];
	unsigned n = in_u8(&in);

	if (n < 16) {
		run(&in, in.p, (size_t)(in.end - in.p) / LOADER_ENTRY * LOADER_ENTRY);
		return 0;
	}
	if (n < 32) {
		build(&in);
		return 0;
	}
	n %= MAX_COMMANDS;
	for (unsigned i = 0; i < n; i++)
		put_command(&in, script + i * LOADER_ENTRY);
	run(&in, script, n * LOADER_ENTRY);
	return 0;
}
