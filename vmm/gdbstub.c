/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One gdb at a time, on the main thread. While gdb looks at the guest all vCPUs
 * are parked. A step lets only the stepping CPU run: the others are held, so
 * that one instruction is one instruction. A client that does not read its
 * answers loses the connection, not the guest.
 */
#include "vmm/gdbstub.h"

#include <errno.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/log.h"
#include "vmm/api/socket.h"
#include "vmm/gdb_cmd.h"
#include "vmm/gdb_proto.h"
#include "vmm/guest.h"

enum { MAX_UNSENT = 1 << 20 };

struct gdbstub {
	struct guest *g;
	struct gdb_target target;
	struct gdb_session s;
	struct gdb_proto proto;
	int listen_fd, fd;		/* -1: none */
	guint listen_src, in_src, out_src;
	GString *out;			/* not sent yet */
	const char *unix_path;		/* of -gdb; NULL: none */
	_Atomic bool attached;
	uint8_t action[256];		/* of the last resume; read by vCPU threads while running */
};

static void client_close(struct gdbstub *d);

/* ---- sending ---- */

static gboolean on_writable(gint fd, GIOCondition cond, gpointer opaque);

static void flush(struct gdbstub *d)
{
	ssize_t n;

	while (d->fd >= 0 && d->out->len) {
		n = send(d->fd, d->out->str, d->out->len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) &&
		    d->out->len < MAX_UNSENT) {
			if (!d->out_src)
				d->out_src = g_unix_fd_add(d->fd, G_IO_OUT, on_writable, d);
			return;
		}
		if (n < 0) {
			client_close(d);
			return;
		}
		g_string_erase(d->out, 0, n);
	}
}

static gboolean on_writable(gint fd, GIOCondition cond, gpointer opaque)
{
	struct gdbstub *d = opaque;

	d->out_src = 0;
	flush(d);
	return G_SOURCE_REMOVE;
}

static void send_packet(struct gdbstub *d, const char *payload, size_t len)
{
	if (d->fd < 0)
		return;
	gdb_proto_frame(d->out, payload, len);
	flush(d);
}

/* ---- the target: operations on the guest ---- */

static void *target_state(void *opaque, unsigned cpu)
{
	struct gdbstub *d = opaque;
	struct vcpu *v = d->g->vm.vcpu[cpu];
	struct err e = { 0 };

	if (vcpu_pull(v, REGS_ALL, &e) < 0) {
		log_warn("gdb: %s", e.msg);
		return NULL;
	}
	return v->state;
}

/* Device registers, for whoever asks for them by address: aligned words, else bytes. */
static int device_access(struct gdbstub *d, uint64_t pa, uint8_t *buf, size_t n, bool write)
{
	struct space *s = d->g->vm.machine->mmio;
	uint64_t v = 0;

	while (n) {
		unsigned size = !(pa & 3) && n >= 4 ? 4 : 1;
		int r;

		if (write)
			memcpy(&v, buf, size);
		r = write ? region_write(s, pa, size, v) : region_read(s, pa, size, &v);
		if (r < 0)
			return -EFAULT;
		if (!write)
			memcpy(buf, &v, size);
		pa += size;
		buf += size;
		n -= size;
	}
	return 0;
}

static int target_mem(void *opaque, unsigned cpu, uint64_t addr, void *buf, size_t n, bool write)
{
	struct gdbstub *d = opaque;
	struct vm *vm = &d->g->vm;
	void *state = target_state(d, cpu);
	uint8_t *p = buf;

	if (!state)
		return -EFAULT;
	while (n) {
		size_t part = MIN(n, MEM_PAGE_SIZE - (size_t)(addr & (MEM_PAGE_SIZE - 1)));
		uint64_t pa = addr;
		int r = 0;

		if (vm->isa->translate_debug)
			r = vm->isa->translate_debug(state, addr, &pa);
		if (r < 0)
			return -EFAULT;
		if (mem_find(&vm->machine->mem, pa))
			r = write ? mem_write(&vm->machine->mem, pa, p, part, true) :
				    mem_read(&vm->machine->mem, pa, p, part);
		else
			r = device_access(d, pa, p, part, write);
		if (r < 0)
			return -EFAULT;
		addr += part;
		p += part;
		n -= part;
	}
	return 0;
}

/* Tells the engine what to stop at; `step` a CPU. */
static int points_apply(struct gdbstub *d, const struct debug_req *points, const uint8_t *action)
{
	struct vm *vm = &d->g->vm;
	struct err e = { 0 };

	if (!vm->accel->debug)
		return -ENOTSUP;
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		struct debug_req r = *points;
		int rc;

		r.step = action && action[i] == GDB_STEP;
		rc = vm->accel->debug(vm->vcpu[i], &r, &e);
		if (rc < 0) {
			log_warn("gdb: %s", e.msg);
			return rc;
		}
	}
	return 0;
}

void gdbstub_engine(struct guest *g, bool attach)
{
	static const struct debug_req none;
	struct gdbstub *d = g->gdb;

	if (d && atomic_load(&d->attached))
		points_apply(d, attach ? &d->s.points : &none, attach ? d->action : NULL);
}

bool gdbstub_holds(struct guest *g)
{
	return g->gdb && atomic_load(&g->gdb->attached) && !g->gdb->s.running;
}

static int target_points(void *opaque, const struct debug_req *r)
{
	return points_apply(opaque, r, NULL);
}

static void report(struct gdbstub *d, unsigned cpu, unsigned signal, const char *kind,
		   uint64_t addr)
{
	const char *text = gdb_session_stop(&d->s, cpu, signal, kind, addr);

	send_packet(d, text, strlen(text));
}

static void target_resume(void *opaque, const uint8_t action[256])
{
	struct gdbstub *d = opaque;
	struct guest *g = d->g;
	bool any_step = false;

	memcpy(d->action, action, sizeof(d->action));
	for (unsigned i = 0; i < g->vm.nr_vcpus; i++)
		any_step |= action[i] == GDB_STEP;
	for (unsigned i = 0; i < g->vm.nr_vcpus; i++) {
		if (action[i] == GDB_STEP && g->cpu[i].power == CPU_STOPPED) {
			report(d, i, 5, NULL,
			       0); /* there is no instruction that it would execute */
			return;
		}
		g->cpu[i].held = any_step ? action[i] != GDB_STEP : action[i] == GDB_HOLD;
	}
	if (points_apply(d, &d->s.points, d->action) < 0 && any_step) {
		report(d, d->s.stop_cpu, 5, NULL, 0);
		return;
	}
	g->stopped_by_user = false;
	guest_resume(g);
}

/* gdb is gone: nothing of it stays behind. */
static void leave(struct gdbstub *d)
{
	struct guest *g = d->g;
	static const struct debug_req none;

	if (!atomic_exchange(&d->attached, false))
		return;
	/* also where the gates are closed already: the vCPUs may still be on their way there */
	guest_pause(g);
	points_apply(d, &none, NULL);
	for (unsigned i = 0; i < g->vm.nr_vcpus; i++)
		g->cpu[i].held = false;
	memset(d->action, GDB_CONTINUE, sizeof(d->action));
	g->stopped_by_user = false;
	guest_resume(g);
}

static void target_detach(void *opaque)
{
	leave(opaque);
}

static void target_kill(void *opaque)
{
	struct gdbstub *d = opaque;

	guest_shutdown(d->g, EXIT_OK, "host-ui");
}

static char *target_monitor(void *opaque, const char *line)
{
	struct gdbstub *d = opaque;

	return monitor_command(d->g, line);
}

static void target_describe(void *opaque, unsigned cpu, char *buf, size_t n)
{
	struct gdbstub *d = opaque;
	const struct guest_cpu *c = &d->g->cpu[cpu];

	snprintf(buf, n, "CPU %u%s", cpu, c->power == CPU_STOPPED ? " (stopped)" :
		 atomic_load(&c->v->halted) ? " (waiting for an interrupt)" : "");
}

static void target_send(void *opaque, const char *payload, size_t len)
{
	send_packet(opaque, payload, len);
}

/* ---- receiving ---- */

static void interrupt(struct gdbstub *d)
{
	if (!d->s.running)
		return;
	guest_pause(d->g);
	report(d, d->s.cpu, 2, NULL, 0);
}

static void serve(struct gdbstub *d, uint8_t c)
{
	g_autoptr(GString) reply = NULL;
	bool no_ack = d->s.no_ack;

	switch (gdb_proto_feed(&d->proto, c)) {
	case GDB_BREAK:
		interrupt(d);
		return;
	case GDB_BAD:
		if (!no_ack)
			g_string_append_c(d->out, '-');
		flush(d);
		return;
	case GDB_PACKET:
		break;
	default:
		return;
	}
	if (!no_ack)
		g_string_append_c(d->out, '+');
	if (d->s.running) {		/* only Ctrl-C has a meaning now */
		flush(d);
		return;
	}
	reply = g_string_new(NULL);
	if (gdb_session_packet(&d->s, d->proto.packet, d->proto.len, reply))
		send_packet(d, reply->str, reply->len);
	else
		flush(d);
	/* it has detached: there is no stopped guest any more that it could ask about */
	if (!atomic_load(&d->attached))
		client_close(d);
}

static gboolean on_readable(gint fd, GIOCondition cond, gpointer opaque)
{
	struct gdbstub *d = opaque;
	uint8_t buf[4096];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return G_SOURCE_CONTINUE;
	if (n <= 0) {
		d->in_src = 0;
		client_close(d);
		return G_SOURCE_REMOVE;
	}
	for (ssize_t i = 0; i < n && d->fd == fd; i++)
		serve(d, buf[i]);
	return d->fd == fd ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static void client_close(struct gdbstub *d)
{
	int fd = d->fd;

	if (fd < 0)
		return;
	d->fd = -1;
	if (d->in_src)
		g_source_remove(d->in_src);
	if (d->out_src)
		g_source_remove(d->out_src);
	d->in_src = d->out_src = 0;
	close(fd);
	g_string_truncate(d->out, 0);
	gdb_session_fini(&d->s);
	leave(d);
}

static gboolean on_connect(gint fd, GIOCondition cond, gpointer opaque)
{
	struct gdbstub *d = opaque;
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC), one = 1;

	if (client < 0)
		return G_SOURCE_CONTINUE;
	if (d->fd >= 0) {		/* one at a time */
		close(client);
		return G_SOURCE_CONTINUE;
	}
	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	d->fd = client;
	memset(&d->proto, 0, sizeof(d->proto));
	gdb_session_init(&d->s, &d->target);
	memset(d->action, GDB_CONTINUE, sizeof(d->action));
	guest_pause(d->g);
	atomic_store(&d->attached, true);
	d->in_src = g_unix_fd_add(client, G_IO_IN | G_IO_HUP, on_readable, d);
	return G_SOURCE_CONTINUE;
}

/* ---- stops ---- */

bool gdbstub_stepping(struct guest *g, struct vcpu *v)
{
	return g->gdb && atomic_load(&g->gdb->attached) && g->gdb->action[v->index] == GDB_STEP;
}

struct stop { unsigned cpu; struct vm_exit x; };

/* What gdb calls the watchpoint that covers addr. */
static const char *watch_kind(struct gdbstub *d, uint64_t addr)
{
	for (unsigned i = 0; i < d->s.points.nr_watch; i++)
		if (addr - d->s.points.watch[i].addr < d->s.points.watch[i].len)
			return !d->s.points.watch[i].read ? "watch" :
			       d->s.points.watch[i].write ? "awatch" : "rwatch";
	return "watch";
}

static void stop_serve(struct guest *g, void *data)
{
	struct gdbstub *d = g->gdb;
	struct stop *s = data;

	if (!d || !atomic_load(&d->attached)) {
		guest_pause(g);
		if (!g->stopped_by_user)
			guest_resume(g);
	} else if (d->s.running) {
		guest_pause(g);
		if (s->x.reason == VM_EXIT_DEBUG && s->x.debug.kind == DBG_WATCH)
			report(d, s->cpu, 5, watch_kind(d, s->x.debug.addr), s->x.debug.addr);
		else
			report(d, s->cpu, 5, NULL, 0);
	}
	g_free(s);
}

void gdbstub_stopped(struct guest *g, struct vcpu *v, const struct vm_exit *x)
{
	struct stop *s = g_new(struct stop, 1);

	*s = (struct stop){ v->index, *x };
	guest_close_gates(g);
	guest_post(g, stop_serve, s);
}

/* ---- start and end ---- */

int gdbstub_start(struct guest *g, const char *where, struct err *e)
{
	const char *path = g_str_has_prefix(where, "unix:") ? where + 5 : NULL;
	struct gdbstub *d = g_new0(struct gdbstub, 1);
	int fd;

	*d = (struct gdbstub){ .g = g, .listen_fd = -1, .fd = -1, .out = g_string_new(NULL) };
	d->target = (struct gdb_target){
		.isa = g->vm.isa, .nr_cpus = g->vm.nr_vcpus, .opaque = d, .state = target_state,
		.mem = target_mem, .points = target_points, .resume = target_resume,
		.detach = target_detach, .kill = target_kill, .monitor = target_monitor,
		.describe = target_describe, .send = target_send,
	};
	if (path)
		fd = api_listen(path, e);
	else if (g_str_has_prefix(where, "tcp:"))
		fd = api_listen_tcp(where + 4, e);
	else
		fd = err_set(e, EINVAL, "tcp:[HOST]:PORT and unix:PATH are possible");
	if (fd < 0) {
		g_string_free(d->out, TRUE);
		g_free(d);
		return err_prefix(e, "-gdb %s", where);
	}
	d->listen_fd = fd;
	d->unix_path = path;
	d->listen_src = g_unix_fd_add(fd, G_IO_IN, on_connect, d);
	g->gdb = d;
	return 0;
}

void gdbstub_end(struct guest *g)
{
	struct gdbstub *d = g->gdb;
	char text[8];

	if (!d)
		return;
	g->gdb = NULL;
	/* first: nothing is left that could go on when the client goes */
	atomic_store(&d->attached, false);
	if (d->fd >= 0) {
		snprintf(text, sizeof(text), "W%02x", g->status & 0xff);
		send_packet(d, text, strlen(text));
	}
	client_close(d);
	g_source_remove(d->listen_src);
	if (d->unix_path)
		unlink(d->unix_path);
	close(d->listen_fd);
	g_string_free(d->out, TRUE);
	g_free(d);
}
