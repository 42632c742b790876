/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing a snapshot file: complete and on the disk before it has its name. */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/bits.h"
#include "util/crc32c.h"
#include "util/log.h"
#include "util/os.h"
#include "vmm/move/snapfile_int.h"

enum { BUFFER = 1 << 20 };

struct snapwriter {
	int fd, dir;
	char *path, *base, *temp;	/* temp: its name for now, in dir; NULL: it has none */
	uint64_t at;			/* bytes so far, those in the buffer included */
	size_t used;
	unsigned nr;			/* sections begun */
	int open;			/* the last one, enum snap_section; -1: none */
	uint32_t crc;
	uint8_t header[SNAP_HEADER], footer[SNAP_FOOTER];
	uint8_t buf[BUFFER];
};

void snap_digest(const uint8_t header[SNAP_HEADER], const uint8_t footer[SNAP_FOOTER],
		 uint8_t out[32])
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	gsize n = 32;

	g_checksum_update(sum, header, SNAP_HEADER);
	g_checksum_update(sum, footer, SNAP_FOOTER_DIGEST);
	g_checksum_get_digest(sum, out, &n);
}

static int flush(struct snapwriter *w, struct err *e)
{
	int r = os_write_at(w->fd, w->buf, w->used, w->at - w->used);

	if (r < 0)
		return err_errno(e, -r, "%s", w->path);
	w->used = 0;
	return 0;
}

/* In order; not part of any section's checksum. */
static int put_raw(struct snapwriter *w, const uint8_t *p, size_t n, struct err *e)
{
	while (n) {
		size_t k = MIN(n, sizeof(w->buf) - w->used);
		int r = 0;

		memcpy(w->buf + w->used, p, k);
		w->used += k;
		w->at += k;
		p += k;
		n -= k;
		if (w->used == sizeof(w->buf))
			r = flush(w, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int open_temp(struct snapwriter *w, struct err *e)
{
	g_autofree char *dir = g_path_get_dirname(w->path);
	struct stat st;

	w->base = g_path_get_basename(w->path);
	w->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (w->dir < 0)
		return err_errno(e, errno, "%s", dir);
	/* what is there and no file is not replaced */
	if (!fstatat(w->dir, w->base, &st, AT_SYMLINK_NOFOLLOW) && !S_ISREG(st.st_mode))
		return err_set(e, EEXIST, "%s: is there, and is not a file", w->path);
	w->fd = os_file_unnamed(dir);
	if (w->fd >= 0)
		return 0;
	if (w->fd != -ENOTSUP)
		return err_errno(e, -w->fd, "%s", w->path);
	w->temp = g_strdup_printf(".%s.%08x.part", w->base, g_random_int());
	w->fd = openat(w->dir, w->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (w->fd < 0) {
		g_clear_pointer(&w->temp, g_free);
		return err_errno(e, errno, "%s", w->path);
	}
	return 0;
}

struct snapwriter *snapwriter_new(const char *path, const struct snap_id *parent, struct err *e)
{
	struct snapwriter *w = calloc(1, sizeof(*w));

	if (!w) {
		err_set(e, ENOMEM, "no memory");
		return NULL;
	}
	w->fd = w->dir = w->open = -1;
	w->path = g_strdup(path);
	memcpy(w->header, SNAP_MAGIC, 8);
	st_le32(w->header + 8, SNAP_VERSION);
	st_le32(w->header + 12, SNAP_HEADER);
	if (os_random(w->header + 16, 16) < 0) {
		err_set(e, EIO, "no random numbers");
		goto fail;
	}
	w->header[22] = (uint8_t)((w->header[22] & 0x0f) | 0x40);	/* RFC 4122, version 4 */
	w->header[24] = (uint8_t)((w->header[24] & 0x3f) | 0x80);
	if (parent) {
		memcpy(w->header + 32, parent->uuid, 16);
		memcpy(w->header + 48, parent->digest, 32);
		st_le32(w->header + 88, 1);
	}
	st_le64(w->header + 80, os_realtime_ns());
	st_le32(w->header + SNAP_HEADER_CRC, crc32c(0, w->header, SNAP_HEADER_CRC));
	if (open_temp(w, e) < 0 || put_raw(w, w->header, SNAP_HEADER, e) < 0)
		goto fail;
	return w;
fail:
	snapwriter_abort(w);
	return NULL;
}

const uint8_t *snapwriter_uuid(const struct snapwriter *w)
{
	return w->header + 16;
}

uint64_t snapwriter_created(const struct snapwriter *w)
{
	return ld_le64(w->header + 80);
}

static uint8_t *entry(struct snapwriter *w)
{
	return w->footer + SNAP_FOOTER_TABLE + (w->nr - 1) * SNAP_ENTRY;
}

static void end_section(struct snapwriter *w)
{
	if (w->open < 0)
		return;
	st_le32(entry(w) + 4, w->open == SNAP_PAGES ? 0 : w->crc);
	st_le64(entry(w) + 16, w->at - ld_le64(entry(w) + 8));
	w->open = -1;
}

int snapwriter_begin(struct snapwriter *w, enum snap_section which, struct err *e)
{
	end_section(w);
	w->nr++;
	w->crc = 0;
	w->open = (int)which;
	memcpy(entry(w), snap_sections[which].name, 4);
	st_le64(entry(w) + 8, w->at);
	return 0;
}

int snapwriter_put(struct snapwriter *w, const void *data, size_t n, struct err *e)
{
	bool whole = w->open != SNAP_PAGES;

	/* what nobody could load is not written */
	if (whole && w->at - ld_le64(entry(w) + 8) + n > SNAP_SECTION_MAX)
		return err_set(e, EFBIG, "%s: section \"%s\" would be longer than %llu MiB",
			       w->path, snap_sections[w->open].name,
			       (unsigned long long)SNAP_SECTION_MAX >> 20);
	if (whole)
		w->crc = crc32c(w->crc, data, n);
	return put_raw(w, data, n, e);
}

/* Gives the complete file its name. */
static int name_it(struct snapwriter *w, struct err *e)
{
	int r;

	if (!w->temp) {
		char *temp = g_strdup_printf(".%s.%08x.part", w->base, g_random_int());

		r = os_file_link(w->fd, w->dir, temp);
		if (r < 0) {
			g_free(temp);
			return err_errno(e, -r, "%s", w->path);
		}
		w->temp = temp;
	}
	if (renameat(w->dir, w->temp, w->dir, w->base) < 0)
		return err_errno(e, errno, "%s", w->path);
	g_clear_pointer(&w->temp, g_free);
	/* it is there, and the one before is gone: too late for an error */
	if (fsync(w->dir) < 0)
		log_error("%s: its directory is not on the disk yet: %s", w->path,
			  strerror(errno));
	return 0;
}

int snapwriter_commit(struct snapwriter *w, struct snap_id *id, uint64_t *size, struct err *e)
{
	uint8_t *f = w->footer;
	int r;

	end_section(w);
	memcpy(f, SNAP_END, 8);
	st_le32(f + 8, SNAP_VERSION);
	st_le32(f + 12, w->nr);
	st_le64(f + 16, w->at + SNAP_FOOTER);
	snap_digest(w->header, f, f + SNAP_FOOTER_DIGEST);
	st_le32(f + SNAP_FOOTER_CRC, crc32c(0, f, SNAP_FOOTER_CRC));
	memcpy(id->uuid, w->header + 16, 16);
	memcpy(id->digest, f + SNAP_FOOTER_DIGEST, 32);
	r = put_raw(w, f, SNAP_FOOTER, e);
	*size = w->at;
	if (!r)
		r = flush(w, e);
	if (!r && fsync(w->fd) < 0)
		r = err_errno(e, errno, "%s", w->path);
	if (!r)
		r = name_it(w, e);
	snapwriter_abort(w);
	return r;
}

void snapwriter_abort(struct snapwriter *w)
{
	if (!w)
		return;
	if (w->temp)
		unlinkat(w->dir, w->temp, 0);
	if (w->fd >= 0)
		close(w->fd);
	if (w->dir >= 0)
		close(w->dir);
	g_free(w->temp);
	g_free(w->base);
	g_free(w->path);
	free(w);
}
