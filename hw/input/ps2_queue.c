/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/input/ps2.h"

#include <errno.h>

const struct field ps2_queue_fields[] = {
	FIELD_ARRAY(struct ps2_queue, reply), FIELD_ARRAY(struct ps2_queue, data),
	FIELD(struct ps2_queue, nr_reply), FIELD(struct ps2_queue, reply_head),
	FIELD(struct ps2_queue, head), FIELD(struct ps2_queue, count),
	FIELD(struct ps2_queue, last),
	FIELD_END
};

void ps2_queue_clear(struct ps2_queue *q)
{
	q->nr_reply = q->reply_head = q->head = q->count = 0;
}

/* No command is answered by more bytes than fit; a guest that reads none loses the newest. */
void ps2_reply(struct ps2_queue *q, uint8_t byte)
{
	if (q->nr_reply < sizeof(q->reply))
		q->reply[(q->reply_head + q->nr_reply++) % sizeof(q->reply)] = byte;
}

bool ps2_push(struct ps2_queue *q, const uint8_t *bytes, unsigned n)
{
	if (q->count + n > PS2_QUEUE)
		return false;
	while (n--)
		q->data[(q->head + q->count++) % PS2_QUEUE] = *bytes++;
	return true;
}

bool ps2_pop(struct ps2_queue *q, uint8_t *byte)
{
	if (q->nr_reply) {
		*byte = q->reply[q->reply_head];
		q->reply_head = (q->reply_head + 1) % sizeof(q->reply);
		q->nr_reply--;
	} else if (q->count) {
		*byte = q->data[q->head];
		q->head = (q->head + 1) % PS2_QUEUE;
		q->count--;
	} else {
		return false;
	}
	q->last = *byte;
	return true;
}

int ps2_queue_loaded(const struct ps2_queue *q, struct err *e)
{
	if (q->nr_reply > sizeof(q->reply) || q->reply_head >= sizeof(q->reply) ||
	    q->head >= PS2_QUEUE || q->count > PS2_QUEUE)
		return err_set(e, EINVAL, "a queue is out of range");
	return 0;
}
