/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/input/input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/core/machine.h"
#include "hw/input/i8042.h"
#include "util/bits.h"

/* The device types that take input; the first one in the machine gets it. */
static const struct sink {
	const char *type;
	int  (*key)(struct dev *d, unsigned code, bool down);
	void (*motion)(struct dev *d, int dx, int dy, int wheel);
	void (*button)(struct dev *d, unsigned button, bool down);
} sinks[] = {
	{ "i8042", i8042_key, i8042_motion, i8042_button },
};

static struct dev *find_sink(struct machine *m, const struct sink **s)
{
	for (struct dev *d = m->devs; d; d = d->next)
		for (unsigned i = 0; d->ready && i < ARRAY_SIZE(sinks); i++)
			if (!strcmp(d->type->name, sinks[i].type)) {
				*s = &sinks[i];
				return d;
			}
	return NULL;
}

int input_key(struct machine *m, unsigned code, bool down)
{
	const struct sink *s;
	struct dev *d = find_sink(m, &s);

	return d ? s->key(d, code, down) : -ENODEV;
}

int input_motion(struct machine *m, int dx, int dy, int wheel)
{
	const struct sink *s;
	struct dev *d = find_sink(m, &s);

	if (!d)
		return -ENODEV;
	s->motion(d, dx, dy, wheel);
	return 0;
}

int input_button(struct machine *m, enum input_button button, bool down)
{
	const struct sink *s;
	struct dev *d = find_sink(m, &s);

	if (!d)
		return -ENODEV;
	s->button(d, button, down);
	return 0;
}

/* Names by key code; those of one letter or digit are in the rows below. */
static const struct { uint8_t code; char name[15]; } keys[] = {
	{ 1, "esc" }, { 12, "minus" }, { 13, "equal" }, { 14, "backspace" }, { 15, "tab" },
	{ 26, "bracket_left" }, { 27, "bracket_right" }, { 28, "ret" }, { 28, "enter" },
	{ 29, "ctrl" }, { 39, "semicolon" }, { 40, "apostrophe" }, { 41, "grave_accent" },
	{ 42, "shift" }, { 43, "backslash" }, { 51, "comma" }, { 52, "dot" }, { 53, "slash" },
	{ 54, "shift_r" }, { 55, "kp_multiply" }, { 55, "asterisk" }, { 56, "alt" },
	{ 57, "spc" }, { 57, "space" }, { 58, "caps_lock" }, { 69, "num_lock" },
	{ 70, "scroll_lock" }, { 71, "kp_7" }, { 72, "kp_8" }, { 73, "kp_9" },
	{ 74, "kp_subtract" }, { 75, "kp_4" }, { 76, "kp_5" }, { 77, "kp_6" }, { 78, "kp_add" },
	{ 79, "kp_1" }, { 80, "kp_2" }, { 81, "kp_3" }, { 82, "kp_0" }, { 83, "kp_decimal" },
	{ 86, "less" }, { 87, "f11" }, { 88, "f12" }, { 89, "ro" }, { 91, "hiragana" },
	{ 92, "henkan" }, { 94, "muhenkan" },
	{ 96, "kp_enter" }, { 97, "ctrl_r" }, { 98, "kp_divide" }, { 99, "print" },
	{ 99, "sysrq" }, { 100, "alt_r" }, { 102, "home" }, { 103, "up" }, { 104, "pgup" },
	{ 105, "left" }, { 106, "right" }, { 107, "end" }, { 108, "down" }, { 109, "pgdn" },
	{ 110, "insert" }, { 111, "delete" }, { 113, "audiomute" }, { 114, "volumedown" },
	{ 115, "volumeup" }, { 116, "power" }, { 117, "kp_equals" }, { 119, "pause" },
	{ 121, "kp_comma" }, { 124, "yen" }, { 125, "meta_l" }, { 126, "meta_r" },
	{ 127, "compose" }, { 127, "menu" }, { 140, "calculator" }, { 142, "sleep" },
	{ 143, "wake" }, { 163, "audionext" }, { 164, "audioplay" }, { 165, "audioprev" },
	{ 166, "audiostop" },
};

static const struct { uint8_t first; char keys[11]; } rows[] = {
	{ 2, "1234567890" }, { 16, "qwertyuiop" }, { 30, "asdfghjkl" }, { 44, "zxcvbnm" },
};

unsigned input_key_by_name(const char *name)
{
	char *end;
	unsigned long n;

	if (name[0] && !name[1])
		for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
			const char *at = strchr(rows[i].keys, name[0]);

			if (at)
				return rows[i].first + (unsigned)(at - rows[i].keys);
		}
	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strcmp(keys[i].name, name))
			return keys[i].code;
	if (name[0] == 'f' && name[1] >= '1' && name[1] <= '9' && !name[2])
		return 59 + (unsigned)(name[1] - '1');
	if (!strcmp(name, "f10"))
		return 68;
	if (name[0] < '0' || name[0] > '9')
		return 0;
	n = strtoul(name, &end, 0);
	return *end || n > 0x2ff ? 0 : (unsigned)n;
}

int input_send_keys(struct machine *m, const char *names)
{
	unsigned code[16], n = 0;
	int rc = 0;

	for (const char *at = names; *at || !n;) {
		size_t len = strcspn(at, "-");
		char name[24];

		if (!len || len >= sizeof(name) || n == ARRAY_SIZE(code))
			return -EINVAL;
		memcpy(name, at, len);
		name[len] = '\0';
		code[n] = input_key_by_name(name);
		if (!code[n++])
			return -EINVAL;
		at += len;
		if (*at == '-' && !*++at)
			return -EINVAL;
	}
	for (unsigned i = 0; i < n && !rc; i++) {
		rc = input_key(m, code[i], true);
		if (rc)
			n = i;		/* only what is down comes up */
	}
	while (n)
		input_key(m, code[--n], false);
	return rc;
}
