/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile guest and an erratic host against vsock connections. What the guest is
 * sent keeps to the rules: whole headers, no more bytes than it gave credit for, data
 * only of open connections.
 */
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/iov.h"
#include "io/vsock/vsock.h"
#include "util/bits.h"

#define CID 3u
#define HOST_ENDS 8u
#define GUEST_PORTS 4u
enum { REQUEST = 1, RESPONSE, RST, SHUTDOWN, RW, CREDIT, CREDIT_REQUEST };

static char dir[] = "/var/tmp/ambi-fuzz-vsock-XXXXXX", path[64], server_path[80];
static int server = -1;
static struct vsock *v;
static int host[HOST_ENDS];
static uint8_t rx[5000];
static struct iovec rx_iov[2];
static unsigned buffers;		/* that the guest has given */
static bool taken;

/* Connections as the guest sees them: the credit that it gave, and what came. */
static struct { bool used; uint32_t gport, hport, alloc, fwd, got; } seen[64];

static void fail(const char *what)
{
	fprintf(stderr, "fuzz_vsock: %s\n", what);
	abort();
}

static unsigned slot(uint32_t gport, uint32_t hport)
{
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(seen); i++)
		if (seen[i].used && seen[i].gport == gport && seen[i].hport == hport)
			return i;
	for (i = 0; i < ARRAY_SIZE(seen) - 1 && seen[i].used; i++)
		;
	memset(&seen[i], 0, sizeof(seen[i]));
	seen[i].used = true;
	seen[i].gport = gport;
	seen[i].hport = hport;
	return i;
}

static bool get(void *opaque, struct vsock_buf *b)
{
	if (taken)
		fail("two buffers at once");
	if (!buffers)
		return false;
	buffers--;
	taken = true;
	memset(rx, 0, VSOCK_HDR_SIZE);
	*b = (struct vsock_buf){ rx_iov, 2, rx_iov[0].iov_len + rx_iov[1].iov_len };
	return true;
}

static void put(void *opaque, uint32_t len)
{
	uint32_t n = ld_le32(rx + 24), op = ld_le16(rx + 30);
	unsigned i;

	if (!taken)
		fail("a buffer that was not taken");
	taken = false;
	if (!len) {
		buffers++;
		return;
	}
	if (len != VSOCK_HDR_SIZE + n || ld_le64(rx) != 2 || ld_le64(rx + 8) != CID ||
	    op < REQUEST || op > CREDIT_REQUEST || (op != RW && n) || (op == RW && !n))
		fail("a malformed packet");
	if (ld_le16(rx + 28) != 1) {
		if (op != RST)
			fail("a packet of no stream");
		return;
	}
	i = slot(ld_le32(rx + 20), ld_le32(rx + 16));
	if (i == ARRAY_SIZE(seen) - 1)
		return;			/* too many to keep books of */
	if (op == RW) {
		uint32_t flight = seen[i].got - seen[i].fwd;

		if (flight > seen[i].alloc || n > seen[i].alloc - flight)
			fail("more than there was credit for");
		seen[i].got += n;
	}
	if (op == RST || op == REQUEST)
		seen[i].used = false;
}

static void flush(void *opaque) { }

static const struct vsock_ops ops = { get, put, flush };

static uint32_t host_port(struct fuzz_in *in)
{
	unsigned n = in_u8(in);

	return n < 120 ? 5 : n < 240 ? (1u << 30) + n % 6 : in_u32(in);
}

static void packet(struct fuzz_in *in)
{
	uint8_t raw[600];
	unsigned odd = in_u8(in), n = in_u8(in) * 2u, op = 1 + in_u8(in) % 7, i;
	uint32_t gport = in_u8(in) % GUEST_PORTS, hport = host_port(in);
	uint32_t alloc = odd & 1 ? 1000u * in_u8(in) : in_u32(in);
	uint32_t fwd = odd & 2 ? 0 : in_u32(in);
	struct iovec iov[2] = { { raw, 30 }, { raw + 30, VSOCK_HDR_SIZE - 30 + n } };
	bool known = odd < 250;

	/* The books must know of what may begin a connection. */
	if (!known && op == REQUEST)
		op = RESPONSE;
	memset(raw, (int)n, sizeof(raw));
	st_le64(raw, odd == 255 ? 9 : CID);
	st_le64(raw + 8, odd == 254 ? 9 : 2);
	st_le32(raw + 16, gport);
	st_le32(raw + 20, hport);
	st_le32(raw + 24, odd == 253 ? in_u32(in) : op == RW ? n : 0);
	st_le16(raw + 28, odd == 252 ? 2 : 1);
	st_le16(raw + 30, (uint16_t)(odd == 251 ? in_u16(in) | 8 : op));
	st_le32(raw + 32, in_u8(in) & 3);
	st_le32(raw + 36, alloc);
	st_le32(raw + 40, fwd);
	if (odd == 250)
		iov[1].iov_len = in_u8(in) % 20;
	/* Detached, nothing is sent to the guest: books and credit change together. */
	vsock_attach(v, NULL, NULL);
	i = slot(gport, hport);
	if (known && op == REQUEST)
		seen[i].got = 0;
	seen[i].alloc = known ? alloc : UINT32_MAX;
	seen[i].fwd = known ? fwd : seen[i].got;
	vsock_packet(v, iov, 2, 30 + iov[1].iov_len);
	vsock_attach(v, &ops, NULL);
}

static void host_end(struct fuzz_in *in)
{
	unsigned i = in_u8(in) % HOST_ENDS, what = in_u8(in) % 8;
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char buf[4000];

	if (host[i] < 0) {
		if (what & 1) {
			host[i] = accept4(server, NULL, NULL, SOCK_NONBLOCK);
			return;
		}
		host[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		strcpy(a.sun_path, path);
		if (connect(host[i], (struct sockaddr *)&a, sizeof(a)) < 0)
			return;
		what = in_u8(in);
		if (what < 200)
			snprintf(buf, sizeof(buf), "CONNECT %u\nmore", what % GUEST_PORTS);
		else
			snprintf(buf, sizeof(buf), "CON%u%s", what, what & 1 ? "\n" : "");
		if (send(host[i], buf, strlen(buf), MSG_NOSIGNAL) < 0)
			return;
		return;
	}
	memset(buf, 'h', sizeof(buf));
	switch (what) {
	case 0: case 1: case 2:
		if (send(host[i], buf, 1 + in_u8(in) * 15u, MSG_NOSIGNAL) < 0)
			return;
		break;
	case 3: case 4: case 5:
		if (recv(host[i], buf, sizeof(buf), 0) < 0)
			return;
		break;
	case 6: shutdown(host[i], in_u8(in) % 3); break;
	case 7:
		close(host[i]);
		host[i] = -1;
		break;
	}
}

static void clean_up(void)
{
	unlink(server_path);
	unlink(path);
	rmdir(dir);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (!mkdtemp(dir))
		exit(2);
	snprintf(path, sizeof(path), "%s/s", dir);
	snprintf(server_path, sizeof(server_path), "%s_5", path);
	server = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	strcpy(a.sun_path, server_path);
	if (bind(server, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(server, 64) < 0)
		exit(2);
	atexit(clean_up);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, data + size };
	struct err e = { 0 };
	int fd;

	v = vsock_new(CID, path, &e);
	if (!v)
		fail(e.msg);
	memset(seen, 0, sizeof(seen));
	memset(host, 0xff, sizeof(host));
	buffers = 0;
	taken = false;
	while (in.p < in.end) {
		switch (in_u8(&in) % 10) {
		case 0: case 1: case 2: case 3: packet(&in); break;
		case 4: case 5: host_end(&in); break;
		case 6: case 7: case 8:
			vsock_attach(v, NULL, NULL);
			buffers = in_u8(&in) % 16;
			rx_iov[0] = (struct iovec){ rx, 1 + in_u8(&in) };
			rx_iov[1] = (struct iovec){ rx + rx_iov[0].iov_len,
						    VSOCK_HDR_SIZE + in_u8(&in) * 18u };
			vsock_attach(v, &ops, NULL);
			vsock_pump(v);
			break;
		case 9:
			if (in_u8(&in) < 8) {
				vsock_attach(v, NULL, NULL);
				vsock_reset(v);
				memset(seen, 0, sizeof(seen));
				vsock_attach(v, &ops, NULL);
			}
			break;
		}
	}
	vsock_free(v);
	for (unsigned i = 0; i < HOST_ENDS; i++)
		if (host[i] >= 0)
			close(host[i]);
	while ((fd = accept(server, NULL, NULL)) >= 0)
		close(fd);
	return 0;
}
