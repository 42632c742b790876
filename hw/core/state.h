/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Field tables: the only description of a device's saved state. A field covers
 * bytes of the state struct; FIELD_SKIP covers bytes that are not state and says
 * why. state_check() (a unit test runs it for every type) fails on a gap.
 */
#ifndef HW_CORE_STATE_H
#define HW_CORE_STATE_H

#include "hw/core/dev.h"
#include "util/bits.h"

enum field_kind {
	FIELD_U8 = 1, FIELD_U16, FIELD_U32, FIELD_U64, FIELD_BOOL, FIELD_TIMER, FIELD_IRQ,
	FIELD_BYTES, FIELD_STRUCT, FIELD_NOT_STATE,
};

struct field {
	const char *name;
	uint32_t off, len;		/* bytes covered in the struct */
	uint16_t count;			/* elements of an array; 1 for scalars */
	uint8_t kind, since;		/* since: format version that introduced it */
	const struct field *sub;	/* FIELD_STRUCT: fields of the element type */
	uint32_t sub_size;		/* FIELD_STRUCT: sizeof one element */
	bool (*needed)(const void *state);	/* NULL: always */
	bool optional;			/* a reader that does not know the field may skip it */
	const char *why;		/* FIELD_NOT_STATE */
};

#define FIELD_KIND(x) _Generic((x),						\
	uint8_t: FIELD_U8, uint16_t: FIELD_U16, uint32_t: FIELD_U32, uint64_t: FIELD_U64,	\
	int32_t: FIELD_U32, int64_t: FIELD_U64, bool: FIELD_BOOL, struct timer: FIELD_TIMER)
#define FIELD(T, m, ...) { .name = #m, .off = offsetof(T, m), .len = sizeof(((T *)0)->m),	\
	.count = 1, .kind = FIELD_KIND(((T *)0)->m), ##__VA_ARGS__ }
#define FIELD_ARRAY(T, m, ...) { .name = #m, .off = offsetof(T, m), .len = sizeof(((T *)0)->m),	\
	.count = ARRAY_SIZE(((T *)0)->m), .kind = FIELD_KIND(((T *)0)->m[0]), ##__VA_ARGS__ }
#define FIELD_BLOB(T, m, ...) { .name = #m, .off = offsetof(T, m), .len = sizeof(((T *)0)->m),	\
	.count = 1, .kind = FIELD_BYTES, ##__VA_ARGS__ }
#define FIELD_SUB(T, m, E, fields, ...) {					\
	.name = #m, .off = offsetof(T, m), .len = sizeof(((T *)0)->m),		\
	.count = sizeof(((T *)0)->m) / sizeof(E), .kind = FIELD_STRUCT,		\
	.sub = fields, .sub_size = sizeof(E), ##__VA_ARGS__ }
#define FIELD_SKIP(T, m, reason) {						\
	.name = #m, .off = offsetof(T, m), .len = sizeof(((T *)0)->m),		\
	.count = 1, .kind = FIELD_NOT_STATE, .why = reason }
#define FIELD_END { .name = NULL }

/* 0, or -EINVAL naming the first byte of the struct that no field or property covers. Padding is
 * found by alignment and allowed. */
int state_check(const struct dev_type *t, struct err *e);

/*
 * Stream of one device: named, typed, length-prefixed fields. save appends to a
 * growing buffer; load is given hostile bytes: unknown optional fields are
 * skipped, wrong types, lengths or missing required fields are errors. Both take
 * the device's lock, under which `loaded` (and, if that fails, `reset`) runs.
 */
struct state_buf { uint8_t *data; size_t len, cap; };
void state_append(struct state_buf *b, const void *data, size_t n);	/* for save_more */
int state_save(const struct dev *d, struct state_buf *out, struct err *e);
int state_load(struct dev *d, const uint8_t *data, size_t len, struct err *e);
/* Is it well-formed for the device? What `loaded` would say of its values is not asked. */
int state_check_stream(struct dev *d, const uint8_t *data, size_t len, struct err *e);
void state_zero(struct dev *d);	/* zeroes every field that is state: the first half of a reset */

#endif
