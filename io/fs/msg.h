/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fields of 9P messages (little-endian; a string is le16 length and bytes). Reading or
 * writing past the end sets `bad` and gives zeros: checked once, at the end.
 */
#ifndef IO_FS_MSG_H
#define IO_FS_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MSG_HEADER 7u		/* size[4] type[1] tag[2] */

struct msg {
	uint8_t *p, *end;
	bool bad;
};

uint8_t  msg_get8(struct msg *m);
uint16_t msg_get16(struct msg *m);
uint32_t msg_get32(struct msg *m);
uint64_t msg_get64(struct msg *m);
/* A string into buf with a NUL behind it. One that holds a NUL or does not fit is bad. */
void msg_get_str(struct msg *m, char *buf, size_t size);

void msg_put8(struct msg *m, uint8_t v);
void msg_put16(struct msg *m, uint16_t v);
void msg_put32(struct msg *m, uint32_t v);
void msg_put64(struct msg *m, uint64_t v);
void msg_put_str(struct msg *m, const char *s, size_t n);

#endif
