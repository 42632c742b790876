/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * riscv64, Documentation/arch/riscv/boot.rst: the kernel is entered with a0 = hart
 * number and a1 = device tree; at a 2 MiB boundary. Memory from the bottom:
 * [firmware] kernel ... free ... initrd, firmware's argument block, device tree.
 */
#include "vmm/boot/boot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "target/riscv/state.h"
#include "util/bits.h"
#include "vmm/boot/dtb.h"

enum { MIB2 = 2 << 20, PAGE = 4096, DTB_ROOM = 256 << 10 };

#define TIMEBASE UINT64_C(10000000)
#define LOW_LIMIT (UINT64_C(4) << 30)	/* what 32-bit DMA and old kernels reach */

void boot_config_riscv(const struct plan *p, struct machine_config *cfg)
{
	cfg->timebase_hz = TIMEBASE;
	cfg->isa_string = p->isa_string;
	cfg->mmu_type = p->features & FEAT_SV57 ? "riscv,sv57" :
			p->features & FEAT_SV48 ? "riscv,sv48" : "riscv,sv39";
	cfg->sstc = p->features & FEAT_SSTC;
	cfg->s_mode_boot = !p->firmware_mode;
}

/* The argument of OpenSBI's fw_dynamic: docs/firmware/fw_dynamic.md there. */
struct fw_dynamic_info {
	uint64_t magic, version, next_addr, next_mode, options, boot_hart;
};

enum { FW_DYNAMIC_MAGIC = 0x4942534f, NEXT_MODE_S = 1 };

struct layout {
	struct machine *m;
	uint64_t base, end;		/* RAM */
	bool fresh;
	uint64_t low, high;		/* free: [low, high) */
};

/* From the top down. */
static int take_high(struct layout *l, const char *what, uint64_t size, uint64_t *at, struct err *e)
{
	if (l->low > l->high || size > l->high - l->low ||
	    align_down(l->high - size, PAGE) < l->low)
		return err_set(e, ENOMEM,
			       "%s: no room for %llu KiB in the guest's %llu MiB of memory (-m)",
			       what, (unsigned long long)size >> 10,
			       (unsigned long long)(l->end - l->base) >> 20);
	*at = l->high = align_down(l->high - size, PAGE);
	return 0;
}

static int load_kernel(struct layout *l, const struct plan *p, uint64_t *entry, struct err *e)
{
	const struct image *im = &p->kernel;
	uint64_t at = l->base + MIB2, end, lowest = UINT64_MAX;
	int64_t slide = 0;
	int r;

	switch (im->format) {
	case IMAGE_LINUX:
		/* an offset of 0 asks for the start of RAM, where firmware is if there is one */
		if (im->text_offset || !p->firmware_mode)
			at = l->base + im->text_offset;
		if (at & (MIB2 - 1))
			return err_set(e, EINVAL, "kernel asks for text offset 0x%llx, which is no "
				       "multiple of 2 MiB", (unsigned long long)im->text_offset);
		break;
	case IMAGE_ELF:
		for (unsigned i = 0; i < im->nr_segments; i++)
			lowest = MIN(lowest, im->seg[i].paddr);
		/* vmlinux is linked at virtual addresses and runs wherever it is put */
		if (lowest < l->base || lowest >= l->end)
			slide = (int64_t)(at - align_down(lowest, MIB2));
		*entry = im->entry + (uint64_t)slide;
		r = load_elf(im, l->m, slide, l->fresh, &end, e);
		l->low = MAX(l->low, end);
		return r;
	default:
		break;
	}
	if (at < l->low)
		return err_set(e, EINVAL, "kernel at 0x%llx would lie on the firmware",
			       (unsigned long long)at);
	*entry = at;
	l->low = at + MAX(im->mem_size, (uint64_t)im->size);
	return load_bytes(l->m, "kernel", at, im->data, im->size, im->mem_size, l->fresh, e);
}

static int load_firmware(struct layout *l, const struct plan *p, uint64_t *entry, struct err *e)
{
	const struct image *im = &p->bios;

	if (im->format == IMAGE_ELF) {
		*entry = im->entry;
		return load_elf(im, l->m, 0, l->fresh, &l->low, e);
	}
	*entry = l->base;
	l->low = l->base + im->size;
	return load_bytes(l->m, "firmware", l->base, im->data, im->size, 0, l->fresh, e);
}

static int load_dtb(struct layout *l, const struct plan *p, uint64_t at, uint64_t room,
		    uint64_t initrd, struct err *e)
{
	uint8_t *buf = calloc(1, room);
	int r;

	if (!buf)
		return err_set(e, ENOMEM, "no memory for the device tree");
	if (p->dtb.size)
		r = dtb_patch(buf, room, p->dtb.data, p->opt->append, initrd, p->initrd.size, e);
	else
		r = p->machine->build_fdt(l->m, buf, room, p->opt->append ? p->opt->append : "",
					  initrd, p->initrd.size, e);
	if (r > 0)
		r = load_bytes(l->m, "device tree", at, buf, (uint64_t)r, 0, l->fresh, e);
	free(buf);
	return r;
}

static int load_fw_info(struct layout *l, uint64_t at, uint64_t next, struct err *e)
{
	struct fw_dynamic_info info = {
		.magic = FW_DYNAMIC_MAGIC,
		.version = 2,
		.next_addr = next,
		.next_mode = NEXT_MODE_S,
	};

	return load_bytes(l->m, "firmware argument", at, &info, sizeof(info), 0, l->fresh, e);
}

int boot_load_riscv(struct boot *b, const struct plan *p, struct machine *m, bool fresh,
		    struct err *e)
{
	const struct mem_block *ram = mem_find(&m->mem, p->machine->ram_base);
	uint64_t next, room = p->dtb.size ? align_up(p->dtb.size, PAGE) + 4 * PAGE : DTB_ROOM;
	uint64_t initrd = 0;
	struct layout l;
	int r = 0;

	if (!ram)
		return err_set(e, EINVAL, "machine %s has no memory at its start",
			       p->machine->name);
	room += align_up(p->opt->append ? strlen(p->opt->append) : 0, PAGE);
	l = (struct layout){ m, ram->base, ram->base + ram->size, fresh, ram->base,
			     MIN(ram->base + ram->size, MAX(LOW_LIMIT, ram->base)) };
	next = l.base + MIB2;
	if (p->firmware_mode)
		r = load_firmware(&l, p, &b->entry, e);
	if (!r && p->kernel.size)
		r = load_kernel(&l, p, &next, e);
	if (!r)
		r = take_high(&l, "device tree", room, &b->dtb, e);
	if (!r && p->firmware_mode)
		r = take_high(&l, "firmware argument", PAGE, &b->fw_info, e);
	if (!r && p->initrd.size)
		r = take_high(&l, "-initrd", p->initrd.size, &initrd, e);
	if (!r && p->initrd.size)
		r = load_bytes(m, "-initrd", initrd, p->initrd.data, p->initrd.size, 0, fresh, e);
	if (!r)
		r = load_dtb(&l, p, b->dtb, room, initrd, e);
	if (!r && p->firmware_mode)
		r = load_fw_info(&l, b->fw_info, next, e);
	if (!p->firmware_mode)
		b->entry = next;
	return r;
}
