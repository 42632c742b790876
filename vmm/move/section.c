/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/move/section.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/bits.h"
#include "util/crc32c.h"

enum { HEAD = 28, HEAD_CRC = 24, SECTION_HEAD = 8, FORMAT = 1 };

static const char magic[8] = { 'a', 'm', 'b', 'i', 's', 't', 'a', 't' };

/* ---- writing ---- */

void state_put(struct state_buf *b, const void *data, size_t n)
{
	if (b->len + n > b->cap) {
		b->cap = MAX(b->cap * 2, b->len + n + 4096);
		b->data = realloc(b->data, b->cap);
		if (!b->data)
			abort();	/* our own machine bounds the size */
	}
	if (n)
		memcpy(b->data + b->len, data, n);
	b->len += n;
}

static void put_le(struct state_buf *b, uint64_t v, unsigned n)
{
	uint8_t raw[8];

	st_le64(raw, v);
	state_put(b, raw, n);
}

size_t stream_begin(struct state_buf *b)
{
	static const uint8_t room[HEAD];
	size_t start = b->len;

	state_put(b, room, sizeof(room));
	return start;
}

void stream_end(struct state_buf *b, size_t start, unsigned nr_sections)
{
	uint8_t *h = b->data + start;

	memcpy(h, magic, sizeof(magic));
	st_le16(h + 8, FORMAT);
	st_le16(h + 10, 0);
	st_le32(h + 12, nr_sections);
	st_le64(h + 16, b->len - start);
	st_le32(h + HEAD_CRC, crc32c(0, h, HEAD_CRC));
}

size_t section_begin(struct state_buf *b, const char *name, unsigned version, bool optional)
{
	size_t start = b->len;

	put_le(b, 0, 4);
	put_le(b, version, 2);
	put_le(b, optional ? SECTION_OPTIONAL : 0, 1);
	put_le(b, strlen(name), 1);
	state_put(b, name, strlen(name));
	return start;
}

void section_end(struct state_buf *b, size_t start)
{
	uint8_t *h;

	put_le(b, 0, 1);
	h = b->data + start;
	st_le32(h, (uint32_t)(b->len - start - SECTION_HEAD - h[7]));
	put_le(b, crc32c(0, h, b->len - start), 4);
}

static void field_head(struct state_buf *b, const char *name, unsigned kind, size_t len)
{
	put_le(b, kind, 1);
	put_le(b, 0, 1);
	put_le(b, strlen(name), 1);
	state_put(b, name, strlen(name));
	put_le(b, len, 4);
}

static unsigned width(unsigned kind)
{
	switch (kind) {
	case FIELD_U8:
	case FIELD_BOOL: return 1;
	case FIELD_U16: return 2;
	case FIELD_U32: return 4;
	default: return 8;
	}
}

void field_put(struct state_buf *b, const char *name, enum field_kind kind, uint64_t v)
{
	field_head(b, name, kind, width(kind));
	put_le(b, v, width(kind));
}

void field_put_row(struct state_buf *b, const char *name, const uint64_t *v, unsigned n)
{
	field_head(b, name, FIELD_U64, (size_t)n * 8);
	for (unsigned i = 0; i < n; i++)
		put_le(b, v[i], 8);
}

void field_put_bytes(struct state_buf *b, const char *name, const void *data, size_t n)
{
	field_head(b, name, FIELD_BYTES, n);
	state_put(b, data, n);
}

void field_put_text(struct state_buf *b, const char *name, const char *text)
{
	field_put_bytes(b, name, text, strlen(text));
}

/* ---- reading ---- */

static int section_parse(struct section *s, const uint8_t **p, const uint8_t *end, struct err *e)
{
	const uint8_t *h = *p;
	size_t have = (size_t)(end - h), n;

	if (have < SECTION_HEAD || have < SECTION_HEAD + h[7] + (size_t)4)
		return err_set(e, EINVAL, "cut off");
	n = ld_le32(h);
	if (n > have - SECTION_HEAD - h[7] - 4)
		return err_set(e, EINVAL, "a section is cut off");
	if (!h[7] || h[7] >= SECTION_NAME_MAX || memchr(h + SECTION_HEAD, 0, h[7]))
		return err_set(e, EINVAL, "a section without a proper name");
	memcpy(s->name, h + SECTION_HEAD, h[7]);
	for (const char *c = s->name; *c; c++)
		if (*c < ' ' || *c > '~')
			return err_set(e, EINVAL, "a section without a proper name");
	s->version = ld_le16(h + 4);
	s->optional = h[6] & SECTION_OPTIONAL;
	s->data = h + SECTION_HEAD + h[7];
	s->len = n;
	*p = s->data + n + 4;
	if (crc32c(0, h, (size_t)(s->data + n - h)) != ld_le32(s->data + n))
		return err_set(e, EINVAL, "section '%s' is damaged (checksum)", s->name);
	return 0;
}

int sections_parse(struct sections *l, const uint8_t *data, size_t len, struct err *e)
{
	const uint8_t *p = data + HEAD, *end = data + len;
	unsigned nr;
	int r = 0;

	*l = (struct sections){ 0 };
	if (len < HEAD)
		return err_set(e, EINVAL, "cut off");
	if (memcmp(data, magic, sizeof(magic)))
		return err_set(e, EINVAL, "not the state of a machine");
	if (crc32c(0, data, HEAD_CRC) != ld_le32(data + HEAD_CRC))
		return err_set(e, EINVAL, "the head is damaged (checksum)");
	if (ld_le16(data + 8) > FORMAT)
		return err_set(e, ENOTSUP, "format %u is newer than this program knows (%u)",
			       ld_le16(data + 8), FORMAT);
	nr = ld_le32(data + 12);
	if (ld_le64(data + 16) != len)
		return err_set(e, EINVAL, "%llu bytes instead of %llu: cut off",
			       (unsigned long long)len, (unsigned long long)ld_le64(data + 16));
	if (nr > SECTIONS_MAX || len > STATE_BYTES_MAX)
		return err_set(e, EINVAL, "too large: %u sections, %llu bytes", nr,
			       (unsigned long long)len);
	l->s = calloc(nr + 1, sizeof(*l->s));
	if (!l->s)
		return err_set(e, ENOMEM, "no memory");
	for (l->nr = 0; !r && l->nr < nr; l->nr++)
		r = section_parse(&l->s[l->nr], &p, end, e);
	if (!r && p != end)
		r = err_set(e, EINVAL, "bytes after the end");
	for (unsigned i = 1; !r && i < nr; i++)
		for (unsigned j = 0; !r && j < i; j++)
			if (!strcmp(l->s[i].name, l->s[j].name))
				r = err_set(e, EINVAL, "section '%s' comes twice", l->s[i].name);
	if (r)
		sections_free(l);
	return r;
}

void sections_free(struct sections *l)
{
	free(l->s);
	*l = (struct sections){ 0 };
}

struct section *sections_take(struct sections *l, const char *name)
{
	for (unsigned i = 0; i < l->nr; i++)
		if (!l->s[i].used && !strcmp(l->s[i].name, name)) {
			l->s[i].used = true;
			return &l->s[i];
		}
	return NULL;
}

static int item_add(struct items *l, unsigned *cap, const struct item *i, struct err *e)
{
	if (l->nr == FIELDS_MAX)
		return err_set(e, EINVAL, "%s: more than %d fields", l->where, FIELDS_MAX);
	if (l->nr == *cap) {
		struct item *n = realloc(l->i, (*cap * 2 + 16) * sizeof(*n));

		if (!n)
			return err_set(e, ENOMEM, "no memory");
		l->i = n;
		*cap = *cap * 2 + 16;
	}
	l->i[l->nr++] = *i;
	return 0;
}

int items_parse(struct items *l, const struct section *s, unsigned max_version,
		const char *where, struct err *e)
{
	const uint8_t *p = s->data, *end = p + s->len;
	unsigned cap = 0;
	int r = 0;

	*l = (struct items){ .where = where };
	if (s->version > max_version)
		return err_set(e, ENOTSUP, "%s: version %u is newer than this program knows (%u)",
			       where, s->version, max_version);
	while (!r) {
		struct item i = { .used = false };
		size_t name, len;

		if (p == end || (*p && end - p < 3)) {
			r = err_set(e, EINVAL, "%s: its fields are cut off", where);
			break;
		}
		i.kind = *p++;
		if (!i.kind)
			break;
		i.optional = *p++ & 1;
		name = *p++;
		if ((size_t)(end - p) < name + 4 || !name || name >= sizeof(i.name) ||
		    memchr(p, 0, name)) {
			r = err_set(e, EINVAL, "%s: a field without a proper name", where);
			break;
		}
		memcpy(i.name, p, name);
		p += name;
		len = ld_le32(p);
		p += 4;
		if ((size_t)(end - p) < len) {
			r = err_set(e, EINVAL, "%s: field '%s' is cut off", where, i.name);
			break;
		}
		i.data = p;
		i.len = len;
		p += len;
		r = item_add(l, &cap, &i, e);
	}
	if (!r && p != end)
		r = err_set(e, EINVAL, "%s: bytes after the last field", where);
	if (r)
		items_free(l);
	return r;
}

void items_free(struct items *l)
{
	free(l->i);
	*l = (struct items){ 0 };
}

/* Fields come mostly in the order in which they are asked for. */
static struct item *find(struct items *l, const char *name)
{
	for (unsigned n = 0; n < l->nr; n++) {
		unsigned i = (l->next + n) % l->nr;

		if (!l->i[i].used && !strcmp(l->i[i].name, name)) {
			l->next = (i + 1) % l->nr;
			return &l->i[i];
		}
	}
	return NULL;
}

static struct item *take(struct items *l, const char *name, unsigned kind, struct err *e)
{
	struct item *i = find(l, name);

	if (!i) {
		err_set(e, EINVAL, "%s: field '%s' is missing", l->where, name);
		return NULL;
	}
	if (i->kind != kind) {
		err_set(e, EINVAL, "%s: field '%s' has the wrong type", l->where, name);
		return NULL;
	}
	i->used = true;
	return i;
}

bool items_have(struct items *l, const char *name)
{
	return find(l, name) != NULL;
}

int item_uint(struct items *l, const char *name, enum field_kind kind, uint64_t *v,
	      struct err *e)
{
	struct item *i = take(l, name, kind, e);
	uint8_t raw[8] = { 0 };

	if (!i)
		return -EINVAL;
	if (i->len != width(kind) || (kind == FIELD_BOOL && *i->data > 1))
		return err_set(e, EINVAL, "%s: field '%s' has an impossible value or length",
			       l->where, name);
	memcpy(raw, i->data, i->len);
	*v = ld_le64(raw);
	return 0;
}

int item_bytes(struct items *l, const char *name, const uint8_t **data, size_t *n,
	       struct err *e)
{
	struct item *i = take(l, name, FIELD_BYTES, e);

	if (!i)
		return -EINVAL;
	*data = i->data;
	*n = i->len;
	return 0;
}

int item_text(struct items *l, const char *name, char *buf, size_t n, struct err *e)
{
	const uint8_t *data;
	size_t len;
	int r = item_bytes(l, name, &data, &len, e);

	if (r)
		return r;
	if (len >= n || (len && memchr(data, 0, len)))
		return err_set(e, EINVAL, "%s: field '%s' is not a text of up to %zu bytes",
			       l->where, name, n - 1);
	memcpy(buf, data, len);
	buf[len] = '\0';
	return 0;
}

int item_row(struct items *l, const char *name, uint64_t *v, unsigned max, unsigned *n,
	     struct err *e)
{
	struct item *i = take(l, name, FIELD_U64, e);

	if (!i)
		return -EINVAL;
	if (i->len % 8 || i->len / 8 > max)
		return err_set(e, EINVAL, "%s: field '%s' has an impossible length", l->where,
			       name);
	*n = (unsigned)(i->len / 8);
	for (unsigned j = 0; j < *n; j++)
		v[j] = ld_le64(i->data + j * 8);
	return 0;
}

int items_done(struct items *l, struct err *e)
{
	for (unsigned i = 0; i < l->nr; i++)
		if (!l->i[i].used && !l->i[i].optional)
			return err_set(e, EINVAL, "%s: field '%s' is unknown, or comes twice",
				       l->where, l->i[i].name);
	return 0;
}
