/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stream of one device, all numbers little-endian:
 *
 *	header	u32 magic "AST1", u16 format version
 *	field	u8 kind (not 0), u8 flags (1: optional), u8 name length, name,
 *		u32 payload length, payload
 *	end	u8 0
 *
 * A FIELD_STRUCT payload is u16 count, then for each element fields and an end
 * byte. The interrupt levels a device drives are the pseudo field "@irq", what its type saves
 * beside the fields is "@more".
 *
 * Loading walks the stream twice: once to check everything, once to store, so
 * that a malformed stream leaves the device as it was. Values that the type's
 * `loaded` rejects leave it as after a reset.
 */
#include "hw/core/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/core/machine.h"
#include "util/bits.h"

#define STATE_MAGIC   0x31545341u	/* "AST1" */
#define STATE_VERSION 1
#define STATE_OPTIONAL 1
#define IRQ_FIELD     "@irq"
#define MORE_FIELD    "@more"
#define MAX_FIELDS    128		/* of one table: size of the "seen" set */
#define MAX_DEPTH     4			/* of structs in structs */

static unsigned kind_size(unsigned kind)
{
	switch (kind) {
	case FIELD_U8:
	case FIELD_BOOL:
	case FIELD_BYTES: return 1;
	case FIELD_U16: return 2;
	case FIELD_U32: return 4;
	case FIELD_U64: return 8;
	case FIELD_TIMER: return sizeof(struct timer);
	case FIELD_IRQ: return sizeof(struct irq_line);
	default: return 0;
	}
}

/* Bytes of one element in the stream. */
static unsigned kind_stream_size(unsigned kind)
{
	return kind == FIELD_TIMER ? 8 : kind == FIELD_IRQ ? 1 : kind_size(kind);
}

static unsigned elems(const struct field *f)
{
	return f->kind == FIELD_BYTES ? f->len : f->count;
}

/* ---- completeness ---- */

static unsigned kind_align(const struct field *f)
{
	switch (f->kind) {
	case FIELD_U8:
	case FIELD_BOOL: return 1;
	case FIELD_U16: return 2;
	case FIELD_U32: return 4;
	case FIELD_BYTES:
	case FIELD_STRUCT:
	case FIELD_NOT_STATE:
		/* The type is not known; its size and place bound its alignment. */
		for (unsigned a = 8; a > 1; a /= 2)
			if (!(f->len % a) && !(f->off % a))
				return a;
		return 1;
	default: return 8;
	}
}

static int check_table(const char *who, const struct field *fields, const struct prop *props,
		       size_t head, size_t size, unsigned depth, struct err *e)
{
	uint8_t *seen = calloc(1, size + 1);	/* 1: field, 2: property */
	uint8_t *align = calloc(1, size + 1);	/* of what starts here */
	uint8_t most = head ? 8 : 1;		/* the struct's own: struct dev has pointers */
	unsigned n = 0;
	int rc = 0;

	if (!seen || !align || depth > MAX_DEPTH) {
		rc = err_set(e, EINVAL, "%s: fields nested too deep", who);
		goto out;
	}
	memset(seen, 1, head);
	for (const struct prop *p = props; p && p->name; p++) {
		static const uint8_t len[] = { [PROP_STR] = sizeof(char *), [PROP_U32] = 4,
					       [PROP_U64] = 8, [PROP_BOOL] = 1, [PROP_SIZE] = 8,
					       [PROP_PTR] = sizeof(void *) };

		if (p->kind >= ARRAY_SIZE(len) || p->off < head || p->off + len[p->kind] > size) {
			rc = err_set(e, EINVAL, "%s: property '%s' is ill-formed", who, p->name);
			goto out;
		}
		memset(seen + p->off, 2, len[p->kind]);
		align[p->off] = len[p->kind];
	}
	for (const struct field *f = fields; f && f->name; f++, n++) {
		bool sub = f->kind == FIELD_STRUCT;

		if (n == MAX_FIELDS || strlen(f->name) > 255 || f->off < head ||
		    f->off > size || f->len > size - f->off ||
		    (sub && (!f->sub || f->len != (size_t)f->count * f->sub_size)) ||
		    (f->kind == FIELD_NOT_STATE && (!f->why || !*f->why)) ||
		    (!sub && f->kind != FIELD_NOT_STATE &&
		     f->len != (size_t)elems(f) * kind_size(f->kind))) {
			rc = err_set(e, EINVAL, "%s: field '%s' is ill-formed", who, f->name);
			goto out;
		}
		for (uint32_t i = f->off; i < f->off + f->len; i++) {
			if (seen[i] == 1) {
				rc = err_set(e, EINVAL, "%s: byte %u has two fields, the second "
					     "is '%s'", who, i, f->name);
				goto out;
			}
			seen[i] = 1;
		}
		align[f->off] = MAX(align[f->off], kind_align(f));
		most = MAX(most, kind_align(f));
		if (sub) {
			rc = check_table(f->name, f->sub, NULL, 0, f->sub_size, depth + 1, e);
			if (rc) {
				err_prefix(e, "%s", who);
				goto out;
			}
		}
	}
	align[size] = most;
	for (size_t i = head, end; i < size; i = end + 1) {
		end = i;
		if (seen[i])
			continue;
		while (end < size && !seen[end])
			end++;
		/* Padding is a gap that the next member's alignment explains. */
		if (align[end] && end == align_up(i, align[end]))
			continue;
		rc = err_set(e, EINVAL, "%s: no field describes byte %zu (to %zu)", who, i,
			     end - 1);
		break;
	}
out:
	free(seen);
	free(align);
	return rc;
}

int state_check(const struct dev_type *t, struct err *e)
{
	return check_table(t->name, t->state, t->props, sizeof(struct dev), t->size, 0, e);
}

/* ---- reset ---- */

static void zero_fields(void *base, const struct field *fields)
{
	for (const struct field *f = fields; f && f->name; f++) {
		char *at = (char *)base + f->off;

		switch (f->kind) {
		case FIELD_NOT_STATE:
			break;
		case FIELD_TIMER:
			for (unsigned i = 0; i < f->count; i++)
				if (((struct timer *)at)[i].clock)
					timer_set(&((struct timer *)at)[i], TIMER_NEVER);
			break;
		case FIELD_IRQ:
			for (unsigned i = 0; i < f->count; i++)
				atomic_store(&((struct irq_line *)at)[i].level, 0);
			break;
		case FIELD_STRUCT:
			for (unsigned i = 0; i < f->count; i++)
				zero_fields(at + (size_t)i * f->sub_size, f->sub);
			break;
		default:
			memset(at, 0, f->len);
		}
	}
}

void state_zero(struct dev *d)
{
	zero_fields(d, d->type->state);
	for (unsigned i = 0; i < DEV_MAX_IRQS; i++)
		atomic_store(&d->irq[i].level, 0);
}

/* ---- save ---- */

static void put(struct state_buf *b, const void *data, size_t n)
{
	if (b->len + n > b->cap) {
		b->cap = MAX(b->cap * 2, b->len + n + 256);
		b->data = realloc(b->data, b->cap);
		if (!b->data)
			abort();	/* our own tables bound the size */
	}
	memcpy(b->data + b->len, data, n);
	b->len += n;
}

static void put_le(struct state_buf *b, uint64_t v, unsigned n)
{
	uint8_t raw[8];

	st_le64(raw, v);
	put(b, raw, n);
}

static size_t put_head(struct state_buf *b, const char *name, unsigned kind, unsigned flags)
{
	put_le(b, kind, 1);
	put_le(b, flags, 1);
	put_le(b, strlen(name), 1);
	put(b, name, strlen(name));
	put_le(b, 0, 4);		/* patched by put_end */
	return b->len;
}

static void put_end(struct state_buf *b, size_t start)
{
	st_le32(b->data + start - 4, (uint32_t)(b->len - start));
}

static void save_elem(struct state_buf *b, const struct field *f, const void *at)
{
	switch (f->kind) {
	case FIELD_U8:
	case FIELD_BYTES: put(b, at, 1); break;
	case FIELD_BOOL: put_le(b, *(const bool *)at, 1); break;
	case FIELD_U16: put_le(b, ld_16(at), 2); break;
	case FIELD_U32: put_le(b, ld_32(at), 4); break;
	case FIELD_U64: put_le(b, ld_64(at), 8); break;
	case FIELD_TIMER: put_le(b, ((const struct timer *)at)->deadline, 8); break;
	case FIELD_IRQ: put_le(b, (uint8_t)((const struct irq_line *)at)->level, 1); break;
	}
}

static void save_fields(struct state_buf *b, const void *base, const struct field *fields)
{
	for (const struct field *f = fields; f && f->name; f++) {
		const char *at = (const char *)base + f->off;
		size_t start;

		if (f->kind == FIELD_NOT_STATE || (f->needed && !f->needed(base)))
			continue;
		start = put_head(b, f->name, f->kind, f->optional ? STATE_OPTIONAL : 0);
		if (f->kind == FIELD_STRUCT) {
			put_le(b, f->count, 2);
			for (unsigned i = 0; i < f->count; i++) {
				save_fields(b, at + (size_t)i * f->sub_size, f->sub);
				put_le(b, 0, 1);
			}
		} else if (f->kind == FIELD_BYTES) {
			put(b, at, f->len);
		} else {
			for (unsigned i = 0; i < f->count; i++)
				save_elem(b, f, at + (size_t)i * kind_size(f->kind));
		}
		put_end(b, start);
	}
}

void state_append(struct state_buf *b, const void *data, size_t n) { put(b, data, n); }

static void save_more(struct dev *d, struct state_buf *out)
{
	struct state_buf more = { 0 };
	size_t start;

	d->type->save_more(d, &more);
	if (more.len) {
		start = put_head(out, MORE_FIELD, FIELD_BYTES, 0);
		put(out, more.data, more.len);
		put_end(out, start);
	}
	free(more.data);
}

int state_save(const struct dev *d, struct state_buf *out, struct err *e)
{
	dev_lock((struct dev *)d);
	dev_quiesce((struct dev *)d);
	put_le(out, STATE_MAGIC, 4);
	put_le(out, STATE_VERSION, 2);
	if (d->type->nr_irqs) {
		size_t start = put_head(out, IRQ_FIELD, FIELD_IRQ, 0);

		for (unsigned i = 0; i < d->type->nr_irqs; i++)
			put_le(out, (uint8_t)d->irq[i].level, 1);
		put_end(out, start);
	}
	save_fields(out, d, d->type->state);
	if (d->type->save_more)
		save_more((struct dev *)d, out);
	put_le(out, 0, 1);
	dev_unlock((struct dev *)d);
	return 0;
}

/* ---- load: everything below looks at hostile bytes ---- */

struct reader {
	const uint8_t *p, *end;
	unsigned version;
	bool store;			/* second walk */
	const uint8_t *more;		/* "@more"; NULL: none */
	size_t more_len;
	struct err *e;
};

static int get(struct reader *r, unsigned n, uint64_t *v)
{
	uint8_t raw[8] = { 0 };

	*v = 0;
	if ((size_t)(r->end - r->p) < n)
		return err_set(r->e, EINVAL, "stream is cut off");
	memcpy(raw, r->p, n);
	r->p += n;
	*v = ld_le64(raw);
	return 0;
}

struct stream_field {
	unsigned kind, flags;
	char name[256];
	const uint8_t *data;
	uint32_t len;
};

/* 1: a field, 0: the end byte, -errno. */
static int get_field(struct reader *r, struct stream_field *s)
{
	uint64_t kind, flags, n, len;
	int rc;

	rc = get(r, 1, &kind);
	if (rc || !kind)
		return rc;
	if ((rc = get(r, 1, &flags)) || (rc = get(r, 1, &n)))
		return rc;
	if ((size_t)(r->end - r->p) < n || memchr(r->p, 0, n))
		return err_set(r->e, EINVAL, "bad field name");
	memcpy(s->name, r->p, n);
	s->name[n] = '\0';
	r->p += n;
	rc = get(r, 4, &len);
	if (rc)
		return rc;
	if ((size_t)(r->end - r->p) < len)
		return err_set(r->e, EINVAL, "field '%s' is cut off", s->name);
	s->kind = (unsigned)kind;
	s->flags = (unsigned)flags;
	s->data = r->p;
	s->len = (uint32_t)len;
	r->p += len;
	return 1;
}

static int load_elem(struct reader *r, const struct field *f, void *at, const uint8_t *raw)
{
	if (f->kind == FIELD_BOOL && *raw > 1)
		return err_set(r->e, EINVAL, "field '%s': %u is no truth value", f->name, *raw);
	if (!r->store)
		return 0;
	switch (f->kind) {
	case FIELD_U8: *(uint8_t *)at = *raw; break;
	case FIELD_BOOL: *(bool *)at = *raw; break;
	case FIELD_U16: st_16(at, ld_le16(raw)); break;
	case FIELD_U32: st_32(at, ld_le32(raw)); break;
	case FIELD_U64: st_64(at, ld_le64(raw)); break;
	case FIELD_TIMER:
		if (((struct timer *)at)->clock)
			timer_set(at, ld_le64(raw));
		break;
	case FIELD_IRQ: atomic_store(&((struct irq_line *)at)->level, !!*raw); break;
	}
	return 0;
}

static int load_fields(struct reader *r, struct dev *d, void *base, const struct field *fields,
		       unsigned depth);

static int load_field(struct reader *r, const struct field *f, char *at,
		      const struct stream_field *s, unsigned depth)
{
	if (f->kind == FIELD_STRUCT) {
		struct reader sub = *r;
		uint64_t count;
		int rc;

		sub.p = s->data;
		sub.end = s->data + s->len;
		rc = get(&sub, 2, &count);
		if (!rc && count != f->count)
			rc = err_set(r->e, EINVAL, "field '%s' has %llu elements, not %u", f->name,
				     (unsigned long long)count, f->count);
		for (unsigned i = 0; !rc && i < f->count; i++)
			rc = load_fields(&sub, NULL, at + (size_t)i * f->sub_size, f->sub,
					 depth + 1);
		if (!rc && sub.p != sub.end)
			rc = err_set(r->e, EINVAL, "bytes after the end of field '%s'", f->name);
		return rc;
	}
	if (s->len != (size_t)elems(f) * kind_stream_size(f->kind))
		return err_set(r->e, EINVAL, "field '%s' has %u bytes", f->name, s->len);
	if (f->kind == FIELD_BYTES) {
		if (r->store)
			memcpy(at, s->data, f->len);
		return 0;
	}
	for (unsigned i = 0; i < f->count; i++) {
		int rc = load_elem(r, f, at + (size_t)i * kind_size(f->kind),
				   s->data + (size_t)i * kind_stream_size(f->kind));

		if (rc)
			return rc;
	}
	return 0;
}

static int load_irqs(struct reader *r, struct dev *d, const struct stream_field *s)
{
	if (s->kind != FIELD_IRQ || s->len != d->type->nr_irqs)
		return err_set(r->e, EINVAL, "interrupt levels of another device");
	for (unsigned i = 0; r->store && i < s->len; i++)
		atomic_store(&d->irq[i].level, !!s->data[i]);
	return 0;
}

/* d: at the top level only. */
static int load_fields(struct reader *r, struct dev *d, void *base, const struct field *fields,
		       unsigned depth)
{
	uint64_t seen[MAX_FIELDS / 64] = { 0 };
	struct stream_field s;
	int rc;

	if (depth > MAX_DEPTH)
		return err_set(r->e, EINVAL, "fields nested too deep");
	while ((rc = get_field(r, &s)) > 0) {
		const struct field *f = fields;

		if (d && !strcmp(s.name, IRQ_FIELD)) {
			rc = load_irqs(r, d, &s);
			if (rc)
				return rc;
			continue;
		}
		if (d && d->type->load_more && !strcmp(s.name, MORE_FIELD) && !r->store) {
			if (r->more || s.kind != FIELD_BYTES)
				return err_set(r->e, EINVAL, "field '%s' comes twice", s.name);
			r->more = s.data;
			r->more_len = s.len;
			rc = d->type->load_more(d, s.data, s.len, true, r->e);
			if (rc)
				return rc;
			continue;
		}
		if (d && d->type->load_more && !strcmp(s.name, MORE_FIELD))
			continue;
		while (f && f->name && (f->kind == FIELD_NOT_STATE || strcmp(f->name, s.name)))
			f++;
		if (!f || !f->name) {
			if (s.flags & STATE_OPTIONAL)
				continue;
			return err_set(r->e, EINVAL, "unknown field '%s'", s.name);
		}
		if (f->kind != s.kind)
			return err_set(r->e, EINVAL, "field '%s' has the wrong type", s.name);
		if (seen[(f - fields) / 64] & BIT((f - fields) % 64))
			return err_set(r->e, EINVAL, "field '%s' comes twice", s.name);
		seen[(f - fields) / 64] |= BIT((f - fields) % 64);
		rc = load_field(r, f, (char *)base + f->off, &s, depth);
		if (rc)
			return rc;
	}
	if (rc)
		return rc;
	for (const struct field *f = fields; f && f->name; f++)
		if (f->kind != FIELD_NOT_STATE && !f->needed && !f->optional &&
		    f->since <= r->version && !(seen[(f - fields) / 64] & BIT((f - fields) % 64)))
			return err_set(r->e, EINVAL, "field '%s' is missing", f->name);
	return 0;
}

/* The header and the first walk; body: where the fields begin. */
static int check(struct reader *r, struct dev *d, const uint8_t **body, struct err *e)
{
	uint64_t magic, version;
	int rc;

	rc = get(r, 4, &magic);
	if (!rc && magic != STATE_MAGIC)
		rc = err_set(e, EINVAL, "not a device state");
	if (!rc)
		rc = get(r, 2, &version);
	if (!rc && version > STATE_VERSION)
		rc = err_set(e, EINVAL, "format version %llu is newer than this program",
			     (unsigned long long)version);
	if (rc)
		return err_prefix(e, "%s", d->id);
	r->version = (unsigned)version;
	*body = r->p;
	rc = load_fields(r, d, d, d->type->state, 0);
	if (!rc && r->p != r->end)
		rc = err_set(e, EINVAL, "bytes after the end");
	return rc ? err_prefix(e, "%s", d->id) : 0;
}

int state_check_stream(struct dev *d, const uint8_t *data, size_t len, struct err *e)
{
	struct reader r = { .p = data, .end = data + len, .e = e };
	const uint8_t *body;

	return check(&r, d, &body, e);
}

int state_load(struct dev *d, const uint8_t *data, size_t len, struct err *e)
{
	struct reader r = { .p = data, .end = data + len, .e = e };
	const uint8_t *body = NULL;
	int rc = check(&r, d, &body, e);

	if (rc)
		return rc;
	dev_lock(d);
	dev_quiesce(d);
	state_zero(d);
	r.p = body;
	r.store = true;
	load_fields(&r, d, d, d->type->state, 0);
	if (d->type->loaded)
		rc = d->type->loaded(d, e);
	if (!rc && r.more)
		rc = d->type->load_more(d, r.more, r.more_len, false, e);
	if (rc) {
		/* Well-formed but impossible: leave nothing of it behind. */
		state_zero(d);
		if (d->type->reset)
			d->type->reset(d, RESET_COLD);
	}
	dev_unlock(d);
	mem_settle(&d->machine->mem);
	return rc ? err_prefix(e, "%s", d->id) : 0;
}
