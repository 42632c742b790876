/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A test is a program: CHECK says what failed and where; check_done gives the exit status. */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHECK_MOST = 200 };		/* failures: more would only be noise */
static _Atomic unsigned check_failed, check_count;

#define CHECK(cond, ...) do {						\
	check_count++;							\
	if (!(cond)) {							\
		fprintf(stderr, "%s:%d: %s ", __FILE__, __LINE__, #cond); \
		fprintf(stderr, " " __VA_ARGS__);			\
		fputc('\n', stderr);					\
		if (++check_failed >= CHECK_MOST)			\
			exit(1);					\
	}								\
} while (0)

#define CHECK_EQ(a, b) do {						\
	unsigned long long a_ = (unsigned long long)(a), b_ = (unsigned long long)(b); \
	CHECK(a_ == b_, "%#llx, expected %#llx", a_, b_);		\
} while (0)
#define CHECK_HAS(text, part) CHECK(strstr(text, part), "in \"%s\"", text)

static inline int check_done(void)
{
	printf("%u checks, %u failed\n", check_count, check_failed);
	return check_failed || !check_count;
}

#endif
