/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The load. Everything that can be known to be wrong is found before the guest is touched. Then its
 * RAM and disks are kept aside until the snapshot's state is in place: what fails up to there
 * leaves it as it was. Pages that come later are checked when they come.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/char/char.h"
#include "io/opts.h"
#include "util/bits.h"
#include "util/log.h"
#include "util/os.h"
#include "vmm/move/migrate.h"
#include "vmm/move/snapdisk.h"
#include "vmm/move/snapshot_int.h"
#include "vmm/move/state.h"

struct loader {
	struct guest *g;
	const struct snapshot_load_opts *o;
	struct snapchain *chain;
	struct snapram *ram;
	struct lazy *lazy;
	uint8_t *state;
	size_t state_len;
	struct snapdisks *disks;
	struct os_aside *aside[MEM_MAX_BLOCKS];	/* NULL: the block was not kept */
};

/*
 * On the thread that brings pages. The guest's CPUs may be waiting for the page inside an
 * instruction: there is no state in which they could stop, and no data to go on with.
 */
static void page_failed(void *opaque, const struct err *e)
{
	log_error("the guest is ended, a page of its memory cannot be had: %s", e->msg);
	chardev_restore_terminal();
	_exit(EXIT_ENGINE);
}

static int open_all(struct loader *l, const char *path, struct err *e)
{
	struct guest *g = l->g;
	int r;

	l->chain = snapchain_open(path, e);
	if (!l->chain)
		return -e->code;
	l->ram = snapram_open(&g->vm.machine->mem, l->chain->file, l->chain->nr, e);
	if (!l->ram)
		return -e->code;
	l->state = snapfile_read(&l->chain->file[0], SNAP_STATE, &l->state_len, e);
	if (!l->state)
		return -e->code;
	r = guest_state_check(g, l->state, l->state_len, e);
	if (r < 0)
		return err_prefix(e, "%s", path);
	l->disks = snapdisks_open(g, &l->chain->file[0], e);
	if (!l->disks)
		return -e->code;
	return l->o->eager ? lazy_verify(l->ram, e) : 0;
}

static int ram_aside(struct loader *l, bool fresh, struct err *e)
{
	struct mem *m = &l->g->vm.machine->mem;

	for (unsigned i = 0; i < m->nr; i++) {
		struct mem_block *b = &m->block[i];
		int r;

		if (!fresh) {
			l->aside[i] = os_aside_begin(b->host, b->size, b->fd, e);
			if (!l->aside[i])
				return -e->code;
			continue;
		}
		r = os_discard(b->host, b->size, b->fd >= 0);
		if (r < 0)
			return err_errno(e, -r, "memory '%s'", b->name);
	}
	return 0;
}

static void aside_end(struct loader *l, bool back)
{
	for (unsigned i = 0; i < MEM_MAX_BLOCKS; i++) {
		os_aside_end(l->aside[i], back);
		l->aside[i] = NULL;
	}
}

static int ram_begin(struct loader *l, struct err *e)
{
	struct mem *m = &l->g->vm.machine->mem;

	if (!l->o->eager) {
		l->lazy = lazy_start(m, l->ram, page_failed, NULL, e);
		if (l->lazy)
			return 0;
		if (e->code != EPERM && e->code != ENOSYS)
			return -e->code;
		log_info("all of the guest's memory is read first: %s (see "
			 "vm.unprivileged_userfaultfd)", e->msg);
		*e = (struct err){ 0 };
	}
	return lazy_load_all(m, l->ram, e);
}

/* Whoever keeps something made of RAM is told: all of it was written. */
static void ram_changed(struct guest *g)
{
	struct mem *m = &g->vm.machine->mem;

	for (unsigned i = 0; i < m->nr; i++) {
		struct mem_block *b = &m->block[i];

		for (uint64_t p = 0; p < b->size >> MEM_PAGE_BITS; p++)
			mem_set_dirty(b, p);
		if (!(atomic_load(&b->flags) & MEM_HIDDEN) && m->written)
			m->written(m->written_opaque, b->base, b->size);
	}
}

/* The guest is frozen. On failure it is as it was, unless it is fresh. */
static int replace(struct loader *l, bool fresh, struct err *e)
{
	struct guest *g = l->g;
	int r = ram_aside(l, fresh, e);

	if (!r)
		r = ram_begin(l, e);
	if (!r)
		ram_changed(g);
	if (!r)
		r = snapdisks_apply(l->disks, e);
	if (!r) {
		r = guest_state_load(g, l->state, l->state_len, l->o->clock, e);
		if (r < 0)
			snapdisks_back(l->disks);
	}
	if (r < 0) {
		lazy_end(l->lazy);
		l->lazy = NULL;
		aside_end(l, true);
		ram_changed(g);
		return r;
	}
	aside_end(l, false);
	return 0;
}

static void loader_free(struct loader *l)
{
	snapdisks_free(l->disks);
	free(l->state);
	snapram_free(l->ram);
	snapchain_free(l->chain);
}

/* fresh: the guest has never run, and goes if this fails. */
static int load(struct guest *g, const struct snapshot_load_opts *o, bool fresh, struct err *e)
{
	struct loader l = { .g = g, .o = o };
	g_autofree char *path = snapshot_path(o->path, o->name, e);
	struct snapshots *s = snapshots_of(g);
	bool ran;
	int r;

	if (!path)
		return -e->code;
	r = open_all(&l, path, e);
	if (r < 0)
		goto out;
	/* one that is going out reads the RAM that is to be replaced */
	r = migrate_has_ram(g, true, e);
	if (!r)
		r = snapshot_settle(g, e);
	if (r < 0)
		goto out;
	ran = guest_is_running(g);
	r = guest_freeze(g, e);
	if (r < 0)
		goto out;
	r = replace(&l, fresh, e);
	if (r < 0) {
		guest_thaw(g, true, ran);
		goto out;
	}
	snapshot_new_generation(g, true);
	snapshots_new_base(g, &l.chain->file[0].id, path);
	if (l.lazy) {
		s->lazy = l.lazy;
		s->ram = l.ram;
		s->chain = l.chain;
		l.ram = NULL;
		l.chain = NULL;
	}
	guest_thaw(g, true, !fresh && !o->stop);
	if (!fresh)
		g->stopped_by_user = o->stop;
out:
	loader_free(&l);
	return r < 0 ? err_prefix(e, "snapshot") : 0;
}

int snapshot_load(struct guest *g, const struct snapshot_load_opts *o, struct err *e)
{
	return load(g, o, false, e);
}

/* ---- -loadvm ---- */

struct loadvm {
	char path[4096], name[SNAP_NAME_MAX + 1];
	struct snapshot_load_opts o;
};

static int loadvm_parse(struct loadvm *v, const char *arg, struct err *e)
{
	char key[32], val[4096];
	int r;

	*v = (struct loadvm){ 0 };
	for (bool first = true;
	     (r = opts_next(&arg, key, sizeof(key), val, sizeof(val), first, e)) > 0;
	     first = false) {
		if (!*key || !strcmp(key, "file"))
			g_strlcpy(v->path, val, sizeof(v->path));
		else if (!strcmp(key, "name"))
			g_strlcpy(v->name, val, sizeof(v->name));
		else if (!strcmp(key, "eager"))
			r = opts_bool(key, val, &v->o.eager, e);
		else if (!strcmp(key, "clock") && !strcmp(val, "advance"))
			v->o.clock = CLOCK_ADVANCE;
		else if (strcmp(key, "clock") || strcmp(val, "continue"))
			r = err_set(e, EINVAL, "%s=%s: there are name=NAME, eager=on|off and "
				    "clock=continue|advance", key, val);
		if (r < 0)
			break;
	}
	if (!r && !v->path[0])
		r = err_set(e, EINVAL, "which file?");
	v->o.path = v->path;
	v->o.name = v->name[0] ? v->name : NULL;
	return r < 0 ? err_prefix(e, "-loadvm") : 0;
}

int snapshot_loadvm_peek(const char *arg, char isa[64], char machine[64], struct err *e)
{
	struct loadvm v;
	struct snapfile f;
	g_autofree char *path = NULL;
	json_t *meta;
	int r = loadvm_parse(&v, arg, e);

	if (r < 0)
		return r;
	path = snapshot_path(v.o.path, v.o.name, e);
	if (!path || snapfile_open(&f, path, e) < 0)
		return err_prefix(e, "-loadvm");
	meta = snapmeta_read(&f, e);
	snapfile_close(&f);
	if (!meta)
		return err_prefix(e, "-loadvm");
	g_strlcpy(isa, snapmeta_text(meta, "machine", "isa"), 64);
	g_strlcpy(machine, snapmeta_text(meta, "machine", "type"), 64);
	r = json_is_true(json_object_get(json_object_get(meta, "machine"), "firmware"));
	json_decref(meta);
	return r;
}

int snapshot_loadvm(struct guest *g, const char *arg, struct err *e)
{
	struct loadvm v;
	int r = loadvm_parse(&v, arg, e);

	if (!r)
		r = load(g, &v.o, true, e);
	return r < 0 ? err_prefix(e, "-loadvm") : 0;
}
