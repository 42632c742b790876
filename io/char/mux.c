/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keys on a console that the guest and the VMM share. Ctrl-A starts a command;
 * after Ctrl-A c the keys make lines for the monitor until Ctrl-A c again.
 */
#include "io/char/char.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/char/char_int.h"

#define ESCAPE 0x01
#define PROMPT "(ambi) "

struct mux {
	const struct chardev_mux_ops *ops;
	void *opaque;
	bool escape;			/* Ctrl-A was typed */
	bool monitor;			/* keys go to the line, not to the guest */
	size_t len;
	char line[256];
};

struct mux *mux_new(void) { return calloc(1, sizeof(struct mux)); }
void mux_free(struct mux *m) { free(m); }

void chardev_set_mux(struct chardev *c, const struct chardev_mux_ops *ops, void *opaque)
{
	if (!c || !c->mux)
		return;
	pthread_mutex_lock(&c->cb_lock);
	c->mux->ops = ops;
	c->mux->opaque = opaque;
	pthread_mutex_unlock(&c->cb_lock);
	chardev_accept_more(c);		/* what was typed until now has waited */
}

bool mux_ready(struct chardev *c)
{
	bool ready;

	pthread_mutex_lock(&c->cb_lock);
	ready = c->mux->ops != NULL;
	pthread_mutex_unlock(&c->cb_lock);
	return ready;
}

bool chardev_has_mux(struct chardev *c) { return c && c->mux; }

void chardev_print(struct chardev *c, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	for (const char *p = text; c && *p;) {
		size_t k = strcspn(p, "\n");

		chardev_queue(c, p, k);
		if (p[k] == '\n' && c->is_tty)
			chardev_queue(c, "\n", 1);	/* the terminal's output side is not raw */
		else if (p[k] == '\n')
			chardev_queue(c, "\r\n", 2);
		p += k + (p[k] == '\n');
	}
	free(text);
}

static void print_help(struct chardev *c, struct mux *m)
{
	if (m->ops && m->ops->help) {
		m->ops->help(m->opaque, c);
		return;
	}
	chardev_print(c, "\n"
		      "Ctrl-A h      this help\n"
		      "Ctrl-A x      end ambi\n"
		      "Ctrl-A c      between guest and monitor\n"
		      "Ctrl-A k      the other engine (KVM, translator)\n"
		      "Ctrl-A b      send a break\n"
		      "Ctrl-A Ctrl-A send Ctrl-A\n");
}

static void monitor_key(struct chardev *c, struct mux *m, uint8_t key)
{
	if (key == '\r' || key == '\n') {
		m->line[m->len] = 0;
		m->len = 0;
		chardev_print(c, "\n");
		if (m->line[0] && m->ops && m->ops->line)
			m->ops->line(m->opaque, c, m->line);
		if (m->monitor)
			chardev_print(c, PROMPT);
	} else if (key == 0x7f || key == 0x08) {
		if (m->len) {
			m->len--;
			chardev_print(c, "\b \b");
		}
	} else if (key == 0x15 || key == 0x03) {	/* Ctrl-U, Ctrl-C */
		m->len = 0;
		chardev_print(c, "\n" PROMPT);
	} else if (key >= 0x20 && key < 0x7f && m->len + 1 < sizeof(m->line)) {
		m->line[m->len++] = (char)key;
		chardev_print(c, "%c", key);
	}
}

/* True: the key goes to the guest after all (Ctrl-A twice). */
static bool escape_key(struct chardev *c, struct mux *m, uint8_t key)
{
	switch (key) {
	case ESCAPE:
		return true;
	case 'x':
		if (m->ops && m->ops->quit)
			m->ops->quit(m->opaque);
		break;
	case 'c':
		m->monitor = !m->monitor;
		m->len = 0;
		chardev_print(c, m->monitor ? "\n" PROMPT : "\n");
		break;
	case 'k':
		if (m->ops && m->ops->other_engine)
			m->ops->other_engine(m->opaque);
		break;
	case 'b':
		chardev_tell(c, CHARDEV_BREAK);
		break;
	case 'h':
	case '?':
		print_help(c, m);
		break;
	}
	return false;
}

size_t mux_filter(struct chardev *c, uint8_t *buf, size_t n)
{
	struct mux *m = c->mux;
	size_t left = 0;

	pthread_mutex_lock(&c->cb_lock);
	for (size_t i = 0; i < n; i++) {
		uint8_t key = buf[i];

		if (m->escape) {
			m->escape = false;
			if (!escape_key(c, m, key))
				continue;
		} else if (key == ESCAPE) {
			m->escape = true;
			continue;
		}
		if (m->monitor)
			monitor_key(c, m, key);
		else
			buf[left++] = key;
	}
	pthread_mutex_unlock(&c->cb_lock);
	return left;
}
