/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/core/dev.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/core/machine.h"
#include "util/bits.h"

#define DEV(name) extern const struct dev_type dev_##name;
#include "hw/devices.def"
#undef DEV

const struct dev_type *const dev_types[] = {
#define DEV(name) &dev_##name,
#include "hw/devices.def"
#undef DEV
	NULL
};

const struct dev_type *dev_type_find(const char *name)
{
	for (unsigned i = 0; dev_types[i]; i++)
		if (!strcmp(dev_types[i]->name, name))
			return dev_types[i];
	return NULL;
}

static int parse_uint(const char *text, bool suffix, uint64_t max, uint64_t *out)
{
	static const char units[] = "KMGT";
	unsigned shift = 0;
	const char *u;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;		/* strtoull would take a sign or spaces */
	errno = 0;
	*out = strtoull(text, &end, 0);
	if (errno)
		return -ERANGE;
	if (suffix && *end && (u = strchr(units, toupper((unsigned char)*end)))) {
		shift = 10 * (unsigned)(u - units + 1);
		end++;
	}
	if (*end)
		return -EINVAL;
	if (*out > max >> shift)
		return -ERANGE;
	*out <<= shift;
	return 0;
}

static int parse_bool(const char *text, bool *out)
{
	static const char *const words[] = { "off", "on", "no", "yes", "false", "true", "0", "1" };

	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(text, words[i])) {
			*out = i & 1;
			return 0;
		}
	return -EINVAL;
}

static int set_prop(struct dev *d, const struct prop *p, const char *text, struct err *e)
{
	void *at = (char *)d + p->off;
	const char *want = "a number";
	uint64_t v = 0;
	bool b = false;
	char *copy;
	int rc = 0;

	switch (p->kind) {
	case PROP_STR:
		copy = strdup(text);
		if (!copy)
			return err_errno(e, ENOMEM, "%s", d->id);
		free(*(char **)at);
		*(char **)at = copy;
		return 0;
	case PROP_U32:
		want = "a number below 2^32";
		rc = parse_uint(text, false, UINT32_MAX, &v);
		if (!rc)
			*(uint32_t *)at = (uint32_t)v;
		break;
	case PROP_U64:
		rc = parse_uint(text, false, UINT64_MAX, &v);
		if (!rc)
			*(uint64_t *)at = v;
		break;
	case PROP_SIZE:
		want = "a size such as 64M";
		rc = parse_uint(text, true, UINT64_MAX, &v);
		if (!rc)
			*(uint64_t *)at = v;
		break;
	case PROP_BOOL:
		want = "on or off";
		rc = parse_bool(text, &b);
		if (!rc)
			*(bool *)at = b;
		break;
	default:
		return err_set(e, EINVAL, "%s: '%s' cannot be given as text", d->id, p->name);
	}
	if (rc)
		return err_set(e, -rc, "%s: %s=%s: expected %s", d->id, p->name, text, want);
	return 0;
}

/* Property names equal but for '-' and '_', or differing by one or two letters. */
static unsigned name_distance(const char *a, const char *b)
{
	size_t n = strlen(b);
	unsigned row[33];

	if (n > 32)
		return 99;
	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 1; *a; i++, a++) {
		unsigned diag = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= n; j++) {
			unsigned sub = diag + (*a != b[j - 1]);

			diag = row[j];
			row[j] = MIN(sub, MIN(row[j], row[j - 1]) + 1);
		}
	}
	return row[n];
}

int dev_set(struct dev *d, const char *prop, const char *text, struct err *e)
{
	const struct prop *p, *near = NULL;
	char list[256] = "";
	unsigned best = 3;

	for (p = d->type->props; p && p->name; p++) {
		unsigned dist;

		if (!strcmp(p->name, prop))
			return set_prop(d, p, text, e);
		if (p->kind == PROP_PTR)
			continue;
		dist = name_distance(prop, p->name);
		if (dist < best) {
			best = dist;
			near = p;
		}
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s",
			 *list ? ", " : "", p->name);
	}
	if (near)
		return err_set(e, EINVAL, "%s: '%s' has no property '%s' (did you mean '%s'?)",
			       d->id, d->type->name, prop, near->name);
	return err_set(e, EINVAL, "%s: '%s' has no property '%s' (%s%s)", d->id, d->type->name,
		       prop, *list ? "it has: " : "it has none", list);
}

void dev_set_ptr(struct dev *d, const char *prop, void *ptr)
{
	for (const struct prop *p = d->type->props; p && p->name; p++)
		if (p->kind == PROP_PTR && !strcmp(p->name, prop)) {
			*(void **)((char *)d + p->off) = ptr;
			return;
		}
	abort();
}

struct dev *dev_new(struct machine *m, const struct dev_type *t, const char *id, struct err *e)
{
	struct dev *d, **tail;
	unsigned n = 0;

	if (id && machine_dev(m, id)) {
		err_set(e, EEXIST, "there is a device '%s' already", id);
		return NULL;
	}
	d = calloc(1, t->size);
	if (!d) {
		err_errno(e, ENOMEM, "%s", t->name);
		return NULL;
	}
	d->type = t;
	d->machine = m;
	for (unsigned i = 0; i < DEV_MAX_REGIONS; i++)
		d->base[i] = UINT64_MAX;
	if (id)
		snprintf(d->id, sizeof(d->id), "%s", id);
	else
		do
			snprintf(d->id, sizeof(d->id), "%.24s%u", t->name, n++);
		while (machine_dev(m, d->id));
	pthread_mutex_init(&d->lock, NULL);
	for (tail = &m->devs; *tail; tail = &(*tail)->next)
		;
	*tail = d;
	for (const struct prop *p = t->props; p && p->name; p++)
		if (p->def && set_prop(d, p, p->def, e)) {
			dev_free(d);
			return NULL;
		}
	return d;
}

int dev_init(struct dev *d, struct err *e)
{
	int rc = d->type->init ? d->type->init(d, e) : 0;

	if (rc)
		return err_prefix(e, "%s", d->id);
	d->ready = true;
	return 0;
}

void dev_free(struct dev *d)
{
	struct dev **at;

	for (unsigned i = 0; i < d->type->nr_regions; i++)
		if (d->space[i])
			space_unmap(d->space[i], &d->type->regions[i], d);
	if (d->ready && d->type->fini)
		d->type->fini(d);
	for (at = &d->machine->devs; *at && *at != d; at = &(*at)->next)
		;
	if (*at)
		*at = d->next;
	for (const struct prop *p = d->type->props; p && p->name; p++)
		if (p->kind == PROP_STR)
			free(*(char **)((char *)d + p->off));
	pthread_mutex_destroy(&d->lock);
	free(d);
}

int dev_map(struct dev *d, unsigned region, struct space *s, uint64_t base, struct err *e)
{
	int rc;

	if (region >= d->type->nr_regions || d->space[region])
		return err_set(e, EINVAL, "%s: cannot map region %u", d->id, region);
	rc = space_map(s, base, &d->type->regions[region], d, e);
	if (rc)
		return err_prefix(e, "%s", d->id);
	d->space[region] = s;
	d->base[region] = base;
	return 0;
}

void dev_unmap(struct dev *d, unsigned region)
{
	if (region >= d->type->nr_regions || !d->space[region])
		return;
	space_unmap(d->space[region], &d->type->regions[region], d);
	d->space[region] = NULL;
	d->base[region] = UINT64_MAX;
}

void dev_connect(struct dev *d, unsigned irq, void (*set)(void *, unsigned, int), void *to,
		 unsigned pin)
{
	if (irq >= d->type->nr_irqs || irq >= DEV_MAX_IRQS)
		abort();
	d->irq[irq].set = set;
	d->irq[irq].to = to;
	d->irq[irq].pin = pin;
	d->irq_pin[irq] = pin;
	if (atomic_load(&d->irq[irq].level))
		irq_resend(&d->irq[irq]);
}

uint64_t dev_now(struct dev *d)
{
	return clock_now(d->machine->clock);
}

int dma_read(struct dev *d, gpa_t gpa, void *buf, uint64_t len)
{
	return mem_read(&d->machine->mem, gpa, buf, len);
}

int dma_write(struct dev *d, gpa_t gpa, const void *buf, uint64_t len)
{
	return mem_write(&d->machine->mem, gpa, buf, len, false);
}

void *dma_map(struct dev *d, gpa_t gpa, uint64_t len)
{
	struct mem_block *b = mem_find(&d->machine->mem, gpa);

	/* The direction is not known here, so ROM is left to dma_read. */
	if (!b || (b->flags & MEM_ROM))
		return NULL;
	return mem_ptr(&d->machine->mem, gpa, len);
}

void dma_done(struct dev *d, gpa_t gpa, uint64_t len)
{
	mem_mark(&d->machine->mem, gpa, len);
}
