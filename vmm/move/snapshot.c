/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a guest keeps of its snapshots, and the save. */
#include "vmm/move/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "hw/misc/vmgenid.h"
#include "util/bits.h"
#include "util/log.h"
#include "util/os.h"
#include "vmm/move/migrate.h"
#include "vmm/move/snapdisk.h"
#include "vmm/move/snapshot_int.h"
#include "vmm/move/state.h"

enum { DEFAULT_LEVEL = 1 };		/* of zstd: about as fast as a disk writes */

struct snapshots *snapshots_of(struct guest *g)
{
	if (!g->snapshots)
		g->snapshots = g_new0(struct snapshots, 1);
	return g->snapshots;
}

/* What lazy had is not needed any more. */
static void lazy_free(struct snapshots *s)
{
	snapram_free(s->ram);
	snapchain_free(s->chain);
	s->lazy = NULL;
	s->ram = NULL;
	s->chain = NULL;
}

int snapshot_settle(struct guest *g, struct err *e)
{
	struct snapshots *s = g->snapshots;
	int r = migrate_has_ram(g, false, e);

	if (r < 0 || !s)
		return r;
	lazy_finish(s->lazy);
	lazy_free(s);
	return 0;
}

void snapshots_no_base(struct guest *g)
{
	struct snapshots *s = snapshots_of(g);

	vm_log_free(&g->vm, s->log);
	s->log = NULL;
	g_clear_pointer(&s->base_path, g_free);
}

void snapshots_new_base(struct guest *g, const struct snap_id *id, const char *path)
{
	struct snapshots *s = snapshots_of(g);
	struct mem_log *log;
	struct err e = { 0 };

	log = vm_log_new(&g->vm, false, &e);
	if (!log) {
		log_info("the next snapshot cannot be incremental: %s", e.msg);
		snapshots_no_base(g);
		return;
	}
	vm_log_free(&g->vm, s->log);
	s->log = log;
	s->base = *id;
	g_free(s->base_path);
	s->base_path = g_canonicalize_filename(path, NULL);
}

static gboolean notify_generation(gpointer opaque)
{
	struct guest *g = opaque;

	/* chips of an engine that stands still would forget it */
	if (!guest_is_running(g))
		return G_SOURCE_CONTINUE;
	g->snapshots->notify = 0;
	vmgenid_notify(machine_dev(g->vm.machine, "vmgenid"));
	return G_SOURCE_REMOVE;
}

void snapshot_new_generation(struct guest *g, bool tell)
{
	enum { PERIOD_MS = 10 };
	struct dev *d = machine_dev(g->vm.machine, "vmgenid");
	struct snapshots *s;
	uint8_t guid[16];

	if (!d || os_random(guid, sizeof(guid)) < 0)
		return;
	vmgenid_set(d, guid);
	s = tell ? snapshots_of(g) : NULL;
	if (s && !s->notify)
		s->notify = g_timeout_add(PERIOD_MS, notify_generation, g);
}

void snapshot_end(struct guest *g)
{
	struct snapshots *s = g->snapshots;

	if (!s)
		return;
	if (s->notify)
		g_source_remove(s->notify);
	lazy_end(s->lazy);
	lazy_free(s);
	snapshots_no_base(g);
	g_free(s);
	g->snapshots = NULL;
}

/* ---- the save ---- */

static json_t *machine_summary(struct guest *g)
{
	const struct plan *p = g->plan;

	return json_pack("{s:s, s:s, s:i, s:I, s:s, s:s, s:b}", "isa", p->isa->name, "type",
			 p->machine->name, "cpus", (int)p->nr_cpus, "ram",
			 (json_int_t)p->ram_size, "cpu", p->cpu, "engine", g->vm.accel->name,
			 "firmware", (int)p->firmware_mode);
}

/* "next" to the file where it is in the same directory. */
static json_t *parent_summary(const char *path, const char *parent)
{
	g_autofree char *full = g_canonicalize_filename(path, NULL);
	g_autofree char *dir = g_path_get_dirname(full), *pdir = g_path_get_dirname(parent);
	g_autofree char *name = g_path_get_basename(parent);

	return json_pack("{s:s}", "path", strcmp(dir, pdir) ? parent : name);
}

static json_t *command_line(void)
{
	json_t *out = json_array();
	g_autofree char *text = NULL;
	gsize len = 0;

	if (!g_file_get_contents("/proc/self/cmdline", &text, &len, NULL))
		return out;
	for (const char *t = text; t < text + len; t += strlen(t) + 1)
		json_array_append_new(out, json_string(t));	/* what is no UTF-8 is left out */
	return out;
}

static int put_meta(struct guest *g, struct snapwriter *w, const char *path, const char *name,
		    const char *parent, struct err *e)
{
	uint64_t ns = snapwriter_created(w);
	g_autoptr(GDateTime) t = g_date_time_new_from_unix_utc((gint64)(ns / 1000000000));
	g_autofree char *date = g_date_time_format(t, "%Y-%m-%dT%H:%M:%SZ");
	g_autofree char *base = g_path_get_basename(path);
	json_t *meta;
	char *text;
	int r;

	if (!name && g_str_has_suffix(base, ".ambi"))
		base[strlen(base) - 5] = '\0';
	meta = json_pack("{s:s, s:s, s:o, s:o}", "name", name ? name : base, "date", date,
			 "machine", machine_summary(g), "command", command_line());
	if (meta && parent &&
	    json_object_set_new(meta, "parent", parent_summary(path, parent)) < 0)
		g_clear_pointer(&meta, json_decref);
	text = meta ? json_dumps(meta, JSON_INDENT(1) | JSON_PRESERVE_ORDER) : NULL;
	json_decref(meta);
	if (!text)
		return err_set(e, EINVAL, "its name or path is not valid UTF-8");
	r = snapwriter_begin(w, SNAP_META, e);
	if (!r)
		r = snapwriter_put(w, text, strlen(text), e);
	free(text);
	return r;
}

static int put_state(struct guest *g, struct snapwriter *w, struct err *e)
{
	struct state_buf b = { 0 };
	int r = guest_state_save(g, &b, e);

	if (!r)
		r = snapwriter_begin(w, SNAP_STATE, e);
	if (!r)
		r = snapwriter_put(w, b.data, b.len, e);
	free(b.data);
	return r;
}

/* Is what has that name now one of them? */
static bool in_chain(const struct snapchain *c, const char *path)
{
	struct stat at, st;
	bool found = false;

	if (stat(path, &at) < 0)
		return false;
	for (unsigned i = 0; i < c->nr; i++)
		found |= !fstat(c->file[i].fd, &st) && st.st_dev == at.st_dev &&
			 st.st_ino == at.st_ino;
	return found;
}

/* Does the parent's file still hold what this guest's log of writes began with? */
static int check_parent(struct guest *g, const char *full, const char *to, struct err *e)
{
	struct snapshots *s = snapshots_of(g);
	struct snapchain *c = snapchain_open(full, e);
	int r = 0;

	if (!c)
		return -e->code;
	if (!s->log)
		r = err_set(e, EINVAL, "an incremental snapshot needs one that this guest was "
			    "saved to or loaded from; there is none yet");
	else if (memcmp(&c->file[0].id, &s->base, sizeof(s->base)))
		r = err_set(e, EINVAL, "%s is not what this guest was saved to or loaded from "
			    "last; that was %s", full, s->base_path);
	else if (in_chain(c, to))
		r = err_set(e, EINVAL, "%s cannot be its own parent, nor a parent's", to);
	else if (c->nr == SNAP_CHAIN_MAX)
		r = err_set(e, ELOOP, "%s has %d snapshots below it already: save a full one", full,
			    SNAP_CHAIN_MAX - 1);
	snapchain_free(c);
	return r;
}

/* The one that will be replaced: nothing may build on it. 1: there is one; 0: none. */
static int check_replaced(const char *path, struct snap_id *old, struct err *e)
{
	char child[SNAP_NAME_MAX + 1];
	struct snapfile f;

	if (!g_file_test(path, G_FILE_TEST_EXISTS))
		return 0;
	if (snapfile_open(&f, path, e) < 0)
		return e->code == EINVAL ? err_set(e, EEXIST, "%s: is there, and is not a snapshot",
						   path) : 0;
	*old = f.id;
	snapfile_close(&f);
	if (snapshot_has_child(path, old->uuid, child))
		return err_set(e, EBUSY, "%s: is the parent of %s", path, child);
	return 1;
}

static int write_file(struct guest *g, const struct snapshot_save_opts *o, const char *path,
		      const char *parent, struct snap_id *id, struct snapshot_report *rep,
		      struct err *e)
{
	struct snapshots *s = snapshots_of(g);
	struct snapwriter *w = snapwriter_new(path, parent ? &s->base : NULL, e);
	struct snapram_stats st;
	uint8_t uuid[16];
	int r;

	if (!w)
		return -e->code;
	memcpy(uuid, snapwriter_uuid(w), 16);
	r = put_meta(g, w, path, o->name, parent, e);
	if (!r)
		r = put_state(g, w, e);
	if (!r)
		r = snapram_save(&g->vm.machine->mem, w, parent ? s->log->bits : NULL,
				 o->level ? o->level : DEFAULT_LEVEL, g_get_num_processors(), &st,
				 e);
	if (!r)
		r = snapdisks_save(g, w, e);
	if (r < 0) {
		snapwriter_abort(w);
		return r;
	}
	r = snapwriter_commit(w, id, &rep->bytes, e);
	if (r < 0) {
		struct err first = *e;

		snapdisks_delete(g, uuid);
		*e = first;
		return r;
	}
	rep->pages = st.pages;
	rep->zero = st.zero;
	rep->same = st.same;
	return 0;
}

int snapshot_save_report(struct guest *g, const struct snapshot_save_opts *o,
			 struct snapshot_report *rep, struct err *e)
{
	g_autofree char *path = snapshot_new_path(o->path, o->name, e);
	g_autofree char *file = o->parent && path ? snapshot_path(o->parent, NULL, e) : NULL;
	g_autofree char *parent = file ? g_canonicalize_filename(file, NULL) : NULL;
	struct snap_id id, old;
	uint64_t t0;
	bool ran;
	int r, replaces;

	*rep = (struct snapshot_report){ 0 };
	if (!path || (o->parent && !parent))
		return -e->code;
	r = parent ? check_parent(g, parent, path, e) : 0;
	if (!r)
		r = snapdisks_can(g, e);
	replaces = r ? r : check_replaced(path, &old, e);
	if (replaces >= 0)
		r = snapshot_settle(g, e);
	if (replaces < 0 || r < 0)
		return -e->code;
	ran = guest_is_running(g);
	t0 = os_now_ns();
	r = guest_freeze(g, e);
	if (r < 0)
		return r;
	r = vm_dirty_collect(&g->vm, e);
	if (!r)
		r = write_file(g, o, path, parent, &id, rep, e);
	if (!r)
		snapshots_new_base(g, &id, path);
	guest_thaw(g, false, ran && !(o->stop && !r));
	rep->pause_ns = os_now_ns() - t0;
	if (r < 0)
		return err_prefix(e, "snapshot");
	if (o->stop)
		g->stopped_by_user = true;
	if (replaces)
		snapdisks_delete(g, old.uuid);
	rep->path = g_steal_pointer(&path);
	return 0;
}

int snapshot_delete(struct guest *g, const char *path, const char *name, struct err *e)
{
	g_autofree char *file = snapshot_path(path, name, e);
	char child[SNAP_NAME_MAX + 1];
	struct snapfile f;
	bool whole;

	if (!file)
		return -e->code;
	whole = !snapfile_open(&f, file, e);
	/* a damaged one may go; what is none may not */
	if (!whole && e->code != EBADMSG && e->code != ENODATA)
		return -e->code;
	if (whole) {
		snapfile_close(&f);
		if (snapshot_has_child(file, f.id.uuid, child))
			return err_set(e, EBUSY, "%s: is the parent of %s", file, child);
	}
	if (unlink(file) < 0)
		return err_errno(e, errno, "%s", file);
	if (whole)
		snapdisks_delete(g, f.id.uuid);
	return 0;
}
