/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When does a VMM run its guest for the first time? Built twice by tools/kvm-figures:
 *
 *	cc -DLAUNCH		launch LIBRARY FILE COMMAND...: notes the time, then becomes the command
 *	cc -shared		preloaded into it: at the first KVM_RUN after a KVM_CREATE_VCPU the ns
 *				since then are appended to the file. (A VMM may try KVM with a vCPU of
 *				its own before; the last line is the guest's.)
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#ifdef LAUNCH
int main(int argc, char **argv)
{
	char text[32];

	if (argc < 4)
		return 2;
	setenv("LD_PRELOAD", argv[1], 1);
	setenv("FIRSTRUN_FILE", argv[2], 1);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)now());
	setenv("FIRSTRUN_START", text, 1);
	execvp(argv[3], argv + 3);
	perror(argv[3]);
	return 127;
}
#else
static int created;	/* vCPUs whose first run is still to come */

static void note(uint64_t t)
{
	const char *file = getenv("FIRSTRUN_FILE"), *start = getenv("FIRSTRUN_START");
	int fd = file && start ? open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;
	char text[32];
	int n;

	if (fd < 0)
		return;
	n = snprintf(text, sizeof(text), "%llu\n", (unsigned long long)(t - strtoull(start, NULL, 10)));
	if (write(fd, text, (size_t)n) != n)
		_exit(99);
	close(fd);
}

int ioctl(int fd, unsigned long request, ...)
{
	static int (*next)(int, unsigned long, ...);
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "ioctl");
	if (request == KVM_RUN && created && __atomic_exchange_n(&created, 0, __ATOMIC_RELAXED))
		note(now());
	if (request == KVM_CREATE_VCPU)
		__atomic_store_n(&created, 1, __ATOMIC_RELAXED);
	return next(fd, request, arg);
}
#endif
