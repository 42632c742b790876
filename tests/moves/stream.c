/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/moves/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/bits.h"
#include "util/crc32c.h"
#include "vmm/move/section.h"

struct stream stream_of(const struct state_buf *b)
{
	struct stream s = { 0 };
	struct sections l;
	struct err e = { 0 };

	if (sections_parse(&l, b->data, b->len, &e)) {
		fprintf(stderr, "stream_of: %s\n", e.msg);
		abort();
	}
	s.nr = l.nr;
	s.s = calloc(l.nr, sizeof(*s.s));
	for (unsigned i = 0; s.s && i < l.nr; i++) {
		struct stream_section *x = &s.s[i];

		strcpy(x->name, l.s[i].name);
		x->version = l.s[i].version;
		x->optional = l.s[i].optional;
		x->len = l.s[i].len;
		x->data = malloc(x->len);
		if (!x->data)
			abort();
		memcpy(x->data, l.s[i].data, x->len);
	}
	sections_free(&l);
	return s;
}

static void build_section(struct state_buf *b, const struct stream_section *x)
{
	size_t at = b->len;
	uint8_t head[8], crc[4];

	st_le32(head, (uint32_t)x->len);
	st_le16(head + 4, (uint16_t)x->version);
	head[6] = x->optional;
	head[7] = (uint8_t)strlen(x->name);
	state_put(b, head, 8);
	state_put(b, x->name, head[7]);
	state_put(b, x->data, x->len);
	st_le32(crc, crc32c(0, b->data + at, b->len - at));
	state_put(b, crc, 4);
}

struct state_buf stream_build(const struct stream *s)
{
	struct state_buf b = { 0 };
	size_t at = stream_begin(&b);
	unsigned nr = 0;

	for (unsigned i = 0; i < s->nr; i++)
		for (int n = s->s[i].gone ? 0 : 1 + s->s[i].twice; n > 0; n--, nr++)
			build_section(&b, &s->s[i]);
	stream_end(&b, at, nr);
	return b;
}

void stream_free(struct stream *s)
{
	for (unsigned i = 0; i < s->nr; i++)
		free(s->s[i].data);
	free(s->s);
}

struct stream_section *stream_section(struct stream *s, const char *name)
{
	for (unsigned i = 0; i < s->nr; i++)
		if (!strcmp(s->s[i].name, name))
			return &s->s[i];
	fprintf(stderr, "no section %s\n", name);
	abort();
}

uint8_t *stream_field(struct stream *s, const char *section, const char *field, size_t *n)
{
	struct stream_section *x = stream_section(s, section);
	size_t nl = strlen(field);

	for (uint8_t *p = x->data; *p; ) {
		uint32_t len = ld_le32(p + 3 + p[2]);

		if (p[2] == nl && !memcmp(p + 3, field, nl)) {
			if (n)
				*n = len;
			return p + 3 + nl + 4;
		}
		p += 3 + p[2] + 4 + len;
	}
	return NULL;
}

void stream_add(struct stream *s, const char *name, bool optional)
{
	s->s = realloc(s->s, (s->nr + 1) * sizeof(*s->s));
	if (!s->s)
		abort();
	s->s[s->nr] = (struct stream_section){ .version = 1, .optional = optional, .len = 1,
					       .data = calloc(1, 1) };
	snprintf(s->s[s->nr++].name, sizeof(s->s[0].name), "%s", name);
}

void stream_add_field(struct stream *s, const char *section, const char *field,
		      enum field_kind kind, const void *data, size_t n)
{
	struct stream_section *x = stream_section(s, section);
	size_t nl = strlen(field), more = 3 + nl + 4 + n;
	uint8_t *p;

	x->data = realloc(x->data, x->len + more);
	if (!x->data)
		abort();
	p = x->data + x->len - 1;
	p[0] = kind;
	p[1] = 0;
	p[2] = (uint8_t)nl;
	memcpy(p + 3, field, nl);
	st_le32(p + 3 + nl, (uint32_t)n);
	memcpy(p + 7 + nl, data, n);
	p[more] = 0;
	x->len += more;
}
