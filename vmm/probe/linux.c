/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linux kernels by their own headers: arm64 and riscv `Image`
 * (Documentation/arch/{arm64/booting,riscv/boot-image-header}.rst) and x86
 * bzImage (Documentation/arch/x86/boot.rst).
 */
#include "vmm/probe/image.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "util/bits.h"

#ifndef EM_RISCV
#define EM_RISCV 243
#endif

enum { HEADER = 64, FLAG_BIG_ENDIAN = 1 };

static int flat_parse(struct image *im, uint16_t machine, struct err *e)
{
	const uint8_t *d = im->data;

	im->text_offset = ld_le64(d + 8);
	im->mem_size = ld_le64(d + 16);
	if (ld_le64(d + 24) & FLAG_BIG_ENDIAN)
		return err_set(e, EINVAL, "big-endian kernel");
	/* 0 in kernels before arm64 3.17: then the size is not known, and the file's must do */
	if (im->mem_size < im->size)
		im->mem_size = im->size;
	if (im->mem_size > IMAGE_MAX_BYTES)
		return err_set(e, EINVAL, "kernel header asks for %llu MiB",
			       (unsigned long long)(im->mem_size >> 20));
	if (im->text_offset > IMAGE_MAX_BYTES)
		return err_set(e, EINVAL, "kernel header has a text offset of 0x%llx",
			       (unsigned long long)im->text_offset);
	im->elf_machine = machine;
	im->elf_class = ELFCLASS64;
	im->efi_stub = d[0] == 'M' && d[1] == 'Z';
	im->format = IMAGE_LINUX;
	return 1;
}

static int bzimage_parse(struct image *im, struct err *e)
{
	const uint8_t *d = im->data;
	unsigned version, setup;

	if (im->size < 0x264)
		return err_set(e, EINVAL, "bzImage is cut off");
	version = ld_le16(d + 0x206);
	setup = d[0x1f1] ? d[0x1f1] : 4;
	if (version < 0x200)
		return err_set(e, EINVAL, "bzImage with boot protocol %u.%02u is too old",
			       version >> 8, version & 255);
	if (((uint64_t)setup + 1) * 512 >= im->size)
		return err_set(e, EINVAL, "bzImage is cut off");
	im->bz = (struct image_bzimage){
		.version = (uint16_t)version,
		.setup_size = (setup + 1) * 512,
		.cmdline_max = version >= 0x206 ? ld_le32(d + 0x238) : 255,
		.alignment = version >= 0x205 ? ld_le32(d + 0x230) : 0,
		.relocatable = version >= 0x205 && d[0x234],
		.initrd_max = version >= 0x203 ? ld_le32(d + 0x22c) : 0x37ffffff,
		.xloadflags = version >= 0x20c ? ld_le16(d + 0x236) : 0,
		.pref_address = version >= 0x20a ? ld_le64(d + 0x258) : 0x100000,
		.init_size = version >= 0x20a ? ld_le32(d + 0x260) : 0,
	};
	if (im->bz.alignment & (im->bz.alignment - 1) || im->bz.alignment > IMAGE_MAX_BYTES)
		return err_set(e, EINVAL, "bzImage header asks for an alignment of 0x%x",
			       im->bz.alignment);
	im->mem_size = im->bz.init_size;
	im->elf_machine = version >= 0x20c && (ld_le16(d + 0x236) & 1) ? EM_X86_64 : EM_386;
	im->elf_class = im->elf_machine == EM_X86_64 ? ELFCLASS64 : ELFCLASS32;
	im->efi_stub = d[0] == 'M' && d[1] == 'Z';
	im->format = IMAGE_BZIMAGE;
	return 1;
}

int image_linux_parse(struct image *im, struct err *e)
{
	const uint8_t *d = im->data;

	if (im->size >= HEADER && !memcmp(d + 0x30, "RISCV\0\0\0", 8) &&
	    !memcmp(d + 0x38, "RSC\x05", 4))
		return flat_parse(im, EM_RISCV, e);
	if (im->size >= HEADER && !memcmp(d + 0x38, "ARM\x64", 4))
		return flat_parse(im, EM_AARCH64, e);
	if (im->size >= 0x208 && ld_le16(d + 0x1fe) == 0xaa55 && !memcmp(d + 0x202, "HdrS", 4))
		return bzimage_parse(im, e);
	return 0;
}
