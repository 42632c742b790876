/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/core/fdt.h"

#include <errno.h>
#include <libfdt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/core/dev.h"
#include "util/bits.h"

static void note(struct fdt *f, int rc)
{
	if (rc < 0 && !f->error)
		f->error = rc;
}

void fdt_start_tree(struct fdt *f, void *buf, size_t size)
{
	memset(f, 0, sizeof(*f));
	f->buf = buf;
	f->size = size;
	note(f, fdt_create(buf, size > INT32_MAX ? INT32_MAX : (int)size));
	note(f, fdt_finish_reservemap(buf));
	note(f, fdt_begin_node(buf, ""));
	f->depth = 1;
}

int fdt_finish_tree(struct fdt *f, struct err *e)
{
	if (f->depth != 1)
		abort();
	note(f, fdt_end_node(f->buf));
	if (!f->error)
		note(f, fdt_finish(f->buf));
	if (f->error)
		return err_set(e, f->error == -FDT_ERR_NOSPACE ? ENOSPC : EINVAL,
			       "device tree: %s", fdt_strerror(f->error));
	return (int)fdt_totalsize(f->buf);
}

void fdt_node(struct fdt *f, const char *fmt, ...)
{
	char name[64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	note(f, fdt_begin_node(f->buf, name));
	f->depth++;
}

void fdt_node_at(struct fdt *f, const char *name, uint64_t addr)
{
	fdt_node(f, "%s@%llx", name, (unsigned long long)addr);
}

void fdt_node_end(struct fdt *f)
{
	if (f->depth <= 1)
		abort();
	note(f, fdt_end_node(f->buf));
	f->depth--;
}

void fdt_prop(struct fdt *f, const char *name, const void *val, size_t len)
{
	note(f, len > INT32_MAX ? -FDT_ERR_NOSPACE : fdt_property(f->buf, name, val, (int)len));
}

void fdt_prop_empty(struct fdt *f, const char *name)
{
	fdt_prop(f, name, NULL, 0);
}

void fdt_prop_u32(struct fdt *f, const char *name, uint32_t v)
{
	note(f, fdt_property_u32(f->buf, name, v));
}

void fdt_prop_u64(struct fdt *f, const char *name, uint64_t v)
{
	note(f, fdt_property_u64(f->buf, name, v));
}

void fdt_prop_str(struct fdt *f, const char *name, const char *s)
{
	fdt_prop(f, name, s, strlen(s) + 1);
}

void fdt_prop_strs_(struct fdt *f, const char *name, ...)
{
	char all[1024];
	size_t n = 0;
	const char *s;
	va_list ap;

	va_start(ap, name);
	while ((s = va_arg(ap, const char *))) {
		size_t len = strlen(s) + 1;

		if (len > sizeof(all) - n) {
			note(f, -FDT_ERR_NOSPACE);
			break;
		}
		memcpy(all + n, s, len);
		n += len;
	}
	va_end(ap);
	fdt_prop(f, name, all, n);
}

void fdt_prop_cells_(struct fdt *f, const char *name, const uint32_t *cells, unsigned n)
{
	void *to;
	int rc = fdt_property_placeholder(f->buf, name, (int)(n * 4), &to);

	note(f, rc);
	for (unsigned i = 0; !rc && i < n; i++)
		st_be32((uint8_t *)to + 4 * i, cells[i]);
}

void fdt_prop_reg(struct fdt *f, uint64_t addr, uint64_t size)
{
	fdt_prop_cells(f, "reg", (uint32_t)(addr >> 32), (uint32_t)addr, (uint32_t)(size >> 32),
		       (uint32_t)size);
}

void fdt_dev_node(struct fdt *f, struct dev *d, const char *name, const char *compatible)
{
	uint32_t irqs[DEV_MAX_IRQS];

	fdt_node_at(f, name, d->base[0]);
	fdt_prop_str(f, "compatible", compatible);
	fdt_prop_reg(f, d->base[0], d->type->regions[0].size);
	for (unsigned i = 0; i < d->type->nr_irqs; i++)
		irqs[i] = d->irq_pin[i];
	if (d->type->nr_irqs && d->irq[0].set)
		fdt_prop_cells_(f, "interrupts", irqs, d->type->nr_irqs);
}
