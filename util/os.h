/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host operating system, in one place (util/os_linux.c). */
#ifndef UTIL_OS_H
#define UTIL_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

uint64_t os_now_ns(void);		/* CLOCK_MONOTONIC */
uint64_t os_realtime_ns(void);		/* since 1970, UTC */
uint64_t os_thread_cpu_ns(void);	/* CPU time of the calling thread */
uint64_t os_cpu_ns(void);		/* CPU time of this process */

/*
 * Guest RAM. Pages are zero and taken on first touch; huge pages are asked for when large. Shared
 * memory, of which *fd (owned by the caller) can be mapped again, where the host backs that with
 * huge pages; else private memory and *fd -1 (a TLB miss of the host costs
 * more than being able to map the memory twice is worth). Its address and `base`,
 * the guest's, are equal modulo 2 MiB, so that a page that is huge here can be huge
 * in the tables below the guest, too.
 */
void *os_ram_map(size_t size, uint64_t base, const char *name, int *fd, struct err *e);
void os_unmap(void *p, size_t size);
/*
 * Gives whole pages of shared memory or of private memory back to the host; they read as zero
 * afterwards. 0 or -errno.
 */
int os_discard(void *p, size_t size, bool shared);
/* false: the kernel forms no huge pages of this process's memory by itself, until true. */
void os_huge_pages(bool on);

/*
 * One piece of memory mapped twice: *rw writable, *rx executable, never both in
 * one mapping. Freed by two os_unmap calls.
 */
int os_dual_map(size_t size, void **rw, void **rx, struct err *e);

/* Memory with an inaccessible guard of guard bytes below it; returns the usable start. */
void *os_guarded_map(size_t size, size_t guard, struct err *e);
void os_guarded_unmap(void *p, size_t size, size_t guard);

/*
 * Memory for a large file: free() releases it; NULL where there is none. Huge
 * pages are asked for.
 */
void *os_alloc_large(size_t size);
/* Fills [off, off+n) of a file or shared memory without mapping it. 0 or -errno. */
int os_write_at(int fd, const void *buf, size_t n, uint64_t off);
/* All of it; -EIO where the file ends before. */
int os_read_at(int fd, void *buf, size_t n, uint64_t off);

/*
 * A new file in that directory, mode 0600, that has no name until os_file_link (dir: a descriptor).
 * A descriptor; -ENOTSUP where the file system cannot; -errno.
 */
int os_file_unnamed(const char *dir);
int os_file_link(int fd, int dir, const char *name);

/*
 * Which pages of a mapping (of fd, or private) were ever touched: bits to those that may hold
 * something else than zeros, others to 0. One bit a page of 4 KiB.
 */
void os_pages_used(const void *p, size_t size, int fd, uint64_t *bits);
/*
 * Memory becomes zero, and what it held is kept aside; put back, or dropped (back false). The
 * handle is of malloc's kind and gone after os_aside_end. NULL: no memory.
 */
struct os_aside;
struct os_aside *os_aside_begin(void *p, size_t size, int fd, struct err *e);
void os_aside_end(struct os_aside *a, bool back);

/*
 * Pages of memory that come when they are touched (userfaultfd). A process may not be allowed to:
 * -EPERM. Of one thread, but for os_uffd_new and os_uffd_add.
 */
struct os_uffd_event {
	enum { OS_UFFD_FAULT, OS_UFFD_REMOVED } kind;
	uint8_t *at;			/* of the page, or of the range that was given back */
	size_t size;			/* OS_UFFD_REMOVED: it is zero now */
};
int os_uffd_new(struct err *e);		/* a descriptor to poll, non-blocking */
int os_uffd_add(int fd, void *p, size_t size, struct err *e);	/* now empty memory */
/* All of it is there: threads that wait go on. */
void os_uffd_remove(int fd, void *p, size_t size);
int os_uffd_read(int fd, struct os_uffd_event *ev);	/* 1; 0: none */
/*
 * Fills pages, from NULL: with zeros, that are still missing; threads that wait for them go on.
 * 0; -EAGAIN: there are events to be read first; -errno.
 */
int os_uffd_fill(int fd, void *at, const void *from, size_t size);
void os_uffd_wake(int fd, void *at, size_t size);	/* it is there: who waits looks again */

int os_eventfd(void);			/* non-blocking, close-on-exec; -errno */
void os_eventfd_signal(int fd);
uint64_t os_eventfd_drain(int fd);	/* returns how often it was signalled */
/* Waits until one of n (at most 64) was signalled; bit i: fd[i]. Those below 0 are left out. */
uint64_t os_eventfd_wait(const int *fd, unsigned n);
void os_nap(void);			/* sleeps about a millisecond */
/* As many descriptors as this process may have: a guest that uses some must not starve the rest. */
void os_files_max(void);
/*
 * Where standard input, output or error is closed: /dev/null. Else a disk's file could get its
 * number, and what is said there would be written into it. Before anything is opened.
 */
void os_files_standard(void);
void os_yield(void);			/* lets another thread run */
int os_thread_id(void);			/* of the calling thread, as ps and taskset have it */
void os_thread_name(const char *name);	/* of the calling thread, 15 characters kept */
int os_random(void *buf, size_t n);	/* getrandom; 0 or -errno */

/*
 * Of x86 hosts; elsewhere false and 0. CPUID: r is EAX, EBX, ECX, EDX, zeros for leaves that the
 * processor does not have. TSC: in Hz, as the kernel or, where that does not tell, a measurement of
 * some milliseconds has it.
 */
bool os_cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4]);
uint64_t os_tsc_hz(void);

#endif
