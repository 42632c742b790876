/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hostile kernels for a PC without firmware: bytes as bzImage and as ELF with and without
 * Xen's note, parsed and loaded into a machine, twice as a reset does it. A refusal
 * says why; what is taken lies in RAM and is entered there.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "hw/machine/pc.h"
#include "util/bits.h"
#include "vmm/boot/boot.h"

enum { CMDLINE_MAX = 70000, INITRD_MAX = 9 << 20 };

static struct machine *m;
static struct cpu_port port;
static char *cmdline;

static void machine(uint64_t ram)
{
	struct machine_config cfg = { .ram_size = ram, .nr_cpus = 1, .direct_boot = true,
				      .have_rng_seed = true };
	struct err e = { 0 };

	if (m && m->cfg.ram_size == ram)
		return;
	if (m)
		machine_free(m);
	m = machine_new(machine_type_find("x86_64", "pc"), &cfg, &e);
	if (!m)
		abort();
	port = (struct cpu_port){ .index = 0 };
	m->ports[0] = &port;
	if (machine_init(m, &e) || m->type->ready(m, &e))
		abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	cmdline = malloc(CMDLINE_MAX);
	if (!cmdline)
		abort();
	memset(cmdline, 'x', CMDLINE_MAX);
	return 0;
}

/* A number that is near to something. */
static uint64_t number(struct fuzz_in *in)
{
	static const uint64_t places[] = { 0, 0x1000, 0x10000, 0xa0000, 0xc0000, 0x100000,
		0x200000, 16 << 20, 32 << 20, 0x80000000, 0xfec00000, PC_HIGH_BASE,
		UINT64_C(1) << 40, UINT64_MAX };

	switch (in_u8(in) % 4) {
	case 0: return in_u8(in);
	case 1: return in_u32(in);
	case 2: return in_u64(in);
	default: return places[in_u8(in) % ARRAY_SIZE(places)] + (int8_t)in_u8(in) * 16;
	}
}

/* As a rule a place in RAM. */
static uint64_t place(struct fuzz_in *in)
{
	return in_u8(in) & 7 ? 0x100000 + in_u16(in) * 64u : number(in);
}

static void shape_bzimage(struct fuzz_in *in, uint8_t *d)
{
	uint8_t how = in_u8(in);

	st_le16(d + 0x1fe, 0xaa55);
	memcpy(d + 0x202, "HdrS", 4);
	st_le16(d + 0x206, how & 7 ? 0x20f : in_u16(in));
	d[0x1f1] %= 4;
	st_le32(d + 0x230, how & 0x80 ? 0x200000 : ld_le32(d + 0x230));
	if (how & 8)
		st_le32(d + 0x230, 1u << in_u8(in) % 32);
	if (how & 0x10)
		st_le64(d + 0x258, number(in));
	st_le32(d + 0x260, how & 0x20 ? (uint32_t)number(in) : 1 << 20);
	if (how & 0x40)
		st_le32(d + 0x22c, (uint32_t)number(in));
	d[0x236] |= how >> 7;
}

static void shape_elf(struct fuzz_in *in, uint8_t *d, size_t size, bool wide)
{
	unsigned nr = 1 + in_u8(in) % 5, at = wide ? 64 : 52, each = wide ? 56 : 32;

	memcpy(d, "\177ELF\1\1\1", 7);
	d[4] = wide ? 2 : 1;
	st_le16(d + 16, 2);
	st_le16(d + 18, wide ? 62 : 3);
	st_le16(d + (wide ? 54 : 42), (uint16_t)each);
	st_le16(d + (wide ? 56 : 44), (uint16_t)nr);
	if (wide) {
		st_le64(d + 24, number(in));
		st_le64(d + 32, at);
	} else {
		st_le32(d + 24, (uint32_t)number(in));
		st_le32(d + 28, at);
	}
	for (unsigned i = 0; i < nr; i++, at += each) {
		uint8_t *p = d + at;
		uint64_t off = in_u16(in) % size, len = in_u8(in) & 7 ? size - off : number(in);

		st_le32(p, in_u8(in) & 3 ? 1 : 4);
		if (wide) {
			st_le64(p + 8, off);
			st_le64(p + 16, place(in));
			st_le64(p + 24, place(in));
			st_le64(p + 32, len);
			st_le64(p + 40, in_u8(in) & 7 ? len : number(in));
		} else {
			st_le32(p + 4, (uint32_t)off);
			st_le32(p + 8, (uint32_t)place(in));
			st_le32(p + 12, (uint32_t)place(in));
			st_le32(p + 16, (uint32_t)len);
			st_le32(p + 20, in_u8(in) & 7 ? (uint32_t)len : (uint32_t)number(in));
		}
		if (off + 20 <= size && off >= at + each * nr && (in_u8(in) & 1)) {
			memcpy(d + off, "\4\0\0\0\4\0\0\0\22\0\0\0Xen\0", 16);
			st_le32(d + off + 16, (uint32_t)place(in));
		}
	}
}

static void check(const struct boot *b, const struct plan *p)
{
	if (b->how == BOOT_X86_LINUX64 && p->kernel.format == IMAGE_BZIMAGE &&
	    (!mem_ptr(&m->mem, b->entry, 1) || b->entry < 0x100000))
		abort();
	if (!b->dtb || !mem_ptr(&m->mem, b->dtb, 56))
		abort();
}

static void load(struct fuzz_in *in, struct plan *p)
{
	struct boot b;
	struct err e = { 0 };

	for (unsigned n = 0; n < 2; n++) {
		if (boot_load(&b, p, m, !n, &e)) {
			if (!e.msg[0])
				abort();
			return;
		}
		check(&b, p);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, data + size };
	uint8_t how = in_u8(&in), *d;
	size_t n = 1024 + in_u16(&in) % 4096, len;
	struct options o = { .kernel = "kernel" };
	struct plan p = { .opt = &o, .isa = isa_find("x86_64") };
	struct err e = { 0 };

	machine(((uint64_t)16 << 20) + ((how & 0xc0) == 0xc0 ? (uint64_t)in_u8(&in) << 20 : 0));
	if ((how & 3) == 3) {
		len = in_u32(&in) % CMDLINE_MAX;
		cmdline[len] = '\0';
		o.append = cmdline;
	}
	if ((how & 0xc) == 0xc) {
		p.initrd.size = 1 + in_u32(&in) % INITRD_MAX;
		p.initrd.data = calloc(1, p.initrd.size);
	}
	/* headers from the start of what is left; the numbers of `shape` from behind it */
	d = calloc(1, n);
	if (!d)
		abort();
	len = (size_t)(in.end - in.p) / 2;
	memcpy(d, in.p, MIN(n, len));
	in.p += len;
	if (how & 0x10)
		shape_bzimage(&in, d);
	else
		shape_elf(&in, d, n, !(how & 0x20));
	if (!image_parse(&p.kernel, d, n, IMAGE_MAX_BYTES, &e)) {
		load(&in, &p);
		image_free(&p.kernel);
	} else if (!e.msg[0]) {
		abort();
	}
	if (o.append)
		cmdline[strlen(cmdline)] = 'x';
	free(p.initrd.data);
	return 0;
}
