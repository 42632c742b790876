/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A test is a program: CHECK says what failed and where; check_done gives the exit status. */
#ifndef TESTS_VMM_CHECK_H
#define TESTS_VMM_CHECK_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static unsigned check_failed, check_count;

#define CHECK(cond, ...) do {						\
	check_count++;							\
	if (!(cond)) {							\
		check_failed++;						\
		fprintf(stderr, "%s:%d: %s ", __FILE__, __LINE__, #cond); \
		fprintf(stderr, " " __VA_ARGS__);			\
		fputc('\n', stderr);					\
	}								\
} while (0)

#define CHECK_HAS(text, part) CHECK(strstr(text, part), "in \"%s\"", text)

static inline int check_done(void)
{
	printf("%u checks, %u failed\n", check_count, check_failed);
	return check_failed || !check_count;
}

#endif
