/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages to the person who started ambi (stderr), and the -d trace categories
 * (stderr or the file given by -D). Guest mistakes are reported once per kind.
 */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum log_cat {				/* -d NAME[,NAME] */
	LOG_IN_ASM = 1 << 0, LOG_IR = 1 << 1, LOG_OUT_ASM = 1 << 2, LOG_EXEC = 1 << 3,
	LOG_MMU = 1 << 4, LOG_INT = 1 << 5, LOG_DEV = 1 << 6, LOG_KVM = 1 << 7,
	LOG_GUEST = 1 << 8,		/* guest mistakes, each time instead of once */
};

extern unsigned log_mask;		/* set before threads start */
static inline bool log_on(unsigned cat) { return __builtin_expect(log_mask & cat, 0); }

int log_parse(const char *names, unsigned *mask);	/* 0, or -EINVAL for an unknown name */
const char *log_names(void);				/* "in_asm,ir,..." for help */
int log_open(const char *path);				/* -D; 0 or -errno */
FILE *log_file(void);

/*
 * -dfilter: "START..END,START+LENGTH,ADDRESS" in C's number bases; END is
 * included. 0 or -EINVAL.
 */
int log_filter_parse(const char *text);
bool log_filter(uint64_t addr);		/* true where there is no filter */
/* to log_file(), no prefix */
void log_trace(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));	/* "ambi: ..." */
/* "ambi: warning: ..." */
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* "ambi: error: ..." */
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A guest mistake: said once per call site and counted; each time with -d guest. */
struct log_once { unsigned count; };
#define log_guest(...)                           \
	do {                                     \
		static struct log_once once_;    \
		log_guest_(&once_, __VA_ARGS__); \
	} while (0)
void log_guest_(struct log_once *once, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
