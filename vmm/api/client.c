/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/api/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "vmm/api/socket.h"

enum { MAX_LINE = 64 << 20 };

void api_conn_timeout(struct api_conn *c, unsigned ms)
{
	struct timeval t = { ms / 1000, ms % 1000 * 1000 };

	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
}

int api_conn_read(struct api_conn *c, json_t **msg, struct err *e)
{
	json_error_t je;
	char *end;

	while (!(end = memchr(c->in->str, '\n', c->in->len))) {
		char buf[16384];
		ssize_t n = recv(c->fd, buf, sizeof(buf), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return err_set(e, ETIMEDOUT, "the guest does not answer");
		if (n <= 0)
			return err_set(e, ECONNRESET, "the guest has ended");
		if (c->in->len > MAX_LINE)
			return err_set(e, EMSGSIZE, "an answer is too long");
		g_string_append_len(c->in, buf, n);
	}
	*msg = json_loadb(c->in->str, (size_t)(end - c->in->str), JSON_REJECT_DUPLICATES, &je);
	g_string_erase(c->in, 0, end - c->in->str + 1);
	return json_is_object(*msg) ? 0 : err_set(e, EPROTO, "not QMP: %s", je.text);
}

static int write_all(struct api_conn *c, const char *text, size_t n, struct err *e)
{
	while (n) {
		ssize_t r = send(c->fd, text, n, MSG_NOSIGNAL);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_errno(e, errno, "sending");
		text += r;
		n -= (size_t)r;
	}
	return 0;
}

int api_conn_send(struct api_conn *c, json_t *req, json_t **answer, struct err *e)
{
	char *text = json_dumps(req, 0);
	/* in one piece: the answer to `quit` comes before what follows the last brace is read */
	g_autofree char *line = text ? g_strconcat(text, "\n", NULL) : NULL;
	json_t *msg = NULL;
	int r = line ? write_all(c, line, strlen(line), e) : err_set(e, ENOMEM, "no memory");

	free(text);
	json_decref(req);
	while (!r) {
		r = api_conn_read(c, &msg, e);
		if (r < 0)
			break;
		if (json_object_get(msg, "return") || json_object_get(msg, "error")) {
			*answer = msg;
			return 0;
		}
		if (c->event)
			c->event(c->opaque, msg);
		json_decref(msg);
		msg = NULL;
	}
	json_decref(msg);
	return r;
}

int api_conn_call(struct api_conn *c, const char *command, json_t *args, json_t **ret,
		  struct err *e)
{
	json_t *req = json_pack("{s:s}", "execute", command), *answer, *error;
	int r;

	if (args)
		json_object_set_new(req, "arguments", args);
	r = api_conn_send(c, req, &answer, e);
	if (r < 0)
		return r;
	error = json_object_get(answer, "error");
	if (error) {
		const char *desc = json_string_value(json_object_get(error, "desc"));

		r = err_set(e, EREMOTEIO, "%s", desc ? desc : "refused");
	} else {
		*ret = json_incref(json_object_get(answer, "return"));
	}
	json_decref(answer);
	return r;
}

int api_conn_open(struct api_conn *c, const char *name, unsigned timeout_ms, struct err *e)
{
	char path[API_PATH_MAX];
	json_t *msg = NULL;
	int r = api_socket_path(path, sizeof(path), name, e);

	*c = (struct api_conn){ .fd = -1 };
	if (r < 0)
		return r;
	r = api_connect(path, timeout_ms, e);
	if (r == -EAGAIN)
		return err_set(e, ETIMEDOUT, "the guest does not answer");
	if (r == -ENOENT || r == -ECONNREFUSED)
		return err_set(e, -r, "no guest is named %s (ambi ps lists them)", name);
	if (r < 0)
		return r;
	c->fd = r;
	c->in = g_string_new(NULL);
	r = api_conn_read(c, &msg, e);
	if (!r && json_object_get(msg, "error"))
		r = err_set(e, EBUSY, "the guest has too many clients");
	else if (!r && !json_object_get(msg, "QMP"))
		r = err_set(e, EPROTO, "%s: not QMP", path);
	json_decref(msg);
	msg = NULL;
	if (!r)
		r = api_conn_call(c, "qmp_capabilities", NULL, &msg, e);
	json_decref(msg);
	if (r < 0)
		api_conn_close(c);
	return r;
}

void api_conn_close(struct api_conn *c)
{
	if (c->fd >= 0)
		close(c->fd);
	if (c->in)
		g_string_free(c->in, TRUE);
	*c = (struct api_conn){ .fd = -1 };
}
