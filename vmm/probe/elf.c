/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ELF executables of 32 and 64 bits, little-endian, statically placed. */
#include "vmm/probe/image.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "util/bits.h"

struct header {			/* what both classes have, widened */
	uint64_t entry, phoff;
	unsigned type, phentsize, phnum;
};

static int header_read(const struct image *im, struct header *h, struct err *e)
{
	const uint8_t *d = im->data;
	bool wide = im->elf_class == ELFCLASS64;

	if (im->size < (wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr)))
		return err_set(e, EINVAL, "ELF header is cut off");
	h->type = ld_le16(d + 16);
	if (wide) {
		h->entry = ld_le64(d + offsetof(Elf64_Ehdr, e_entry));
		h->phoff = ld_le64(d + offsetof(Elf64_Ehdr, e_phoff));
		h->phentsize = ld_le16(d + offsetof(Elf64_Ehdr, e_phentsize));
		h->phnum = ld_le16(d + offsetof(Elf64_Ehdr, e_phnum));
	} else {
		h->entry = ld_le32(d + offsetof(Elf32_Ehdr, e_entry));
		h->phoff = ld_le32(d + offsetof(Elf32_Ehdr, e_phoff));
		h->phentsize = ld_le16(d + offsetof(Elf32_Ehdr, e_phentsize));
		h->phnum = ld_le16(d + offsetof(Elf32_Ehdr, e_phnum));
	}
	if (h->type != ET_EXEC && h->type != ET_DYN)
		return err_set(e, EINVAL, "ELF file of type %u is no executable", h->type);
	if (!h->phnum || h->phnum > 4096)
		return err_set(e, EINVAL, "ELF file with %u program headers", h->phnum);
	if (h->phentsize != (wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)))
		return err_set(e, EINVAL, "ELF program headers of %u bytes", h->phentsize);
	if (h->phoff > im->size || (uint64_t)h->phnum * h->phentsize > im->size - h->phoff)
		return err_set(e, EINVAL, "ELF program headers are cut off");
	return 0;
}

static bool segment_read(const struct image *im, const uint8_t *p, struct image_segment *s)
{
	if (ld_le32(p) != PT_LOAD)
		return false;
	if (im->elf_class == ELFCLASS64)
		*s = (struct image_segment){
			.file = ld_le64(p + offsetof(Elf64_Phdr, p_offset)),
			.file_size = ld_le64(p + offsetof(Elf64_Phdr, p_filesz)),
			.paddr = ld_le64(p + offsetof(Elf64_Phdr, p_paddr)),
			.vaddr = ld_le64(p + offsetof(Elf64_Phdr, p_vaddr)),
			.mem_size = ld_le64(p + offsetof(Elf64_Phdr, p_memsz)),
		};
	else
		*s = (struct image_segment){
			.file = ld_le32(p + offsetof(Elf32_Phdr, p_offset)),
			.file_size = ld_le32(p + offsetof(Elf32_Phdr, p_filesz)),
			.paddr = ld_le32(p + offsetof(Elf32_Phdr, p_paddr)),
			.vaddr = ld_le32(p + offsetof(Elf32_Phdr, p_vaddr)),
			.mem_size = ld_le32(p + offsetof(Elf32_Phdr, p_memsz)),
		};
	return s->mem_size != 0;
}

static int segment_check(const struct image *im, const struct image_segment *s, struct err *e)
{
	if (s->file > im->size || s->file_size > im->size - s->file)
		return err_set(e, EINVAL, "ELF segment at 0x%llx is cut off",
			       (unsigned long long)s->paddr);
	if (s->mem_size < s->file_size)
		return err_set(e, EINVAL, "ELF segment larger in the file than in memory");
	if (s->paddr + s->mem_size < s->paddr)
		return err_set(e, EINVAL, "ELF segment wraps around the address space");
	return 0;
}

/* Name "Xen", type XEN_ELFNOTE_PHYS32_ENTRY: xen/include/public/elfnote.h */
enum { NOTE_PHYS32_ENTRY = 18 };

/* Looks for the PVH entry in a PT_NOTE segment; everything in it is bounded by the segment. */
static void note_read(struct image *im, const uint8_t *p)
{
	bool wide = im->elf_class == ELFCLASS64;
	uint64_t at, end, align, name, desc, next;

	at = wide ? ld_le64(p + offsetof(Elf64_Phdr, p_offset)) :
		    ld_le32(p + offsetof(Elf32_Phdr, p_offset));
	end = wide ? ld_le64(p + offsetof(Elf64_Phdr, p_filesz)) :
		     ld_le32(p + offsetof(Elf32_Phdr, p_filesz));
	align = wide ? ld_le64(p + offsetof(Elf64_Phdr, p_align)) :
		       ld_le32(p + offsetof(Elf32_Phdr, p_align));
	if (ld_le32(p) != PT_NOTE || at > im->size || end > im->size - at)
		return;
	end += at;
	align = align == 8 ? 8 : 4;
	for (; end - at >= 12; at = next) {
		uint64_t name_len = ld_le32(im->data + at), desc_len = ld_le32(im->data + at + 4);

		name = at + 12;
		desc = name + align_up(name_len, align);
		next = desc + align_up(desc_len, align);
		if (next > end)
			return;
		if (ld_le32(im->data + at + 8) != NOTE_PHYS32_ENTRY || name_len != 4 ||
		    memcmp(im->data + name, "Xen", 4))
			continue;
		if (desc_len == 4)
			im->pvh_entry = ld_le32(im->data + desc);
		else if (desc_len == 8)
			im->pvh_entry = ld_le64(im->data + desc);
	}
}

int image_elf_parse(struct image *im, struct err *e)
{
	struct image_segment s;
	struct header h = { 0 };
	int r;

	if (im->size < EI_NIDENT || memcmp(im->data, ELFMAG, SELFMAG))
		return 0;
	im->elf_class = im->data[EI_CLASS];
	if (im->elf_class != ELFCLASS32 && im->elf_class != ELFCLASS64)
		return err_set(e, EINVAL, "ELF file of class %u", im->elf_class);
	if (im->data[EI_DATA] != ELFDATA2LSB)
		return err_set(e, EINVAL, "big-endian ELF file");
	r = header_read(im, &h, e);
	if (r < 0)
		return r;
	im->elf_machine = ld_le16(im->data + 18);
	im->entry = h.entry;
	im->nr_segments = 0;
	for (unsigned i = 0; i < h.phnum; i++) {
		note_read(im, im->data + h.phoff + (uint64_t)i * h.phentsize);
		if (!segment_read(im, im->data + h.phoff + (uint64_t)i * h.phentsize, &s))
			continue;
		if (im->nr_segments == IMAGE_MAX_SEGMENTS)
			return err_set(e, EINVAL, "ELF file with more than %u segments",
				       IMAGE_MAX_SEGMENTS);
		r = segment_check(im, &s, e);
		if (r < 0)
			return r;
		/* kernels are linked at virtual addresses and entered at physical ones */
		if (h.entry - s.vaddr < s.mem_size)
			im->entry = h.entry - s.vaddr + s.paddr;
		im->seg[im->nr_segments++] = s;
	}
	if (!im->nr_segments)
		return err_set(e, EINVAL, "ELF file without a loadable segment");
	im->format = IMAGE_ELF;
	return 1;
}
