/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-64 without firmware. Three kinds of image:
 *   bzImage	Linux's 64-bit entry, or its 32-bit one where it has no other;
 *		Documentation/arch/x86/boot.rst
 *   ELF with a PVH note	32-bit protected mode, Xen's public/arch-x86/hvm/start_info.h
 *   other ELF	long mode (target/x86/boot.c); on a PC with Linux's zero page in rsi
 *
 * First pages: X86_BOOT_* (target/x86/state.h), then what is below. The initial RAM
 * disk lies as high as the kernel takes it, the ACPI tables above it.
 */
#include "vmm/boot/boot.h"

#include <errno.h>
#include <string.h>

#include "hw/machine/pc.h"
#include "target/x86/cpu.h"
#include "target/x86/state.h"
#include "util/bits.h"
#include "util/os.h"

enum {
	ZERO_PAGE = 0x10000, START_INFO = 0x11000, MODULES = 0x11100, PVH_MAP = 0x11200,
	SETUP_DATA = 0x12000, CMDLINE = 0x20000, CMDLINE_ROOM = 0x10000,
	KERNEL_MIN = 0x100000, PAGE = 4096,
};

/* struct boot_params and its setup header: offsets in the zero page */
enum {
	BP_ACPI_RSDP = 0x070, BP_EXT_RAMDISK_IMAGE = 0x0c0, BP_EXT_RAMDISK_SIZE = 0x0c4,
	BP_EXT_CMDLINE = 0x0c8, BP_E820_ENTRIES = 0x1e8, BP_HDR = 0x1f1, BP_VID_MODE = 0x1fa,
	BP_BOOT_FLAG = 0x1fe, BP_JUMP = 0x200, BP_SIGNATURE = 0x202, BP_TYPE_OF_LOADER = 0x210,
	BP_RAMDISK_IMAGE = 0x218, BP_RAMDISK_SIZE = 0x21c, BP_CMDLINE = 0x228,
	BP_ALIGNMENT = 0x230, BP_SETUP_DATA = 0x250, BP_E820 = 0x2d0,
};
enum { XLF_KERNEL_64 = 1, XLF_ABOVE_4G = 2, SETUP_RNG_SEED = 9, HEADER_MAX = 0x290 };

/* Of the guest's TSC where nobody measures one: the engine has no clock of its own. */
#define TSC_HZ UINT64_C(1000000000)

void boot_config_x86(const struct plan *p, struct machine_config *cfg)
{
	const struct x86_cpu_model *m = p->cpu_model;

	cfg->direct_boot = !p->firmware_mode;
	/* OVMF's code is in a flash chip, where it can find its variables beside it */
	if (p->bios.size && !p->ovmf) {
		cfg->bios = p->bios.data;
		cfg->bios_size = p->bios.size;
	}
	cfg->tsc_hz = m && m->tsc_hz ? m->tsc_hz :
		      p->tsc_hz	    ? p->tsc_hz :
		      os_tsc_hz()   ? os_tsc_hz() :
				      TSC_HZ;
	cfg->timebase_hz = cfg->tsc_hz;
	cfg->sockets = p->topology.sockets;
	cfg->cores = p->topology.cores;
	cfg->threads = p->topology.threads;
	cfg->acpi_off = p->acpi_off;
	cfg->hpet_off = p->hpet_off;
	cfg->i8042_off = p->i8042_off;
	cfg->rtc_offset_s = p->rtc_offset_s;
	cfg->phys_bits = p->cpu_model ? x86_cpu_phys_bits(p->cpu_model, p->phys_bits) : 0;
	memcpy(cfg->uuid, p->uuid, sizeof(cfg->uuid));
}

struct x86_load {
	const struct plan *p;
	struct machine *m;
	bool fresh;
	uint64_t cmdline_size;		/* with the final zero; 0: none */
	uint64_t initrd;
};

static int put(struct x86_load *l, const char *what, uint64_t at, const void *data, uint64_t size,
	       struct err *e)
{
	return load_bytes(l->m, what, at, data, size, size, l->fresh, e);
}

static int load_cmdline(struct x86_load *l, uint64_t max, struct err *e)
{
	const char *text = l->p->opt->append ? l->p->opt->append : "";
	size_t n = strlen(text);

	if (n > max || n >= CMDLINE_ROOM)
		return err_set(e, E2BIG, "kernel arguments: %zu characters, this kernel takes %llu",
			       n, (unsigned long long)MIN(max, CMDLINE_ROOM - 1u));
	l->cmdline_size = n + 1;
	return put(l, "kernel arguments", CMDLINE, text, n + 1, e);
}

/* As high as may be, above `above` (first byte behind the kernel). */
static int load_initrd(struct x86_load *l, uint64_t above, uint64_t max, bool high_ok,
		       struct err *e)
{
	uint64_t size = l->p->initrd.size, end = MIN(pc_low_end(l->m), max);
	struct mem_block *high = mem_find(&l->m->mem, PC_HIGH_BASE);

	if (!size)
		return 0;
	if (end >= size && align_down(end - size, PAGE) >= above)
		l->initrd = align_down(end - size, PAGE);
	else if (high_ok && high && high->size >= size)
		l->initrd = align_down(PC_HIGH_BASE + high->size - size, PAGE);
	else
		return err_set(e, ENOMEM, "initrd: no room for %llu MiB (more memory: -m)",
			       (unsigned long long)(size >> 20));
	return put(l, "initrd", l->initrd, l->p->initrd.data, size, e);
}

static void fill_e820(struct machine *m, uint8_t *zp)
{
	struct pc_range r[PC_MAX_RANGES];
	unsigned n = pc_memory_map(m, r);

	zp[BP_E820_ENTRIES] = (uint8_t)n;
	for (unsigned i = 0; i < n; i++) {
		st_le64(zp + BP_E820 + i * 20, r[i].base);
		st_le64(zp + BP_E820 + i * 20 + 8, r[i].size);
		st_le32(zp + BP_E820 + i * 20 + 16, r[i].type);
	}
}

/* Entropy for a kernel that starts without any; struct setup_data. */
static int load_seed(struct x86_load *l, uint8_t *zp, struct err *e)
{
	uint8_t d[16 + sizeof(l->m->cfg.rng_seed)] = { 0 };

	if (!l->m->cfg.have_rng_seed)
		return 0;
	st_le32(d + 8, SETUP_RNG_SEED);
	st_le32(d + 12, sizeof(l->m->cfg.rng_seed));
	memcpy(d + 16, l->m->cfg.rng_seed, sizeof(l->m->cfg.rng_seed));
	st_le64(zp + BP_SETUP_DATA, SETUP_DATA);
	return put(l, "entropy", SETUP_DATA, d, sizeof(d), e);
}

static int load_zero_page(struct x86_load *l, const struct image *bz, struct err *e)
{
	uint8_t zp[PAGE] = { 0 };
	int r;

	if (bz) {	/* the kernel's own header; its length: the jump at 0x200 skips it */
		unsigned end = MIN(0x202u + bz->data[0x201], (unsigned)HEADER_MAX);

		memcpy(zp + BP_HDR, bz->data + BP_HDR, end - BP_HDR);
	} else {
		st_le16(zp + BP_BOOT_FLAG, 0xaa55);
		memcpy(zp + BP_SIGNATURE, "HdrS", 4);
		st_le32(zp + BP_ALIGNMENT, 0x1000000);
	}
	st_le16(zp + BP_VID_MODE, 0xffff);
	zp[BP_TYPE_OF_LOADER] = 0xff;
	st_le32(zp + BP_CMDLINE, CMDLINE);
	st_le32(zp + BP_RAMDISK_IMAGE, (uint32_t)l->initrd);
	st_le32(zp + BP_EXT_RAMDISK_IMAGE, (uint32_t)(l->initrd >> 32));
	st_le32(zp + BP_RAMDISK_SIZE, (uint32_t)l->p->initrd.size);
	st_le32(zp + BP_EXT_RAMDISK_SIZE, (uint32_t)(l->p->initrd.size >> 32));
	st_le64(zp + BP_ACPI_RSDP, pc_rsdp(l->m));
	fill_e820(l->m, zp);
	r = !bz || bz->bz.version >= 0x209 ? load_seed(l, zp, e) : 0;
	return r < 0 ? r : put(l, "zero page", ZERO_PAGE, zp, sizeof(zp), e);
}

/* Where the kernel would like to be, or the lowest place that it takes. */
static int place_bzimage(const struct x86_load *l, const struct image *im, uint64_t *at,
			 struct err *e)
{
	uint64_t need = MAX(im->bz.init_size, im->size - im->bz.setup_size);
	uint64_t end = pc_low_end(l->m), align = MAX(im->bz.alignment, (uint32_t)PAGE);

	*at = im->bz.pref_address;
	if (*at >= KERNEL_MIN && *at < end && need <= end - *at)
		return 0;
	*at = align_up(KERNEL_MIN, align);
	if (!im->bz.relocatable || *at >= end || need > end - *at)
		return err_set(e, ENOMEM, "the kernel needs %llu MiB of memory from 0x%llx (-m)",
			       (unsigned long long)(need >> 20) + 1,
			       (unsigned long long)(im->bz.relocatable ? *at :
						    im->bz.pref_address));
	return 0;
}

static int no_long_mode(const struct x86_load *l, struct err *e)
{
	return err_set(e, ENOTSUP, "a 64-bit kernel, and -cpu %s has no long mode: give it an i386 "
		       "kernel, or another model (--list cpus)", l->p->cpu);
}

static int load_bzimage(struct boot *b, struct x86_load *l, struct err *e)
{
	const struct image *im = &l->p->kernel;
	uint64_t at, end;
	int r;

	r = place_bzimage(l, im, &at, e);
	if (r < 0)
		return r;
	end = at + MAX(im->bz.init_size, im->size - im->bz.setup_size);
	r = load_bytes(l->m, "kernel", at, im->data + im->bz.setup_size,
		       im->size - im->bz.setup_size, 0, l->fresh, e);
	if (!r)
		r = load_cmdline(l, im->bz.cmdline_max, e);
	if (!r)
		r = load_initrd(l, end, im->bz.initrd_max + UINT64_C(1),
				im->bz.xloadflags & XLF_ABOVE_4G, e);
	if (!r)
		r = load_zero_page(l, im, e);
	b->dtb = ZERO_PAGE;
	if (im->bz.xloadflags & XLF_KERNEL_64) {
		if (!r && !x86_cpu_long_mode(l->p->cpu_model))
			return no_long_mode(l, e);
		b->entry = at + 0x200;
		b->how = BOOT_X86_LINUX64;
	} else {
		b->entry = at;
		b->how = BOOT_X86_LINUX32;
	}
	return r;
}

/* struct hvm_start_info, version 1, with the memory map */
static int load_pvh(struct boot *b, struct x86_load *l, struct err *e)
{
	uint8_t info[56] = { 0 }, module[32] = { 0 }, map[PC_MAX_RANGES * 24] = { 0 };
	struct pc_range r[PC_MAX_RANGES];
	unsigned n = pc_memory_map(l->m, r);
	int rc;

	for (unsigned i = 0; i < n; i++) {
		st_le64(map + i * 24, r[i].base);
		st_le64(map + i * 24 + 8, r[i].size);
		st_le32(map + i * 24 + 16, r[i].type);
	}
	st_le32(info, 0x336ec578);		/* XEN_HVM_START_MAGIC_VALUE */
	st_le32(info + 4, 1);
	st_le32(info + 12, l->initrd ? 1 : 0);
	st_le64(info + 16, MODULES);
	st_le64(info + 24, CMDLINE);
	st_le64(info + 32, pc_rsdp(l->m));
	st_le64(info + 40, PVH_MAP);
	st_le32(info + 48, n);
	st_le64(module, l->initrd);
	st_le64(module + 8, l->p->initrd.size);
	rc = put(l, "start info", START_INFO, info, sizeof(info), e);
	if (!rc)
		rc = put(l, "start info", MODULES, module, sizeof(module), e);
	if (!rc)
		rc = put(l, "start info", PVH_MAP, map, n * 24, e);
	b->entry = l->p->kernel.pvh_entry;
	b->dtb = START_INFO;
	b->how = BOOT_X86_PVH;
	return rc;
}

static int load_elf_pc(struct boot *b, struct x86_load *l, struct err *e)
{
	const struct image *im = &l->p->kernel;
	uint64_t end;
	int r = load_elf(im, l->m, 0, l->fresh, &end, e);

	if (!r)
		r = load_cmdline(l, CMDLINE_ROOM - 1, e);
	if (!r)
		r = load_initrd(l, end, UINT32_MAX, false, e);
	if (r < 0)
		return r;
	if (im->pvh_entry)
		return load_pvh(b, l, e);
	if (im->elf_class != 2)
		return err_set(e, ENOTSUP, "a 32-bit ELF image without a PVH note");
	if (!x86_cpu_long_mode(l->p->cpu_model))
		return no_long_mode(l, e);
	b->entry = im->entry;
	b->dtb = ZERO_PAGE;
	b->how = BOOT_X86_LINUX64;
	return load_zero_page(l, NULL, e);
}

static int load_testpc(struct boot *b, const struct plan *p, struct machine *m, bool fresh,
		       struct err *e)
{
	int r;

	if (p->kernel.elf_class != 2)
		return err_set(e, ENOTSUP, "%s: only 64-bit images can be booted", p->kernel.how);
	if (p->initrd.size)
		return err_set(e, ENOTSUP, "-initrd: machine 'testpc' has no use for it");
	r = load_elf(&p->kernel, m, 0, fresh, NULL, e);
	b->entry = p->kernel.entry;
	return r;
}

int boot_load_x86(struct boot *b, const struct plan *p, struct machine *m, bool fresh,
		  struct err *e)
{
	struct x86_load l = { .p = p, .m = m, .fresh = fresh };
	bool pc = machine_is_pc(m);
	int r = -ENOTSUP;

	if (p->dtb.size)
		return err_set(e, ENOTSUP, "-dtb: a PC has no device tree");
	if (p->firmware_mode)
		return pc ? 0 : err_set(e, ENOTSUP, "-bios: firmware needs -machine pc");
	if (!pc && p->kernel.format == IMAGE_ELF)
		r = load_testpc(b, p, m, fresh, e);
	else if (!pc)
		err_set(e, ENOTSUP, "%s: machine '%s' boots only ELF images (-machine pc)",
			p->kernel.how, m->type->name);
	else if (p->kernel.format == IMAGE_BZIMAGE)
		r = load_bzimage(b, &l, e);
	else if (p->kernel.format == IMAGE_ELF)
		r = load_elf_pc(b, &l, e);
	else
		err_set(e, ENOTSUP, "%s: not a kernel for a PC", p->kernel.how);
	return r < 0 ? err_prefix(e, "%s", p->opt->kernel) : 0;
}

void boot_enter_x86(const struct boot *b, struct vcpu *v)
{
	struct x86_state *s = v->state;

	if (v->index)
		return;
	if (b->how == BOOT_X86_LINUX64) {
		x86_boot_linux64(s, b->entry, b->dtb);
	} else if (b->how == BOOT_X86_LINUX32) {
		x86_reset(s);		/* isa->boot has entered long mode */
		x86_boot_linux32(s, (uint32_t)b->entry, (uint32_t)b->dtb);
	} else if (b->how == BOOT_X86_PVH) {
		x86_reset(s);
		x86_boot_flat32(s, (uint32_t)b->entry);
		s->gpr[X86_RBX] = b->dtb;
	}
}
