/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `ambi console`: a connection becomes a serial port's second end. Output arrives on vCPU
 * threads, which must not wait: it is kept here up to a limit and sent by the main loop; a reader
 * that is slower loses bytes, as with a real line.
 */
#include <errno.h>

#include "io/char/char.h"
#include "util/bits.h"
#include "vmm/api/handlers.h"
#include "vmm/api/server.h"
#include "vmm/guest.h"

enum { MAX_KEPT = 1 << 20 };

struct console {
	struct guest *g;
	struct chardev *dev;
	struct chardev_tap tap;
	pthread_mutex_t lock;
	GString *out;			/* under lock */
	bool posted;			/* under lock: the main loop will look */
};

static void look(struct guest *g, void *data)
{
	if (g->api)
		api_consoles_pump(g->api);
}

static void post(struct console *k)
{
	if (!k->posted)
		guest_post(k->g, look, NULL);
	k->posted = true;
}

static void on_out(void *opaque, const void *buf, size_t n)
{
	struct console *k = opaque;

	pthread_mutex_lock(&k->lock);
	g_string_append_len(k->out, buf, (gssize)MIN(n, MAX_KEPT - k->out->len));
	post(k);
	pthread_mutex_unlock(&k->lock);
}

static void on_room(void *opaque)
{
	struct console *k = opaque;

	pthread_mutex_lock(&k->lock);
	post(k);
	pthread_mutex_unlock(&k->lock);
}

void api_console_take(struct console *k, GString *to, size_t max)
{
	size_t n;

	pthread_mutex_lock(&k->lock);
	k->posted = false;
	n = MIN(k->out->len, max);
	g_string_append_len(to, k->out->str, (gssize)n);
	g_string_erase(k->out, 0, (gssize)n);
	if (max && k->out->len)		/* the others of the main loop first */
		post(k);
	pthread_mutex_unlock(&k->lock);
}

size_t api_console_feed(struct console *k, const char *buf, size_t n)
{
	return chardev_feed(k->dev, buf, n);
}

void api_console_end(struct console *k)
{
	if (!k)
		return;
	chardev_tap_remove(k->dev, &k->tap);
	pthread_mutex_destroy(&k->lock);
	g_string_free(k->out, TRUE);
	g_free(k);
}

int api_vm_console(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	struct api_client *c = g->api->current;
	unsigned i = (unsigned)api_int(args, "serial", 0);
	struct chardev *dev = i < GUEST_MAX_SERIAL ? g->serial[i] :
						     g->extra_char[i - GUEST_MAX_SERIAL];
	struct console *k;

	if (!c)
		return err_set(e, EINVAL, "vm-console needs a connection");
	if (!dev)
		return err_set(e, ENODEV, "there is no serial port %u (or -serial none)", i);
	k = g_new0(struct console, 1);
	k->g = g;
	k->dev = dev;
	k->out = g_string_new(NULL);
	pthread_mutex_init(&k->lock, NULL);
	k->tap = (struct chardev_tap){ .out = on_out, .room = on_room, .opaque = k };
	chardev_tap_add(dev, &k->tap);
	c->console = k;
	*ret = json_pack("{s:o}", "where", api_text(chardev_where(dev)));
	return 0;
}
