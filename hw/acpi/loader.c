/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/acpi/loader.h"

#include <errno.h>
#include <string.h>

#include "hw/acpi/aml_internal.h"
#include "util/bits.h"

enum { ALLOCATE = 1, ADD_POINTER = 2, ADD_CHECKSUM = 3 };
/* Offsets in a command. */
enum {
	FILE_NAME = 4,
	ALLOC_ALIGN = 60, ALLOC_ZONE = 64,
	POINTER_TO = 60, POINTER_OFF = 116, POINTER_SIZE = 120,
	SUM_OFF = 60, SUM_START = 64, SUM_LEN = 68,
};

/* Firmware takes no alignment above a page. */
#define MAX_ALIGN 4096

static void put_name(uint8_t *to, const char *name)
{
	size_t n = strlen(name);

	memcpy(to, name, MIN(n, (size_t)LOADER_NAME - 1));
}

void loader_allocate(struct aml *script, const char *file, uint32_t align, enum loader_zone z)
{
	uint8_t c[LOADER_ENTRY] = { 0 };

	st_le32(c, ALLOCATE);
	put_name(c + FILE_NAME, file);
	st_le32(c + ALLOC_ALIGN, align);
	c[ALLOC_ZONE] = (uint8_t)z;
	aml_raw(script, c, sizeof(c));
}

void loader_add_pointer(struct aml *script, const char *file, size_t off, unsigned size,
			const char *to)
{
	uint8_t c[LOADER_ENTRY] = { 0 };

	st_le32(c, ADD_POINTER);
	put_name(c + FILE_NAME, file);
	put_name(c + POINTER_TO, to);
	st_le32(c + POINTER_OFF, (uint32_t)off);
	c[POINTER_SIZE] = (uint8_t)size;
	aml_raw(script, c, sizeof(c));
}

void loader_add_checksum(struct aml *script, const char *file, size_t start, size_t len,
			 size_t off)
{
	uint8_t c[LOADER_ENTRY] = { 0 };

	st_le32(c, ADD_CHECKSUM);
	put_name(c + FILE_NAME, file);
	st_le32(c + SUM_OFF, (uint32_t)off);
	st_le32(c + SUM_START, (uint32_t)start);
	st_le32(c + SUM_LEN, (uint32_t)len);
	aml_raw(script, c, sizeof(c));
}

struct run {
	struct loader_file *files;
	unsigned nr_files;
	struct loader_room *room;
	struct err *e;
};

/* NULL, with the error set: no such file. */
static struct loader_file *find(struct run *r, const uint8_t *name)
{
	if (!memchr(name, 0, LOADER_NAME)) {
		err_set(r->e, EINVAL, "file name without an end");
		return NULL;
	}
	for (unsigned i = 0; i < r->nr_files; i++)
		if (!strcmp(r->files[i].name, (const char *)name))
			return &r->files[i];
	err_set(r->e, ENOENT, "no file '%s'", (const char *)name);
	return NULL;
}

static struct loader_file *find_placed(struct run *r, const uint8_t *name)
{
	struct loader_file *f = find(r, name);

	if (f && !f->placed) {
		err_set(r->e, EINVAL, "'%s' is used before it is allocated", f->name);
		return NULL;
	}
	return f;
}

static int run_allocate(struct run *r, const uint8_t *c)
{
	struct loader_file *f = find(r, c + FILE_NAME);
	uint32_t align = ld_le32(c + ALLOC_ALIGN);
	struct loader_room *room;
	uint64_t at;

	if (!f)
		return -ENOENT;
	if (f->placed)
		return err_set(r->e, EINVAL, "'%s' is allocated twice", f->name);
	if (!align)
		align = 1;
	if (align & (align - 1) || align > MAX_ALIGN)
		return err_set(r->e, EINVAL, "alignment %#x of '%s'", align, f->name);
	if (c[ALLOC_ZONE] != LOADER_HIGH && c[ALLOC_ZONE] != LOADER_FSEG)
		return err_set(r->e, EINVAL, "zone %u of '%s'", c[ALLOC_ZONE], f->name);
	room = &r->room[c[ALLOC_ZONE]];
	at = align_up(room->next, align);
	/* at < next: wrapped around */
	if (at < room->next || at > room->end || f->size > room->end - at)
		return err_set(r->e, ENOSPC, "no room for '%s' (%zu bytes)", f->name, f->size);
	f->addr = at;
	f->placed = true;
	room->next = at + f->size;
	return 0;
}

static int run_pointer(struct run *r, const uint8_t *c)
{
	struct loader_file *f = find_placed(r, c + FILE_NAME);
	struct loader_file *to = f ? find_placed(r, c + POINTER_TO) : NULL;
	uint32_t off = ld_le32(c + POINTER_OFF);
	unsigned size = c[POINTER_SIZE];
	uint8_t raw[8] = { 0 };
	uint64_t v;

	if (!to)
		return -ENOENT;
	if (!size || size > 8 || size & (size - 1))
		return err_set(r->e, EINVAL, "pointer of %u bytes", size);
	if (off > f->size || size > f->size - off)
		return err_set(r->e, EINVAL, "pointer beyond the end of '%s'", f->name);
	memcpy(raw, f->data + off, size);
	v = ld_le64(raw);
	if (v > to->size)
		return err_set(r->e, EINVAL, "pointer beyond the end of '%s'", to->name);
	v += to->addr;
	if (v & ~mask_bits(8 * size))
		return err_set(r->e, EINVAL, "%#llx does not fit a pointer of %u bytes",
			       (unsigned long long)v, size);
	st_le64(raw, v);
	memcpy(f->data + off, raw, size);
	return 0;
}

static int run_checksum(struct run *r, const uint8_t *c)
{
	struct loader_file *f = find_placed(r, c + FILE_NAME);
	uint32_t off = ld_le32(c + SUM_OFF), start = ld_le32(c + SUM_START);
	uint32_t len = ld_le32(c + SUM_LEN);
	uint8_t sum = 0;

	if (!f)
		return -ENOENT;
	if (start > f->size || len > f->size - start || off >= f->size)
		return err_set(r->e, EINVAL, "checksum beyond the end of '%s'", f->name);
	for (uint32_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + f->data[start + i]);
	f->data[off] = (uint8_t)(f->data[off] - sum);
	return 0;
}

int loader_run(const uint8_t *script, size_t size, struct loader_file *files, unsigned nr_files,
	       struct loader_room room[3], struct err *e)
{
	struct err own = { 0 };
	struct run r = { files, nr_files, room, e ? e : &own };

	if (size % LOADER_ENTRY)
		return err_set(e, EINVAL, "table loader: %zu bytes are no whole commands", size);
	for (size_t i = 0; i < size; i += LOADER_ENTRY) {
		const uint8_t *c = script + i;
		uint32_t command = ld_le32(c);
		int rc;

		switch (command) {
		case ALLOCATE: rc = run_allocate(&r, c); break;
		case ADD_POINTER: rc = run_pointer(&r, c); break;
		case ADD_CHECKSUM: rc = run_checksum(&r, c); break;
		default: rc = err_set(r.e, EINVAL, "command %u is not known", command); break;
		}
		if (rc)
			return err_prefix(r.e, "table loader: command %zu", i / LOADER_ENTRY);
	}
	return 0;
}
