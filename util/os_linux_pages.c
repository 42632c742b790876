/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What util/os.h offers of pages and nameless files. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/bits.h"
#include "util/os.h"

enum { PAGE = 4096 };

int os_file_unnamed(const char *dir)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	/* EISDIR: a kernel that does not know the flag */
	return errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL ? -ENOTSUP : -errno;
}

int os_file_link(int fd, int dir, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, path, dir, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

/* ---- which pages were touched ---- */

/* proc(5), pagemap: one u64 a page; bit 63: present, bit 62: swapped out. */
static int used_private(const uint8_t *p, size_t pages, uint64_t *bits)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC), r = 0;
	uint64_t entry[1024];

	if (fd < 0)
		return -errno;
	for (size_t at = 0; at < pages && !r;) {
		size_t n = MIN(pages - at, ARRAY_SIZE(entry));
		ssize_t got = pread(fd, entry, n * 8, (off_t)(((uintptr_t)p / PAGE + at) * 8));

		if (got < 8) {
			r = -EIO;
			break;
		}
		n = (size_t)got / 8;
		for (size_t i = 0; i < n; i++)
			if (entry[i] >> 62)
				bits[(at + i) / 64] |= BIT((at + i) % 64);
		at += n;
	}
	close(fd);
	return r;
}

/* The file knows its holes, whoever touched the rest. */
static int used_shared(int fd, size_t size, uint64_t *bits)
{
	for (off_t at = 0; at < (off_t)size;) {
		off_t from = lseek(fd, at, SEEK_DATA), to;

		if (from < 0 && errno == ENXIO)
			return 0;	/* a hole up to the end */
		to = from < 0 ? -1 : lseek(fd, from, SEEK_HOLE);
		if (to < 0)
			return -errno;
		to = MIN((to + PAGE - 1) / PAGE, (off_t)size / PAGE) * PAGE;
		for (off_t i = from / PAGE; i < to / PAGE; i++)
			bits[i / 64] |= BIT(i % 64);
		at = to;
	}
	return 0;
}

void os_pages_used(const void *p, size_t size, int fd, uint64_t *bits)
{
	size_t pages = size / PAGE;

	memset(bits, 0, (pages + 63) / 64 * 8);
	if ((fd >= 0 ? used_shared(fd, size, bits) : used_private(p, pages, bits)) < 0)
		for (size_t i = 0; i < pages; i++)
			bits[i / 64] |= BIT(i % 64);
}

/* ---- memory kept aside ---- */

struct os_aside {
	uint8_t *at;			/* where it belongs */
	size_t size;
	int fd;
	uint8_t *moved;			/* the pages themselves; NULL: a copy */
	uint64_t *bits;			/* of a copy: pages that it has */
	uint8_t *copy;
};

static int make_copy(struct os_aside *a)
{
	size_t pages = a->size / PAGE;
	uint8_t *to;
	size_t n = 0;

	a->bits = calloc((pages + 63) / 64, 8);
	if (!a->bits)
		return -ENOMEM;
	os_pages_used(a->at, a->size, a->fd, a->bits);
	for (size_t i = 0; i < (pages + 63) / 64; i++)
		n += (size_t)__builtin_popcountll(a->bits[i]);
	to = a->copy = malloc(n * PAGE + 1);
	if (!a->copy)
		return -ENOMEM;
	for (size_t i = 0; i < pages; i++)
		if (a->bits[i / 64] & BIT(i % 64)) {
			memcpy(to, a->at + i * PAGE, PAGE);
			to += PAGE;
		}
	return os_discard(a->at, a->size, a->fd >= 0);
}

struct os_aside *os_aside_begin(void *p, size_t size, int fd, struct err *e)
{
	struct os_aside *a = calloc(1, sizeof(*a));
	void *moved = MAP_FAILED;
	int r = -ENOMEM;

	if (!a)
		goto fail;
	*a = (struct os_aside){ .at = p, .size = size, .fd = fd };
	/* private pages go elsewhere by their page tables; the place stays, empty */
	if (fd < 0)
		moved = mremap(p, size, size, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
	if (moved != MAP_FAILED) {
		a->moved = moved;
		return a;
	}
	r = make_copy(a);
	if (!r)
		return a;
fail:
	if (a) {
		free(a->bits);
		free(a->copy);
	}
	free(a);
	err_errno(e, -r, "keeping %zu MiB of memory aside", size >> 20);
	return NULL;
}

void os_aside_end(struct os_aside *a, bool back)
{
	const uint8_t *from;

	if (!a)
		return;
	from = a->copy;
	if (a->moved && back) {
		/* the address is ours and mapped: what is there goes */
		if (mremap(a->moved, a->size, a->size, MREMAP_MAYMOVE | MREMAP_FIXED, a->at) ==
		    MAP_FAILED)
			abort();
	} else if (a->moved) {
		munmap(a->moved, a->size);
	} else if (back) {
		os_discard(a->at, a->size, a->fd >= 0);
		for (size_t i = 0; i < a->size / PAGE; i++)
			if (a->bits[i / 64] & BIT(i % 64)) {
				memcpy(a->at + i * PAGE, from, PAGE);
				from += PAGE;
			}
	}
	free(a->bits);
	free(a->copy);
	free(a);
}

/* ---- pages that come when they are touched: userfaultfd(2), ioctl_userfaultfd(2) ---- */

/* Where the system call is for the privileged only, a device file's permissions may allow it. */
static int uffd_open(void)
{
	int dev, code, fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0 || errno != EPERM)
		return fd < 0 ? -errno : fd;
	dev = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
	if (dev < 0)
		return -EPERM;
	fd = ioctl(dev, _IO(0xaa, 0x00), O_CLOEXEC | O_NONBLOCK);	/* USERFAULTFD_IOC_NEW */
	code = errno;
	close(dev);
	return fd < 0 ? -code : fd;
}

int os_uffd_new(struct err *e)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_EVENT_REMOVE |
				  UFFD_FEATURE_MISSING_SHMEM };
	int fd = uffd_open(), code;

	if (fd < 0)
		return err_errno(e, -fd, "userfaultfd");
	if (ioctl(fd, UFFDIO_API, &api) < 0) {
		code = errno;
		close(fd);
		return err_errno(e, code, "userfaultfd");
	}
	return fd;
}

int os_uffd_add(int fd, void *p, size_t size, struct err *e)
{
	struct uffdio_register r = { .range = { (uintptr_t)p, size },
				     .mode = UFFDIO_REGISTER_MODE_MISSING };

	return ioctl(fd, UFFDIO_REGISTER, &r) < 0 ? err_errno(e, errno, "userfaultfd") : 0;
}

void os_uffd_remove(int fd, void *p, size_t size)
{
	struct uffdio_range r = { (uintptr_t)p, size };

	ioctl(fd, UFFDIO_UNREGISTER, &r);	/* wakes all; fails only where it was not added */
}

int os_uffd_read(int fd, struct os_uffd_event *ev)
{
	struct uffd_msg m;
	ssize_t n;

	for (;;) {
		n = read(fd, &m, sizeof(m));
		if (n < 0 && errno == EINTR)
			continue;
		if (n != sizeof(m))
			return 0;
		if (m.event == UFFD_EVENT_PAGEFAULT) {
			ev->kind = OS_UFFD_FAULT;
			ev->at = (uint8_t *)(uintptr_t)(m.arg.pagefault.address & ~(PAGE - 1ull));
			ev->size = PAGE;
			return 1;
		}
		if (m.event == UFFD_EVENT_REMOVE) {
			ev->kind = OS_UFFD_REMOVED;
			ev->at = (uint8_t *)(uintptr_t)m.arg.remove.start;
			ev->size = m.arg.remove.end - m.arg.remove.start;
			return 1;
		}
	}
}

void os_uffd_wake(int fd, void *at, size_t size)
{
	struct uffdio_range r = { (uintptr_t)at, size };

	ioctl(fd, UFFDIO_WAKE, &r);
}

/* One step: bytes done, or -errno. EEXIST tells of the first page only. */
static int64_t fill_some(int fd, uint8_t *at, const uint8_t *from, size_t size)
{
	struct uffdio_copy c = { .dst = (uintptr_t)at, .src = (uintptr_t)from, .len = size };
	struct uffdio_zeropage z = { .range = { (uintptr_t)at, size } };
	int r = from ? ioctl(fd, UFFDIO_COPY, &c) : ioctl(fd, UFFDIO_ZEROPAGE, &z);
	int64_t done = from ? c.copy : z.zeropage;

	if (!r)
		return (int64_t)size;
	return done > 0 ? done : -errno;
}

int os_uffd_fill(int fd, void *at, const void *from, size_t size)
{
	uint8_t *to = at;
	const uint8_t *data = from;

	while (size) {
		int64_t n = fill_some(fd, to, data, size);

		if (n == -EEXIST) {
			/* is there already; who waits for it has not seen that perhaps */
			os_uffd_wake(fd, to, PAGE);
			n = PAGE;
		}
		if (n < 0)
			return (int)n;
		to += n;
		data = data ? data + n : NULL;
		size -= (size_t)n;
	}
	return 0;
}
