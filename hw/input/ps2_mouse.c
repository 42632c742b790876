/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PS/2 mouse (IBM PS/2 Hardware Interface Technical Reference, "Mouse") with the
 * wheel: a host that sets the sample rates 200, 100, 80 in a row gets reports of
 * four bytes (identity 3), with 200, 200, 80 also buttons four and five (4).
 *
 * Movement adds up until the host has read what was said before: a slow guest gets
 * fewer reports, never old ones.
 */
#include "hw/input/ps2.h"

#include <errno.h>

#include "util/bits.h"

enum { SCALE_1 = 0xe6, SCALE_2 = 0xe7, RESOLUTION = 0xe8, STATUS = 0xe9, STREAM = 0xea,
       READ_DATA = 0xeb, WRAP_OFF = 0xec, WRAP_ON = 0xee, REMOTE = 0xf0, IDENTIFY = 0xf2,
       RATE = 0xf3, ENABLE = 0xf4, DISABLE = 0xf5, DEFAULTS = 0xf6, RESEND = 0xfe,
       RESET = 0xff };
enum { SUM_MAX = 1 << 20 };

const struct field ps2_mouse_fields[] = {
	FIELD_SUB(struct ps2_mouse, q, struct ps2_queue, ps2_queue_fields),
	FIELD(struct ps2_mouse, command), FIELD(struct ps2_mouse, reporting),
	FIELD(struct ps2_mouse, remote), FIELD(struct ps2_mouse, wrap),
	FIELD(struct ps2_mouse, scaling), FIELD(struct ps2_mouse, resolution),
	FIELD(struct ps2_mouse, rate), FIELD(struct ps2_mouse, knock),
	FIELD(struct ps2_mouse, id), FIELD(struct ps2_mouse, buttons),
	FIELD(struct ps2_mouse, told), FIELD(struct ps2_mouse, dx),
	FIELD(struct ps2_mouse, dy), FIELD(struct ps2_mouse, dz),
	FIELD_END
};

static void defaults(struct ps2_mouse *m)
{
	m->reporting = m->remote = m->wrap = m->scaling = 0;
	m->resolution = 2;
	m->rate = 100;
	m->dx = m->dy = m->dz = 0;
	m->told = m->buttons;
}

void ps2_mouse_reset(struct ps2_mouse *m)
{
	ps2_queue_clear(&m->q);
	m->command = m->knock = m->id = 0;
	defaults(m);
}

/* What one report takes from a sum; the rest goes into the next. */
static int take(int32_t *sum, int max)
{
	int v = *sum > max ? max : *sum < -max ? -max : *sum;

	*sum -= v;
	return v;
}

/* Scaling 2:1 ("Set Scaling 2:1"): small steps stay small, larger ones double. */
static int scaled(int v)
{
	static const uint8_t small[] = { 0, 1, 1, 3, 6, 9 };
	int a = v < 0 ? -v : v;

	a = a < (int)ARRAY_SIZE(small) ? small[a] : MIN(2 * a, 255);
	return v < 0 ? -a : a;
}

static void report(struct ps2_mouse *m, bool double_speed)
{
	int x = take(&m->dx, 127), y = take(&m->dy, 127), z = take(&m->dz, 7);
	uint8_t b[4];

	if (double_speed) {
		x = scaled(x);
		y = scaled(y);
	}
	b[0] = (uint8_t)((m->buttons & 7) | 8 | (x < 0) << 4 | (y < 0) << 5);
	b[1] = (uint8_t)x;
	b[2] = (uint8_t)y;
	b[3] = m->id == 4 ? (z & 15) | (m->buttons >> 3 & 3) << 4 : (uint8_t)z;
	m->told = m->buttons;
	if (m->id < 3)
		m->dz = 0;
	ps2_push(&m->q, b, m->id >= 3 ? 4 : 3);
}

static bool changed(const struct ps2_mouse *m)
{
	return m->dx || m->dy || (m->dz && m->id >= 3) || m->told != m->buttons;
}

bool ps2_mouse_pop(struct ps2_mouse *m, uint8_t *byte)
{
	if (ps2_empty(&m->q) && m->reporting && !m->remote && !m->wrap && !m->command &&
	    changed(m))
		report(m, m->scaling);
	return ps2_pop(&m->q, byte);
}

static int32_t sum(int32_t a, int b)
{
	int64_t v = (int64_t)a + b;

	return (int32_t)(v > SUM_MAX ? SUM_MAX : v < -SUM_MAX ? -SUM_MAX : v);
}

void ps2_mouse_move(struct ps2_mouse *m, int dx, int dy, int wheel)
{
	if (!m->reporting && !m->remote)
		return;
	m->dx = sum(m->dx, dx);
	m->dy = sum(m->dy, dy == INT32_MIN ? INT32_MAX : -dy);
	m->dz = sum(m->dz, wheel);
}

/*
 * A press and release between two reports would never be seen: the press is said
 * first, as long as the queue has room for it.
 */
void ps2_mouse_button(struct ps2_mouse *m, unsigned button, bool down)
{
	uint8_t now = (uint8_t)(down ? m->buttons | button : m->buttons & ~button) & 0x1f;

	if (m->told != m->buttons && now != m->buttons && m->reporting && !m->remote &&
	    !m->wrap && m->q.count + 4 <= PS2_QUEUE)
		report(m, m->scaling);
	m->buttons = now;
}

static void set_rate(struct ps2_mouse *m, uint8_t rate)
{
	m->rate = rate;
	if (rate == 200) {
		m->knock = m->knock == 1 || m->knock == 4 ? 4 : 1;
	} else if (rate == 100 && m->knock && m->knock != 2) {
		m->knock = 2;
	} else if (rate == 80 && m->knock > 1) {
		m->id = m->knock == 2 ? 3 : 4;
		m->knock = 0;
	} else {
		m->knock = 0;
	}
}

static void status(struct ps2_mouse *m)
{
	uint8_t b = (uint8_t)(m->remote << 6 | m->reporting << 5 | m->scaling << 4 |
			      (m->buttons & 1) << 2 | (m->buttons >> 2 & 1) << 1 |
			      (m->buttons >> 1 & 1));

	ps2_reply(&m->q, b);
	ps2_reply(&m->q, m->resolution);
	ps2_reply(&m->q, m->rate);
}

static void command(struct ps2_mouse *m, uint8_t byte)
{
	uint8_t last = m->q.last;

	m->q.nr_reply = 0;
	if (byte != RESEND)
		ps2_reply(&m->q, PS2_ACK);
	switch (byte) {
	case SCALE_1: case SCALE_2: m->scaling = byte == SCALE_2; break;
	case RESOLUTION: case RATE: m->command = byte; break;
	case STATUS: status(m); break;
	case STREAM: m->remote = 0; break;
	case REMOTE: m->remote = 1; break;
	case WRAP_OFF: m->wrap = 0; break;
	case WRAP_ON: m->wrap = 1; break;
	case READ_DATA:
		m->q.head = m->q.count = 0;
		report(m, false);	/* on request movement is told as it is */
		break;
	case IDENTIFY: ps2_reply(&m->q, m->id); break;
	case ENABLE: m->reporting = 1; break;
	case DISABLE: m->reporting = 0; break;
	case DEFAULTS:
		m->q.head = m->q.count = 0;
		defaults(m);
		break;
	case RESEND: ps2_reply(&m->q, last); break;
	case RESET:
		ps2_mouse_reset(m);
		ps2_reply(&m->q, PS2_ACK);
		ps2_reply(&m->q, PS2_BAT_OK);
		ps2_reply(&m->q, m->id);
		break;
	default:
		ps2_queue_clear(&m->q);
		ps2_reply(&m->q, PS2_RESEND);
	}
}

void ps2_mouse_write(struct ps2_mouse *m, uint8_t byte)
{
	uint8_t waiting = m->command;

	/* "Set Wrap Mode": every byte comes back, but for two. */
	if (m->wrap && byte != WRAP_OFF && byte != RESET) {
		ps2_reply(&m->q, byte);
		return;
	}
	m->command = 0;
	if (!waiting) {
		command(m, byte);
		return;
	}
	m->q.nr_reply = 0;
	if (waiting == RATE && byte && byte <= 200) {
		set_rate(m, byte);
		ps2_reply(&m->q, PS2_ACK);
	} else if (waiting == RESOLUTION && byte <= 3) {
		m->resolution = byte;
		ps2_reply(&m->q, PS2_ACK);
	} else {
		command(m, byte);	/* no such parameter: a command after all, or RESEND */
	}
}

int ps2_mouse_loaded(struct ps2_mouse *m, struct err *e)
{
	if ((m->id && m->id != 3 && m->id != 4) || m->reporting > 1 || m->remote > 1 ||
	    m->wrap > 1 || m->scaling > 1 || m->buttons > 0x1f || m->told > 0x1f)
		return err_set(e, EINVAL, "mouse: impossible state");
	if (m->command && m->command != RATE && m->command != RESOLUTION)
		return err_set(e, EINVAL, "mouse: command %#x takes no parameter", m->command);
	if (m->dx > SUM_MAX || m->dx < -SUM_MAX || m->dy > SUM_MAX || m->dy < -SUM_MAX ||
	    m->dz > SUM_MAX || m->dz < -SUM_MAX)
		return err_set(e, EINVAL, "mouse: movement out of range");
	if (ps2_queue_loaded(&m->q, e))
		return err_prefix(e, "mouse");
	return 0;
}
