/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Direct boot of a PC: what a kernel finds in memory, and what is refused. */
#include "vmm/boot/boot.h"

#include <stdlib.h>

#include "hw/core/irqchip.h"
#include "hw/machine/pc.h"
#include "target/x86/state.h"
#include "tests/check.h"
#include "util/bits.h"

#define MIB UINT64_C(0x100000)
#define GIB UINT64_C(0x40000000)
enum { ZERO_PAGE = 0x10000, SETUP = 0x400, KERNEL = 4 << 20 };

static struct err e;
static struct options o;
static struct plan p;
static struct machine *m;
static struct boot b;
static struct cpu_port port;
static unsigned phys_bits;

/* A bzImage of 4 MiB that wants 16 MiB at 16 MiB and takes 2047 characters. */
static void make_bzimage(unsigned xloadflags)
{
	uint8_t *d = calloc(1, KERNEL);

	d[0x1f1] = SETUP / 512 - 1;
	st_le16(d + 0x1fe, 0xaa55);
	d[0x200] = 0xeb;
	d[0x201] = 0x6a;
	memcpy(d + 0x202, "HdrS", 4);
	st_le16(d + 0x206, 0x20f);
	st_le32(d + 0x22c, 0x7fffffff);
	st_le32(d + 0x230, 0x200000);
	d[0x234] = 1;
	st_le16(d + 0x236, (uint16_t)xloadflags);
	st_le32(d + 0x238, 2047);
	st_le64(d + 0x258, 16 * MIB);
	st_le32(d + 0x260, 16 * MIB);
	memcpy(d + SETUP, "kernel", 6);
	CHECK(!image_parse(&p.kernel, d, KERNEL, IMAGE_MAX_BYTES, &e), "%s", e.msg);
	CHECK(p.kernel.format == IMAGE_BZIMAGE && p.kernel.bz.setup_size == SETUP);
}

/* 64-bit ELF with a PVH note (or none), loaded at 2 MiB. */
static void make_elf(bool note)
{
	static const uint8_t pvh[20] = { 4, 0, 0, 0, 4, 0, 0, 0, 18, 0, 0, 0, 'X', 'e', 'n', 0,
					 0x40, 0, 0x20, 0 };
	size_t size = 64 + 2 * 56 + sizeof(pvh) + 256;
	uint8_t *d = calloc(1, size), *ph = d + 64;

	memcpy(d, "\177ELF\2\1\1", 7);
	st_le16(d + 16, 2);
	st_le16(d + 18, 62);
	st_le64(d + 24, 0xffffffff80200010);
	st_le64(d + 32, 64);
	st_le16(d + 54, 56);
	st_le16(d + 56, 2);
	st_le32(ph, note ? 4 : 0);
	st_le64(ph + 8, 64 + 2 * 56);
	st_le64(ph + 32, sizeof(pvh));
	st_le64(ph + 48, 4);
	memcpy(d + 64 + 2 * 56, pvh, sizeof(pvh));
	ph += 56;
	st_le32(ph, 1);
	st_le64(ph + 8, 64 + 2 * 56 + sizeof(pvh));
	st_le64(ph + 16, 0xffffffff80200000);
	st_le64(ph + 24, 2 * MIB);
	st_le64(ph + 32, 256);
	st_le64(ph + 40, 4096);
	CHECK(!image_parse(&p.kernel, d, size, IMAGE_MAX_BYTES, &e), "%s", e.msg);
}

static int boot(uint64_t ram, const char *cmdline, uint64_t initrd)
{
	struct machine_config cfg = { .ram_size = ram, .nr_cpus = 1 };
	int r;

	e = (struct err){ 0 };
	o = (struct options){ .kernel = "k", .append = (char *)cmdline };
	p.opt = &o;
	p.isa = isa_find("x86_64");
	p.topology = (struct cpu_topology){ 1, 1, 1, 1 };
	free(p.initrd.data);
	p.initrd = (struct blob){ initrd ? calloc(1, initrd) : NULL, initrd };
	if (initrd)
		memcpy(p.initrd.data, "initrd", 6);
	boot_config(&p, &cfg);
	if (m)
		machine_free(m);
	cfg.phys_bits = phys_bits;
	cfg.have_rng_seed = true;
	memset(cfg.rng_seed, 0x5a, sizeof(cfg.rng_seed));
	m = machine_new(machine_type_find("x86_64", "pc"), &cfg, &e);
	if (!m)
		return -1;
	port = (struct cpu_port){ .index = 0 };
	m->ports[0] = &port;
	r = machine_init(m, &e);
	if (!r)
		r = m->type->ready(m, &e);
	return r ? r : boot_load(&b, &p, m, true, &e);
}

static const uint8_t *at(uint64_t gpa) { return mem_ptr(&m->mem, gpa, 8); }
static uint32_t zp32(unsigned off) { return ld_le32(at(ZERO_PAGE) + off); }
static uint64_t zp64(unsigned off) { return ld_le64(at(ZERO_PAGE) + off); }

/* The type of the e820 entry that holds addr; 0: none. */
static unsigned e820(uint64_t addr)
{
	const uint8_t *t = at(ZERO_PAGE) + 0x2d0;

	for (unsigned i = 0; i < at(ZERO_PAGE)[0x1e8]; i++, t += 20)
		if (addr - ld_le64(t) < ld_le64(t + 8))
			return ld_le32(t + 16);
	return 0;
}

/* Lines shared with PCI are levels after each reset, whoever has the chips then. */
static void level_lines(void)
{
	struct pic_state *slave = &m->irqchip->pic[1];

	for (enum irqchip_home home = IRQCHIP_USER; home <= IRQCHIP_KERNEL; home++) {
		irqchip_set_home(m, home);
		machine_reset(m, RESET_WARM);
		CHECK(!slave->elcr);
		CHECK(!m->type->ready(m, &e), "%s", e.msg);
		CHECK(slave->elcr == 0x0e, "home %u", home);
	}
}

static void bzimage(void)
{
	uint64_t initrd;

	make_bzimage(3);
	CHECK(!boot(512 * MIB, "console=ttyS0 quiet", 3 * MIB + 5), "%s", e.msg);
	CHECK(b.entry == 16 * MIB + 0x200 && b.dtb == ZERO_PAGE && b.how == BOOT_X86_LINUX64);
	CHECK(!memcmp(at(16 * MIB), "kernel", 6));
	CHECK(!memcmp(at(ZERO_PAGE) + 0x202, "HdrS", 4) && at(ZERO_PAGE)[0x210] == 0xff);
	CHECK(!strcmp((const char *)at(zp32(0x228)), "console=ttyS0 quiet"));
	initrd = zp32(0x218) | (uint64_t)zp32(0xc0) << 32;
	CHECK(zp32(0x21c) == 3 * MIB + 5 && !(initrd & 4095) && !memcmp(at(initrd), "initrd", 6));
	CHECK(initrd >= 32 * MIB && initrd + 3 * MIB + 5 <= 512 * MIB - PC_TABLES_SIZE);
	CHECK(!memcmp(at(zp64(0x70)), "RSD PTR ", 8), "RSDP");
	/* setup_data: entropy */
	CHECK(zp64(0x250) && ld_le32(at(zp64(0x250)) + 8) == 9 && at(zp64(0x250))[16] == 0x5a);
	CHECK(e820(0) == E820_RAM && e820(0x9fc00) == E820_RESERVED && e820(0xa0000) == 0);
	CHECK(e820(0x100000) == E820_RAM && e820(initrd) == E820_RAM);
	CHECK(e820(512 * MIB - 1) == E820_ACPI && e820(512 * MIB) == 0);
	CHECK(e820(0xb0000000) == E820_RESERVED && e820(PC_HIGH_BASE) == 0);
	level_lines();
}

/* A kernel without a 64-bit entry: protected mode, boot protocol's selectors, esi = zero page. */
static void linux32(void)
{
	struct vm vm = { .isa = isa_find("x86_64"), .nr_vcpus = 1 };
	struct vcpu *v = vcpu_new(&vm, 0, 0, 0, &e);
	struct x86_state *s = v->state;

	make_bzimage(0);
	CHECK(!boot(512 * MIB, "", 0) && b.how == BOOT_X86_LINUX32, "%s", e.msg);
	vm.machine = m;
	boot_vcpu(&b, &p, v);
	CHECK(s->efer == 0 && s->cr0 == (X86_CR0_PE | X86_CR0_ET | X86_CR0_NE) && !s->cr3);
	CHECK(s->seg[X86_CS].selector == 0x10 && s->seg[X86_CS].attr & X86_SEG_DB &&
	      s->seg[X86_DS].selector == 0x18 && s->seg[X86_SS].limit == UINT32_MAX);
	CHECK(s->rip == b.entry && s->gpr[X86_RSI] == ZERO_PAGE);
	vcpu_free(v);
	image_free(&p.kernel);
}

static void model(const char *name)
{
	static const struct cpu_topology one = { 1, 1, 1, 1 };

	free(p.cpu_model);
	snprintf(p.cpu, sizeof(p.cpu), "%s", name ? name : "");
	p.cpu_model = name ? (void *)isa_find("x86_64")->cpu_model(name, &one, &e) : NULL;
	CHECK(!name == !p.cpu_model, "%s", e.msg);
}

/* The kernel in p.kernel has 64-bit code only: said before the guest would die of it. */
static void needs_long_mode(void)
{
	static const char *const no[] = { "i686", "x86-64-v2,lm=off", "host,lm=off" };
	static const char *const yes[] = { "i686,lm=on", "x86-64-v1", "qemu64",
					   "max", "host", NULL };

	for (unsigned i = 0; i < ARRAY_SIZE(no); i++) {
		model(no[i]);
		CHECK(boot(512 * MIB, "", 0) < 0, "%s", no[i]);
		CHECK_HAS(e.msg, "no long mode");
		CHECK_HAS(e.msg, no[i]);
		CHECK_HAS(e.msg, "i386 kernel");
	}
	for (unsigned i = 0; i < ARRAY_SIZE(yes); i++) {
		model(yes[i]);
		CHECK(!boot(512 * MIB, "", 0) && b.how == BOOT_X86_LINUX64, "%s: %s", yes[i],
		      e.msg);
	}
}

static void long_mode(void)
{
	make_bzimage(3);
	needs_long_mode();
	image_free(&p.kernel);
	make_elf(false);
	needs_long_mode();
	image_free(&p.kernel);
	/* those that begin in 32 bits say it themselves, if they need more */
	model("i686");
	make_bzimage(0);
	CHECK(!boot(512 * MIB, "", 0) && b.how == BOOT_X86_LINUX32, "%s", e.msg);
	image_free(&p.kernel);
	make_elf(true);
	CHECK(!boot(512 * MIB, "", 0) && b.how == BOOT_X86_PVH, "%s", e.msg);
	image_free(&p.kernel);
	model(NULL);
}

static void limits(void)
{
	static char words[2100];

	memset(words, 'x', 2047);
	CHECK(!boot(512 * MIB, words, 0), "%s", e.msg);
	CHECK(strlen((const char *)at(zp32(0x228))) == 2047);
	words[2047] = 'x';
	CHECK(boot(512 * MIB, words, 0) < 0);
	CHECK_HAS(e.msg, "2048 characters, this kernel takes 2047");
	/* it would rather be at 16 MiB, and takes 2 MiB */
	CHECK(!boot(24 * MIB, "", 0) && b.entry == 2 * MIB + 0x200, "%s", e.msg);
	CHECK(boot(16 * MIB, "", 0) < 0);
	CHECK_HAS(e.msg, "-m");
	CHECK(boot(8 * MIB, "", 0) < 0);
	CHECK_HAS(e.msg, "16 MiB");
	CHECK(boot(64 * MIB, "", 40 * MIB) < 0);
	CHECK_HAS(e.msg, "no room");
	image_free(&p.kernel);
	linux32();
}

/* Memory in two parts, the upper one larger than any host's. */
static void large(void)
{
	make_bzimage(3);
	CHECK(!boot(600 * GIB, "", MIB), "%s", e.msg);
	CHECK(e820(2 * GIB - PC_TABLES_SIZE - 1) == E820_RAM && e820(2 * GIB) == 0);
	CHECK(e820(PC_HIGH_BASE) == E820_RAM && e820(PC_HIGH_BASE + 598 * GIB - 1) == E820_RAM &&
	      e820(PC_HIGH_BASE + 598 * GIB) == 0);
	st_le64(mem_ptr(&m->mem, PC_HIGH_BASE + 598 * GIB - 8, 8), 1);
	CHECK(!mem_ptr(&m->mem, PC_HIGH_BASE + 598 * GIB - 4, 8) && !mem_ptr(&m->mem, 2 * GIB, 1));
	/* an initial RAM disk that does not fit below what the kernel says goes above */
	st_le32(p.kernel.data + 0x22c, 33 * MIB);
	p.kernel.bz.initrd_max = 33 * MIB;
	CHECK(!boot(5 * GIB, "", 3 * MIB), "%s", e.msg);
	CHECK(zp32(0xc0) == 1 && !memcmp(at(zp32(0x218) | GIB * 4), "initrd", 6));
	CHECK(boot(GIB, "", 3 * MIB) < 0);
	/* a CPU that cannot address it, and one that can, but has no room for BARs behind it */
	phys_bits = 36;
	CHECK(boot(600 * GIB, "", 0) < 0);
	CHECK_HAS(e.msg, "36 bits");
	CHECK(!boot(62 * GIB, "", 0), "%s", e.msg);
	phys_bits = 0;
	image_free(&p.kernel);
}

static void elf(void)
{
	const uint8_t *info;
	struct vm vm = { .isa = isa_find("x86_64"), .nr_vcpus = 1 };
	struct vcpu *v = vcpu_new(&vm, 0, 0, 0, &e);
	struct x86_state *s = v->state;

	make_elf(true);
	CHECK(p.kernel.pvh_entry == 0x200040, "%llx", (unsigned long long)p.kernel.pvh_entry);
	CHECK(!boot(256 * MIB, "a=b", 4096), "%s", e.msg);
	vm.machine = m;
	CHECK(b.how == BOOT_X86_PVH && b.entry == 0x200040);
	/* 32-bit protected mode without a trace of long mode, ebx = start info */
	boot_vcpu(&b, &p, v);
	CHECK(s->efer == 0 && s->cr0 == (X86_CR0_PE | X86_CR0_ET | X86_CR0_NE) && !s->cr3);
	CHECK(s->seg[X86_CS].attr & X86_SEG_DB && !(s->seg[X86_CS].attr & X86_SEG_L));
	CHECK(s->rip == 0x200040 && s->gpr[X86_RBX] == b.dtb);
	vcpu_free(v);
	info = at(b.dtb);
	CHECK(ld_le32(info) == 0x336ec578 && ld_le32(info + 4) == 1 && ld_le32(info + 12) == 1);
	CHECK(!strcmp((const char *)at(ld_le64(info + 24)), "a=b"));
	CHECK(!memcmp(at(ld_le64(at(ld_le64(info + 16)))), "initrd", 6));
	CHECK(ld_le64(at(ld_le64(info + 16)) + 8) == 4096);
	CHECK(!memcmp(at(ld_le64(info + 32)), "RSD PTR ", 8));
	CHECK(ld_le32(info + 48) > 3 && ld_le64(at(ld_le64(info + 40))) == 0);
	image_free(&p.kernel);
	make_elf(false);
	CHECK(!p.kernel.pvh_entry && !boot(256 * MIB, "", 0) && b.how == BOOT_X86_LINUX64);
	CHECK(b.entry == 0x200010 && !memcmp(at(ZERO_PAGE) + 0x202, "HdrS", 4));
	image_free(&p.kernel);
}

int main(void)
{
	bzimage();
	limits();
	long_mode();
	large();
	elf();
	if (m)
		machine_free(m);
	free(p.initrd.data);
	return check_done();
}
