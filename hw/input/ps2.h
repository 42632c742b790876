/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PS/2 keyboard and mouse as parts of a keyboard controller: bytes in (commands),
 * bytes out (a bounded queue). The controller's lock protects them.
 */
#ifndef HW_INPUT_PS2_H
#define HW_INPUT_PS2_H

#include "hw/core/state.h"

enum { PS2_QUEUE = 32, PS2_ACK = 0xfa, PS2_RESEND = 0xfe, PS2_BAT_OK = 0xaa };

/* Answers to commands go out before queued input and are never lost to it. */
struct ps2_queue {
	uint8_t reply[4], data[PS2_QUEUE];
	uint8_t nr_reply, reply_head;
	uint8_t head, count;
	uint8_t last;			/* sent last, for RESEND */
};
extern const struct field ps2_queue_fields[];
void ps2_queue_clear(struct ps2_queue *q);		/* both parts */
void ps2_reply(struct ps2_queue *q, uint8_t byte);
/* All n bytes or none. */
bool ps2_push(struct ps2_queue *q, const uint8_t *bytes, unsigned n);
bool ps2_pop(struct ps2_queue *q, uint8_t *byte);
static inline bool ps2_empty(const struct ps2_queue *q) { return !q->nr_reply && !q->count; }
int  ps2_queue_loaded(const struct ps2_queue *q, struct err *e);

struct ps2_kbd {
	struct ps2_queue q;
	uint8_t command;		/* that waits for its parameter; 0: none */
	uint8_t scanning;		/* F4: keys are reported */
	uint8_t set;			/* scan code set, 1 or 2 */
	uint8_t leds;
	uint8_t typematic;		/* F3's parameter */
	uint8_t held;			/* modifiers, for Print Screen: enum in ps2_kbd.c */
	uint16_t repeat;		/* key that repeats; 0: none */
	struct timer timer;
};
extern const struct field ps2_kbd_fields[];
/* `wake` runs on the clock's thread without a lock when a repeat is due: ps2_kbd_repeat. */
void ps2_kbd_init(struct ps2_kbd *k, struct clock *c, void (*wake)(void *), void *opaque);
void ps2_kbd_reset(struct ps2_kbd *k);
void ps2_kbd_write(struct ps2_kbd *k, uint8_t byte);
int  ps2_kbd_key(struct ps2_kbd *k, unsigned code, bool down);	/* 0, -EINVAL, -ENOSPC */
void ps2_kbd_repeat(struct ps2_kbd *k);
int  ps2_kbd_loaded(struct ps2_kbd *k, struct err *e);
/* What a controller makes of a byte of set 2 (IBM PS/2 reference, keyboard controller). */
uint8_t ps2_set1_from_set2(uint8_t code);

struct ps2_mouse {
	struct ps2_queue q;
	uint8_t command;
	uint8_t reporting;		/* F4 */
	uint8_t remote, wrap, scaling;
	uint8_t resolution, rate;
	uint8_t knock;			/* rates set last: 1 is 200; 2 200, 100; 4 200, 200 */
	uint8_t id;			/* 0: three bytes; 3: wheel; 4: wheel and five buttons */
	uint8_t buttons, told;		/* now, and in the last report */
	int32_t dx, dy, dz;		/* not reported yet; y upwards */
};
extern const struct field ps2_mouse_fields[];
void ps2_mouse_reset(struct ps2_mouse *m);
void ps2_mouse_write(struct ps2_mouse *m, uint8_t byte);
void ps2_mouse_move(struct ps2_mouse *m, int dx, int dy, int wheel);
void ps2_mouse_button(struct ps2_mouse *m, unsigned button, bool down);
/* Next byte to the host; makes a report where one is due. */
bool ps2_mouse_pop(struct ps2_mouse *m, uint8_t *byte);
int  ps2_mouse_loaded(struct ps2_mouse *m, struct err *e);

#endif
