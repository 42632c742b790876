/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshot files without a guest: memory goes in and comes back, at once or when it is touched,
 * alone or as a chain; whatever is wrong with a file is found before anything is touched; a write
 * that fails leaves what was there.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/check.h"
#include "util/bits.h"
#include "util/os.h"
#include "vmm/move/lazy.h"
#include "vmm/move/snapram.h"


enum { RAM_PAGES = 1200, ROM_PAGES = 3, CHAIN = 3 };

static struct mem mem;
static uint8_t *want[2];		/* what the blocks should hold */
static uint64_t *written[MEM_MAX_BLOCKS];
static char dir[] = "snapfile-XXXXXX";
static unsigned threads = 2;

static uint32_t chance(void)
{
	static uint32_t x = 7;

	x ^= x << 13;
	x ^= x >> 17;
	return x ^= x << 5;
}

static char *in_dir(const char *name)
{
	static char path[4][64];
	static unsigned n;
	char *p = path[n++ % 4];

	snprintf(p, 64, "%s/%s", dir, name);
	return p;
}

static void fill_page(uint8_t *p)
{
	uint32_t how = chance() % 6, v = chance();

	for (unsigned i = 0; i < MEM_PAGE_SIZE; i++)
		p[i] = how < 2 ? 0 : how == 2 ? (uint8_t)chance() : how == 3 ? 'a' :
		       (uint8_t)(v >> i % 29);
}

static void write_page(unsigned block, uint64_t page)
{
	fill_page(mem.block[block].host + page * MEM_PAGE_SIZE);
	written[block][page / 64] |= BIT(page % 64);
}

static void remember(void)
{
	for (unsigned i = 0; i < mem.nr; i++) {
		memcpy(want[i], mem.block[i].host, mem.block[i].size);
		memset(written[i], 0, mem.block[i].size / MEM_PAGE_SIZE / 8 + 8);
	}
}

static void forget(void)
{
	for (unsigned i = 0; i < mem.nr; i++)
		os_discard(mem.block[i].host, mem.block[i].size, mem.block[i].fd >= 0);
}

static bool same(void)
{
	for (unsigned i = 0; i < mem.nr; i++)
		if (memcmp(want[i], mem.block[i].host, mem.block[i].size))
			return false;
	return true;
}

static int put(struct snapwriter *w, enum snap_section which, const char *text, struct err *e)
{
	int r = snapwriter_begin(w, which, e);

	return r ? r : snapwriter_put(w, text, strlen(text), e);
}

static int save(const char *path, const struct snap_id *parent, struct snap_id *id, struct err *e)
{
	struct snapwriter *w = snapwriter_new(path, parent, e);
	struct snapram_stats st;
	uint64_t size;
	int r;

	if (!w)
		return -e->code;
	r = put(w, SNAP_META, "{}", e);
	if (!r)
		r = put(w, SNAP_STATE, "the state", e);
	if (!r)
		r = snapram_save(&mem, w, parent ? written : NULL, 1, threads, &st, e);
	if (!r)
		return snapwriter_commit(w, id, &size, e);
	snapwriter_abort(w);
	return r;
}

/* All that a load looks at, memory excepted. */
static int look(const char *path, struct err *e)
{
	struct snapfile f;
	struct snapram *ram;
	int r = snapfile_open(&f, path, e);

	if (r < 0)
		return r;
	ram = snapram_open(&mem, &f, 1, e);
	r = ram ? lazy_verify(ram, e) : -e->code;
	snapram_free(ram);
	snapfile_close(&f);
	return r;
}

static void failed(void *opaque, const struct err *e)
{
	fprintf(stderr, "a page failed: %s\n", e->msg);
	abort();
}

/* ---- restores ---- */

static void *toucher(void *opaque)
{
	uint64_t seed = (uintptr_t)opaque * 2654435761u;

	for (unsigned i = 0; i < 3000; i++) {
		uint64_t page = (seed = seed * 6364136223846793005u + 1) >> 33, at;

		page %= RAM_PAGES;
		at = page * MEM_PAGE_SIZE + (seed & 4088);
		if (ld_64(mem.block[0].host + at) != ld_64(want[0] + at))
			return "wrong";
	}
	return NULL;
}

static void restore(struct snapfile *chain, unsigned nr, bool lazily)
{
	struct err e = { 0 };
	struct snapram *r = snapram_open(&mem, chain, nr, &e);
	struct lazy *l;
	pthread_t t[4];
	uint8_t buf[MEM_PAGE_SIZE];
	void *result;
	int fd;

	CHECK(r != NULL, "%s", e.msg);
	forget();
	if (!lazily) {
		CHECK_EQ(lazy_verify(r, &e), 0);
		CHECK_EQ(lazy_load_all(&mem, r, &e), 0);
	} else {
		l = lazy_start(&mem, r, failed, NULL, &e);
		CHECK(l != NULL, "%s", e.msg);
		/* the kernel touches it, too */
		fd = open(in_dir("touch"), O_RDWR | O_CREAT | O_TRUNC, 0600);
		CHECK_EQ(pwrite(fd, mem.block[0].host + 700 * MEM_PAGE_SIZE, 4096, 0), 4096);
		CHECK_EQ(pread(fd, buf, 4096, 0), 4096);
		CHECK(!memcmp(buf, want[0] + 700 * MEM_PAGE_SIZE, 4096));
		close(fd);
		for (uintptr_t i = 0; i < 4; i++)
			pthread_create(&t[i], NULL, toucher, (void *)(i + 1));
		for (unsigned i = 0; i < 4; i++) {
			pthread_join(t[i], &result);
			CHECK(!result);
		}
		lazy_finish(l);
	}
	CHECK(same());
	snapram_free(r);
}

static void round_trips(void)
{
	struct snapfile chain[CHAIN];
	struct snap_id id[CHAIN];
	struct err e = { 0 };
	char name[16];

	for (unsigned i = 0; i < CHAIN; i++) {
		unsigned n = i ? 60 : RAM_PAGES * 2 / 3;

		while (n--)
			write_page(0, chance() % RAM_PAGES);
		write_page(1, i);
		if (i)		/* and what is zero now was not */
			memset(mem.block[0].host + 5 * MEM_PAGE_SIZE, 0, MEM_PAGE_SIZE);
		else
			memset(mem.block[0].host + 5 * MEM_PAGE_SIZE, 1, MEM_PAGE_SIZE);
		written[0][0] |= BIT(5);
		snprintf(name, sizeof(name), "%u.ambi", i);
		CHECK_EQ(save(in_dir(name), i ? &id[i - 1] : NULL, &id[i], &e), 0);
		remember();
		CHECK_EQ(snapfile_open(&chain[CHAIN - 1 - i], in_dir(name), &e), 0);
		CHECK(chain[CHAIN - 1 - i].has_parent == (i != 0));
		CHECK(!memcmp(&chain[CHAIN - 1 - i].id, &id[i], sizeof(id[i])));
		for (unsigned k = 0; k < 6; k++)
			restore(chain + CHAIN - 1 - i, i + 1, k % 2);
	}
	CHECK(chain[0].size < chain[CHAIN - 1].size / 4);
	for (unsigned i = 0; i < CHAIN; i++)
		snapfile_close(&chain[i]);
}

static bool is_zero(uint64_t page, unsigned n)
{
	const uint8_t *p = mem.block[0].host + page * MEM_PAGE_SIZE;

	return !p[0] && !memcmp(p, p + 1, n * MEM_PAGE_SIZE - 1);
}

/* Pages that are given back while others are still missing read as zero, loaded or not. */
static void discards(void)
{
	enum { GIVEN = 16 };		/* ranges, while one load goes on */
	uint64_t gone[GIVEN];
	struct err e = { 0 };
	struct snapfile f;
	struct snapram *r;
	struct lazy *l;

	CHECK_EQ(snapfile_open(&f, in_dir("0.ambi"), &e), 0);
	for (unsigned k = 0; k < 20; k++) {
		r = snapram_open(&mem, &f, 1, &e);
		forget();
		l = lazy_start(&mem, r, failed, NULL, &e);
		CHECK(l != NULL);
		for (unsigned i = 0; i < GIVEN; i++) {
			gone[i] = chance() % (RAM_PAGES - 40);
			CHECK_EQ(mem_discard(&mem, gone[i] * MEM_PAGE_SIZE, 40 * MEM_PAGE_SIZE), 0);
			CHECK(is_zero(gone[i], 40));
		}
		if (k % 2)
			lazy_end(l);
		else
			lazy_finish(l);
		for (unsigned i = 0; i < GIVEN; i++)
			CHECK(is_zero(gone[i], 40));
		snapram_free(r);
	}
	snapfile_close(&f);
}

/* ---- damage ---- */

static uint8_t *slurp(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data;

	fseek(f, 0, SEEK_END);
	*n = (size_t)ftell(f);
	rewind(f);
	data = malloc(*n);
	if (fread(data, 1, *n, f) != *n)
		abort();
	fclose(f);
	return data;
}

static uint8_t *section(const char *path, enum snap_section which, size_t *len)
{
	struct snapfile f;
	struct err e = { 0 };
	uint8_t *data = NULL;

	CHECK_EQ(snapfile_open(&f, path, &e), 0);
	*len = f.sec[which].len;
	data = malloc(*len);
	CHECK_EQ(snapfile_read_at(&f, which, 0, data, *len, &e), 0);
	snapfile_close(&f);
	return data;
}

/* However many threads pack them, the same pages make the same file. */
static void alike(void)
{
	static const unsigned by[] = { 1, 2, 3, 5, 1000 };
	uint8_t *pages[ARRAY_SIZE(by)], *index[ARRAY_SIZE(by)];
	size_t nr_pages[ARRAY_SIZE(by)], nr_index[ARRAY_SIZE(by)];
	struct err e = { 0 };
	struct snap_id id;

	for (uint64_t i = 0; i < RAM_PAGES; i++)
		write_page(0, i);
	remember();
	for (unsigned i = 0; i < ARRAY_SIZE(by); i++) {
		char *path = in_dir("alike");

		threads = by[i];
		CHECK_EQ(save(path, NULL, &id, &e), 0);
		pages[i] = section(path, SNAP_PAGES, &nr_pages[i]);
		index[i] = section(path, SNAP_INDEX, &nr_index[i]);
		CHECK(nr_pages[i] == nr_pages[0] && !memcmp(pages[i], pages[0], nr_pages[0]));
		CHECK(nr_index[i] == nr_index[0] && !memcmp(index[i], index[0], nr_index[0]));
		unlink(path);
	}
	/* more than one batch of one thread, and of two */
	CHECK(ld_le32(index[0]) > 8);
	for (unsigned i = 0; i < ARRAY_SIZE(by); i++) {
		free(pages[i]);
		free(index[i]);
	}
	threads = 2;
}

static void spill(const char *path, const uint8_t *data, size_t n)
{
	FILE *f = fopen(path, "wb");

	if (fwrite(data, 1, n, f) != n)
		abort();
	fclose(f);
}

static void damage(void)
{
	struct err e = { 0 };
	struct snap_id id;
	uint8_t *data;
	size_t n;
	int fd;

	forget();
	for (unsigned i = 0; i < 5; i++)
		memset(mem.block[0].host + (i * 7 + 1) * MEM_PAGE_SIZE, 'a' + (int)(i % 3), 4096);
	CHECK_EQ(save(in_dir("small.ambi"), NULL, &id, &e), 0);
	CHECK_EQ(look(in_dir("small.ambi"), &e), 0);
	data = slurp(in_dir("small.ambi"), &n);
	CHECK(n < 2000);
	spill(in_dir("bad.ambi"), data, n);
	fd = open(in_dir("bad.ambi"), O_RDWR);
	for (size_t i = 0; i < n * 8; i++) {
		uint8_t bad = data[i / 8] ^ (uint8_t)(1 << i % 8);

		CHECK_EQ(pwrite(fd, &bad, 1, (off_t)(i / 8)), 1);
		e.msg[0] = '\0';
		CHECK(look(in_dir("bad.ambi"), &e) < 0, "bit %zu", i);
		CHECK(e.msg[0] && e.code);
		CHECK_EQ(pwrite(fd, &data[i / 8], 1, (off_t)(i / 8)), 1);
	}
	CHECK_EQ(look(in_dir("bad.ambi"), &e), 0);
	for (size_t i = n; i-- > 0;) {
		CHECK_EQ(ftruncate(fd, (off_t)i), 0);
		CHECK(look(in_dir("bad.ambi"), &e) < 0, "%zu bytes", i);
	}
	close(fd);
	/* longer, and something before it */
	data = realloc(data, n + 1);
	data[n] = 0;
	spill(in_dir("bad.ambi"), data, n + 1);
	CHECK(look(in_dir("bad.ambi"), &e) < 0);
	/* the version comes before everything else */
	data[8] = SNAP_VERSION + 1;
	spill(in_dir("bad.ambi"), data, n);
	CHECK_EQ(look(in_dir("bad.ambi"), &e), -ENOTSUP);
	CHECK_HAS(e.msg, "a newer one is needed");
	free(data);
	CHECK(look(dir, &e) < 0);
	CHECK(look(in_dir("none"), &e) < 0);
	CHECK(look("/dev/null", &e) < 0);
}

/* ---- writes that fail ---- */

static void no_room(void)
{
	struct rlimit old, few;
	struct err e = { 0 };
	struct snap_id id;
	uint8_t *before, *after;
	size_t n, n2;
	struct stat st;

	for (unsigned i = 0; i < 300; i++)
		for (unsigned k = 0; k < 4096; k++)
			mem.block[0].host[i * 4096 + k] = (uint8_t)chance();
	CHECK_EQ(save(in_dir("full.ambi"), NULL, &id, &e), 0);
	CHECK_EQ(stat(in_dir("full.ambi"), &st), 0);
	CHECK_EQ(st.st_mode & 0777, 0600);
	before = slurp(in_dir("full.ambi"), &n);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	for (unsigned i = 0; i < 40; i++) {
		few = (struct rlimit){ i < 38 ? i * n / 38 : n - 40 + i, old.rlim_max };
		setrlimit(RLIMIT_FSIZE, &few);
		CHECK(save(in_dir("full.ambi"), NULL, &id, &e) < 0);
		setrlimit(RLIMIT_FSIZE, &old);
		after = slurp(in_dir("full.ambi"), &n2);
		CHECK(n == n2 && !memcmp(before, after, n));
		free(after);
	}
	/* nothing else is left in the directory; then it goes, and with it this test's files */
	CHECK_EQ(save(in_dir("full.ambi"), NULL, &id, &e), 0);
	CHECK_EQ(look(in_dir("full.ambi"), &e), 0);
	free(before);
	CHECK(save(in_dir("none/full.ambi"), NULL, &id, &e) < 0);
	CHECK(save(dir, NULL, &id, &e) < 0);
}

/* What no load would take is not written. */
static void too_long(void)
{
	struct err e = { 0 };
	struct snapwriter *w = snapwriter_new(in_dir("full.ambi"), NULL, &e);

	CHECK(w && !snapwriter_begin(w, SNAP_INDEX, &e), "%s", e.msg);
	CHECK(w && !snapwriter_put(w, "index", 5, &e), "%s", e.msg);
	CHECK(w && snapwriter_put(w, "", (size_t)1 << 30, &e) == -EFBIG, "%s", e.msg);
	snapwriter_abort(w);
}

static unsigned clean_up(void)
{
	static const char *const names[] = { "0.ambi", "1.ambi", "2.ambi", "small.ambi", "bad.ambi",
					     "full.ambi", "touch" };

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		unlink(in_dir(names[i]));
	return rmdir(dir) < 0;		/* something is left */
}

int main(void)
{
	struct err e = { 0 };

	if (!mkdtemp(dir))
		return 99;
	CHECK_EQ(mem_add(&mem, "ram", 0, RAM_PAGES * MEM_PAGE_SIZE, 0, &e), 0);
	CHECK_EQ(mem_add(&mem, "rom", 1 << 30, ROM_PAGES * MEM_PAGE_SIZE, MEM_ROM, &e), 0);
	for (unsigned i = 0; i < mem.nr; i++) {
		want[i] = calloc(mem.block[i].size, 1);
		written[i] = calloc(mem.block[i].size / MEM_PAGE_SIZE / 64 + 2, 8);
	}
	round_trips();
	discards();
	alike();
	damage();
	no_room();
	too_long();
	CHECK_EQ(clean_up(), 0);
	return check_done();
}
