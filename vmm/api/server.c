/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clients of the control interface, on the main loop. Nothing here waits for a client: what it
 * does not read is kept up to a limit, and while much waits for it, its requests wait too.
 */
#include "vmm/api/server.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/char/char.h"
#include "util/log.h"
#include "util/os.h"
#include "vmm/guest.h"
#include "vmm/phases.h"

/* Events of other threads come through the main loop. */
static pthread_t main_thread;

const char *api_name(struct guest *g)
{
	return g->api ? g->api->name : "";
}

/* ---- one client ---- */

static void client_free(struct api_client *c)
{
	struct api_server *srv = c->srv;

	for (unsigned i = 0; i < API_MAX_CLIENTS; i++)
		if (srv->client[i] == c)
			srv->client[i] = NULL;
	api_console_end(c->console);
	if (c->in > 2)
		close(c->in);
	api_session_fini(&c->s);
	g_string_free(c->unsent, TRUE);
	g_free(c);
}

static void unwatch(guint *src)
{
	if (*src)
		g_source_remove(*src);
	*src = 0;
}

static void client_drop(struct api_client *c)
{
	c->dead = true;
	unwatch(&c->in_src);
	unwatch(&c->out_src);
	unwatch(&c->more_src);
	if (!c->busy)
		client_free(c);
}

static ssize_t send_some(struct api_client *c)
{
	ssize_t n = send(c->out, c->unsent->str, c->unsent->len, MSG_NOSIGNAL | MSG_DONTWAIT);
	struct pollfd p = { c->out, POLLOUT, 0 };

	if (n >= 0 || errno != ENOTSOCK)
		return n;
	/* standard output belongs to others, too, and blocks; a pipe that is ready takes so much */
	if (poll(&p, 1, 0) <= 0) {
		errno = EAGAIN;
		return -1;
	}
	return write(c->out, c->unsent->str, MIN(c->unsent->len, (size_t)PIPE_BUF));
}

static gboolean on_writable(gint fd, GIOCondition cond, gpointer opaque);
static void client_pump(struct api_client *c);

/* False: it is gone (dead; freed unless busy). */
static bool client_flush(struct api_client *c)
{
	while (c->unsent->len) {
		ssize_t n = send_some(c);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			if (!c->out_src)
				c->out_src = g_unix_fd_add(c->out, G_IO_OUT, on_writable, c);
			return true;
		}
		if (n < 0) {
			client_drop(c);
			return false;
		}
		g_string_erase(c->unsent, 0, n);
	}
	return true;
}

static gboolean on_writable(gint fd, GIOCondition cond, gpointer opaque)
{
	struct api_client *c = opaque;

	c->out_src = 0;
	if (client_flush(c) && c->unsent->len < API_HIGH_WATER)
		client_pump(c);
	return G_SOURCE_REMOVE;
}

void api_client_send(void *opaque, const char *text, size_t len)
{
	struct api_client *c = opaque;

	if (c->dead)
		return;
	if (c->unsent->len + len > API_MAX_UNSENT) {
		log_warn("control: a client that does not read is cut off");
		g_string_truncate(c->unsent, 0);
		client_drop(c);
		return;
	}
	g_string_append_len(c->unsent, text, (gssize)len);
	if (!c->out_src)
		client_flush(c);
}

static gboolean on_readable(gint fd, GIOCondition cond, gpointer opaque);

static gboolean on_more(gpointer opaque)
{
	struct api_client *c = opaque;

	c->more_src = 0;
	client_pump(c);
	return G_SOURCE_REMOVE;
}

/* Both ways: what the guest wrote, and what was typed as far as the port takes it now. */
static void console_pump(struct api_client *c)
{
	bool room = c->unsent->len < API_HIGH_WATER;

	api_console_take(c->console, c->unsent, room ? API_HIGH_WATER : 0);
	if (!c->out_src && !client_flush(c))
		return;
	c->at += api_console_feed(c->console, c->buf + c->at, c->len - c->at);
	if (c->eof)
		client_drop(c);
	else if (c->at == c->len && !c->in_src)
		c->in_src = g_unix_fd_add(c->in, G_IO_IN | G_IO_HUP, on_readable, c);
}

void api_consoles_pump(struct api_server *srv)
{
	for (unsigned i = 0; i < API_MAX_CLIENTS; i++) {
		struct api_client *c = srv->client[i];

		if (c && c->console && !c->busy && !c->dead)
			console_pump(c);
	}
}

/* Serves one request of what was received; the others of the main loop come in between. */
static void client_pump(struct api_client *c)
{
	ssize_t n = 0;

	if (c->busy || c->dead)
		return;
	if (c->console) {
		console_pump(c);
		return;
	}
	if (c->at < c->len && c->unsent->len < API_HIGH_WATER) {
		c->busy = true;
		n = api_session_feed(&c->s, c->buf + c->at, c->len - c->at);
		c->busy = false;
		if (n < 0)
			c->dead = true;
	}
	if (c->dead) {
		client_drop(c);
		return;
	}
	c->at += (size_t)n;
	if (c->at < c->len) {
		unwatch(&c->in_src);
		if (c->unsent->len < API_HIGH_WATER && !c->more_src) {
			c->more_src = g_idle_add_full(G_PRIORITY_DEFAULT, on_more, c, NULL);
		}
		return;
	}
	if (c->eof && !c->unsent->len)
		client_drop(c);
	else if (!c->eof && !c->in_src)
		c->in_src = g_unix_fd_add(c->in, G_IO_IN | G_IO_HUP, on_readable, c);
}

static gboolean on_readable(gint fd, GIOCondition cond, gpointer opaque)
{
	struct api_client *c = opaque;
	ssize_t n = read(fd, c->buf, sizeof(c->buf));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return G_SOURCE_CONTINUE;
	c->in_src = 0;
	c->at = 0;
	c->len = n > 0 ? (size_t)n : 0;
	c->eof = n <= 0;
	client_pump(c);
	return G_SOURCE_REMOVE;
}

static int serve(struct api_server *srv, struct api_client *c, const struct api_command *cmd,
		 json_t *args, json_t **ret, struct err *e)
{
	struct api_client *before = srv->current;
	int r;

	srv->current = c;
	r = cmd->fn(srv->g, args, ret, e);
	srv->current = before;
	/* whatever a handler forgot to say */
	if (r < 0 && !e->code)
		err_errno(e, -r, "%s", cmd->name);
	return r;
}

static int client_call(void *opaque, const struct api_command *cmd, json_t *args, json_t **ret,
		       struct err *e)
{
	struct api_client *c = opaque;

	return serve(c->srv, c, cmd, args, ret, e);
}

int api_call(struct guest *g, const char *name, json_t *args, json_t **ret, struct err *e)
{
	const struct api_command *cmd = api_find(&api_table, name);
	json_t *none = args ? NULL : json_object(), *got = NULL;
	int r;

	args = args ? args : none;
	if (!cmd || !cmd->fn || !g->api)
		r = err_set(e, ENOENT, "this ambi has no %s", name);
	else
		r = api_check(cmd, args, e);
	if (!r)
		r = serve(g->api, NULL, cmd, args, &got, e);
	json_decref(none);
	if (ret)
		*ret = got;
	else
		json_decref(got);
	return r;
}

/* A console whose guest does not take what was typed before its peer left. */
static bool left_behind(const struct api_client *c)
{
	struct pollfd p = { c->in, 0, 0 };

	return c->console && !c->busy && poll(&p, 1, 0) > 0;
}

static const char full[] = "{\"error\": {\"class\": \"GenericError\", \"desc\": "
			   "\"too many clients\"}}\r\n";

static void client_new(struct api_server *srv, int in, int out)
{
	struct api_client *c;
	unsigned i;

	for (i = 0; i < API_MAX_CLIENTS && srv->client[i]; i++)
		;
	for (unsigned j = 0; i == API_MAX_CLIENTS && j < API_MAX_CLIENTS; j++)
		if (left_behind(srv->client[j])) {
			client_drop(srv->client[j]);
			i = j;
		}
	if (i == API_MAX_CLIENTS) {
		send(out, full, sizeof(full) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		close(in);
		return;
	}
	c = g_new0(struct api_client, 1);
	c->srv = srv;
	c->in = in;
	c->out = out;
	c->unsent = g_string_new(NULL);
	c->s = (struct api_session){ .table = &api_table, .send = api_client_send,
				     .call = client_call, .opaque = c };
	api_session_init(&c->s);
	srv->client[i] = c;
	c->busy = true;
	api_session_greet(&c->s);
	c->busy = false;
	if (c->dead)		/* it has gone already */
		client_free(c);
	else
		client_pump(c);
}

/* ---- listeners ---- */

static gboolean on_connect(gint fd, GIOCondition cond, gpointer opaque)
{
	struct api_listener *l = opaque;
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), one = 1;

	if (client >= 0) {
		if (!l->path[0])	/* answers are small */
			setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		client_new(l->srv, client, client);
	}
	return G_SOURCE_CONTINUE;
}

/* tcp: "HOST:PORT" instead of a path. */
static int listen_at(struct api_server *srv, const char *path, const char *tcp, struct err *e)
{
	struct api_listener *l = &srv->listener[srv->nr_listeners];
	int fd;

	if (srv->nr_listeners == API_MAX_LISTENERS)
		return err_set(e, EINVAL, "more than %u sockets", API_MAX_LISTENERS);
	fd = tcp ? api_listen_tcp(tcp, e) : api_listen(path, e);
	if (fd < 0)
		return fd;
	*l = (struct api_listener){ .srv = srv, .fd = fd };
	if (!tcp)
		strcpy(l->path, path);
	l->src = g_unix_fd_add(fd, G_IO_IN, on_connect, l);
	srv->nr_listeners++;
	return 0;
}

static int listen_stdio(struct api_server *srv, struct err *e)
{
	if (fcntl(STDIN_FILENO, F_GETFL) < 0 || fcntl(STDOUT_FILENO, F_GETFL) < 0)
		return err_errno(e, errno, "standard input and output");
	for (unsigned i = 0; i < GUEST_MAX_SERIAL; i++)
		if (!strcmp(chardev_where(srv->g->serial[i]), "stdio"))
			return err_set(e, EBUSY, "a serial port is there already");
	for (unsigned i = 0; i < API_MAX_CLIENTS; i++)
		if (srv->client[i] && srv->client[i]->in == STDIN_FILENO)
			return err_set(e, EBUSY, "given twice");
	/* reads come after poll() has said that there is something */
	client_new(srv, STDIN_FILENO, STDOUT_FILENO);
	return 0;
}

/* unix:PATH or tcp:HOST:PORT[,server[=on]][,nowait|wait=off], as QEMU's; it never waits. */
static int start_one(struct api_server *srv, const char *spec, struct err *e)
{
	g_auto(GStrv) part = g_strsplit(spec, ",", -1);
	bool tcp = part[0] && g_str_has_prefix(part[0], "tcp:");

	if (!strcmp(spec, "none"))
		return 0;
	if (!strcmp(spec, "stdio"))
		return listen_stdio(srv, e);
	if (!tcp && (!part[0] || !g_str_has_prefix(part[0], "unix:")))
		return err_set(e, EINVAL, "there are unix:PATH, tcp:HOST:PORT, stdio and none");
	for (char **p = part + 1; *p; p++) {
		static const char *const fine[] = {
			"server", "server=on", "nowait", "wait=off", "wait=on", "wait", NULL };

		if (!g_strv_contains(fine, *p))
			return err_set(e, EINVAL, "\"%s\": there are server=on and wait=off", *p);
	}
	return tcp ? listen_at(srv, NULL, part[0] + 4, e) : listen_at(srv, part[0] + 5, NULL, e);
}

/* "vmlinux-1234" of /boot/vmlinux. */
static void make_name(struct api_server *srv)
{
	const struct plan *p = srv->g->plan;
	const char *image = p->opt->kernel ? p->opt->kernel : p->cdrom ? p->cdrom : "guest";
	g_autofree char *base = g_path_get_basename(image);

	for (char *c = base; *c; c++)
		if (!g_ascii_isalnum(*c) && !strchr("._-+", *c))
			*c = '_';
	if (*base == '.' || *base == '-')
		*base = '_';
	snprintf(srv->name, sizeof(srv->name), "%.40s-%d", base, (int)getpid());
}

static int start_default(struct api_server *srv, struct err *e)
{
	char dir[API_PATH_MAX], path[API_PATH_MAX];
	int r = api_dir(dir, sizeof(dir), true, e);

	if (!r)
		r = api_socket_path(path, sizeof(path), srv->name, e);
	return r < 0 ? r : listen_at(srv, path, NULL, e);
}

static int start_all(struct api_server *srv, struct err *e)
{
	const struct options *o = srv->g->plan->opt;
	bool none = false;
	int r = 0;

	for (unsigned i = 0; i < o->qmp.nr; i++) {
		none |= !strcmp(o->qmp.item[i], "none");
		r = start_one(srv, o->qmp.item[i], e);
		if (r < 0)
			return err_prefix(e, "-qmp %s", o->qmp.item[i]);
	}
	if (o->api_socket) {
		r = listen_at(srv, o->api_socket, NULL, e);
		if (r < 0)
			return err_prefix(e, "--api-socket %s", o->api_socket);
	}
	if (!none)
		r = start_default(srv, e);
	if (r == -EADDRINUSE)
		return err_prefix(e, "-name %s", srv->name);
	/* without a place for it a guest can do without */
	if (r < 0)
		log_warn("no control socket for `ambi ctl`: %s", e->msg);
	*e = (struct err){ 0 };
	return 0;
}

int api_start(struct guest *g, struct err *e)
{
	struct api_server *srv = g_new0(struct api_server, 1);
	const char *name = g->plan->opt->name;
	int r;

	main_thread = pthread_self();
	srv->g = g;
	srv->started_ns = os_now_ns();
	g->api = srv;
	if (!name) {
		make_name(srv);
	} else {
		if (g_str_has_prefix(name, "guest="))
			name += 6;
		snprintf(srv->name, sizeof(srv->name), "%.*s", (int)strcspn(name, ","), name);
		if (!api_name_ok(srv->name)) {
			api_end(g);
			return err_set(e, EINVAL, "-name %.60s: letters, digits and . _ - + @ "
				       "make a name, at most 64", name);
		}
	}
	r = start_all(srv, e);
	phase_mark(PHASE_CONTROL);
	if (r < 0)
		api_end(g);
	return r;
}

/* The last words (SHUTDOWN) reach who reads. */
static void last_flush(struct api_client *c)
{
	for (int i = 0; i < 10 && c->unsent->len; i++) {
		struct pollfd p = { c->out, POLLOUT, 0 };
		ssize_t n;

		if (poll(&p, 1, 10) < 0)
			return;
		n = send_some(c);
		if (n > 0)
			g_string_erase(c->unsent, 0, n);
		else if (n < 0 && errno != EAGAIN && errno != EINTR)
			return;
	}
}

void api_end(struct guest *g)
{
	struct api_server *srv = g->api;

	if (!srv)
		return;
	g->api = NULL;
	unwatch(&g->balloon_src);
	for (unsigned i = 0; i < srv->nr_listeners; i++) {
		g_source_remove(srv->listener[i].src);
		if (srv->listener[i].path[0])
			unlink(srv->listener[i].path);
		close(srv->listener[i].fd);
	}
	for (unsigned i = 0; i < API_MAX_CLIENTS; i++)
		if (srv->client[i]) {
			if (srv->client[i]->console)
				api_console_take(srv->client[i]->console, srv->client[i]->unsent,
						 API_MAX_UNSENT);
			last_flush(srv->client[i]);
			srv->client[i]->busy = false;
			client_drop(srv->client[i]);
		}
	g_free(srv);
}

/* ---- events ---- */

static void event_send(struct guest *g, void *data)
{
	struct api_server *srv = g->api;
	json_t *msg = data;

	for (unsigned i = 0; srv && i < API_MAX_CLIENTS; i++) {
		struct api_client *c = srv->client[i];

		if (c && !c->dead && c->s.negotiated && !c->console)
			api_session_send(&c->s, msg);
	}
	json_decref(msg);
}

void api_event(struct guest *g, const char *name, json_t *data)
{
	uint64_t us = os_realtime_ns() / 1000;
	json_t *msg = json_pack("{s:{s:I,s:I},s:s}", "timestamp", "seconds",
				(json_int_t)(us / 1000000), "microseconds",
				(json_int_t)(us % 1000000), "event", name);

	if (data)
		json_object_set_new(msg, "data", data);
	if (pthread_equal(pthread_self(), main_thread))
		event_send(g, msg);
	else
		guest_post(g, event_send, msg);
}
