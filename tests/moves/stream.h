/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A state stream taken apart, changed, and put together again with right checksums. */
#ifndef TESTS_MOVES_STREAM_H
#define TESTS_MOVES_STREAM_H

#include "hw/core/state.h"

struct stream_section {
	char name[48];
	unsigned version;
	bool optional, gone, twice;
	uint8_t *data;			/* owned */
	size_t len;
};
struct stream { unsigned nr; struct stream_section *s; };

struct stream stream_of(const struct state_buf *b);	/* which is sound */
struct state_buf stream_build(const struct stream *s);
void stream_free(struct stream *s);
struct stream_section *stream_section(struct stream *s, const char *name);
/* Contents of a field, to be changed in place; NULL. */
uint8_t *stream_field(struct stream *s, const char *section, const char *field, size_t *n);
/* One more section, with no fields; one more field in a section (also of a name that it has). */
void stream_add(struct stream *s, const char *name, bool optional);
void stream_add_field(struct stream *s, const char *section, const char *field,
		      enum field_kind kind, const void *data, size_t n);

#endif
