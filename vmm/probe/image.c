/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/probe/image.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/bits.h"
#include "util/os.h"
#include "vmm/probe/unpack.h"

#ifndef EM_RISCV
#define EM_RISCV 243
#endif

/* A kernel may be packed, and the EFI wrapper around it too; more layers are somebody's joke. */
enum { MAX_LAYERS = 4 };

int image_read_file(const char *path, uint64_t max, uint8_t **data, size_t *size, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), code;
	size_t len = 0;
	struct stat st;
	uint8_t *p;
	ssize_t n = 0;

	if (fd < 0)
		return err_errno(e, errno, "%s", path);
	if (fstat(fd, &st) < 0) {
		code = errno;
		close(fd);
		return err_errno(e, code, "%s", path);
	}
	if (!S_ISREG(st.st_mode)) {
		close(fd);
		return err_set(e, EINVAL, "%s: not a regular file", path);
	}
	if ((uint64_t)st.st_size > max) {
		close(fd);
		return err_set(e, EFBIG, "%s: %llu MiB is more than the %llu MiB allowed", path,
			       (unsigned long long)st.st_size >> 20, (unsigned long long)max >> 20);
	}
	p = os_alloc_large((size_t)st.st_size);
	if (!p) {
		close(fd);
		return err_set(e, ENOMEM, "%s: no memory", path);
	}
	while (len < (size_t)st.st_size) {
		n = read(fd, p + len, (size_t)st.st_size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	code = n < 0 ? errno : 0;
	close(fd);
	if (len < (size_t)st.st_size) {
		free(p);
		return err_set(e, code ? code : EIO, "%s: cannot be read to its end", path);
	}
	*data = p;
	*size = len;
	return 0;
}

const char *image_machine_name(uint16_t machine, uint8_t elf_class, char *buf, size_t n)
{
	static const struct {
		uint16_t machine;
		uint8_t class;
		const char *name;
	} names[] = {
		{ EM_RISCV, 2, "riscv64" },   { EM_RISCV, 1, "riscv32" },
		{ EM_X86_64, 2, "x86_64" },   { EM_X86_64, 1, "x86_64 (x32)" },
		{ EM_386, 1, "i386" },        { EM_AARCH64, 2, "aarch64" },
		{ EM_ARM, 1, "arm" },         { EM_PPC64, 2, "ppc64" },
		{ EM_PPC, 1, "ppc" },         { EM_S390, 2, "s390x" },
		{ EM_MIPS, 1, "mips" },       { EM_MIPS, 2, "mips64" },
		{ EM_SPARCV9, 2, "sparc64" }, { 258, 2, "loongarch64" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].machine == machine && names[i].class == elf_class)
			return names[i].name;
	snprintf(buf, n, "ELF machine %u (%u bits)", machine, elf_class == 1 ? 32 : 64);
	return buf;
}

static void how_add(struct image *im, const char *what)
{
	size_t n = strlen(im->how);

	snprintf(im->how + n, sizeof(im->how) - n, "%s%s", n ? ", " : "", what);
}

/*
 * EFI's self-unpacking wrapper, drivers/firmware/efi/libstub/zboot-header.S: "MZ",
 * at 4 "zimg", at 8 where the payload is and at 12 how long. Replaces the data by the
 * payload. 1: done, 0: not one.
 */
static int zboot_strip(struct image *im, struct err *e)
{
	uint64_t off, len;

	if (im->size < 0x40 || memcmp(im->data, "MZ", 2) || memcmp(im->data + 4, "zimg", 4))
		return 0;
	off = ld_le32(im->data + 8);
	len = ld_le32(im->data + 12);
	if (off > im->size || len > im->size - off || !len)
		return err_set(e, EINVAL, "EFI zboot payload is cut off");
	if (!unpack_kind(im->data + off, len))
		return err_set(e, ENOTSUP, "EFI zboot payload is packed as \"%.8s\", "
			       "which is not supported (gzip, zstd and xz are)", im->data + 24);
	memmove(im->data, im->data + off, len);
	im->size = len;
	how_add(im, "EFI zboot");
	return 1;
}

static int layer_strip(struct image *im, uint64_t limit, struct err *e)
{
	const char *kind = unpack_kind(im->data, im->size);
	uint8_t *out;
	size_t n;
	int r;

	if (!kind)
		return zboot_strip(im, e);
	r = unpack(im->data, im->size, limit, &out, &n, e);
	if (r < 0)
		return r;
	free(im->data);
	im->data = out;
	im->size = n;
	how_add(im, kind);
	return 1;
}

static int identify(struct image *im, struct err *e)
{
	char name[64], text[96];
	const char *isa;
	int r;

	r = image_elf_parse(im, e);
	if (!r)
		r = image_linux_parse(im, e);
	if (r < 0)
		return r;
	if (!r) {
		bool fdt = im->size >= 4 && ld_be32(im->data) == 0xd00dfeed;

		im->format = fdt ? IMAGE_FDT : IMAGE_RAW;
		how_add(im, im->format == IMAGE_FDT ? "device tree" : "raw bytes");
		return 0;
	}
	isa = image_machine_name(im->elf_machine, im->elf_class, name, sizeof(name));
	snprintf(text, sizeof(text), im->format == IMAGE_ELF ? "%s ELF" :
		 im->format == IMAGE_LINUX ? "%s Linux Image" : "%s bzImage", isa);
	how_add(im, text);
	if (im->efi_stub) {
		size_t n = strlen(im->how);

		snprintf(im->how + n, sizeof(im->how) - n, " with EFI stub");
	}
	return 0;
}

int image_parse(struct image *im, uint8_t *data, size_t size, uint64_t limit, struct err *e)
{
	int r = 1;

	*im = (struct image){ .data = data, .size = size };
	if (!size)
		r = err_set(e, EINVAL, "is empty");
	for (unsigned i = 0; r > 0; i++) {
		if (i == MAX_LAYERS)
			r = err_set(e, EINVAL, "is packed more than %u times", MAX_LAYERS);
		else
			r = layer_strip(im, limit, e);
	}
	if (!r)
		r = identify(im, e);
	if (r < 0)
		image_free(im);
	return r;
}

int image_load(struct image *im, const char *path, struct err *e)
{
	uint8_t *data;
	size_t size;
	int r = image_read_file(path, IMAGE_MAX_BYTES, &data, &size, e);

	*im = (struct image){ 0 };
	if (r < 0)
		return r;
	r = image_parse(im, data, size, IMAGE_MAX_BYTES, e);
	if (r < 0)
		err_prefix(e, "%s", path);
	return r;
}

void image_free(struct image *im)
{
	free(im->data);
	im->data = NULL;
	im->size = 0;
}
