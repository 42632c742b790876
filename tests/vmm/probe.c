/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images of each kind are recognised; broken ones are refused with a reason. */
#include "vmm/probe/image.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/check.h"
#include "tests/vmm/make.h"

static struct image im;
static struct err e;

static int parse(const uint8_t *d, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	memcpy(copy, d, n);
	e = (struct err){ 0 };
	return image_parse(&im, copy, n, 64u << 20, &e);
}

static void elf(void)
{
	size_t n;
	uint8_t *d = make_elf64(EM_RISCV, 256, &n);
	Elf64_Ehdr *h = (Elf64_Ehdr *)d;
	Elf64_Phdr *p = (Elf64_Phdr *)(h + 1);

	CHECK(!parse(d, n), "%s", e.msg);
	CHECK(im.format == IMAGE_ELF && im.elf_machine == EM_RISCV && im.elf_class == 2);
	CHECK(im.nr_segments == 1 && im.entry == 0x80200010);
	CHECK(!strcmp(im.how, "riscv64 ELF"), "%s", im.how);
	image_free(&im);
	/* cut off anywhere: an error or (less than the magic) unknown, never a success as ELF */
	for (size_t i = 0; i < n; i++) {
		int r = parse(d, i);

		CHECK(r < 0 || im.format != IMAGE_ELF, "cut at %zu", i);
		image_free(&im);
	}
	p->p_offset = UINT64_MAX - 8;
	CHECK(parse(d, n) == -EINVAL);
	p->p_offset = sizeof(*h) + sizeof(*p);
	p->p_filesz = UINT64_MAX;
	CHECK(parse(d, n) == -EINVAL);
	p->p_filesz = 8;
	p->p_memsz = 4;
	CHECK(parse(d, n) == -EINVAL);
	p->p_memsz = UINT64_MAX;
	CHECK(parse(d, n) == -EINVAL);
	p->p_type = PT_NOTE;
	CHECK(parse(d, n) == -EINVAL);
	CHECK_HAS(e.msg, "without a loadable segment");
	p->p_type = PT_LOAD;
	h->e_phoff = UINT64_MAX;
	CHECK(parse(d, n) == -EINVAL);
	h->e_phoff = 64;
	h->e_phnum = 0xffff;
	CHECK(parse(d, n) == -EINVAL);
	h->e_phnum = 1;
	h->e_ident[EI_DATA] = ELFDATA2MSB;
	CHECK(parse(d, n) == -EINVAL);
	CHECK_HAS(e.msg, "big-endian");
	h->e_ident[EI_DATA] = ELFDATA2LSB;
	h->e_type = ET_REL;
	CHECK(parse(d, n) == -EINVAL);
	free(d);
}

static void kernels(void)
{
	uint8_t *d = make_linux(true, 4096);

	CHECK(!parse(d, 4096));
	CHECK(im.format == IMAGE_LINUX && im.elf_machine == EM_RISCV && im.efi_stub);
	CHECK(im.text_offset == 0x200000 && im.mem_size == 0x1e6b000);
	CHECK_HAS(im.how, "riscv64 Linux Image with EFI stub");
	image_free(&im);
	st_le64(d + 24, 1);
	CHECK(parse(d, 4096) == -EINVAL);
	st_le64(d + 24, 0);
	st_le64(d + 16, UINT64_MAX);
	CHECK(parse(d, 4096) == -EINVAL);
	st_le64(d + 16, 0);
	CHECK(!parse(d, 4096) && im.mem_size == 4096);
	image_free(&im);
	st_le64(d + 8, UINT64_MAX);
	CHECK(parse(d, 4096) == -EINVAL);
	free(d);

	d = make_linux(false, 4096);
	CHECK(!parse(d, 4096) && im.format == IMAGE_LINUX && im.elf_machine == EM_AARCH64);
	image_free(&im);
	free(d);
}

static void bzimage(void)
{
	uint8_t d[4096] = { 0 };

	st_le16(d + 0x1fe, 0xaa55);
	memcpy(d + 0x202, "HdrS", 4);
	st_le16(d + 0x206, 0x20f);
	st_le16(d + 0x236, 1);
	d[0x1f1] = 4;
	CHECK(!parse(d, sizeof(d)), "%s", e.msg);
	CHECK(im.format == IMAGE_BZIMAGE && im.elf_machine == EM_X86_64);
	image_free(&im);
	CHECK(parse(d, 0x240) == -EINVAL);
	d[0x1f1] = 200;
	CHECK(parse(d, sizeof(d)) == -EINVAL);
	CHECK_HAS(e.msg, "cut off");
	st_le16(d + 0x206, 0x100);
	CHECK(parse(d, sizeof(d)) == -EINVAL);
}

static void others(void)
{
	static const uint8_t fdt[64] = { 0xd0, 0x0d, 0xfe, 0xed }, noise[100] = { 1, 2, 3 };

	CHECK(!parse(fdt, sizeof(fdt)) && im.format == IMAGE_FDT);
	image_free(&im);
	CHECK(!parse(noise, sizeof(noise)) && im.format == IMAGE_RAW && !im.elf_machine);
	image_free(&im);
	CHECK(parse(noise, 0) == -EINVAL);
	CHECK_HAS(e.msg, "empty");
}

static void files(void)
{
	char path[] = "/tmp/ambi-probe-XXXXXX";
	int fd = mkstemp(path);
	uint8_t *d;
	size_t n;

	CHECK(image_load(&im, "/nonexistent/kernel", &e) == -ENOENT);
	CHECK_HAS(e.msg, "/nonexistent/kernel");
	CHECK(image_load(&im, "/tmp", &e) < 0);
	CHECK_HAS(e.msg, "not a regular file");
	CHECK(image_load(&im, "/dev/zero", &e) < 0);
	CHECK(write(fd, "abc", 3) == 3);
	CHECK(!image_read_file(path, 3, &d, &n, &e) && n == 3);
	free(d);
	CHECK(image_read_file(path, 2, &d, &n, &e) == -EFBIG);
	CHECK(!ftruncate(fd, 0));
	CHECK(image_load(&im, path, &e) == -EINVAL);
	CHECK(!image_is_iso(path) && !image_is_iso("/dev/null") && !image_is_iso("/nonexistent"));
	CHECK(pwrite(fd, "\1CD00", 5, 32768) == 5);
	CHECK(!image_is_iso(path));
	CHECK(pwrite(fd, "1\1", 2, 32773) == 2);
	CHECK(image_is_iso(path));
	close(fd);
	unlink(path);
}

int main(void)
{
	elf();
	kernels();
	bzimage();
	others();
	files();
	return check_done();
}
