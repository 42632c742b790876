/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages of a migration (docs/moves.md, "Migration", says which come when). A message is a head
 * of 16 bytes, little-endian, and a payload:
 *
 *	u32 magic "AMBM"; u16 type; u16 0; u32 length of the payload; u32 CRC-32C
 *
 * The CRC is over the first 12 bytes and the payload; MV_PAGES' payload has its own, and only the
 * head counts. The source sends in order MV_HELLO ... MV_GO; a destination answers, unless the
 * stream is one-way.
 */
#ifndef VMM_MOVE_WIRE_H
#define VMM_MOVE_WIRE_H

#include "vmm/move/channel.h"

enum wire_type {
	/* source -> destination */
	MV_HELLO = 1,		/* struct wire_hello */
	MV_STREAM,		/* session[16], u16 number: first message of a further connection */
	MV_BLOCKS,		/* page_blocks_save */
	MV_CHECK,		/* state of the running guest, for guest_state_check */
	MV_DISKS,		/* u32 n, then n times u64 size, u32 how, u32 temporary */
	MV_DISK,		/* u32 disk, u32 zero, u64 offset, u32 length, u32 0; bytes */
	MV_PAGES,		/* a chunk of pages.h */
	MV_ROUND,		/* u32 number; all that was sent before belongs to it */
	MV_MISSING,		/* post-copy: u32 block, u32 first, bits: pages to come later */
	MV_STATE,		/* the frozen guest */
	MV_END,			/* u64 pages, u64 disk bytes, all streams together; u32 it ran */
	MV_GO,			/* the destination runs; the source never again */
	MV_BYE,			/* MV_GOING has arrived; no questions */
	MV_CANCEL,		/* text */
	MV_QUERY,		/* session[16]: first message; what became of it? */
	MV_REJOIN,		/* session[16]: first message; post-copy goes on */
	MV_ALL,			/* post-copy: no page is missing */
	/* destination -> source */
	MV_OK = 64,
	MV_ERROR,		/* text */
	MV_ROUND_OK,		/* u32 number */
	MV_READY,		/* loaded; waits for MV_GO */
	MV_GOING,		/* runs */
	MV_WANT,			/* post-copy: u32 block, u32 page */
	MV_HAVE_ALL,		/* post-copy: MV_ALL is true */
	MV_RUNS, MV_DEAD,		/* to MV_QUERY */
};

enum { WIRE_HEAD = 16, WIRE_VERSION = 1, WIRE_MAX_STREAMS = 16 };

/* Flags of struct wire_hello: what is not known is refused. */
enum { HELLO_ONE_WAY = 1, HELLO_POSTCOPY = 2, HELLO_BLOCKS = 4, HELLO_ALL = 7 };

struct wire_hello { uint32_t version, flags, streams; uint8_t session[16]; };
enum { WIRE_HELLO = 28 };

struct wire_msg {
	enum wire_type type;
	uint32_t len;
	uint8_t *data;			/* owned; grows; NUL behind the payload */
	size_t cap;
};
void wire_msg_free(struct wire_msg *m);

int wire_send(struct chan *c, enum wire_type type, const void *data, size_t len, struct err *e);
/* The payload in two parts. */
int wire_send2(struct chan *c, enum wire_type type, const void *a, size_t na, const void *b,
	       size_t nb, struct err *e);
int wire_send_text(struct chan *c, enum wire_type type, const char *text, struct err *e);
/* MV_MISSING, as many as are needed; words of 64 pages, nothing for zeros only. */
int wire_send_missing(struct chan *c, uint32_t block, const uint64_t *bits, uint64_t words,
		      struct err *e);
/* Checked: type known, length within what the type may have, CRC. The buffer is reused. */
int wire_recv(struct chan *c, struct wire_msg *m, struct err *e);
/* wire_recv of one type; MV_ERROR and MV_CANCEL become errors with their text. */
int wire_expect(struct chan *c, struct wire_msg *m, enum wire_type type, struct err *e);
/* The error that a message brings, its text made printable. */
int wire_error(const struct wire_msg *m, struct err *e);
const char *wire_name(enum wire_type type);

void wire_hello_put(const struct wire_hello *h, uint8_t out[WIRE_HELLO]);
int  wire_hello_get(struct wire_hello *h, const struct wire_msg *m, struct err *e);

#endif
