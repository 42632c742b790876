/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads of back ends: named, and deaf to signals meant for the process. */
#ifndef IO_THREAD_H
#define IO_THREAD_H

#include <pthread.h>

#include "util/err.h"

/* Starts fn(arg) with all asynchronous signals blocked. name: 15 characters are kept, copied. */
int io_thread_start(pthread_t *t, const char *name, void *(*fn)(void *), void *arg, struct err *e);

#endif
