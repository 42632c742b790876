/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/acpi/aml.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/acpi/aml_internal.h"
#include "util/bits.h"

enum {				/* 20.2 */
	OP_NAME = 0x08, OP_BYTE = 0x0a, OP_WORD = 0x0b, OP_DWORD = 0x0c, OP_STRING = 0x0d,
	OP_QWORD = 0x0e, OP_SCOPE = 0x10, OP_BUFFER = 0x11, OP_PACKAGE = 0x12, OP_METHOD = 0x14,
	OP_DUAL_NAME = 0x2e, OP_MULTI_NAME = 0x2f, OP_EXT = 0x5b, OP_LOCAL0 = 0x60,
	OP_ARG0 = 0x68, OP_IF = 0xa0, OP_ELSE = 0xa1, OP_ONES = 0xff,
	/* behind OP_EXT */
	EXT_REGION = 0x80, EXT_FIELD = 0x81, EXT_DEVICE = 0x82,
};

/* A package length takes up to four bytes; so many are kept free while it is open. */
enum { LENGTH_MAX = 4 };

static void fail(struct aml *a, int code, const char *what)
{
	if (a->error)
		return;
	a->error = code;
	snprintf(a->what, sizeof(a->what), "%s", what);
}

static uint8_t *room(struct aml *a, size_t n)
{
	if (a->error)
		return NULL;
	if (n > AML_MAX_SIZE - a->len) {
		fail(a, ENOSPC, "too large");
		return NULL;
	}
	if (n > a->cap - a->len) {
		size_t cap = MAX(a->len + n, MAX(a->cap * 2, (size_t)4096));
		uint8_t *buf = realloc(a->buf, cap);

		if (!buf) {
			fail(a, ENOMEM, "out of memory");
			return NULL;
		}
		a->buf = buf;
		a->cap = cap;
	}
	a->len += n;
	return a->buf + a->len - n;
}

static void put(struct aml *a, const void *data, size_t n)
{
	uint8_t *to = n ? room(a, n) : NULL;

	if (to)
		memcpy(to, data, n);
}

static void put8(struct aml *a, unsigned v)
{
	uint8_t b = (uint8_t)v;

	put(a, &b, 1);
}

static void put_le(struct aml *a, uint64_t v, unsigned n)
{
	uint8_t b[8];

	st_le64(b, v);
	put(a, b, n);
}

void aml_start(struct aml *a)
{
	memset(a, 0, sizeof(*a));
}

int aml_finish(struct aml *a, struct err *e)
{
	if (a->depth)
		abort();
	return a->error ? err_set(e, a->error, "AML: %s", a->what) : 0;
}

void aml_free(struct aml *a)
{
	free(a->buf);
	aml_start(a);
}

/* 20.2.4. Returns how many bytes; the top two bits of the first say how many follow it. */
static unsigned encode_length(uint8_t out[LENGTH_MAX], uint32_t v)
{
	unsigned n = v < 1u << 6 ? 1 : v < 1u << 12 ? 2 : v < 1u << 20 ? 3 : 4;

	if (n == 1) {
		out[0] = (uint8_t)v;
		return 1;
	}
	out[0] = (uint8_t)((n - 1) << 6 | (v & 15));
	for (unsigned i = 1; i < n; i++)
		out[i] = (uint8_t)(v >> (8 * i - 4));
	return n;
}

static void open_length(struct aml *a, bool is_template)
{
	static const uint8_t none[LENGTH_MAX];

	/* Depth is kept right after an error and beyond the limit, or aml_end would not match. */
	if (a->depth < AML_MAX_DEPTH)
		a->open[a->depth] = (struct aml_open){ a->len, is_template };
	else
		fail(a, ENOSPC, "nested too deeply");
	a->depth++;
	put(a, none, LENGTH_MAX);
}

void aml_end(struct aml *a)
{
	uint8_t length[LENGTH_MAX];
	struct aml_open o;
	uint32_t body;
	unsigned n = 1;

	if (!a->depth)
		abort();
	if (--a->depth >= AML_MAX_DEPTH || a->error)
		return;
	o = a->open[a->depth];
	if (o.is_template) {
		put(a, (const uint8_t[]){ 0x79, 0 }, 2);	/* end tag; sum 0: not checked */
		if (a->error)
			return;
		body = (uint32_t)(a->len - o.at - LENGTH_MAX - 3);
		if (body > UINT16_MAX) {
			fail(a, ENOSPC, "resource template too large");
			return;
		}
		st_le16(a->buf + o.at + LENGTH_MAX + 1, (uint16_t)body);
	}
	/* The length counts itself. */
	body = (uint32_t)(a->len - o.at - LENGTH_MAX);
	while (encode_length(length, body + n) != n)
		n++;
	memcpy(a->buf + o.at, length, n);
	memmove(a->buf + o.at + n, a->buf + o.at + LENGTH_MAX, body);
	a->len -= LENGTH_MAX - n;
}

/* ---- names ---- */

static bool put_segment(struct aml *a, const char *s, size_t n)
{
	char seg[4] = { '_', '_', '_', '_' };

	if (!n || n > 4 || isdigit((unsigned char)*s))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!isupper((unsigned char)s[i]) && !isdigit((unsigned char)s[i]) && s[i] != '_')
			return false;
		seg[i] = s[i];
	}
	put(a, seg, 4);
	return true;
}

void aml_ref(struct aml *a, const char *name)
{
	const char *s = name;
	unsigned n = 1;

	if (*s == '\\')
		put8(a, (unsigned char)*s++);
	else
		for (; *s == '^'; s++)
			put8(a, '^');
	if (!*s && s != name) {			/* the root, or a parent: no segments */
		put8(a, 0);
		return;
	}
	for (const char *p = s; *p; p++)
		n += *p == '.';
	if (n == 2) {
		put8(a, OP_DUAL_NAME);
	} else if (n > 2) {
		put8(a, OP_MULTI_NAME);
		put8(a, n);
	}
	for (unsigned i = 0; i < n; i++) {
		size_t len = strcspn(s, ".");

		if (n > 255 || !put_segment(a, s, len)) {
			char what[64];

			snprintf(what, sizeof(what), "bad name '%.40s'", name);
			fail(a, EINVAL, what);
			return;
		}
		s += len + 1;
	}
}

static void put_name_v(struct aml *a, const char *fmt, va_list ap)
{
	char name[64];

	if (vsnprintf(name, sizeof(name), fmt, ap) >= (int)sizeof(name))
		fail(a, EINVAL, "name too long");
	aml_ref(a, name);
}

/* ---- objects ---- */

void aml_scope(struct aml *a, const char *name)
{
	put8(a, OP_SCOPE);
	open_length(a, false);
	aml_ref(a, name);
}

void aml_device(struct aml *a, const char *fmt, ...)
{
	va_list ap;

	put(a, (const uint8_t[]){ OP_EXT, EXT_DEVICE }, 2);
	open_length(a, false);
	va_start(ap, fmt);
	put_name_v(a, fmt, ap);
	va_end(ap);
}

void aml_method(struct aml *a, const char *name, unsigned args, bool serialized)
{
	put8(a, OP_METHOD);
	open_length(a, false);
	aml_ref(a, name);
	if (args > 7)
		fail(a, EINVAL, "more than 7 arguments");
	put8(a, args | (unsigned)serialized << 3);
}

void aml_name(struct aml *a, const char *fmt, ...)
{
	va_list ap;

	put8(a, OP_NAME);
	va_start(ap, fmt);
	put_name_v(a, fmt, ap);
	va_end(ap);
}

void aml_name_int(struct aml *a, const char *name, uint64_t v)
{
	aml_name(a, "%s", name);
	aml_int(a, v);
}

void aml_name_str(struct aml *a, const char *name, const char *s)
{
	aml_name(a, "%s", name);
	aml_str(a, s);
}

/* 19.3.4: three capital letters and four hexadecimal digits. */
static bool eisa_form(const char *id)
{
	for (unsigned i = 0; i < 7; i++)
		if (i < 3 ? id[i] < 'A' || id[i] > 'Z' : !isxdigit((unsigned char)id[i]))
			return false;
	return !id[7];
}

void aml_id(struct aml *a, const char *name, const char *id)
{
	aml_name(a, "%s", name);
	if (eisa_form(id))
		aml_eisa_id(a, id);
	else
		aml_str(a, id);
}

void aml_region(struct aml *a, const char *name, unsigned space, uint64_t off, uint64_t len)
{
	put(a, (const uint8_t[]){ OP_EXT, EXT_REGION }, 2);
	aml_ref(a, name);
	put8(a, space);
	aml_int(a, off);
	aml_int(a, len);
}

void aml_field(struct aml *a, const char *region, unsigned access)
{
	put(a, (const uint8_t[]){ OP_EXT, EXT_FIELD }, 2);
	open_length(a, false);
	aml_ref(a, region);
	put8(a, access);
}

void aml_field_unit(struct aml *a, const char *name, unsigned bits)
{
	uint8_t length[LENGTH_MAX];

	if (!name)
		put8(a, 0);
	else if (!put_segment(a, name, strlen(name)))
		fail(a, EINVAL, "bad name of a field");
	if (bits >= 1u << 28)
		fail(a, EINVAL, "field too wide");
	put(a, length, encode_length(length, bits));
}

/* ---- data and terms ---- */

void aml_int(struct aml *a, uint64_t v)
{
	if (v <= 1) {
		put8(a, (unsigned)v);
	} else if (v == UINT64_MAX) {
		put8(a, OP_ONES);
	} else if (v <= UINT8_MAX) {
		put8(a, OP_BYTE);
		put_le(a, v, 1);
	} else if (v <= UINT16_MAX) {
		put8(a, OP_WORD);
		put_le(a, v, 2);
	} else if (v <= UINT32_MAX) {
		put8(a, OP_DWORD);
		put_le(a, v, 4);
	} else {
		put8(a, OP_QWORD);
		put_le(a, v, 8);
	}
}

void aml_str(struct aml *a, const char *s)
{
	for (const char *p = s; *p; p++)
		if ((unsigned char)*p > 0x7f)
			fail(a, EINVAL, "a string that is not ASCII");
	put8(a, OP_STRING);
	put(a, s, strlen(s) + 1);
}

void aml_eisa_id(struct aml *a, const char *id)
{
	uint8_t raw[4];
	unsigned product, vendor;

	if (!eisa_form(id)) {
		fail(a, EINVAL, "not an EISA id");
		return;
	}
	vendor = (id[0] - '@') << 10 | (id[1] - '@') << 5 | (id[2] - '@');
	product = (unsigned)strtoul(id + 3, NULL, 16);
	st_be16(raw, (uint16_t)vendor);
	st_be16(raw + 2, (uint16_t)product);
	put8(a, OP_DWORD);
	put(a, raw, 4);
}

void aml_uuid(struct aml *a, const char *uuid)
{
	/* 19.6.142: where the text's bytes go; the first three groups are little-endian. */
	static const uint8_t place[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
	uint8_t raw[16];
	const char *s = uuid;

	for (unsigned i = 0; i < 16; i++) {
		if (*s == '-')
			s++;
		if (!isxdigit((unsigned char)s[0]) || !isxdigit((unsigned char)s[1])) {
			fail(a, EINVAL, "bad UUID");
			return;
		}
		raw[place[i]] = (uint8_t)strtoul((char[]){ s[0], s[1], 0 }, NULL, 16);
		s += 2;
	}
	if (*s)
		fail(a, EINVAL, "bad UUID");
	aml_buffer(a, raw, sizeof(raw));
}

void aml_buffer(struct aml *a, const void *data, size_t n)
{
	put8(a, OP_BUFFER);
	open_length(a, false);
	aml_int(a, n);
	put(a, data, n);
	aml_end(a);
}

void aml_package(struct aml *a, unsigned n)
{
	put8(a, OP_PACKAGE);
	open_length(a, false);
	if (n > 255)
		fail(a, EINVAL, "more than 255 elements");
	put8(a, n);
}

void aml_arg(struct aml *a, unsigned n)
{
	if (n > 6)
		fail(a, EINVAL, "no such argument");
	put8(a, OP_ARG0 + n);
}

void aml_local(struct aml *a, unsigned n)
{
	if (n > 7)
		fail(a, EINVAL, "no such local");
	put8(a, OP_LOCAL0 + n);
}

void aml_op(struct aml *a, unsigned op)
{
	put8(a, op);
}

void aml_if(struct aml *a)
{
	put8(a, OP_IF);
	open_length(a, false);
}

void aml_else(struct aml *a)
{
	put8(a, OP_ELSE);
	open_length(a, false);
}

void aml_return_int(struct aml *a, uint64_t v)
{
	aml_op(a, AML_RETURN);
	aml_int(a, v);
}

void aml_raw(struct aml *a, const void *data, size_t n)
{
	put(a, data, n);
}

void aml_bad(struct aml *a, const char *what)
{
	fail(a, EINVAL, what);
}

void aml_template(struct aml *a)
{
	put8(a, OP_BUFFER);
	open_length(a, true);
	put(a, (const uint8_t[]){ OP_WORD, 0, 0 }, 3);	/* the size, set by aml_end */
}
