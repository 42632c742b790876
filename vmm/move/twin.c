/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Twin: a copy of a running guest in a process of its own. The guest is frozen, its state saved
 * into a nameless file, and the process forks: from then on the kernel keeps RAM of this moment
 * for the child, page by page as the original goes on (which it does at once). The child, in
 * which only the forking thread exists, calls nothing but the kernel: it writes the touched pages
 * into nameless files and becomes a new ambi, which finds them by -twin.
 *
 * RAM that is shared with files (small blocks; all of it on hosts with huge shared pages) is not
 * copied on write: the child copies it first, and the original waits for that.
 *
 * The twin keeps no way out: network cards hear nothing, serial ports are silent, host
 * directories are read-only, disks are opened read-only and without a lock, showing what the
 * original makes of them.
 */
#include "vmm/move/twin.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/log.h"
#include "util/os.h"
#include "vmm/guest.h"
#include "vmm/move/snapshot.h"
#include "vmm/move/state.h"

#define TWIN_MAGIC UINT64_C(0x314e495754424d41)		/* "AMBTWIN1" */

struct twin_block { char name[24]; uint64_t size; int32_t fd; uint32_t shared; };
struct twin_head {
	uint64_t magic, state_size;
	uint32_t nr_blocks, firmware;
	char isa[64], machine[64];
	struct twin_block block[MEM_MAX_BLOCKS];
};

struct twin {				/* all that the child needs, made before the fork */
	struct mem *mem;
	struct twin_head head;
	uint64_t *used[MEM_MAX_BLOCKS];	/* bit a page; room only, the child fills it */
	int head_fd, ready[2];
	char **argv;
};

/* ---- the child: system calls only ---- */

static void copy_block(const struct twin *t, unsigned i)
{
	const struct mem_block *b = &t->mem->block[i];
	uint64_t pages = b->size >> MEM_PAGE_BITS, n;

	os_pages_used(b->host, b->size, b->fd, t->used[i]);
	for (uint64_t at = 0; at < pages; at += n) {
		bool used = t->used[i][at / 64] >> (at % 64) & 1;

		for (n = 1; at + n < pages && n < 2048 &&
			    (t->used[i][(at + n) / 64] >> ((at + n) % 64) & 1) == used; n++)
			;
		if (used && os_write_at(t->head.block[i].fd, b->host + (at << MEM_PAGE_BITS),
					n << MEM_PAGE_BITS, at << MEM_PAGE_BITS) < 0)
			_exit(1);
	}
}

static void child(const struct twin *t)
{
	sigset_t none;

	for (unsigned i = 0; i < t->head.nr_blocks; i++)
		if (t->head.block[i].shared)
			copy_block(t, i);
	if (write(t->ready[1], "", 1) != 1)
		_exit(1);
	for (unsigned i = 0; i < t->head.nr_blocks; i++) {
		if (!t->head.block[i].shared)
			copy_block(t, i);
		fcntl(t->head.block[i].fd, F_SETFD, 0);
	}
	fcntl(t->head_fd, F_SETFD, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv("/proc/self/exe", t->argv);
	_exit(1);
}

/* ---- the original ---- */

static void twin_free(struct twin *t)
{
	for (unsigned i = 0; i < t->head.nr_blocks; i++) {
		free(t->used[i]);
		if (t->head.block[i].fd >= 0)
			close(t->head.block[i].fd);
	}
	if (t->head_fd >= 0)
		close(t->head_fd);
	for (unsigned i = 0; i < 2; i++)
		if (t->ready[i] >= 0)
			close(t->ready[i]);
	g_strfreev(t->argv);
}

static void add_word(void *opaque, const char *word)
{
	g_ptr_array_add(opaque, g_strdup(word));
}

/* -machine NAME[,PROP=VALUE] without its accel=. */
static char *machine_arg(const char *text)
{
	g_auto(GStrv) word = g_strsplit(text, ",", 0);
	GString *s = g_string_new(word[0]);

	for (unsigned i = 1; word[0] && word[i]; i++)
		if (!g_str_has_prefix(word[i], "accel="))
			g_string_append_printf(s, ",%s", word[i]);
	return g_string_free(s, FALSE);
}

/* What does not go into the copy's command line, and what stands there instead. */
static char **twin_argv(struct guest *g, const struct twin_opts *o, int fd)
{
	static const char *const drop[] = { "qmp", "api-socket", "name", "gdb", "S", "serial",
					    "loadvm", "incoming", "twin", "accel", "machine",
					    "phases", "nographic", "d", "D", "dfilter", NULL };
	GPtrArray *a = g_ptr_array_new();

	g_ptr_array_add(a, g_strdup("ambi"));
	options_args(g->plan->opt, drop, add_word, a);
	if (g->plan->cdrom) {		/* an ISO as the image is none of them */
		g_ptr_array_add(a, g_strdup("-kernel"));
		g_ptr_array_add(a, g_strdup(g->plan->cdrom));
	}
	if (g->plan->opt->machine) {
		g_ptr_array_add(a, g_strdup("-machine"));
		g_ptr_array_add(a, machine_arg(g->plan->opt->machine));
	}
	g_ptr_array_add(a, g_strdup("-twin"));
	g_ptr_array_add(a, g_strdup_printf("%d", fd));
	for (unsigned i = 0; i < MAX(1u, g->plan->opt->serial.nr); i++) {
		g_ptr_array_add(a, g_strdup("-serial"));
		g_ptr_array_add(a, g_strdup("null"));
	}
	g_ptr_array_add(a, g_strdup("-accel"));
	g_ptr_array_add(a, g_strdup(o->accel ? o->accel : g->vm.accel->name));
	if (o->name) {
		g_ptr_array_add(a, g_strdup("-name"));
		g_ptr_array_add(a, g_strdup(o->name));
	}
	if (o->qmp) {
		g_ptr_array_add(a, g_strdup("-qmp"));
		g_ptr_array_add(a, g_strdup(o->qmp));
	}
	if (!o->run)
		g_ptr_array_add(a, g_strdup("-S"));
	g_ptr_array_add(a, NULL);
	return (char **)g_ptr_array_free(a, FALSE);
}

static int prepare(struct twin *t, struct guest *g, struct err *e)
{
	struct mem *m = &g->vm.machine->mem;

	*t = (struct twin){ .mem = m, .head_fd = -1, .ready = { -1, -1 } };
	t->head = (struct twin_head){ .magic = TWIN_MAGIC, .nr_blocks = m->nr,
				      .firmware = g->plan->firmware_mode };
	snprintf(t->head.isa, sizeof(t->head.isa), "%s", g->vm.isa->name);
	snprintf(t->head.machine, sizeof(t->head.machine), "%s", g->vm.machine->type->name);
	for (unsigned i = 0; i < m->nr; i++)
		t->head.block[i].fd = -1;
	for (unsigned i = 0; i < m->nr; i++) {
		struct twin_block *b = &t->head.block[i];

		snprintf(b->name, sizeof(b->name), "%s", m->block[i].name);
		b->size = m->block[i].size;
		b->shared = m->block[i].fd >= 0;
		t->used[i] = calloc(((b->size >> MEM_PAGE_BITS) + 63) / 64, 8);
		b->fd = memfd_create("ambi-twin", MFD_CLOEXEC);
		if (!t->used[i] || b->fd < 0 || ftruncate(b->fd, (off_t)b->size) < 0)
			return err_errno(e, errno ? errno : ENOMEM, "twin: memory");
	}
	t->head_fd = memfd_create("ambi-twin-state", MFD_CLOEXEC);
	if (t->head_fd < 0 || pipe2(t->ready, O_CLOEXEC) < 0)
		return err_errno(e, errno, "twin");
	return 0;
}

static void reaped(GPid pid, gint status, gpointer opaque)
{
	g_spawn_close_pid(pid);
	if (status)
		log_warn("twin %d ended with status %d", pid,
			 WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* Frozen. 0: forked. */
static int copy_now(struct twin *t, struct guest *g, int *pid, struct err *e)
{
	struct state_buf s = { 0 };
	int r = guest_state_save(g, &s, e);
	char c;

	t->head.state_size = s.len;
	if (!r)
		r = os_write_at(t->head_fd, &t->head, sizeof(t->head), 0);
	if (!r)
		r = os_write_at(t->head_fd, s.data, s.len, sizeof(t->head));
	free(s.data);
	if (r < 0)
		return e->code ? r : err_errno(e, -r, "twin: state");
	*pid = fork();
	if (*pid < 0)
		return err_errno(e, errno, "twin: fork");
	if (!*pid)
		child(t);
	close(t->ready[1]);
	t->ready[1] = -1;
	if (read(t->ready[0], &c, 1) == 1)
		return 0;
	waitpid(*pid, NULL, 0);
	return err_set(e, EIO, "twin: the copy ended before it was made");
}

int guest_twin(struct guest *g, const struct twin_opts *o, int *pid, uint64_t *pause,
	       struct err *e)
{
	bool ran = guest_is_running(g);
	uint64_t t0, t1;
	struct twin t;
	int r;

	if (guest_is_frozen(g))
		return err_set(e, EBUSY, "twin: the guest is being saved or moved");
	if (o->accel && !accel_find(o->accel))
		return err_set(e, EINVAL, "twin: \"%.40s\": no such engine", o->accel);
	if (snapshot_settle(g, e) < 0)
		return err_prefix(e, "twin");
	r = prepare(&t, g, e);
	t.argv = r ? NULL : twin_argv(g, o, t.head_fd);
	t0 = os_now_ns();
	if (!r)
		r = guest_freeze(g, e);
	if (!r) {
		r = copy_now(&t, g, pid, e);
		guest_thaw(g, false, ran);
	}
	t1 = os_now_ns();
	*pause = t1 - t0;
	twin_free(&t);
	if (r < 0)
		return r;
	g_child_watch_add(*pid, reaped, NULL);
	log_info("twin: process %d, pause %.1f ms", *pid, (double)(t1 - t0) / 1e6);
	return 0;
}

/* ---- the twin ---- */

/* Its own pages from now on: nobody else has the file. */
static int block_map(struct mem_block *b, const struct twin_block *t, struct err *e)
{
	void *p;

	if (b->fd >= 0) {
		if (os_read_at(t->fd, b->host, b->size, 0) < 0)
			return err_set(e, EIO, "twin: memory '%s'", b->name);
		close(t->fd);
		return 0;
	}
	p = mmap(b->host, b->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE | MAP_FIXED,
		 t->fd, 0);
	if (p == MAP_FAILED)
		return err_errno(e, errno, "twin: memory '%s'", b->name);
	b->fd = t->fd;
	fcntl(b->fd, F_SETFD, FD_CLOEXEC);
	return 0;
}

static int blocks_map(struct mem *m, const struct twin_head *h, struct err *e)
{
	for (unsigned i = 0; i < h->nr_blocks; i++) {
		struct mem_block *b = NULL;
		int r;

		for (unsigned j = 0; j < m->nr; j++)
			if (!strncmp(m->block[j].name, h->block[i].name, sizeof(m->block[j].name)))
				b = &m->block[j];
		if (!b || b->size != h->block[i].size)
			return err_set(e, EINVAL, "twin: memory '%.23s' is not the original's",
				       h->block[i].name);
		r = block_map(b, &h->block[i], e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int head_read(const char *arg, struct twin_head *h, struct err *e)
{
	int r = os_read_at(atoi(arg), h, sizeof(*h), 0);

	if (r < 0 || h->magic != TWIN_MAGIC || h->nr_blocks > MEM_MAX_BLOCKS ||
	    h->state_size > 1u << 30)
		return err_set(e, EINVAL, "-twin %.20s: only vm-twin starts ambi so", arg);
	h->isa[sizeof(h->isa) - 1] = h->machine[sizeof(h->machine) - 1] = '\0';
	return 0;
}

int twin_peek(const char *arg, char isa[64], char machine[64], struct err *e)
{
	struct twin_head h;
	int r = head_read(arg, &h, e);

	if (r < 0)
		return r;
	memcpy(isa, h.isa, sizeof(h.isa));
	memcpy(machine, h.machine, sizeof(h.machine));
	return h.firmware != 0;
}

int twin_begin(struct guest *g, const char *arg, struct err *e)
{
	struct twin_head h;
	uint8_t *state;
	int r = head_read(arg, &h, e);

	if (!r && h.nr_blocks != g->vm.machine->mem.nr)
		r = err_set(e, EINVAL, "twin: its memory is not the original's");
	if (r < 0)
		return r;
	state = malloc(h.state_size + 1);
	if (!state)
		return err_set(e, ENOMEM, "no memory");
	r = os_read_at(atoi(arg), state, h.state_size, sizeof(h));
	close(atoi(arg));
	if (r < 0)
		err_errno(e, -r, "twin: state");
	if (!r)
		r = blocks_map(&g->vm.machine->mem, &h, e);
	if (!r)
		r = guest_freeze(g, e);
	if (!r) {
		r = guest_state_load(g, state, h.state_size, CLOCK_CONTINUE, e);
		/* the original goes on with the same random numbers */
		if (!r)
			snapshot_new_generation(g, true);
		guest_thaw(g, true, false);
	}
	free(state);
	return r;
}
