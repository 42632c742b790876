/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/moves/rig.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/bits.h"
#include "vmm/move/section.h"

static _Noreturn void die(const char *what, const struct err *e)
{
	fprintf(stderr, "%s: %s\n", what, e->msg);
	exit(1);
}

uint32_t rig_random(void)
{
	static uint64_t x;

	if (!x) {
		const char *seed = getenv("RIG_SEED");

		x = seed ? strtoull(seed, NULL, 0) : 1;
	}
	x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(x >> 32);
}

const char *rig_idle_kernel(bool riscv)
{
	static char path[32];
	uint64_t at = riscv ? 0x80200000 : 0x200000;
	uint8_t d[64 + 56 + 8] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 }, *ph = d + 64;
	int fd = memfd_create("idle", MFD_CLOEXEC);

	st_le16(d + 16, 2);
	st_le16(d + 18, riscv ? 243 : 62);
	st_le64(d + 24, at);
	st_le64(d + 32, 64);
	st_le16(d + 54, 56);
	st_le16(d + 56, 1);
	st_le32(ph, 1);
	st_le32(ph + 4, 5);
	st_le64(ph + 8, 120);
	st_le64(ph + 16, at);
	st_le64(ph + 24, at);
	st_le64(ph + 32, 8);
	st_le64(ph + 40, 8);
	memcpy(d + 120, riscv ? "\x6f\0\0\0\x6f\0\0\0" : "\xeb\xfe\xeb\xfe\xeb\xfe\xeb\xfe", 8);
	if (fd < 0 || write(fd, d, sizeof(d)) != sizeof(d)) {
		fprintf(stderr, "memfd: %s\n", strerror(errno));
		exit(1);
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

struct rig *rig_new(const char *const *args)
{
	struct rig *r = calloc(1, sizeof(*r));
	const char *argv[64] = { "ambi" };
	struct err e = { 0 };
	int n = 1;

	while (r && *args && n < 63)
		argv[n++] = *args++;
	if (!r)
		abort();
	r->opt = calloc(1, sizeof(*r->opt));
	r->plan = calloc(1, sizeof(*r->plan));
	r->g = calloc(1, sizeof(*r->g));
	if (!r->opt || !r->plan || !r->g)
		abort();
	if (options_parse(r->opt, n, (char **)argv, &e) || plan_make(r->plan, r->opt, &e) ||
	    guest_build(r->g, r->plan, &e))
		die("rig", &e);
	return r;
}

static gboolean on_limit(gpointer opaque)
{
	struct rig *r = opaque;

	r->timed_out = true;
	r->limit_source = 0;
	guest_end(r->g, 0);
	return G_SOURCE_REMOVE;
}

static gboolean on_tick(gpointer opaque)
{
	struct rig *r = opaque;

	r->tick_source = 0;
	if (!r->g->loop || !g_main_loop_is_running(r->g->loop))
		return G_SOURCE_REMOVE;
	r->ticks++;
	r->tick(r);
	if (r->tick)
		r->tick_source = g_timeout_add(r->period_ms +
					       rig_random() % (r->period_ms + 1), on_tick, r);
	return G_SOURCE_REMOVE;
}

int rig_run(struct rig *r)
{
	struct err e = { 0 };
	int status;

	r->limit_source = g_timeout_add(r->limit_ms ? r->limit_ms : 60000, on_limit, r);
	if (r->tick)
		r->tick_source = g_timeout_add(r->period_ms, on_tick, r);
	status = guest_run(r->g, &e);
	if (status < 0)
		die("guest_run", &e);
	if (r->tick_source)
		g_source_remove(r->tick_source);
	if (r->limit_source)
		g_source_remove(r->limit_source);
	while (g_main_context_iteration(NULL, FALSE))
		;
	return status;
}

void rig_free(struct rig *r)
{
	guest_free(r->g);
	free(r->g);
	plan_free(r->plan);
	options_free(r->opt);
	free(r->plan);
	free(r->opt);
	free(r);
}

static uint64_t mix(uint64_t h, const void *data, size_t n)
{
	const uint8_t *p = data;

	for (; n >= 8; n -= 8, p += 8)
		h = (h ^ ld_64(p)) * UINT64_C(0x100000001b3), h ^= h >> 29;
	for (; n; n--)
		h = (h ^ *p++) * UINT64_C(0x100000001b3);
	return h;
}

/*
 * What a guest's doings do not settle: time, and under KVM what the processor takes for in use:
 * it may say so of x87 or SSE state that is as it began (SDM vol. 1, 13.6, XINUSE).
 */
static bool is_loose(const char *name)
{
	return !strncmp(name, "tsc", 3) || !strcmp(name, "kvm_clock_offset") ||
	       !strcmp(name, "stimecmp") || !strcmp(name, "xstate_bv");
}

uint64_t rig_hash(struct guest *g, uint64_t from, uint64_t size)
{
	const void *at = mem_ptr(&g->vm.machine->mem, from, size);
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	struct err e = { 0 };

	for (unsigned i = 0; i < g->vm.nr_vcpus; i++)
		if (vcpu_pull(g->vm.vcpu[i], REGS_ALL, &e))
			die("pull", &e);
	if (!at)
		abort();
	h = mix(h, at, size);
	for (unsigned i = 0; i < g->vm.nr_vcpus; i++)
		for (const struct reg *r = g->vm.isa->regs; r->name; r++)
			if (!is_loose(r->name))
				h = mix(h, (char *)g->vm.vcpu[i]->state + r->off,
					(r->bits + 7) / 8u);
	return h;
}

void rig_memory_take(struct guest *g, struct rig_memory *to)
{
	struct mem *m = &g->vm.machine->mem;

	to->nr = m->nr;
	for (unsigned i = 0; i < m->nr; i++) {
		to->size[i] = m->block[i].size;
		to->data[i] = malloc(m->block[i].size);
		if (!to->data[i])
			abort();
		memcpy(to->data[i], m->block[i].host, m->block[i].size);
	}
}

void rig_memory_put(struct guest *g, const struct rig_memory *from)
{
	struct mem *m = &g->vm.machine->mem;

	for (unsigned i = 0; i < m->nr && i < from->nr; i++) {
		memcpy(m->block[i].host, from->data[i], MIN(m->block[i].size, from->size[i]));
		mem_mark(m, m->block[i].base, m->block[i].size);
	}
}

void rig_memory_free(struct rig_memory *m)
{
	for (unsigned i = 0; i < m->nr; i++)
		free(m->data[i]);
	m->nr = 0;
}

/* Where in a device's own stream, as text: the last field name before the byte is what helps. */
static void dump(const char *name, const uint8_t *a, size_t na, const uint8_t *b, size_t nb)
{
	size_t i = 0;

	while (i < na && i < nb && a[i] == b[i])
		i++;
	fprintf(stderr, "    %s: byte %zu of %zu and %zu; before it: ", name, i, na, nb);
	for (size_t j = i > 48 ? i - 48 : 0; j < i + 8 && j < na; j++)
		fprintf(stderr, a[j] >= ' ' && a[j] <= '~' ? "%c" : "<%02x>", a[j]);
	fputc('\n', stderr);
}

bool rig_same(const struct state_buf *a, const struct state_buf *b, const char *what)
{
	struct sections x, y;
	struct err e = { 0 };

	if (a->len == b->len && !memcmp(a->data, b->data, a->len))
		return true;
	fprintf(stderr, "%s: %zu and %zu bytes\n", what, a->len, b->len);
	if (sections_parse(&x, a->data, a->len, &e) || sections_parse(&y, b->data, b->len, &e))
		die("sections", &e);
	for (unsigned i = 0; i < x.nr; i++) {
		struct section *s = sections_take(&y, x.s[i].name);
		struct items p, q;

		if (s && s->len == x.s[i].len && !memcmp(s->data, x.s[i].data, s->len))
			continue;
		fprintf(stderr, "  section %s%s\n", x.s[i].name, s ? "" : " is gone");
		if (!s || items_parse(&p, &x.s[i], ~0u, "a", &e) ||
		    items_parse(&q, s, ~0u, "b", &e))
			continue;
		for (unsigned j = 0; j < p.nr && j < q.nr; j++)
			if (p.i[j].len != q.i[j].len ||
			    memcmp(p.i[j].data, q.i[j].data, p.i[j].len))
				dump(p.i[j].name, p.i[j].data, p.i[j].len, q.i[j].data,
				     q.i[j].len);
		items_free(&p);
		items_free(&q);
	}
	sections_free(&x);
	sections_free(&y);
	return false;
}
