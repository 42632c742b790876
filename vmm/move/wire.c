/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/move/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "hw/core/mem.h"
#include "util/bits.h"
#include "util/crc32c.h"
#include "vmm/move/pages.h"

enum { MAGIC = 0x4d424d41, MAX_TEXT = 1024, MAX_STATE = 64 << 20, MAX_DISK = 1 << 20 };

static const struct { const char *name; uint16_t type; uint32_t min, max; } types[] = {
	{ "hello", MV_HELLO, WIRE_HELLO, WIRE_HELLO },
	{ "stream", MV_STREAM, 18, 18 },
	{ "blocks", MV_BLOCKS, 1, 1 << 16 },
	{ "check", MV_CHECK, 1, MAX_STATE },
	{ "disks", MV_DISKS, 4, 4 + 16 * 64 },
	{ "disk", MV_DISK, 24, 24 + MAX_DISK },
	{ "pages", MV_PAGES, PAGE_CHUNK_HEAD, PAGE_CHUNK_MAX },
	{ "round", MV_ROUND, 4, 4 },
	{ "missing", MV_MISSING, 16, 8 + (1 << 16) },
	{ "state", MV_STATE, 1, MAX_STATE },
	{ "end", MV_END, 20, 20 },
	{ "go", MV_GO, 0, 0 },
	{ "bye", MV_BYE, 0, 0 },
	{ "cancel", MV_CANCEL, 0, MAX_TEXT },
	{ "query", MV_QUERY, 16, 16 },
	{ "rejoin", MV_REJOIN, 16, 16 },
	{ "all", MV_ALL, 0, 0 },
	{ "ok", MV_OK, 0, 0 },
	{ "error", MV_ERROR, 0, MAX_TEXT },
	{ "round-ok", MV_ROUND_OK, 4, 4 },
	{ "ready", MV_READY, 0, 0 },
	{ "going", MV_GOING, 0, 0 },
	{ "want", MV_WANT, 8, 8 },
	{ "have-all", MV_HAVE_ALL, 0, 0 },
	{ "runs", MV_RUNS, 0, 0 },
	{ "dead", MV_DEAD, 0, 0 },
};

const char *wire_name(enum wire_type type)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i].type == type)
			return types[i].name;
	return "?";
}

void wire_msg_free(struct wire_msg *m)
{
	free(m->data);
	*m = (struct wire_msg){ 0 };
}

int wire_send2(struct chan *c, enum wire_type type, const void *a, size_t na, const void *b,
	       size_t nb, struct err *e)
{
	uint8_t head[WIRE_HEAD];
	uint32_t crc;
	int r;

	st_le32(head, MAGIC);
	st_le16(head + 4, (uint16_t)type);
	st_le16(head + 6, 0);
	st_le32(head + 8, (uint32_t)(na + nb));
	crc = crc32c(0, head, 12);
	if (type != MV_PAGES)
		crc = crc32c(crc32c(crc, a, na), b, nb);
	st_le32(head + 12, crc);
	r = chan_write(c, head, sizeof(head), e);
	if (!r && na)
		r = chan_write(c, a, na, e);
	if (!r && nb)
		r = chan_write(c, b, nb, e);
	return r;
}

int wire_send(struct chan *c, enum wire_type type, const void *data, size_t len, struct err *e)
{
	return wire_send2(c, type, data, len, NULL, 0, e);
}

int wire_send_text(struct chan *c, enum wire_type type, const char *text, struct err *e)
{
	return wire_send(c, type, text, strlen(text), e);
}

int wire_send_missing(struct chan *c, uint32_t block, const uint64_t *bits, uint64_t words,
		      struct err *e)
{
	enum { PER_MESSAGE = 4096 };
	uint8_t b[8 + 8 * PER_MESSAGE];
	int r = 0;

	for (uint64_t w = 0; !r && w < words; w += PER_MESSAGE) {
		uint64_t n = MIN(words - w, (uint64_t)PER_MESSAGE), any = 0;

		st_le32(b, block);
		st_le32(b + 4, (uint32_t)(w * 64));
		for (uint64_t i = 0; i < n; i++) {
			any |= bits[w + i];
			st_le64(b + 8 + 8 * i, bits[w + i]);
		}
		if (any)
			r = wire_send(c, MV_MISSING, b, 8 + 8 * n, e);
	}
	return r;
}

static int check_head(const uint8_t *head, struct wire_msg *m, struct err *e)
{
	uint16_t type = ld_le16(head + 4);

	if (ld_le32(head) != MAGIC)
		return err_set(e, EPROTO, "not a migration's stream");
	m->len = ld_le32(head + 8);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (types[i].type != type)
			continue;
		if (ld_le16(head + 6) || m->len < types[i].min || m->len > types[i].max)
			return err_set(e, EPROTO, "message %s of %u bytes", types[i].name, m->len);
		m->type = type;
		return 0;
	}
	return err_set(e, EPROTO, "message of type %u", type);
}

int wire_recv(struct chan *c, struct wire_msg *m, struct err *e)
{
	uint8_t head[WIRE_HEAD];
	uint32_t crc;
	int r = chan_read(c, head, sizeof(head), e);

	if (!r)
		r = check_head(head, m, e);
	if (r < 0)
		return r;
	if (m->cap < m->len + 1) {
		uint8_t *p = realloc(m->data, m->len + 1);

		if (!p)
			return err_set(e, ENOMEM, "no memory for a message of %u bytes", m->len);
		m->data = p;
		m->cap = m->len + 1;
	}
	r = chan_read(c, m->data, m->len, e);
	if (r < 0)
		return r;
	m->data[m->len] = 0;
	crc = crc32c(0, head, 12);
	if (m->type != MV_PAGES)
		crc = crc32c(crc, m->data, m->len);
	if (crc != ld_le32(head + 12))
		return err_set(e, EBADMSG, "message %s: wrong checksum", wire_name(m->type));
	return 0;
}

int wire_error(const struct wire_msg *m, struct err *e)
{
	char text[400];
	size_t n = MIN((size_t)m->len, sizeof(text) - 1);

	memcpy(text, m->data, n);
	text[n] = 0;
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < 32 || *p == 127)
			*p = ' ';
	return err_set(e, m->type == MV_CANCEL ? ECANCELED : EREMOTEIO, "%s: %s",
		       m->type == MV_CANCEL ? "the source gave up" : "the destination", text);
}

int wire_expect(struct chan *c, struct wire_msg *m, enum wire_type type, struct err *e)
{
	int r = wire_recv(c, m, e);

	if (r < 0)
		return r;
	if (m->type == MV_ERROR || m->type == MV_CANCEL)
		return wire_error(m, e);
	return m->type == type ? 0 : err_set(e, EPROTO, "message %s where %s was expected",
					     wire_name(m->type), wire_name(type));
}

void wire_hello_put(const struct wire_hello *h, uint8_t out[WIRE_HELLO])
{
	st_le32(out, h->version);
	st_le32(out + 4, h->flags);
	st_le32(out + 8, h->streams);
	memcpy(out + 12, h->session, 16);
}

int wire_hello_get(struct wire_hello *h, const struct wire_msg *m, struct err *e)
{
	h->version = ld_le32(m->data);
	h->flags = ld_le32(m->data + 4);
	h->streams = ld_le32(m->data + 8);
	memcpy(h->session, m->data + 12, 16);
	if (h->version != WIRE_VERSION)
		return err_set(e, EPROTONOSUPPORT, "the source speaks version %u of the protocol, "
			       "this ambi speaks %u", h->version, WIRE_VERSION);
	if (h->flags & ~(uint32_t)HELLO_ALL)
		return err_set(e, EPROTONOSUPPORT, "the source uses what this ambi does not know "
			       "(0x%x)", h->flags);
	if (!h->streams || h->streams > WIRE_MAX_STREAMS)
		return err_set(e, EPROTO, "%u streams", h->streams);
	return 0;
}
