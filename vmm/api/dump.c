/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dump-guest-memory: an ELF core file (System V ABI, chapters 4 and 5) by physical addresses.
 * Each CPU has a note NT_PRSTATUS in the layout of its Linux, for gdb and crash, and one of
 * ours, named AMBI, with all registers as lines of text. Memory that was never touched takes no
 * space in the file.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/bits.h"
#include "util/os.h"
#include "vmm/api/handlers.h"
#include "vmm/guest.h"
#include "vmm/move/move.h"
#include "vmm/move/snapshot.h"

enum { CHUNK = 65536, NOTE_AMBI_REGS = 1 };

/* struct elf_prstatus of Linux: pid, then the registers of user_regs_struct, fpvalid. */
enum { PR_PID = 32, PR_REG = 112 };
static const char *const x86_regs[] = {
	"r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx",
	"rsi", "rdi", "rax", "rip", "cs", "eflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es",
	"fs", "gs", NULL
};
static const char *const riscv_regs[] = {
	"pc", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
	"x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26",
	"x27", "x28", "x29", "x30", "x31", NULL
};

struct piece {				/* of a block, as asked for by begin and length */
	struct mem_block *b;
	uint64_t off, size, at;		/* in the block, and in the file */
};

struct dump {
	struct guest *g;
	int fd;
	GByteArray *notes;
	struct piece piece[MEM_MAX_BLOCKS];
	unsigned nr;
	uint64_t size;			/* of the file */
};

static void add_note(struct dump *d, const char *name, uint32_t type, const void *desc, size_t n)
{
	Elf64_Nhdr h = { (uint32_t)strlen(name) + 1, (uint32_t)n, type };
	static const uint8_t zero[4];

	g_byte_array_append(d->notes, (const uint8_t *)&h, sizeof(h));
	g_byte_array_append(d->notes, (const uint8_t *)name, h.n_namesz);
	g_byte_array_append(d->notes, zero, -h.n_namesz & 3);
	g_byte_array_append(d->notes, desc, (guint)n);
	g_byte_array_append(d->notes, zero, (guint)(-n & 3));
}

static void add_prstatus(struct dump *d, const struct vcpu *v)
{
	const struct isa *isa = d->g->vm.isa;
	const char *const *names = isa->elf_machine == EM_X86_64 ? x86_regs :
				   isa->elf_machine == EM_RISCV ? riscv_regs : NULL;
	uint8_t pr[PR_REG + 8 * 33 + 8] = { 0 };
	uint32_t pid = v->index + 1;
	size_t n = PR_REG;

	if (!names)
		return;
	memcpy(pr + PR_PID, &pid, sizeof(pid));
	for (; *names; names++, n += 8) {
		const struct reg *r = isa_reg(isa, *names);
		uint64_t val = r ? isa_reg_get(r, v->state) : 0;

		memcpy(pr + n, &val, sizeof(val));
	}
	add_note(d, "CORE", NT_PRSTATUS, pr, n + 8);
}

static void add_registers(struct dump *d, const struct vcpu *v)
{
	GString *s = g_string_new(NULL);

	g_string_append_printf(s, "cpu=%u\n", v->index);
	for (const struct reg *r = d->g->vm.isa->regs; r->name; r++) {
		const uint8_t *at = (const uint8_t *)v->state + r->off;

		g_string_append_printf(s, "%s=0x", r->name);
		for (unsigned i = (r->bits + 7u) / 8; i-- > 0;)
			g_string_append_printf(s, "%02x", at[i]);
		g_string_append_c(s, '\n');
	}
	add_note(d, "AMBI", NOTE_AMBI_REGS, s->str, s->len);
	g_string_free(s, TRUE);
}

static int write_at(struct dump *d, const void *buf, size_t n, uint64_t at, struct err *e)
{
	const uint8_t *p = buf;

	while (n) {
		ssize_t r = pwrite(d->fd, p, n, (off_t)at);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return err_errno(e, r ? errno : EIO, "writing");
		p += r;
		at += (uint64_t)r;
		n -= (size_t)r;
	}
	return 0;
}

static void choose(struct dump *d, uint64_t begin, uint64_t length)
{
	struct mem *m = &d->g->vm.machine->mem;
	uint64_t end = length > UINT64_MAX - begin ? UINT64_MAX : begin + length;

	for (unsigned i = 0; i < m->nr; i++) {
		struct mem_block *b = &m->block[i];
		uint64_t base = b->base, last = base + b->size;

		if (b->flags & MEM_HIDDEN || base == MEM_NOWHERE || base >= end || last <= begin)
			continue;
		base = MAX(base, begin);
		last = MIN(last, end);
		d->piece[d->nr++] = (struct piece){ .b = b, .off = base - b->base,
						    .size = last - base };
	}
}

/* Header, program headers, notes; then memory from a page's start on. */
static int write_headers(struct dump *d, struct err *e)
{
	uint64_t notes_at = sizeof(Elf64_Ehdr) + (d->nr + 1) * sizeof(Elf64_Phdr);
	uint64_t at = (notes_at + d->notes->len + 4095) & ~UINT64_C(4095);
	g_autofree Elf64_Phdr *ph = g_new0(Elf64_Phdr, d->nr + 1);
	Elf64_Ehdr eh = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_CORE, .e_machine = d->g->vm.isa->elf_machine, .e_version = EV_CURRENT,
		.e_phoff = sizeof(eh), .e_ehsize = sizeof(eh), .e_phentsize = sizeof(*ph),
		.e_phnum = (uint16_t)(d->nr + 1),
	};
	int r;

	ph[0] = (Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = notes_at,
			      .p_filesz = d->notes->len, .p_memsz = d->notes->len };
	for (unsigned i = 0; i < d->nr; i++) {
		struct piece *p = &d->piece[i];

		p->at = at;
		ph[i + 1] = (Elf64_Phdr){
			.p_type = PT_LOAD, .p_flags = PF_R | PF_W | PF_X, .p_offset = at,
			.p_paddr = p->b->base + p->off, .p_vaddr = p->b->base + p->off,
			.p_filesz = p->size, .p_memsz = p->size,
		};
		at += p->size;
	}
	d->size = at;
	r = write_at(d, &eh, sizeof(eh), 0, e);
	if (!r)
		r = write_at(d, ph, (d->nr + 1) * sizeof(*ph), sizeof(eh), e);
	return r < 0 ? r : write_at(d, d->notes->data, d->notes->len, notes_at, e);
}

static bool any_used(const uint64_t *used, uint64_t off, uint64_t n)
{
	for (uint64_t p = off >> MEM_PAGE_BITS; p <= (off + n - 1) >> MEM_PAGE_BITS; p++)
		if (used[p / 64] >> p % 64 & 1)
			return true;
	return false;
}

static int write_piece(struct dump *d, const struct piece *p, struct err *e)
{
	uint64_t pages = p->b->size >> MEM_PAGE_BITS;
	g_autofree uint64_t *used = g_new0(uint64_t, (pages + 63) / 64);
	int r = 0;

	os_pages_used(p->b->host, p->b->size, p->b->fd, used);
	for (uint64_t off = 0; !r && off < p->size; off += CHUNK) {
		uint64_t n = MIN(p->size - off, (uint64_t)CHUNK);

		if (any_used(used, p->off + off, n))
			r = write_at(d, p->b->host + p->off + off, n, p->at + off, e);
	}
	return r;
}

static int write_all(struct dump *d, struct err *e)
{
	int r;

	for (unsigned i = 0; i < d->g->vm.nr_vcpus; i++)
		add_prstatus(d, d->g->vm.vcpu[i]);
	for (unsigned i = 0; i < d->g->vm.nr_vcpus; i++)
		add_registers(d, d->g->vm.vcpu[i]);
	r = write_headers(d, e);
	if (!r && ftruncate(d->fd, (off_t)d->size) < 0)
		r = err_errno(e, errno, "%llu bytes", (unsigned long long)d->size);
	for (unsigned i = 0; !r && i < d->nr; i++)
		r = write_piece(d, &d->piece[i], e);
	return r;
}

int api_dump_guest_memory(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	const char *protocol = api_str(args, "protocol", ""), *path = protocol + 5;
	uint64_t length = (uint64_t)api_int(args, "length", INT64_MAX);
	g_autofree char *part = NULL;
	struct dump d = { .g = g };
	bool ran = guest_is_running(g);
	int r;

	if (strncmp(protocol, "file:", 5) || !*path)
		return err_set(e, EINVAL, "protocol is file:PATH");
	if (api_bool(args, "paging", false))
		return err_set(e, ENOTSUP, "paging=true is not possible; crash and gdb read page "
			       "tables themselves");
	if (json_object_get(args, "length") && !json_object_get(args, "begin"))
		return err_set(e, EINVAL, "length needs begin");
	choose(&d, (uint64_t)api_int(args, "begin", 0), length);
	if (!d.nr)
		return err_set(e, EINVAL, "there is no memory in that range");
	/* pages that a restore has not brought yet look like those that were never touched */
	r = snapshot_settle(g, e);
	if (r < 0)
		return err_prefix(e, "%s", path);
	part = g_strdup_printf("%s.part", path);
	/* a new file: an old one may be open to others */
	unlink(part);
	d.fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (d.fd < 0)
		return err_errno(e, errno, "%s", part);
	r = guest_freeze(g, e);
	if (!r) {
		d.notes = g_byte_array_new();
		r = write_all(&d, e);
		g_byte_array_free(d.notes, TRUE);
		guest_thaw(g, false, ran);
	}
	if (close(d.fd) < 0 && !r)
		r = err_errno(e, errno, "writing");
	if (!r && rename(part, path) < 0)
		r = err_errno(e, errno, "renaming");
	if (r < 0)
		unlink(part);
	return r < 0 ? err_prefix(e, "%s", path) : 0;
}

int api_query_dump_guest_memory_capability(struct guest *g, json_t *args, json_t **ret,
					   struct err *e)
{
	*ret = json_pack("{s:[s]}", "formats", "elf");
	return 0;
}
