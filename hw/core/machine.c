/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/core/machine.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/core/irqchip.h"
#include "hw/core/state.h"
#include "util/bits.h"

const struct machine_type *machine_type_find(const char *isa, const char *name)
{
	for (unsigned i = 0; machine_types[i]; i++)
		if (!strcmp(machine_types[i]->isa, isa) && !strcmp(machine_types[i]->name, name))
			return machine_types[i];
	return NULL;
}

struct machine *machine_new(const struct machine_type *t, const struct machine_config *cfg,
			    struct err *e)
{
	struct machine *m;

	if (cfg->nr_cpus < 1 || cfg->nr_cpus > ARRAY_SIZE(m->ports)) {
		err_set(e, EINVAL, "machine '%s': %u CPUs (1 to %zu are possible)", t->name,
			cfg->nr_cpus, ARRAY_SIZE(m->ports));
		return NULL;
	}
	m = calloc(1, sizeof(*m));
	if (!m) {
		err_errno(e, ENOMEM, "machine '%s'", t->name);
		return NULL;
	}
	m->type = t;
	m->cfg = *cfg;
	m->mmio = space_new("memory", 64);
	m->clock = clock_new(e);
	if (!m->mmio || !m->clock) {
		if (m->clock)
			err_errno(e, ENOMEM, "machine '%s'", t->name);
		machine_free(m);
		return NULL;
	}
	return m;
}

int machine_init(struct machine *m, struct err *e)
{
	int rc = m->type->init(m, e);

	if (rc)
		return err_prefix(e, "machine '%s'", m->type->name);
	machine_reset(m, RESET_COLD);
	return 0;
}

/*
 * First everything to zero, lines included and without telling anybody, then each
 * device's own values in creation order: chips are created first, so a device
 * that raises a line in its reset finds its chip reset already.
 */
void machine_reset(struct machine *m, enum reset_kind kind)
{
	for (struct dev *d = m->devs; d; d = d->next) {
		dev_lock(d);
		dev_quiesce(d);
		state_zero(d);
		dev_unlock(d);
	}
	for (struct dev *d = m->devs; d; d = d->next) {
		if (!d->ready || !d->type->reset)
			continue;
		dev_lock(d);
		d->type->reset(d, kind);
		dev_unlock(d);
	}
	mem_settle(&m->mem);
}

void machine_free_devs(struct machine *m)
{
	while (m->devs) {
		struct dev *d = m->devs;

		/* The last created goes first: it may refer to earlier ones. */
		while (d->next)
			d = d->next;
		dev_free(d);
	}
}

void machine_free(struct machine *m)
{
	if (!m)
		return;
	if (m->clock)
		clock_stop(m->clock);
	machine_free_devs(m);
	irqchip_free(m);
	clock_free(m->clock);
	space_free(m->mmio);
	space_free(m->pio);
	mem_free(&m->mem);
	if (m->type->fini)
		m->type->fini(m);
	free(m->priv);
	free(m);
}

struct dev *machine_dev(struct machine *m, const char *id)
{
	for (struct dev *d = m->devs; d; d = d->next)
		if (!strcmp(d->id, id))
			return d;
	return NULL;
}

void machine_event(struct machine *m, enum machine_event ev, int code)
{
	if (m->event)
		m->event(m->event_opaque, ev, code);
}

static void print_prop(FILE *f, struct dev *d, const struct prop *p)
{
	const void *at = (const char *)d + p->off;

	switch (p->kind) {
	case PROP_STR:
		if (*(char *const *)at)
			fprintf(f, "    %s = \"%s\"\n", p->name, *(char *const *)at);
		break;
	case PROP_U32: fprintf(f, "    %s = %u\n", p->name, *(const uint32_t *)at); break;
	case PROP_U64:
	case PROP_SIZE:
		fprintf(f, "    %s = %#llx\n", p->name, (unsigned long long)*(const uint64_t *)at);
		break;
	case PROP_BOOL:
		fprintf(f, "    %s = %s\n", p->name, *(const bool *)at ? "on" : "off");
		break;
	default: break;
	}
}

char *machine_qtree(struct machine *m)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	fprintf(f, "machine: %s (%s), %u CPU%s\n", m->type->name, m->type->isa, m->cfg.nr_cpus,
		m->cfg.nr_cpus == 1 ? "" : "s");
	for (unsigned i = 0; i < m->mem.nr; i++) {
		const struct mem_block *b = &m->mem.block[i];
		gpa_t base = b->base;

		if ((b->flags & (MEM_MOVABLE | MEM_HIDDEN)) == (MEM_MOVABLE | MEM_HIDDEN))
			base = 0;	/* nowhere */
		fprintf(f, "  %s: %#llx-%#llx %s%s\n", b->name, (unsigned long long)base,
			(unsigned long long)(base + b->size - 1),
			b->flags & MEM_ROM ? "rom" : "ram",
			b->flags & MEM_HIDDEN ? " (hidden)" : "");
	}
	for (struct dev *d = m->devs; d; d = d->next) {
		fprintf(f, "  dev: %s, id \"%s\"\n", d->type->name, d->id);
		for (const struct prop *p = d->type->props; p && p->name; p++)
			print_prop(f, d, p);
		for (unsigned i = 0; i < d->type->nr_regions; i++)
			if (d->space[i])
				fprintf(f, "    %s %s %#llx+%#llx\n",
					d->space[i] == m->pio ? "ports" : "mmio",
					d->type->regions[i].name, (unsigned long long)d->base[i],
					(unsigned long long)d->type->regions[i].size);
		for (unsigned i = 0; i < d->type->nr_irqs; i++)
			if (d->irq[i].set)
				fprintf(f, "    irq %u -> pin %u, level %d\n", i, d->irq_pin[i],
					atomic_load(&d->irq[i].level));
	}
	fclose(f);
	return text;
}
