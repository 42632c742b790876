/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/thread.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/os.h"

struct start {
	void *(*fn)(void *);
	void *arg;
	char name[16];
};

static void *thread_main(void *opaque)
{
	struct start s = *(struct start *)opaque;

	free(opaque);
	os_thread_name(s.name);
	return s.fn(s.arg);
}

int io_thread_start(pthread_t *t, const char *name, void *(*fn)(void *), void *arg, struct err *e)
{
	static const int sync_signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP };
	struct start *s = malloc(sizeof(*s));
	sigset_t block, old;
	int ret;

	if (!s)
		return err_set(e, ENOMEM, "thread %s: no memory", name);
	s->fn = fn;
	s->arg = arg;
	snprintf(s->name, sizeof(s->name), "%.15s", name);
	sigfillset(&block);
	for (unsigned i = 0; i < sizeof(sync_signals) / sizeof(sync_signals[0]); i++)
		sigdelset(&block, sync_signals[i]);
	/* The mask is inherited: a window between start and masking would lose a signal. */
	pthread_sigmask(SIG_BLOCK, &block, &old);
	ret = pthread_create(t, NULL, thread_main, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret) {
		free(s);
		return err_errno(e, ret, "thread %s", name);
	}
	return 0;
}
