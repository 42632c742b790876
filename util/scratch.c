/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/scratch.h"

#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

struct scratch {
	struct scratch *next;
	_Alignas(max_align_t) char data[];
};

static pthread_key_t key;

static void scratch_free(void *first)
{
	for (struct scratch *s = first, *next; s; s = next) {
		next = s->next;
		free(s);
	}
}

static void make_key(void)
{
	if (pthread_key_create(&key, scratch_free))
		abort();
}

void *scratch_alloc(size_t size)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct scratch *s;

	pthread_once(&once, make_key);
	/* calloc: pages that stay zero stay away */
	s = calloc(1, sizeof(*s) + size);
	if (!s) {
		fprintf(stderr, "no memory: %zu bytes for a thread\n", size);
		abort();
	}
	s->next = pthread_getspecific(key);
	pthread_setspecific(key, s);
	return s->data;
}
