/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes a flattened device tree front to back. Errors (no room) are latched and
 * reported once by fdt_finish_tree, so that writers need no checks. Properties of
 * a node come before its sub-nodes, as the format wants.
 */
#ifndef HW_CORE_FDT_H
#define HW_CORE_FDT_H

#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

struct dev;

struct fdt {
	void *buf;
	size_t size;
	int error;		/* first FDT_ERR_*, negative; 0: none */
	unsigned depth;
};

/* Phandles that nodes of different writers refer to. */
enum {
	FDT_PHANDLE_INTC = 1,		/* the external interrupt controller */
	FDT_PHANDLE_TEST = 2,		/* the power-off and reset register */
	FDT_PHANDLE_CPU = 0x100,	/* + CPU index */
	FDT_PHANDLE_CPU_INTC = 0x1000,	/* + CPU index */
};

void fdt_start_tree(struct fdt *f, void *buf, size_t size);
int  fdt_finish_tree(struct fdt *f, struct err *e);	/* >0: bytes, or -errno */

void fdt_node(struct fdt *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void fdt_node_at(struct fdt *f, const char *name, uint64_t addr);	/* name@addr */
void fdt_node_end(struct fdt *f);

void fdt_prop(struct fdt *f, const char *name, const void *val, size_t len);
void fdt_prop_empty(struct fdt *f, const char *name);
void fdt_prop_u32(struct fdt *f, const char *name, uint32_t v);
void fdt_prop_u64(struct fdt *f, const char *name, uint64_t v);
void fdt_prop_str(struct fdt *f, const char *name, const char *s);
void fdt_prop_strs_(struct fdt *f, const char *name, ...) __attribute__((sentinel));
#define fdt_prop_strs(f, name, ...) fdt_prop_strs_(f, name, __VA_ARGS__, NULL)
void fdt_prop_cells_(struct fdt *f, const char *name, const uint32_t *cells, unsigned n);
#define fdt_prop_cells(f, name, ...)						\
	fdt_prop_cells_(f, name, (const uint32_t[]){ __VA_ARGS__ },		\
			sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))
void fdt_prop_reg(struct fdt *f, uint64_t addr, uint64_t size);	/* two cells each */

/* A device's own node: name@base, compatible, reg, and `interrupts` where it has lines. */
void fdt_dev_node(struct fdt *f, struct dev *d, const char *name, const char *compatible);

#endif
