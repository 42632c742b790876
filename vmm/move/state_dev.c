/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sections mem and dev/ID: where memory blocks lie, and each device's own stream. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/bits.h"
#include "vmm/move/state_int.h"

enum { SECTION_DEV = 4 };		/* length of "dev/" */

/* ---- memory blocks ---- */

static bool movable(const struct mem_block *b) { return b->flags & MEM_MOVABLE; }
static bool hidden(const struct mem_block *b) { return b->flags & MEM_HIDDEN; }

static void block_name(char *buf, size_t n, const struct mem_block *b, const char *what)
{
	snprintf(buf, n, "%s.%s", b->name, what);
}

void state_mem_save(struct guest *g, struct state_buf *b, unsigned *nr)
{
	struct mem *m = &g->vm.machine->mem;
	size_t at = section_begin(b, "mem", STATE_VERSION_1, false);
	char name[64];

	for (unsigned i = 0; i < m->nr; i++) {
		struct mem_block *k = &m->block[i];

		block_name(name, sizeof(name), k, "base");
		field_put(b, name, FIELD_U64, movable(k) ? k->want : k->base);
		block_name(name, sizeof(name), k, "size");
		field_put(b, name, FIELD_U64, k->size);
		block_name(name, sizeof(name), k, "hidden");
		field_put(b, name, FIELD_BOOL, hidden(k));
		block_name(name, sizeof(name), k, "movable");
		field_put(b, name, FIELD_BOOL, movable(k));
	}
	section_end(b, at);
	++*nr;
}

static int block_read(struct incoming *in, unsigned i, struct items *l, struct err *e)
{
	struct mem_block *b = &in->g->vm.machine->mem.block[i];
	uint64_t base = 0, size = 0, hide = 0, moves = 0;
	char name[64];
	int r;

	block_name(name, sizeof(name), b, "base");
	if (!items_have(l, name))
		return err_set(e, EINVAL, "memory '%s' is not in the saved machine: its devices "
			       "or its firmware are others", b->name);
	r = item_uint(l, name, FIELD_U64, &base, e);
	block_name(name, sizeof(name), b, "size");
	if (!r)
		r = item_uint(l, name, FIELD_U64, &size, e);
	block_name(name, sizeof(name), b, "hidden");
	if (!r)
		r = item_uint(l, name, FIELD_BOOL, &hide, e);
	block_name(name, sizeof(name), b, "movable");
	if (!r)
		r = item_uint(l, name, FIELD_BOOL, &moves, e);
	if (r)
		return r;
	if (size != b->size)
		return err_set(e, EINVAL, "memory '%s' has %#llx bytes in the saved machine, here "
			       "%#llx", b->name, (unsigned long long)size,
			       (unsigned long long)b->size);
	if ((bool)moves != movable(b) || (!moves && base != b->base) ||
	    (moves && base != MEM_NOWHERE && (base % MEM_PAGE_SIZE || base + size - 1 < base)))
		return err_set(e, EINVAL, "memory '%s' is at %#llx in the saved machine, which is "
			       "no place for it here", b->name, (unsigned long long)base);
	in->mem[i] = (struct state_mem){ .movable = moves, .hidden = hide, .place = base };
	return 0;
}

int state_mem_read(struct incoming *in, struct err *e)
{
	struct section *s = sections_take(&in->sec, "mem");
	struct items l;
	int r;

	if (!s)
		return err_set(e, EINVAL, "section 'mem' is missing");
	r = items_parse(&l, s, STATE_VERSION_1, "mem", e);
	if (r)
		return r;
	for (unsigned i = 0; !r && i < in->g->vm.machine->mem.nr; i++)
		r = block_read(in, i, &l, e);
	for (unsigned i = 0; !r && i < l.nr; i++)
		if (!l.i[i].used && !l.i[i].optional)
			r = err_set(e, EINVAL, "the saved machine has memory that this one lacks "
				    "('%s'): its devices or its firmware are others", l.i[i].name);
	items_free(&l);
	return r;
}

/*
 * Movable blocks leave, then those come that were seen, then those that another one was in the way
 * of: a block does not come where one is. Fixed ones are hidden by their devices, which are loaded
 * afterwards; what is said of them here stands where none does it.
 */
void state_mem_apply(struct incoming *in)
{
	struct mem *m = &in->g->vm.machine->mem;

	for (unsigned i = 0; i < m->nr; i++)
		if (in->mem[i].movable)
			mem_move(m, m->block[i].host, MEM_NOWHERE);
	mem_settle(m);
	for (unsigned late = 0; late < 2; late++) {
		for (unsigned i = 0; i < m->nr; i++)
			if (in->mem[i].movable && in->mem[i].hidden == late)
				mem_move(m, m->block[i].host, in->mem[i].place);
		mem_settle(m);
	}
	for (unsigned i = 0; i < m->nr; i++)
		if (!in->mem[i].movable)
			mem_hide(m, &m->block[i], in->mem[i].hidden);
}

/* ---- devices ---- */

int state_devs_save(struct guest *g, struct state_buf *b, unsigned *nr, struct err *e)
{
	for (struct dev *d = g->vm.machine->devs; d; d = d->next, ++*nr) {
		struct state_buf own = { 0 };
		char name[SECTION_NAME_MAX];
		size_t at;
		int r = state_save(d, &own, e);

		if (r) {
			free(own.data);
			return err_prefix(e, "%s", d->id);
		}
		snprintf(name, sizeof(name), "dev/%s", d->id);
		at = section_begin(b, name, STATE_VERSION_1, false);
		field_put_text(b, "type", d->type->name);
		field_put_bytes(b, "state", own.data, own.len);
		section_end(b, at);
		free(own.data);
	}
	return 0;
}

static int dev_read(struct state_dev *sd, struct section *s, struct err *e)
{
	struct dev *d = sd->d;
	struct items l;
	char type[64];
	int r = items_parse(&l, s, STATE_VERSION_1, s->name, e);

	if (r)
		return r;
	r = item_text(&l, "type", type, sizeof(type), e);
	if (!r && strcmp(type, d->type->name))
		r = err_set(e, EINVAL, "device '%s' is a %s in the saved machine, here a %s",
			    d->id, type, d->type->name);
	if (!r)
		r = item_bytes(&l, "state", &sd->data, &sd->len, e);
	if (!r)
		r = items_done(&l, e);
	if (!r)
		r = state_check_stream(d, sd->data, sd->len, e);
	items_free(&l);
	return r;
}

int state_devs_read(struct incoming *in, struct err *e)
{
	struct machine *m = in->g->vm.machine;
	unsigned n = 0;
	int r = 0;

	for (struct dev *d = m->devs; d; d = d->next)
		n++;
	in->dev = calloc(n + 1, sizeof(*in->dev));
	if (!in->dev)
		return err_set(e, ENOMEM, "no memory");
	/* what is there too much says more than what is missing */
	for (unsigned i = 0; i < in->sec.nr; i++) {
		struct section *s = &in->sec.s[i];

		if (!strncmp(s->name, "dev/", SECTION_DEV) &&
		    !machine_dev(m, s->name + SECTION_DEV) && !s->optional)
			return err_set(e, EINVAL, "the saved machine has a device '%s', which this "
				       "one lacks: start it with the same devices",
				       s->name + SECTION_DEV);
	}
	for (struct dev *d = m->devs; !r && d; d = d->next) {
		char name[SECTION_NAME_MAX];
		struct section *s;

		snprintf(name, sizeof(name), "dev/%s", d->id);
		s = sections_take(&in->sec, name);
		if (!s)
			return err_set(e, EINVAL, "device '%s' (%s) is not in the saved machine: "
				       "start this one with the same devices", d->id,
				       d->type->name);
		in->dev[in->nr_devs].d = d;
		r = dev_read(&in->dev[in->nr_devs++], s, e);
	}
	return r;
}

int state_devs_apply(struct incoming *in, struct err *e)
{
	int r = 0;

	for (unsigned i = 0; !r && i < in->nr_devs; i++)
		r = state_load(in->dev[i].d, in->dev[i].data, in->dev[i].len, e);
	return r;
}
