/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Enhanced keyboard (IBM PS/2 Hardware Interface Technical Reference, "Keyboards"):
 * scan code sets 2 and 1. Keys come in as Linux key codes. Linux numbers the keys
 * of the old block by their set 1 codes, so one short table has the rest, and set 2
 * is what the controller's own translation maps there.
 */
#include "hw/input/ps2.h"

#include <errno.h>

#include "util/bits.h"

enum { SET_LEDS = 0xed, ECHO = 0xee, SCAN_SET = 0xf0, IDENTIFY = 0xf2, TYPEMATIC = 0xf3,
       ENABLE = 0xf4, DISABLE = 0xf5, DEFAULTS = 0xf6, ALL_KEYS_FIRST = 0xf7,
       ALL_KEYS_LAST = 0xfa, RESEND = 0xfe, RESET = 0xff };
enum { KEY_LEFTCTRL = 29, KEY_LEFTSHIFT = 42, KEY_RIGHTSHIFT = 54, KEY_LEFTALT = 56,
       KEY_OLD_LAST = 88, KEY_RIGHTCTRL = 97, KEY_SYSRQ = 99, KEY_RIGHTALT = 100,
       KEY_PAUSE = 119 };
enum { HELD_SHIFT_L = 1, HELD_SHIFT_R = 2, HELD_CTRL_L = 4, HELD_CTRL_R = 8, HELD_ALT_L = 16,
       HELD_ALT_R = 32, HELD_ALT = HELD_ALT_L | HELD_ALT_R,
       HELD_SHIFT_CTRL = HELD_SHIFT_L | HELD_SHIFT_R | HELD_CTRL_L | HELD_CTRL_R };
enum { TYPEMATIC_DEFAULT = 0x2b };	/* 10.9 a second after half a second */
enum { RELEASE_ROOM = 8 };

/* Set 1 code by the set 2 code; what lies above is passed on, with two exceptions. */
static const uint8_t set1[128] = {
	0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29,
	0x59, 0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11,
	0x03, 0x5b, 0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14,
	0x13, 0x06, 0x5d, 0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24,
	0x16, 0x08, 0x09, 0x5f, 0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35,
	0x26, 0x27, 0x19, 0x0c, 0x61, 0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36,
	0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76, 0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c,
	0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f, 0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45,
	0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54,
};

uint8_t ps2_set1_from_set2(uint8_t code)
{
	return code < sizeof(set1) ? set1[code] : code == 0x83 ? 0x41 : code == 0x84 ? 0x54 : code;
}

/* Keys beyond the old block: set 1 code, and whether E0 goes before it. */
static const struct { uint8_t key, code, extended; } extra[] = {
	{ 89, 0x73, 0 }, { 90, 0x78, 0 }, { 91, 0x77, 0 }, { 92, 0x79, 0 }, { 93, 0x70, 0 },
	{ 94, 0x7b, 0 }, { 95, 0x5c, 0 },		/* Japanese keys */
	{ 96, 0x1c, 1 }, { KEY_RIGHTCTRL, 0x1d, 1 }, { 98, 0x35, 1 }, { KEY_RIGHTALT, 0x38, 1 },
	{ 102, 0x47, 1 }, { 103, 0x48, 1 }, { 104, 0x49, 1 },	/* home, up, page up */
	{ 105, 0x4b, 1 }, { 106, 0x4d, 1 },			/* left, right */
	{ 107, 0x4f, 1 }, { 108, 0x50, 1 }, { 109, 0x51, 1 },	/* end, down, page down */
	{ 110, 0x52, 1 }, { 111, 0x53, 1 },			/* insert, delete */
	{ 113, 0x20, 1 }, { 114, 0x2e, 1 }, { 115, 0x30, 1 },	/* mute, softer, louder */
	{ 116, 0x5e, 1 }, { 117, 0x59, 0 }, { 121, 0x7e, 0 }, { 124, 0x7d, 0 },
	{ 125, 0x5b, 1 }, { 126, 0x5c, 1 }, { 127, 0x5d, 1 },	/* left, right meta, menu */
	{ 140, 0x21, 1 }, { 142, 0x5f, 1 }, { 143, 0x63, 1 },	/* calculator, sleep, wake */
	{ 163, 0x19, 1 }, { 164, 0x22, 1 }, { 165, 0x10, 1 }, { 166, 0x24, 1 },	/* media */
};

const struct field ps2_kbd_fields[] = {
	FIELD_SUB(struct ps2_kbd, q, struct ps2_queue, ps2_queue_fields),
	FIELD(struct ps2_kbd, command), FIELD(struct ps2_kbd, scanning),
	FIELD(struct ps2_kbd, set), FIELD(struct ps2_kbd, leds),
	FIELD(struct ps2_kbd, typematic), FIELD(struct ps2_kbd, held),
	FIELD(struct ps2_kbd, repeat), FIELD(struct ps2_kbd, timer),
	FIELD_END
};

void ps2_kbd_init(struct ps2_kbd *k, struct clock *c, void (*wake)(void *), void *opaque)
{
	timer_init(&k->timer, c, wake, opaque);
}

static void defaults(struct ps2_kbd *k)
{
	ps2_queue_clear(&k->q);
	k->typematic = TYPEMATIC_DEFAULT;
	k->set = 2;
	k->repeat = 0;
	timer_set(&k->timer, TIMER_NEVER);
}

/* After power-on a keyboard scans. */
void ps2_kbd_reset(struct ps2_kbd *k)
{
	defaults(k);
	k->command = k->leds = 0;
	k->scanning = 1;
}

/* ---- keys ---- */

static uint8_t modifier(unsigned code)
{
	switch (code) {
	case KEY_LEFTSHIFT: return HELD_SHIFT_L;
	case KEY_RIGHTSHIFT: return HELD_SHIFT_R;
	case KEY_LEFTCTRL: return HELD_CTRL_L;
	case KEY_RIGHTCTRL: return HELD_CTRL_R;
	case KEY_LEFTALT: return HELD_ALT_L;
	case KEY_RIGHTALT: return HELD_ALT_R;
	default: return 0;
	}
}

struct bytes { uint8_t b[16]; unsigned n; };

/* One key's make or break code, given as set 1. */
static void add_code(const struct ps2_kbd *k, struct bytes *out, uint8_t code, bool extended,
		     bool down)
{
	if (extended)
		out->b[out->n++] = 0xe0;
	if (k->set == 1) {
		out->b[out->n++] = code | (down ? 0 : 0x80);
		return;
	}
	if (!down)
		out->b[out->n++] = 0xf0;
	for (unsigned i = 1; i < sizeof(set1); i++)
		if (set1[i] == code && i != 0x02 && !(code == 0x54 && i == 0x7f)) {
			out->b[out->n++] = (uint8_t)i;
			return;
		}
	out->b[out->n++] = code == 0x41 ? 0x83 : 0x84;	/* F7, SysRq */
}

static bool key_bytes(const struct ps2_kbd *k, unsigned code, bool down, struct bytes *out)
{
	if (code == KEY_PAUSE) {		/* a make code only: Ctrl and NumLock, E1 before */
		static const uint8_t pause[2][8] = {
			{ 0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5 },
			{ 0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77 } };

		out->n = down ? k->set == 1 ? 6 : 8 : 0;
		memcpy(out->b, pause[k->set - 1], out->n);
		return true;
	}
	if (code == KEY_SYSRQ) {		/* Print Screen's code depends on what is held */
		if (k->held & HELD_ALT) {
			add_code(k, out, 0x54, false, down);
			return true;
		}
		if (!(k->held & HELD_SHIFT_CTRL) && down)
			add_code(k, out, 0x2a, true, true);
		add_code(k, out, 0x37, true, down);
		if (!(k->held & HELD_SHIFT_CTRL) && !down)
			add_code(k, out, 0x2a, true, false);
		return true;
	}
	/* 84 was SysRq's code; 85 has no place on a PC keyboard. */
	if (code && code <= KEY_OLD_LAST && code != 84 && code != 85) {
		add_code(k, out, (uint8_t)code, false, down);
		return true;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(extra); i++)
		if (extra[i].key == code) {
			add_code(k, out, extra[i].code, extra[i].extended, down);
			return true;
		}
	return false;
}

static uint64_t repeat_delay(const struct ps2_kbd *k)
{
	return ((k->typematic >> 5 & 3) + 1) * UINT64_C(250000000);
}

/* "Typematic rate": (8 + A) * 2^B * 4.17 ms between two codes. */
static uint64_t repeat_period(const struct ps2_kbd *k)
{
	return ((8u + (k->typematic & 7)) << (k->typematic >> 3 & 3)) * UINT64_C(4170000);
}

int ps2_kbd_key(struct ps2_kbd *k, unsigned code, bool down)
{
	uint8_t mod = modifier(code);
	struct bytes out = { .n = 0 };

	if (!key_bytes(k, code, down, &out))
		return -EINVAL;
	k->held = down ? k->held | mod : k->held & (uint8_t)~mod;
	if (!down && k->repeat != code)
		;			/* another key goes on repeating */
	else if (down && code != KEY_PAUSE && k->scanning) {
		k->repeat = (uint16_t)code;
		timer_set(&k->timer, clock_now(k->timer.clock) + repeat_delay(k));
	} else {
		k->repeat = 0;
		timer_set(&k->timer, TIMER_NEVER);
	}
	if (!k->scanning)
		return 0;
	/* A press leaves room for releases: a lost one would leave the key down for good. */
	if (down && k->q.count + out.n + RELEASE_ROOM > PS2_QUEUE)
		return -ENOSPC;
	return ps2_push(&k->q, out.b, out.n) ? 0 : -ENOSPC;
}

void ps2_kbd_repeat(struct ps2_kbd *k)
{
	struct bytes out = { .n = 0 };

	if (!k->repeat || !k->scanning)
		return;
	/* Nobody reads: what is not said now need not be said later. */
	if (ps2_empty(&k->q) && key_bytes(k, k->repeat, true, &out))
		ps2_push(&k->q, out.b, out.n);
	timer_set(&k->timer, clock_now(k->timer.clock) + repeat_period(k));
}

/* ---- commands ---- */

static void parameter(struct ps2_kbd *k, uint8_t command, uint8_t byte)
{
	ps2_reply(&k->q, PS2_ACK);
	switch (command) {
	case SET_LEDS: k->leds = byte & 7; break;
	case TYPEMATIC: k->typematic = byte & 0x7f; break;
	case SCAN_SET:
		if (!byte) {
			ps2_reply(&k->q, k->set);
		} else if (byte <= 2) {
			k->set = byte;
		} else {		/* set 3 is not there */
			ps2_queue_clear(&k->q);
			ps2_reply(&k->q, PS2_RESEND);
		}
		break;
	}
}

static void command(struct ps2_kbd *k, uint8_t byte)
{
	uint8_t last = k->q.last;

	/* Any command ends what was being said ("Commands from the System"). */
	k->q.nr_reply = 0;
	switch (byte) {
	case SET_LEDS: case SCAN_SET: case TYPEMATIC:
		k->command = byte;
		ps2_reply(&k->q, PS2_ACK);
		break;
	case ECHO:
		ps2_reply(&k->q, ECHO);
		break;
	case IDENTIFY:
		ps2_reply(&k->q, PS2_ACK);
		ps2_reply(&k->q, 0xab);
		ps2_reply(&k->q, 0x83);
		break;
	case ENABLE:
		ps2_queue_clear(&k->q);
		k->scanning = 1;
		ps2_reply(&k->q, PS2_ACK);
		break;
	case DISABLE: case DEFAULTS:
		defaults(k);
		if (byte == DISABLE)
			k->scanning = 0;
		ps2_reply(&k->q, PS2_ACK);
		break;
	case RESEND:
		ps2_reply(&k->q, last);
		break;
	case RESET:
		ps2_kbd_reset(k);
		ps2_reply(&k->q, PS2_ACK);
		ps2_reply(&k->q, PS2_BAT_OK);
		break;
	default:
		/* What concerns all keys in set 3 only is taken and has no effect. */
		ps2_reply(&k->q, byte >= ALL_KEYS_FIRST && byte <= ALL_KEYS_LAST ? PS2_ACK :
										   PS2_RESEND);
	}
}

void ps2_kbd_write(struct ps2_kbd *k, uint8_t byte)
{
	uint8_t waiting = k->command;

	k->command = 0;
	/* A command where a parameter is due is a command: no parameter is so large. */
	if (waiting && byte < SET_LEDS)
		parameter(k, waiting, byte);
	else
		command(k, byte);
}

int ps2_kbd_loaded(struct ps2_kbd *k, struct err *e)
{
	if (k->set != 1 && k->set != 2)
		return err_set(e, EINVAL, "keyboard: scan code set %u", k->set);
	if (k->command && k->command != SET_LEDS && k->command != SCAN_SET &&
	    k->command != TYPEMATIC)
		return err_set(e, EINVAL, "keyboard: command %#x takes no parameter", k->command);
	if (ps2_queue_loaded(&k->q, e))
		return err_prefix(e, "keyboard");
	return 0;
}
