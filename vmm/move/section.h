/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The form of a machine state (state.h): sections of named fields. All numbers little-endian.
 *
 *	head	8 bytes "ambistat", u16 format version (1), u16 0, u32 number of sections,
 *		u64 bytes of the whole, u32 CRC-32C of the 24 bytes before it
 *	section	u32 bytes of the payload, u16 version, u8 flags (1: optional), u8 length of the
 *		name, name, payload, u32 CRC-32C of the section up to here
 *	payload	fields as in hw/core/state.h: u8 kind (enum field_kind), u8 flags (1: optional),
 *		u8 length of the name, name, u32 length, contents; at the end u8 0
 *
 * A field of kind FIELD_BYTES is a string or a blob; the integers are one value, or a row of them.
 * A reader skips what is optional and unknown; everything else must be known and come once.
 */
#ifndef VMM_MOVE_SECTION_H
#define VMM_MOVE_SECTION_H

#include "hw/core/state.h"

enum { SECTION_NAME_MAX = 48, SECTIONS_MAX = 4096, FIELDS_MAX = 4096, SECTION_OPTIONAL = 1 };
#define STATE_BYTES_MAX (UINT64_C(256) << 20)	/* a stream may not be longer */

/* ---- writing: append to b ---- */

void state_put(struct state_buf *b, const void *data, size_t n);
size_t stream_begin(struct state_buf *b);		/* the head; for stream_end */
void stream_end(struct state_buf *b, size_t start, unsigned nr_sections);
size_t section_begin(struct state_buf *b, const char *name, unsigned version, bool optional);
void section_end(struct state_buf *b, size_t start);
/* kind: FIELD_U8 to FIELD_BOOL */
void field_put(struct state_buf *b, const char *name, enum field_kind kind, uint64_t v);
void field_put_row(struct state_buf *b, const char *name, const uint64_t *v, unsigned n);
void field_put_bytes(struct state_buf *b, const char *name, const void *data, size_t n);
void field_put_text(struct state_buf *b, const char *name, const char *text);

/* ---- reading: hostile bytes, which must outlive the structs ---- */

struct section {
	char name[SECTION_NAME_MAX];
	unsigned version;
	bool optional;
	bool used;			/* for the reader */
	const uint8_t *data;
	size_t len;
};
struct sections { unsigned nr; struct section *s; };	/* in the stream's order */

/* Checks lengths, CRCs and names of the whole; nothing of the payloads. Frees itself on errors. */
int  sections_parse(struct sections *l, const uint8_t *data, size_t len, struct err *e);
void sections_free(struct sections *l);
/* NULL: not there, or of a name that was used. Marks it as used. */
struct section *sections_take(struct sections *l, const char *name);

struct item {				/* a field of the stream */
	char name[64];
	uint8_t kind;
	bool optional, used;
	const uint8_t *data;
	size_t len;
};
struct items { unsigned nr, next; struct item *i; const char *where; };

/* max_version: newer ones are refused. where, for messages, is borrowed. */
int  items_parse(struct items *l, const struct section *s, unsigned max_version,
		 const char *where, struct err *e);
void items_free(struct items *l);
/* All take the field of that name; required unless said otherwise. */
int  item_uint(struct items *l, const char *name, enum field_kind kind, uint64_t *v,
	       struct err *e);
int  item_bytes(struct items *l, const char *name, const uint8_t **data, size_t *n,
		struct err *e);
/* NUL-terminated into buf; longer ones, and those with a NUL inside, are refused. */
int  item_text(struct items *l, const char *name, char *buf, size_t n, struct err *e);
/* A row of up to `max` u64. */
int  item_row(struct items *l, const char *name, uint64_t *v, unsigned max, unsigned *n,
	      struct err *e);
bool items_have(struct items *l, const char *name);
int  items_done(struct items *l, struct err *e);	/* nothing is left that has to be known */

#endif
