/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rounds of RAM. The log of written pages is the work list: all pages at first. Each stream has a
 * thread that takes the next few pages, packs and sends them; MV_ROUND on every stream keeps a
 * page's older content from coming after its newer one by another stream.
 */
#include <errno.h>
#include <stdlib.h>

#include "util/bits.h"
#include "util/os.h"
#include "vmm/move/migrate_int.h"

struct worker {
	struct migration *m;
	unsigned stream;
	pthread_t thread;
	bool up;
	int ret;
	struct err e;
};

int migrate_ram_start(struct migration *m, struct err *e)
{
	m->log = vm_log_new(&m->g->vm, true, e);
	for (unsigned i = 0; m->log && i < m->streams; i++) {
		m->packer[i] = page_packer_new(m->par.level, e);
		if (!m->packer[i])
			return -e->code;
	}
	return m->log ? 0 : -e->code;
}

void migrate_ram_end(struct migration *m)
{
	vm_log_free(&m->g->vm, m->log);
	m->log = NULL;
}

static unsigned take(struct migration *m, struct page_ref ref[PAGES_PER_CHUNK])
{
	const struct mem *mem = &m->g->vm.machine->mem;
	uint64_t page[PAGES_PER_CHUNK];
	unsigned n = 0;

	pthread_mutex_lock(&m->walk_lock);
	while (!n && m->walk_block < mem->nr) {
		n = mem_log_take(m->log, m->walk_block, &m->walk_page, page, PAGES_PER_CHUNK);
		for (unsigned i = 0; i < n; i++)
			ref[i] = (struct page_ref){ (uint16_t)m->walk_block, (uint32_t)page[i] };
		if (!n) {
			m->walk_block++;
			m->walk_page = 0;
		}
	}
	pthread_mutex_unlock(&m->walk_lock);
	return n;
}

int migrate_ram_send(struct migration *m, unsigned stream, const struct page_ref *ref, unsigned n,
		     struct err *e)
{
	size_t len;
	const uint8_t *data = page_pack(m->packer[stream], &m->g->vm.machine->mem, ref, n, &len);
	int r = chan_limit_wait(&m->limit, len + WIRE_HEAD, &m->stop);

	if (r < 0)
		return err_set(e, -r, "cancelled");
	m->pages += n;
	m->zero_pages += page_chunk_zeros(data);
	m->bytes += len + WIRE_HEAD;
	m->remaining -= MIN((uint64_t)m->remaining, n);
	return wire_send(m->chan[stream], MV_PAGES, data, len, e);
}

static void *work(void *opaque)
{
	struct worker *w = opaque;
	struct migration *m = w->m;
	struct page_ref ref[PAGES_PER_CHUNK];
	uint8_t round[4];
	unsigned n;

	while (!w->ret && (n = take(m, ref)))
		w->ret = migrate_ram_send(m, w->stream, ref, n, &w->e);
	st_le32(round, m->round);
	if (!w->ret)
		w->ret = wire_send(m->chan[w->stream], MV_ROUND, round, sizeof(round), &w->e);
	/* the others would go on until they fail by themselves */
	if (w->ret < 0)
		for (unsigned i = 0; i < m->streams; i++)
			if (i)
				chan_shutdown(m->chan[i]);
	return NULL;
}

int migrate_ram_round(struct migration *m, struct err *e)
{
	struct worker w[WIRE_MAX_STREAMS];
	int r = 0;

	m->round++;
	m->rounds = m->round;
	m->walk_block = 0;
	m->walk_page = 0;
	m->remaining = mem_log_count(m->log);
	for (unsigned i = 0; i < m->streams; i++) {
		w[i] = (struct worker){ .m = m, .stream = i };
		/* the first stream's is this thread; who can't have another does their work, too */
		if (i && !pthread_create(&w[i].thread, NULL, work, &w[i]))
			w[i].up = true;
	}
	for (unsigned i = 0; i < m->streams; i++)
		if (!w[i].up)
			work(&w[i]);
	for (unsigned i = 0; i < m->streams; i++) {
		if (w[i].up)
			pthread_join(w[i].thread, NULL);
		if (w[i].ret < 0 && (!r || r == -ECANCELED)) {
			*e = w[i].e;
			r = w[i].ret;
		}
	}
	if (!r && chan_two_way(m->chan[0])) {
		r = wire_expect(m->chan[0], &m->msg, MV_ROUND_OK, e);
		if (!r && ld_le32(m->msg.data) != m->round)
			r = err_set(e, EPROTO, "answer to round %u in round %u",
				    ld_le32(m->msg.data), m->round);
	}
	return r;
}
