/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/move/snapchain.h"

#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SUFFIX ".ambi"

static bool is_dir(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

static int check_name(const char *name, struct err *e)
{
	size_t n = strlen(name);

	if (n && n <= SNAP_NAME_MAX && name[0] != '.' &&
	    strspn(name, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "._+:-") == n)
		return 0;
	return err_set(e, EINVAL, "\"%.80s\" is no name for a snapshot: up to %d letters, digits "
		       "and ._+:- are, a dot not first", name, SNAP_NAME_MAX);
}

/* The names of a directory's snapshots, sorted; each is the caller's. */
static GPtrArray *names(const char *dir, struct err *e)
{
	GPtrArray *out = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) error = NULL;
	g_autoptr(GDir) d = g_dir_open(dir, 0, &error);
	const char *file;

	if (!d) {
		err_set(e, EIO, "%s", error->message);
		g_ptr_array_free(out, TRUE);
		return NULL;
	}
	while ((file = g_dir_read_name(d)))
		if (file[0] != '.' && g_str_has_suffix(file, SUFFIX))
			g_ptr_array_add(out, g_strndup(file, strlen(file) - strlen(SUFFIX)));
	return out;
}

static char *in_dir(const char *dir, const char *name)
{
	g_autofree char *file = g_strconcat(name, SUFFIX, NULL);

	return g_build_filename(dir, file, NULL);
}

char *snapshot_path(const char *path, const char *name, struct err *e)
{
	g_autoptr(GPtrArray) list = NULL;

	if (!is_dir(path))
		return g_strdup(path);
	if (name)
		return check_name(name, e) < 0 ? NULL : in_dir(path, name);
	list = names(path, e);
	if (!list)
		return NULL;
	if (list->len == 1)
		return in_dir(path, list->pdata[0]);
	err_set(e, list->len ? EINVAL : ENOENT, "%s has %u snapshots%s", path, list->len,
		list->len ? ": which one? (name)" : "");
	return NULL;
}

char *snapshot_new_path(const char *path, const char *name, struct err *e)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();
	g_autofree char *date = g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");

	if (name && check_name(name, e) < 0)
		return NULL;
	return is_dir(path) ? in_dir(path, name ? name : date) : g_strdup(path);
}

/* ---- descriptions ---- */

json_t *snapmeta_read(struct snapfile *f, struct err *e)
{
	size_t len;
	uint8_t *text = snapfile_read(f, SNAP_META, &len, e);
	json_error_t je;
	json_t *meta;

	if (!text)
		return NULL;
	meta = json_loadb((const char *)text, len, JSON_REJECT_DUPLICATES, &je);
	free(text);
	if (json_is_object(meta))
		return meta;
	json_decref(meta);
	err_set(e, EINVAL, "%s: its description is malformed", f->path);
	return NULL;
}

const char *snapmeta_text(json_t *meta, const char *object, const char *key)
{
	json_t *at = object ? json_object_get(meta, object) : meta;
	const char *text = json_string_value(json_object_get(at, key));

	return text ? text : "";
}

/* ---- chains ---- */

/* The parent's path as its child gives it: next to the child, unless it is absolute. */
static char *parent_path(const struct snapfile *child, json_t *meta, struct err *e)
{
	const char *name = snapmeta_text(meta, "parent", "path");
	g_autofree char *dir = g_path_get_dirname(child->path);

	if (!*name) {
		err_set(e, EINVAL, "%s: does not say where its parent is", child->path);
		return NULL;
	}
	return g_path_is_absolute(name) ? g_strdup(name) : g_build_filename(dir, name, NULL);
}

static int open_parent(struct snapchain *c, struct err *e)
{
	struct snapfile *child = &c->file[c->nr - 1], *f = child + 1;
	json_t *meta = snapmeta_read(child, e);
	g_autofree char *path = meta ? parent_path(child, meta, e) : NULL;
	int r;

	json_decref(meta);
	if (!path)
		return -e->code;
	if (c->nr == SNAP_CHAIN_MAX)
		return err_set(e, ELOOP, "more than %d snapshots build on each other",
			       SNAP_CHAIN_MAX);
	r = snapfile_open(f, path, e);
	if (r < 0)
		return err_prefix(e, "parent of %s", child->path);
	c->nr++;
	if (memcmp(f->id.uuid, child->parent.uuid, sizeof(f->id.uuid)))
		return err_set(e, ESTALE, "parent of %s: %s is another snapshot than the one it "
			       "builds on", child->path, path);
	if (memcmp(f->id.digest, child->parent.digest, sizeof(f->id.digest)))
		return err_set(e, ESTALE, "parent of %s: %s was changed", child->path, path);
	return 0;
}

struct snapchain *snapchain_open(const char *path, struct err *e)
{
	struct snapchain *c = calloc(1, sizeof(*c));
	int r;

	if (!c) {
		err_set(e, ENOMEM, "no memory");
		return NULL;
	}
	r = snapfile_open(&c->file[0], path, e);
	if (!r) {
		c->nr = 1;
		c->meta = snapmeta_read(&c->file[0], e);
		r = c->meta ? 0 : -e->code;
	}
	while (!r && c->file[c->nr - 1].has_parent)
		r = open_parent(c, e);
	if (!r)
		return c;
	snapchain_free(c);
	return NULL;
}

void snapchain_free(struct snapchain *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < c->nr; i++)
		snapfile_close(&c->file[i]);
	json_decref(c->meta);
	free(c);
}

/* ---- directories ---- */

static json_t *describe(const char *path, const char *name)
{
	struct snapfile f;
	struct err e = { 0 };
	json_t *out = json_pack("{s:s, s:s}", "name", name, "file", path), *meta = NULL;
	char uuid[37];

	if (!out)			/* bytes that are no UTF-8 */
		return NULL;
	if (!snapfile_open(&f, path, &e)) {
		meta = snapmeta_read(&f, &e);
		json_object_set_new(out, "size", json_integer((json_int_t)f.size));
		json_object_set_new(out, "created", json_real((double)f.created_ns / 1e9));
		snap_uuid_text(f.id.uuid, uuid);
		json_object_set_new(out, "uuid", json_string(uuid));
		if (f.has_parent) {
			snap_uuid_text(f.parent.uuid, uuid);
			json_object_set_new(out, "parent-uuid", json_string(uuid));
		}
		snapfile_close(&f);
	}
	if (meta) {
		const char *parent = snapmeta_text(meta, "parent", "path");
		json_t *machine = json_object_get(meta, "machine");

		json_object_set_new(out, "date", json_string(snapmeta_text(meta, NULL, "date")));
		if (*parent)
			json_object_set_new(out, "parent", json_string(parent));
		if (json_is_object(machine))
			json_object_set(out, "machine", machine);
		json_decref(meta);
	} else {
		json_object_set_new(out, "error", json_string(e.msg));
	}
	return out;
}

static int older(const void *a, const void *b)
{
	double x = json_number_value(json_object_get(*(json_t *const *)a, "created")),
	       y = json_number_value(json_object_get(*(json_t *const *)b, "created"));

	return x < y ? -1 : x > y;
}

json_t *snapshot_list(const char *path, struct err *e)
{
	g_autoptr(GPtrArray) list = NULL, found = g_ptr_array_new();
	json_t *out = json_array();

	if (!is_dir(path)) {
		g_autofree char *name = g_path_get_basename(path);
		struct stat st;

		if (stat(path, &st) < 0) {
			err_errno(e, errno, "%s", path);
			json_decref(out);
			return NULL;
		}
		if (g_str_has_suffix(name, SUFFIX))
			name[strlen(name) - strlen(SUFFIX)] = '\0';
		json_array_append_new(out, describe(path, name));
		return out;
	}
	list = names(path, e);
	if (!list) {
		json_decref(out);
		return NULL;
	}
	for (guint i = 0; i < list->len; i++) {
		g_autofree char *file = in_dir(path, list->pdata[i]);
		json_t *o = describe(file, list->pdata[i]);

		if (o)
			g_ptr_array_add(found, o);
	}
	g_ptr_array_sort(found, older);
	for (guint i = 0; i < found->len; i++)
		json_array_append_new(out, found->pdata[i]);
	return out;
}

bool snapshot_has_child(const char *path, const uint8_t uuid[16], char name[SNAP_NAME_MAX + 1])
{
	g_autofree char *dir = g_path_get_dirname(path);
	g_autoptr(GDir) d = g_dir_open(dir, 0, NULL);
	bool found = false;
	const char *base;

	/* whatever its name ends with: a path was given as it is */
	while (d && !found && (base = g_dir_read_name(d))) {
		g_autofree char *file = g_build_filename(dir, base, NULL);
		struct snapfile f;

		if (*base == '.' || !g_file_test(file, G_FILE_TEST_IS_REGULAR) ||
		    snapfile_open(&f, file, NULL) < 0)
			continue;
		found = f.has_parent && !memcmp(f.parent.uuid, uuid, 16);
		if (found)
			g_strlcpy(name, base, SNAP_NAME_MAX + 1);
		snapfile_close(&f);
	}
	if (found && g_str_has_suffix(name, SUFFIX))
		name[strlen(name) - strlen(SUFFIX)] = '\0';
	return found;
}
