/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/gdb_proto.h"

static void put(struct gdb_proto *p, uint8_t c)
{
	if (p->len < GDB_PACKET_MAX)
		p->packet[p->len++] = (char)c;
	else
		p->too_long = true;
}

static enum gdb_event idle(struct gdb_proto *p, uint8_t c)
{
	switch (c) {
	case '$':
		p->state = GDB_BODY;
		p->sum = 0;
		p->len = 0;
		p->too_long = false;
		return GDB_NONE;
	case 3:
		return GDB_BREAK;
	case '+':
		return GDB_ACK;
	case '-':
		return GDB_NACK;
	}
	return GDB_NONE;
}

static enum gdb_event finish(struct gdb_proto *p, int digit)
{
	p->state = GDB_IDLE;
	p->packet[p->len] = '\0';
	if (digit < 0 || p->want + digit != p->sum || p->too_long)
		return GDB_BAD;
	return GDB_PACKET;
}

enum gdb_event gdb_proto_feed(struct gdb_proto *p, uint8_t c)
{
	int digit;

	switch (p->state) {
	case GDB_IDLE:
		return idle(p, c);
	case GDB_BODY:
		if (c == '#') {
			p->state = GDB_SUM1;
			return GDB_NONE;
		}
		if (c == '$')		/* a packet that was cut off, and its successor */
			return idle(p, c);
		p->sum = (uint8_t)(p->sum + c);
		if (c == '}')
			p->state = GDB_ESCAPE;
		else
			put(p, c);
		return GDB_NONE;
	case GDB_ESCAPE:
		p->sum = (uint8_t)(p->sum + c);
		put(p, c ^ 0x20);
		p->state = GDB_BODY;
		return GDB_NONE;
	case GDB_SUM1:
		digit = gdb_hex_digit((char)c);
		if (digit < 0)
			return finish(p, -1);
		p->want = (uint8_t)(digit << 4);
		p->state = GDB_SUM2;
		return GDB_NONE;
	case GDB_SUM2:
		return finish(p, gdb_hex_digit((char)c));
	}
	return GDB_NONE;
}

void gdb_proto_frame(GString *out, const char *payload, size_t len)
{
	uint8_t sum = 0;

	g_string_append_c(out, '$');
	for (size_t i = 0; i < len; i++) {
		char c = payload[i];

		if (c == '#' || c == '$' || c == '}' || c == '*') {
			g_string_append_c(out, '}');
			sum = (uint8_t)(sum + '}');
			c ^= 0x20;
		}
		g_string_append_c(out, c);
		sum = (uint8_t)(sum + (uint8_t)c);
	}
	g_string_append_printf(out, "#%02x", sum);
}

int gdb_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

void gdb_hex_put(GString *out, const void *data, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *d = data;

	for (size_t i = 0; i < n; i++) {
		g_string_append_c(out, digits[d[i] >> 4]);
		g_string_append_c(out, digits[d[i] & 15]);
	}
}

size_t gdb_hex_get(const char **text, void *data, size_t max)
{
	uint8_t *d = data;
	size_t n = 0;

	for (; n < max; n++, *text += 2) {
		int hi = gdb_hex_digit((*text)[0]), lo = hi < 0 ? -1 : gdb_hex_digit((*text)[1]);

		if (lo < 0)
			break;
		d[n] = (uint8_t)(hi << 4 | lo);
	}
	return n;
}

bool gdb_hex_number(const char **text, uint64_t *val)
{
	unsigned n = 0;
	int d;

	for (*val = 0; n < 16 && (d = gdb_hex_digit(**text)) >= 0; n++, ++*text)
		*val = *val << 4 | (uint64_t)d;
	return n > 0;
}
