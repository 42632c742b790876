/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/char/char.h"

#include "io/char/char_int.h"

void chardev_tap_add(struct chardev *c, struct chardev_tap *t)
{
	pthread_mutex_lock(&c->tap_lock);
	t->next = atomic_load(&c->taps);
	atomic_store(&c->taps, t);
	pthread_mutex_unlock(&c->tap_lock);
}

void chardev_tap_remove(struct chardev *c, struct chardev_tap *t)
{
	struct chardev_tap *at;

	pthread_mutex_lock(&c->tap_lock);
	at = atomic_load(&c->taps);
	if (at == t) {
		atomic_store(&c->taps, t->next);
	} else {
		while (at && at->next != t)
			at = at->next;
		if (at)
			at->next = t->next;
	}
	pthread_mutex_unlock(&c->tap_lock);
}

void chardev_tap_out(struct chardev *c, const void *buf, size_t n)
{
	pthread_mutex_lock(&c->tap_lock);
	for (struct chardev_tap *t = atomic_load(&c->taps); t; t = t->next)
		t->out(t->opaque, buf, n);
	pthread_mutex_unlock(&c->tap_lock);
}

void chardev_tap_room(struct chardev *c)
{
	pthread_mutex_lock(&c->tap_lock);
	for (struct chardev_tap *t = atomic_load(&c->taps); t; t = t->next)
		t->room(t->opaque);
	pthread_mutex_unlock(&c->tap_lock);
}
