/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile source speaks to a destination: messages in almost the right order, with what a sound
 * source would send, and the input's changes to it; checksums are right. The destination takes it,
 * or says why not; it never runs the guest without MV_GO. (State alone: fuzz_moves_state.)
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/moves/rig.h"
#include "util/bits.h"
#include "util/crc32c.h"
#include "vmm/move/migrate_int.h"

enum { MAX_MESSAGES = 24, MAX_BYTES = 128 << 10 };

static struct rig *rig;
static struct state_buf state;
static uint8_t *blocks;
static size_t blocks_len;
static struct page_packer *packer;
static uint8_t out[MAX_BYTES];
static size_t out_len;
static bool gentle;			/* sound messages only, for now */
static uint64_t nr_pages;		/* of sound chunks */

static _Noreturn void die(const char *what, const struct err *e)
{
	dprintf(2, "fuzz_incoming: %s: %s\n", what, e ? e->msg : strerror(errno));
	abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *args[] = { "-machine", "virt", "-accel", "tcg,interp=on", "-m", "16",
			       "-kernel", rig_idle_kernel(true), "-serial", "null", NULL };
	struct err e = { 0 };

	rig = rig_new(args);
	if (!getenv("AMBI_FUZZ_VERBOSE") && !(stderr = fopen("/dev/null", "we")))
		die("/dev/null", NULL);
	boot_vcpu(&rig->g->boot, rig->g->plan, rig->g->vm.vcpu[0]);
	rig->g->cpu[0].power = CPU_STARTED;
	rig->g->loop = g_main_loop_new(NULL, FALSE);
	if (guest_freeze(rig->g, &e) || guest_state_save(rig->g, &state, &e))
		die("save", &e);
	blocks = page_blocks_save(&rig->g->vm.machine->mem, &blocks_len, &e);
	packer = page_packer_new(-1, &e);
	if (!blocks || !packer)
		die("pages", &e);
	return 0;
}

/* A message with the input's changes; CRCs are made right again. */
static void message(struct fuzz_in *in, enum wire_type type, const void *data, size_t len)
{
	uint8_t how = gentle ? 0 : in_u8(in), *head = out + out_len, *p = head + WIRE_HEAD;
	uint32_t crc;

	if (out_len + WIRE_HEAD + len + 16 > sizeof(out))
		return;
	memcpy(p, data, len);
	if (how % 8 == 1 && len)
		len -= in_u16(in) % len;
	if (how % 8 == 2) {
		memset(p + len, in_u8(in), 16);
		len += 1 + in_u8(in) % 16;
	}
	for (unsigned n = how % 8 == 3 ? 1 + in_u8(in) % 8 : 0; n && len; n--)
		p[in_u16(in) % len] = in_u8(in);
	if (type == MV_PAGES && len > 16 && how % 16 != 11) {
		st_le32(p + 8, how % 32 == 19 ? in_u32(in) : (uint32_t)len);
		st_le32(p + 4, crc32c(0, p + 8, len - 8));
	}
	st_le32(head, 0x4d424d41);
	st_le16(head + 4, how == 77 ? in_u8(in) : (uint16_t)type);
	st_le16(head + 6, how == 78);
	st_le32(head + 8, how == 79 ? in_u32(in) : (uint32_t)len);
	crc = crc32c(0, head, 12);
	if (type != MV_PAGES)
		crc = crc32c(crc, p, len);
	st_le32(head + 12, how == 80 ? ~crc : crc);
	out_len += WIRE_HEAD + len;
}

static void pages(struct fuzz_in *in)
{
	const struct mem *mem = &rig->g->vm.machine->mem;
	struct page_ref ref[4];
	unsigned n = 1 + in_u8(in) % 4;
	const uint8_t *data;
	size_t len;

	for (unsigned i = 0; i < n; i++) {
		ref[i].block = in_u8(in) % mem->nr;
		ref[i].page = in_u16(in) % (mem->block[ref[i].block].size >> MEM_PAGE_BITS);
	}
	nr_pages += n;
	data = page_pack(packer, &rig->g->vm.machine->mem, ref, n, &len);
	message(in, MV_PAGES, data, len);
}

/* true: MV_GO is in it, and nothing of post-copy (its loss would be the process's end). */
static bool stream(struct fuzz_in *in)
{
	struct wire_hello h = { .version = 1, .streams = 1, .flags = in_u8(in) & 6 };
	uint8_t b[64] = { 0 }, plain[64] = { 0 };
	unsigned round = 0, n = in_u8(in) % MAX_MESSAGES;
	bool missing = false, go = false;

	out_len = nr_pages = 0;
	gentle = in_u8(in) % 4;
	wire_hello_put(&h, b);
	message(in, MV_HELLO, b, WIRE_HELLO);
	message(in, MV_BLOCKS, blocks, blocks_len);
	message(in, MV_CHECK, state.data, state.len);
	message(in, MV_DISKS, plain, 4);
	gentle = in_u8(in) % 4 == 1;
	while (n--) {
		memset(b, 0, sizeof(b));
		switch (in_u8(in) % 16) {
		case 0: case 1: case 2: case 3: case 4:
			pages(in);
			break;
		case 5: case 6:
			st_le32(b, ++round);
			message(in, MV_ROUND, b, 4);
			break;
		case 7:
			missing = true;
			st_le32(b, in_u8(in) % 4);
			st_le32(b + 4, in_u8(in) * 64u);
			for (unsigned i = 8; i < 40; i++)
				b[i] = in_u8(in);
			message(in, MV_MISSING, b, 40);
			break;
		case 8: case 9:
			message(in, MV_STATE, state.data, state.len);
			break;
		case 10:
			st_le64(b, in_u8(in) % 4 ? nr_pages : in_u8(in));
			message(in, MV_END, b, 20);
			break;
		case 11:
			if (!missing) {
				go = true;
				message(in, MV_GO, plain, 0);
			}
			break;
		case 12:
			st_le32(b + 16, in_u16(in));
			message(in, MV_DISK, b, 24 + in_u8(in) % 32);
			break;
		case 13:
			message(in, MV_CANCEL, "enough", 6);
			break;
		case 14:
			if (missing || in_u8(in) % 2) {
				message(in, MV_BYE, plain, 0);
				break;
			}
			st_le64(b, nr_pages);
			message(in, MV_STATE, state.data, state.len);
			message(in, MV_END, b, 20);
			message(in, MV_GO, plain, 0);
			go = true;
			break;
		default:
			message(in, MV_ALL, plain, 0);
		}
	}
	return go;
}

static bool over(struct migration *m)
{
	bool r;

	pthread_mutex_lock(&m->lock);
	r = m->thread_done;
	pthread_mutex_unlock(&m->lock);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, data + size };
	struct timespec nap = { .tv_nsec = 20000 };
	int sv[2], big = MAX_BYTES * 2;
	bool go = stream(&in);
	struct err e = { 0 };
	char uri[32];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0)
		die("socketpair", NULL);
	setsockopt(sv[0], SOL_SOCKET, SO_SNDBUF, &big, sizeof(big));
	if (send(sv[0], out, out_len, MSG_DONTWAIT) != (ssize_t)out_len)
		die("send", NULL);
	shutdown(sv[0], SHUT_WR);
	snprintf(uri, sizeof(uri), "fd:%d", sv[1]);
	if (migrate_incoming(rig->g, uri, &e) < 0)
		die("migrate_incoming", &e);
	while (!over(rig->g->migration)) {
		while (g_main_context_iteration(NULL, FALSE))
			;
		nanosleep(&nap, NULL);
	}
	while (g_main_context_iteration(NULL, FALSE))
		;
	migrate_end(rig->g);
	close(sv[0]);
	close(sv[1]);
	if (!guest_is_frozen(rig->g)) {
		if (!go)
			die("the guest runs without go", NULL);
		if (guest_freeze(rig->g, &e) < 0)
			die("freeze", &e);
	}
	rig->g->running = rig->g->ending = false;
	return 0;
}
