/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gdb's remote protocol (GDB manual, appendix E): bytes to packets and back. */
#ifndef VMM_GDB_PROTO_H
#define VMM_GDB_PROTO_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GDB_PACKET_MAX = 16384 };	/* payload bytes; longer packets are dropped whole */

enum gdb_event { GDB_NONE, GDB_PACKET, GDB_BREAK, GDB_BAD, GDB_ACK, GDB_NACK };

struct gdb_proto {
	enum { GDB_IDLE, GDB_BODY, GDB_ESCAPE, GDB_SUM1, GDB_SUM2 } state;
	uint8_t sum, want;
	bool too_long;
	size_t len;
	char packet[GDB_PACKET_MAX + 1];	/* on GDB_PACKET: len bytes, unescaped, and a NUL */
};

/* One byte from gdb. A packet is valid until the next call. */
enum gdb_event gdb_proto_feed(struct gdb_proto *p, uint8_t c);
/* Appends "$payload#sum", escaped. */
void gdb_proto_frame(GString *out, const char *payload, size_t len);

int  gdb_hex_digit(char c);				/* -1: none */
void gdb_hex_put(GString *out, const void *data, size_t n);
/* Two digits a byte; the number of bytes, at most max; stops at the first that is none. */
size_t gdb_hex_get(const char **text, void *data, size_t max);
/* A hexadecimal number of at most 16 digits; false where there is none. */
bool gdb_hex_number(const char **text, uint64_t *val);

#endif
