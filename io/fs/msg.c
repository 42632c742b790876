/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/fs/msg.h"

#include <string.h>

#include "util/bits.h"

/* The next n bytes, or NULL. */
static uint8_t *take(struct msg *m, size_t n)
{
	uint8_t *p = m->p;

	if (m->bad || (size_t)(m->end - p) < n) {
		m->bad = true;
		return NULL;
	}
	m->p += n;
	return p;
}

static uint64_t get(struct msg *m, size_t n)
{
	uint8_t raw[8] = { 0 }, *p = take(m, n);

	if (p)
		memcpy(raw, p, n);
	return ld_le64(raw);
}

static void put(struct msg *m, uint64_t v, size_t n)
{
	uint8_t raw[8], *p = take(m, n);

	st_le64(raw, v);
	if (p)
		memcpy(p, raw, n);
}

uint8_t msg_get8(struct msg *m) { return (uint8_t)get(m, 1); }
uint16_t msg_get16(struct msg *m) { return (uint16_t)get(m, 2); }
uint32_t msg_get32(struct msg *m) { return (uint32_t)get(m, 4); }
uint64_t msg_get64(struct msg *m) { return get(m, 8); }

void msg_get_str(struct msg *m, char *buf, size_t size)
{
	size_t n = msg_get16(m);
	uint8_t *p = take(m, n);

	buf[0] = '\0';
	if (!p)
		return;
	if (n >= size || memchr(p, 0, n)) {
		m->bad = true;
		return;
	}
	memcpy(buf, p, n);
	buf[n] = '\0';
}

void msg_put8(struct msg *m, uint8_t v) { put(m, v, 1); }
void msg_put16(struct msg *m, uint16_t v) { put(m, v, 2); }
void msg_put32(struct msg *m, uint32_t v) { put(m, v, 4); }
void msg_put64(struct msg *m, uint64_t v) { put(m, v, 8); }

void msg_put_str(struct msg *m, const char *s, size_t n)
{
	uint8_t *p;

	if (n > UINT16_MAX) {
		m->bad = true;
		return;
	}
	msg_put16(m, (uint16_t)n);
	p = take(m, n);
	if (p)
		memcpy(p, s, n);
}
