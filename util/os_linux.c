/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "util/os.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#ifdef __x86_64__
#include <cpuid.h>
#include <x86intrin.h>
#endif

static uint64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t os_now_ns(void) { return clock_ns(CLOCK_MONOTONIC); }
uint64_t os_realtime_ns(void) { return clock_ns(CLOCK_REALTIME); }
uint64_t os_thread_cpu_ns(void) { return clock_ns(CLOCK_THREAD_CPUTIME_ID); }
uint64_t os_cpu_ns(void) { return clock_ns(CLOCK_PROCESS_CPUTIME_ID); }

enum { PAGE = 4096, HUGE_PAGE = 2 << 20 };

/* MAP_FAILED, or memory at an address that is `base` modulo 2 MiB. */
static void *map_at(size_t size, uint64_t base, int flags, int fd)
{
	uintptr_t p, start, end;
	void *r;

	p = (uintptr_t)mmap(NULL, size + HUGE_PAGE, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == (uintptr_t)MAP_FAILED)
		return MAP_FAILED;
	start = p + (((uintptr_t)base - p) & (HUGE_PAGE - 1));
	end = start + ((size + PAGE - 1) & ~(size_t)(PAGE - 1));
	r = mmap((void *)start, size, PROT_READ | PROT_WRITE, flags | MAP_NORESERVE | MAP_FIXED,
		 fd, 0);
	if (r == MAP_FAILED) {
		munmap((void *)p, size + HUGE_PAGE);
		return r;
	}
	if (start > p)
		munmap((void *)p, start - p);
	if (p + size + HUGE_PAGE > end)
		munmap((void *)end, p + size + HUGE_PAGE - end);
	if (size >= HUGE_PAGE)
		madvise(r, size, MADV_HUGEPAGE);
	return r;
}

static void *shm_map(size_t size, uint64_t base, const char *name, int *fd, struct err *e)
{
	void *p;

	*fd = memfd_create(name, MFD_CLOEXEC);
	if (*fd < 0) {
		err_errno(e, errno, "memfd_create");
		return NULL;
	}
	if (ftruncate(*fd, (off_t)size) < 0) {
		err_errno(e, errno, "%zu MiB of memory", size >> 20);
		goto fail;
	}
	p = map_at(size, base, MAP_SHARED, *fd);
	if (p == MAP_FAILED) {
		err_errno(e, errno, "mapping %zu MiB", size >> 20);
		goto fail;
	}
	return p;
fail:
	close(*fd);
	*fd = -1;
	return NULL;
}

/* Does this host give huge pages to shared memory that asks for them? */
static bool shm_huge(void)
{
	char text[128] = "";
	FILE *f = fopen("/sys/kernel/mm/transparent_hugepage/shmem_enabled", "re");

	if (f) {
		if (!fgets(text, sizeof(text), f))
			text[0] = '\0';
		fclose(f);
	}
	return strstr(text, "[always]") || strstr(text, "[advise]") ||
	       strstr(text, "[within_size]") || strstr(text, "[force]");
}

void *os_ram_map(size_t size, uint64_t base, const char *name, int *fd, struct err *e)
{
	void *p;

	if (size < HUGE_PAGE || shm_huge())
		return shm_map(size, base, name, fd, e);
	*fd = -1;
	p = map_at(size, base, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	if (p == MAP_FAILED) {
		err_errno(e, errno, "mapping %zu MiB", size >> 20);
		return NULL;
	}
	return p;
}

void os_unmap(void *p, size_t size)
{
	if (p)
		munmap(p, size);
}

int os_discard(void *p, size_t size, bool shared)
{
	return madvise(p, size, shared ? MADV_REMOVE : MADV_DONTNEED) < 0 ? -errno : 0;
}

void os_huge_pages(bool on)
{
	prctl(PR_SET_THP_DISABLE, !on, 0, 0, 0);
}

int os_dual_map(size_t size, void **rw, void **rx, struct err *e)
{
	int fd = memfd_create("ambi-code", MFD_CLOEXEC);
	int code;

	if (fd < 0)
		return err_errno(e, errno, "memfd_create");
	if (ftruncate(fd, (off_t)size) < 0)
		goto fail;
	*rw = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*rw == MAP_FAILED)
		goto fail;
	*rx = mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	if (*rx == MAP_FAILED) {
		munmap(*rw, size);
		goto fail;
	}
	close(fd);
	return 0;
fail:
	code = errno;
	close(fd);
	return err_errno(e, code, "mapping a code buffer of %zu MiB", size >> 20);
}

void *os_guarded_map(size_t size, size_t guard, struct err *e)
{
	char *p = mmap(NULL, size + guard, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + guard, size, PROT_READ | PROT_WRITE) < 0) {
		err_errno(e, errno, "mapping %zu KiB", size >> 10);
		if (p != MAP_FAILED)
			munmap(p, size + guard);
		return NULL;
	}
	return p + guard;
}

void os_guarded_unmap(void *p, size_t size, size_t guard)
{
	if (p)
		munmap((char *)p - guard, size + guard);
}

void *os_alloc_large(size_t size)
{
	const size_t huge = 2u << 20;
	void *p;

	if (size < huge)
		return malloc(size ? size : 1);
	if (size > SIZE_MAX - huge)
		return NULL;
	size = (size + huge - 1) & ~(huge - 1);
	p = aligned_alloc(huge, size);
	if (p)
		madvise(p, size, MADV_HUGEPAGE);
	return p;
}

int os_read_at(int fd, void *buf, size_t n, uint64_t off)
{
	char *p = buf;
	ssize_t r;

	while (n) {
		r = pread(fd, p, n, (off_t)off);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r < 0 ? -errno : -EIO;
		p += r;
		off += (uint64_t)r;
		n -= (size_t)r;
	}
	return 0;
}

int os_write_at(int fd, const void *buf, size_t n, uint64_t off)
{
	const char *p = buf;
	ssize_t r;

	while (n) {
		r = pwrite(fd, p, n, (off_t)off);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r < 0 ? -errno : -EIO;
		p += r;
		off += (uint64_t)r;
		n -= (size_t)r;
	}
	return 0;
}

int os_eventfd(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

void os_eventfd_signal(int fd)
{
	/* EAGAIN means that the counter is full: the reader will wake all the same */
	if (eventfd_write(fd, 1) < 0)
		return;
}

uint64_t os_eventfd_drain(int fd)
{
	eventfd_t v;

	return eventfd_read(fd, &v) < 0 ? 0 : v;
}

uint64_t os_eventfd_wait(const int *fd, unsigned n)
{
	struct pollfd p[64];
	uint64_t ready = 0;

	for (unsigned i = 0; i < n; i++)
		p[i] = (struct pollfd){ fd[i], POLLIN, 0 };
	if (poll(p, n, -1) < 0)
		return 0;			/* a signal: the caller looks again */
	for (unsigned i = 0; i < n; i++)
		if (p[i].revents)
			ready |= UINT64_C(1) << i;
	return ready;
}

void os_files_max(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
}

void os_files_standard(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

void os_nap(void)
{
	const struct timespec t = { .tv_nsec = 1000000 };

	nanosleep(&t, NULL);
}

void os_yield(void)
{
	sched_yield();
}

int os_thread_id(void)
{
	return (int)gettid();
}

void os_thread_name(const char *name)
{
	prctl(PR_SET_NAME, name);
}

int os_random(void *buf, size_t n)
{
	char *p = buf;
	ssize_t r;

	while (n) {
		r = getrandom(p, n, 0);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		p += r;
		n -= (size_t)r;
	}
	return 0;
}

#ifdef __x86_64__
bool os_cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4])
{
	if (!__get_cpuid_count(leaf, sub, &r[0], &r[1], &r[2], &r[3]))
		memset(r, 0, 4 * sizeof(r[0]));
	return true;
}

/* The kernel's own calibration: two "bogomips" are a million counts of the delay loop's TSC. */
static uint64_t tsc_of_cpuinfo(void)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	unsigned whole, part;
	uint64_t hz = 0;
	char line[256];

	if (!f)
		return 0;
	while (!hz && fgets(line, sizeof(line), f))
		if (sscanf(line, "bogomips : %u.%2u", &whole, &part) == 2)
			hz = (whole * UINT64_C(100) + part) * 5000;
	fclose(f);
	return hz;
}

static uint64_t tsc_measured(void)
{
	enum { WINDOW_NS = 4000000 };
	uint64_t t0 = os_now_ns(), c0 = __rdtsc(), t1, c1;

	do {
		t1 = os_now_ns();
		c1 = __rdtsc();
	} while (t1 - t0 < WINDOW_NS);
	return (uint64_t)((unsigned __int128)(c1 - c0) * 1000000000 / (t1 - t0));
}

uint64_t os_tsc_hz(void)
{
	static _Atomic uint64_t known;
	uint64_t hz = known;
	uint32_t r[4];

	if (hz)
		return hz;
	os_cpuid(0x15, 0, r);	/* EBX / EAX times ECX Hz */
	if (r[0] && r[1] && r[2])
		hz = (uint64_t)r[2] * r[1] / r[0];
	if (!hz)
		hz = tsc_of_cpuinfo();
	if (!hz)
		hz = tsc_measured();
	known = hz;
	return hz;
}
#else
bool os_cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4]) { return false; }
uint64_t os_tsc_hz(void) { return 0; }
#endif
