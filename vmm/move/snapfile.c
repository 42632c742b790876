/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/move/snapfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/bits.h"
#include "util/crc32c.h"
#include "vmm/move/snapfile_int.h"

const struct snap_section_info snap_sections[SNAP_NR] = {
	[SNAP_META] = { "META", true }, [SNAP_BLOCKS] = { "BLKS", true },
	[SNAP_PAGES] = { "PAGE", true }, [SNAP_INDEX] = { "INDX", true },
	[SNAP_STATE] = { "STAT", true }, [SNAP_DISKS] = { "DISK", false },
};

void snap_uuid_text(const uint8_t u[16], char text[37])
{
	char *t = text;

	for (unsigned i = 0; i < 16; i++)
		t += sprintf(t, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", u[i]);
}

static int read_at(int fd, void *buf, size_t n, uint64_t off)
{
	uint8_t *p = buf;

	while (n) {
		ssize_t r = pread(fd, p, n, (off_t)off);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (!r)
			return -ENODATA;	/* shorter than it was */
		p += r;
		off += (uint64_t)r;
		n -= (size_t)r;
	}
	return 0;
}

static int cannot_read(const struct snapfile *f, int r, struct err *e)
{
	if (r == -ENODATA)
		return err_set(e, ENODATA, "%s: truncated", f->path);
	return err_errno(e, -r, "%s", f->path);
}

static int damaged(const struct snapfile *f, const char *what, struct err *e)
{
	return err_set(e, EBADMSG, "%s: damaged (%s)", f->path, what);
}

static int read_header(struct snapfile *f, uint8_t h[SNAP_HEADER], struct err *e)
{
	uint32_t version;
	int r = read_at(f->fd, h, SNAP_HEADER, 0);

	if (r < 0 && r != -ENODATA)
		return cannot_read(f, r, e);
	if (r < 0 || memcmp(h, SNAP_MAGIC, 8))
		return err_set(e, EINVAL, "%s: not a snapshot of ambi", f->path);
	version = ld_le32(h + 8);
	/* what a newer one has elsewhere in its header is not known: version before checksum */
	if (version > SNAP_VERSION)
		return err_set(e, ENOTSUP, "%s: its format is version %u, this ambi knows up to "
			       "%u; a newer one is needed", f->path, version, SNAP_VERSION);
	if (crc32c(0, h, SNAP_HEADER_CRC) != ld_le32(h + SNAP_HEADER_CRC))
		return damaged(f, "checksum of the header", e);
	if (!version || ld_le32(h + 12) != SNAP_HEADER || ld_le32(h + 88) > 1)
		return damaged(f, "header", e);
	for (unsigned i = 92; i < SNAP_HEADER_CRC; i++)
		if (h[i])
			return damaged(f, "header", e);
	memcpy(f->id.uuid, h + 16, 16);
	memcpy(f->parent.uuid, h + 32, 16);
	memcpy(f->parent.digest, h + 48, 32);
	f->created_ns = ld_le64(h + 80);
	f->has_parent = ld_le32(h + 88);
	return 0;
}

/* One entry of the footer's table; *at is where the section has to begin. */
static int read_entry(struct snapfile *f, const uint8_t *t, uint64_t *at, struct err *e)
{
	uint64_t off = ld_le64(t + 8), len = ld_le64(t + 16), end = f->size - SNAP_FOOTER;
	unsigned i;

	if (off != *at || len > end - off)
		return damaged(f, "places of the sections", e);
	*at += len;
	for (i = 0; i < SNAP_NR && memcmp(snap_sections[i].name, t, 4); i++)
		;
	if (i == SNAP_NR) {
		/* a capital letter: it has to be understood */
		if (t[0] < 'a' || t[0] > 'z')
			return err_set(e, ENOTSUP, "%s: has a section \"%.4s\" that this ambi does "
				       "not know; a newer one is needed", f->path, (const char *)t);
		return 0;
	}
	if (f->sec[i].have)
		return damaged(f, "a section comes twice", e);
	f->sec[i].have = true;
	f->sec[i].off = off;
	f->sec[i].len = len;
	f->sec[i].crc = ld_le32(t + 4);
	if (i == SNAP_PAGES ? f->sec[i].crc : len > SNAP_SECTION_MAX)
		return damaged(f, "places of the sections", e);
	return 0;
}

/* Of a section of any name. */
static int check_crc(struct snapfile *f, const uint8_t *t, struct err *e)
{
	uint64_t off = ld_le64(t + 8), len = ld_le64(t + 16);
	uint8_t buf[16384];
	uint32_t crc = 0;

	while (len) {
		size_t n = MIN(len, sizeof(buf));
		int r = read_at(f->fd, buf, n, off);

		if (r < 0)
			return cannot_read(f, r, e);
		crc = crc32c(crc, buf, n);
		off += n;
		len -= n;
	}
	if (crc == ld_le32(t + 4))
		return 0;
	return err_set(e, EBADMSG, "%s: damaged (checksum of section \"%.4s\")", f->path,
		       (const char *)t);
}

static int read_footer(struct snapfile *f, const uint8_t *h, struct err *e)
{
	uint8_t t[SNAP_FOOTER], digest[32];
	uint64_t at = SNAP_HEADER;
	unsigned nr;
	int r = read_at(f->fd, t, SNAP_FOOTER, f->size - SNAP_FOOTER);

	if (r < 0)
		return cannot_read(f, r, e);
	if (memcmp(t, SNAP_END, 8))
		return err_set(e, ENODATA, "%s: truncated, or its end is damaged", f->path);
	if (crc32c(0, t, SNAP_FOOTER_CRC) != ld_le32(t + SNAP_FOOTER_CRC))
		return damaged(f, "checksum of the footer", e);
	nr = ld_le32(t + 12);
	if (ld_le32(t + 8) != ld_le32(h + 8) || nr > SNAP_SECTIONS_MAX ||
	    ld_le64(t + 16) != f->size)
		return damaged(f, "footer", e);
	snap_digest(h, t, digest);
	if (memcmp(digest, t + SNAP_FOOTER_DIGEST, 32))
		return damaged(f, "digest", e);
	memcpy(f->id.digest, digest, 32);
	for (unsigned i = SNAP_FOOTER_TABLE + nr * SNAP_ENTRY; i < SNAP_FOOTER_CRC; i++)
		if (t[i] && (i < SNAP_FOOTER_DIGEST || i >= SNAP_FOOTER_DIGEST + 32))
			return damaged(f, "footer", e);
	for (unsigned i = 0; i < nr; i++) {
		r = read_entry(f, t + SNAP_FOOTER_TABLE + i * SNAP_ENTRY, &at, e);
		if (r < 0)
			return r;
	}
	if (at != f->size - SNAP_FOOTER)
		return damaged(f, "places of the sections", e);
	for (unsigned i = 0; i < SNAP_NR; i++)
		if (snap_sections[i].required && !f->sec[i].have)
			return err_set(e, EBADMSG, "%s: damaged (no section \"%s\")", f->path,
				       snap_sections[i].name);
	for (unsigned i = 0; i < nr && !r; i++) {
		const uint8_t *entry = t + SNAP_FOOTER_TABLE + i * SNAP_ENTRY;

		/* pages have theirs one by one, in the index */
		if (memcmp(entry, snap_sections[SNAP_PAGES].name, 4))
			r = check_crc(f, entry, e);
	}
	return r;
}

int snapfile_open_fd(struct snapfile *f, int fd, const char *path, struct err *e)
{
	uint8_t h[SNAP_HEADER];
	struct stat st;
	int r;

	*f = (struct snapfile){ .fd = fd, .path = strdup(path) };
	if (!f->path)
		r = err_set(e, ENOMEM, "no memory");
	else if (fstat(fd, &st) < 0)
		r = err_errno(e, errno, "%s", path);
	else if (!S_ISREG(st.st_mode))
		r = err_set(e, EINVAL, "%s: not a file", path);
	else
		r = read_header(f, h, e);
	if (!r) {
		f->size = (uint64_t)st.st_size;
		if (f->size < SNAP_HEADER + SNAP_FOOTER)
			r = err_set(e, ENODATA, "%s: truncated", path);
		else
			r = read_footer(f, h, e);
	}
	if (r < 0)
		snapfile_close(f);
	return r;
}

int snapfile_open(struct snapfile *f, const char *path, struct err *e)
{
	/* not waiting for who writes into a pipe of that name */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	*f = (struct snapfile){ .fd = -1 };
	if (fd < 0)
		return err_errno(e, errno, "%s", path);
	return snapfile_open_fd(f, fd, path, e);
}

void snapfile_close(struct snapfile *f)
{
	if (!f->path)
		return;			/* never opened */
	close(f->fd);
	free(f->path);
	f->path = NULL;
	f->fd = -1;
}

int snapfile_read_at(struct snapfile *f, enum snap_section which, uint64_t off, void *buf,
		     size_t n, struct err *e)
{
	int r;

	if (off > f->sec[which].len || n > f->sec[which].len - off)
		return damaged(f, "an offset is beyond its section", e);
	r = read_at(f->fd, buf, n, f->sec[which].off + off);
	return r < 0 ? cannot_read(f, r, e) : 0;
}

uint8_t *snapfile_read(struct snapfile *f, enum snap_section which, size_t *len, struct err *e)
{
	uint64_t n = f->sec[which].len;
	uint8_t *data = f->sec[which].have ? malloc(n + 1) : NULL;

	*len = n;
	if (!data) {
		if (f->sec[which].have)
			err_set(e, ENOMEM, "%s: no memory for %llu bytes", f->path,
				(unsigned long long)n);
		else
			damaged(f, "a section is missing", e);
		return NULL;
	}
	data[n] = '\0';
	if (snapfile_read_at(f, which, 0, data, n, e) < 0) {
		free(data);
		return NULL;
	}
	/* again: the file may be changed under us */
	if (crc32c(0, data, n) != f->sec[which].crc) {
		damaged(f, "checksum of a section", e);
		free(data);
		return NULL;
	}
	return data;
}
