/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Errors that travel: a function that can fail returns 0 or -errno and fills a
 * struct err. The message is built outward, each caller prefixing what it was
 * doing: "disk0: qcow2: l1 table: offset beyond end of file".
 */
#ifndef UTIL_ERR_H
#define UTIL_ERR_H

struct err {
	int code;		/* positive errno of the first failure; 0: none */
	char msg[512];		/* always NUL-terminated; empty when code is 0 */
};

/*
 * Sets the message; returns -code, so that "return err_set(e, EINVAL, ...)"
 * reads well. e may be NULL.
 */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* As err_set with ": strerror(code)" appended. */
int err_errno(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Puts "prefix: " before the message; returns -e->code (or -EIO where none was set). */
int err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
