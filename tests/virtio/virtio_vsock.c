/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vsock: connections both ways, their ends, credit both ways, refusals, packets
 * that no driver sends, many connections, a save.
 */
#include "tests/virtio/driver.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "io/vsock/vsock.h"

#define CID 7u
#define BUF 4096u
#define NR_RX 32u
enum { REQUEST = 1, RESPONSE, RST, SHUTDOWN, RW, CREDIT, CREDIT_REQUEST };

static char dir[] = "/var/tmp/ambi-vsock-XXXXXX", path[64];
static struct bus *b;
static struct drv v;
static struct gq rx, tx, ev;
static uint64_t rx_at[NR_RX], tx_at;

struct pkt {
	uint32_t src_port, dst_port, len, flags, alloc, fwd;
	uint16_t op, type;
	const uint8_t *data;
};

static void give_rx(unsigned i)
{
	struct buf in = { rx_at[i], BUF };

	gq_add(&rx, NULL, 0, &in, 1);
}

static void start(uint64_t features, bool buffers)
{
	v.next = BUS_RAM;
	drv_negotiate(&v, features);
	gq_setup(&rx, &v, 0, NR_RX);
	gq_setup(&tx, &v, 1, 16);
	gq_setup(&ev, &v, 2, 4);
	for (unsigned i = 0; i < NR_RX; i++)
		rx_at[i] = guest_alloc(&v, BUF, 8);
	tx_at = guest_alloc(&v, 70000, 8);
	drv_ok(&v);
	for (unsigned i = 0; buffers && i < NR_RX; i++)
		give_rx(i);
	gq_notify(&rx);
}

/* The guest's packet; alloc and fwd are its credit. */
static void send_raw(uint64_t src_cid, uint64_t dst_cid, unsigned type, const struct pkt *p)
{
	uint8_t *h = ram(&v, tx_at);
	struct buf out[2] = { { tx_at, 44 }, { tx_at + 64, p->len } };

	st_le64(h, src_cid);
	st_le64(h + 8, dst_cid);
	st_le32(h + 16, p->src_port);
	st_le32(h + 20, p->dst_port);
	st_le32(h + 24, p->len);
	st_le16(h + 28, (uint16_t)type);
	st_le16(h + 30, p->op);
	st_le32(h + 32, p->flags);
	st_le32(h + 36, p->alloc);
	st_le32(h + 40, p->fwd);
	if (p->data)
		memcpy(h + 64, p->data, p->len);
	gq_add(&tx, out, p->data ? 2 : 1, NULL, 0);
	gq_notify(&tx);
	gq_wait(&tx, NULL);
}

static uint32_t alloc = 1 << 20, fwd;

static void tell(uint32_t guest_port, uint32_t host_port, unsigned op, uint32_t flags,
		 const void *data, uint32_t len)
{
	struct pkt p = { .src_port = guest_port, .dst_port = host_port, .op = (uint16_t)op,
			 .flags = flags, .alloc = alloc, .fwd = fwd, .data = data, .len = len };

	send_raw(CID, 2, 1, &p);
}

static struct pkt last;
static uint8_t payload[BUF];

/* The next packet for the guest; its buffer is given back. */
static struct pkt *hear(void)
{
	unsigned head;
	uint32_t len;
	uint8_t *h;
	uint64_t at;

	head = gq_wait(&rx, &len);
	at = rx.first[head];
	h = ram(&v, at);
	CHECK_EQ(ld_le64(h), 2);
	CHECK_EQ(ld_le64(h + 8), CID);
	last = (struct pkt){ .src_port = ld_le32(h + 16), .dst_port = ld_le32(h + 20),
			     .len = ld_le32(h + 24), .type = ld_le16(h + 28), .op = ld_le16(h + 30),
			     .flags = ld_le32(h + 32), .alloc = ld_le32(h + 36),
			     .fwd = ld_le32(h + 40) };
	CHECK(last.type == 1 || last.op == RST);
	CHECK_EQ(len, 44 + last.len);
	memcpy(payload, h + 44, MIN(last.len, BUF - 44));
	for (unsigned i = 0; i < NR_RX; i++)
		if (rx_at[i] == at)
			give_rx(i);
	gq_notify(&rx);
	return &last;
}

/* The next one that is no credit update. */
static struct pkt *hear_op(unsigned op)
{
	do
		hear();
	while (last.op == CREDIT && op != CREDIT);
	CHECK_EQ(last.op, op);
	return &last;
}

/* The host closed: its end of sending may be seen, and told, before its end of receiving. */
static void hear_closed(void)
{
	if (hear_op(SHUTDOWN)->flags == 2)
		hear_op(SHUTDOWN);
	CHECK_EQ(last.flags, 3);
}

static int unix_socket(const char *suffix, bool server)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s%s", path, suffix);
	if (server) {
		unlink(a.sun_path);
		CHECK(!bind(fd, (struct sockaddr *)&a, sizeof(a)) && !listen(fd, 128));
	} else if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool read_exactly(int fd, void *buf, size_t n)
{
	return recv(fd, buf, n, MSG_WAITALL) == (ssize_t)n;
}

static bool at_eof(int fd)
{
	char c;

	return recv(fd, &c, 1, 0) == 0;
}

/* Host port of a connection that the host began to guest port 99; the answer is `op`. */
static int host_connect(unsigned op, uint32_t *port, const char *greeting)
{
	int fd = unix_socket("", false);
	char line[64] = "", want[64];

	CHECK(fd >= 0);
	CHECK(write(fd, greeting, strlen(greeting)) == (ssize_t)strlen(greeting));
	hear_op(REQUEST);
	CHECK_EQ(last.dst_port, 99);
	*port = last.src_port;
	tell(99, *port, op, 0, NULL, 0);
	if (op == RST) {
		CHECK(at_eof(fd));
		return fd;
	}
	snprintf(want, sizeof(want), "OK %u\n", *port);
	CHECK(read_exactly(fd, line, strlen(want)));
	CHECK(!strcmp(line, want), "%s", line);
	return fd;
}

static void from_host(void)
{
	uint32_t port, other;
	char buf[64] = "";
	int fd, fd2;

	/* What comes with the greeting is the guest's already. */
	fd = host_connect(RESPONSE, &port, "CONNECT 99\nearly");
	CHECK(port >= 1u << 30);
	hear_op(RW);
	CHECK(last.len == 5 && !memcmp(payload, "early", 5));
	tell(99, port, RW, 0, "hello", 5);
	CHECK(read_exactly(fd, buf, 5) && !memcmp(buf, "hello", 5));
	/* A second one, of another port of the host's. */
	fd2 = host_connect(RESPONSE, &other, "CONNECT 99\n");
	CHECK(other != port);
	shutdown(fd2, SHUT_RDWR);
	hear_closed();
	CHECK_EQ(last.src_port, other);
	/* Its end is told once, though the host's socket says so again. */
	close(fd2);
	CHECK(write(fd, "x", 1) == 1);
	hear_op(RW);
	CHECK(last.src_port == port && last.len == 1);
	tell(99, other, RST, 0, NULL, 0);
	/* Half closed by the host: the guest may go on. */
	shutdown(fd, SHUT_WR);
	hear_op(SHUTDOWN);
	CHECK_EQ(last.flags, 2);
	tell(99, port, RW, 0, "more", 4);
	CHECK(read_exactly(fd, buf, 4) && !memcmp(buf, "more", 4));
	tell(99, port, SHUTDOWN, 3, NULL, 0);
	hear_op(RST);
	CHECK(at_eof(fd));
	close(fd);
	close(host_connect(RST, &port, "CONNECT 99\n"));
	/* What is no greeting is not for the guest. */
	for (unsigned i = 0; i < 6; i++) {
		static const char *const bad[] = {
			"GET / HTTP/1.0\n", "CONNECT\n", "CONNECT -1\n", "CONNECT 4294967296\n",
			"CONNECT 12x\n", "CONNECT 000000000000000000000000000000000000001\n",
		};

		fd = unix_socket("", false);
		CHECK(write(fd, bad[i], strlen(bad[i])) > 0);
		shutdown(fd, SHUT_WR);
		CHECK(recv(fd, buf, 1, 0) <= 0);
		close(fd);
	}
}

static int guest_connect(int server, uint32_t guest_port)
{
	int fd;

	tell(guest_port, 1234, REQUEST, 0, NULL, 0);
	hear_op(RESPONSE);
	CHECK_EQ(last.src_port, 1234);
	CHECK_EQ(last.dst_port, guest_port);
	CHECK(last.alloc >= 65536);
	fd = accept(server, NULL, NULL);
	CHECK(fd >= 0);
	return fd;
}

static void from_guest(void)
{
	int server = unix_socket("_1234", true), fd;
	char buf[64] = "";

	tell(50, 4321, REQUEST, 0, NULL, 0);		/* nobody listens */
	hear_op(RST);
	CHECK(last.src_port == 4321 && last.dst_port == 50);
	fd = guest_connect(server, 50);
	CHECK(write(fd, "welcome", 7) == 7);
	hear_op(RW);
	CHECK(last.len == 7 && !memcmp(payload, "welcome", 7));
	/* Half closed by the guest. */
	tell(50, 1234, RW, 0, "bye", 3);
	tell(50, 1234, SHUTDOWN, 2, NULL, 0);
	CHECK(read_exactly(fd, buf, 3) && !memcmp(buf, "bye", 3));
	CHECK(at_eof(fd));
	CHECK(write(fd, "still here", 10) == 10);
	hear_op(RW);
	CHECK_EQ(last.len, 10);
	/* After its end it cannot say more. */
	tell(50, 1234, RW, 0, "oops", 4);
	hear_op(RST);
	CHECK(at_eof(fd));
	close(fd);
	/* The host goes away with data on its way. */
	fd = guest_connect(server, 51);
	CHECK(write(fd, "last words", 10) == 10);
	close(fd);
	hear_op(RW);
	CHECK_EQ(last.len, 10);
	hear_closed();
	hear_op(RST);		/* the guest never answered: 2 s */
	/* The same port twice. */
	fd = guest_connect(server, 52);
	tell(52, 1234, REQUEST, 0, NULL, 0);
	hear_op(RST);
	CHECK(at_eof(fd));
	close(fd);
	/* The guest resets. */
	fd = guest_connect(server, 53);
	tell(53, 1234, RST, 0, NULL, 0);
	CHECK(at_eof(fd));
	close(fd);
	close(server);
}

/* The guest's words: as many bytes as it gave credit for, not one more. */
static void credit_of_guest(void)
{
	static uint8_t big[100000];
	int server = unix_socket("_1234", true), fd;
	uint32_t got = 0;

	for (unsigned i = 0; i < sizeof(big); i++)
		big[i] = (uint8_t)(i * 13);
	alloc = 10000;
	fwd = 0;
	fd = guest_connect(server, 60);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	CHECK(write(fd, big, sizeof(big)) > 50000);
	while (got < alloc) {
		hear_op(RW);
		CHECK(!memcmp(payload, big + got, last.len));
		got += last.len;
	}
	CHECK_EQ(got, alloc);
	hear_op(CREDIT_REQUEST);
	usleep(20000);
	CHECK(!gq_used(&rx));
	/* It has read 6000 of them. */
	fwd = 6000;
	tell(60, 1234, CREDIT, 0, NULL, 0);
	while (got < alloc + fwd) {
		hear_op(RW);
		CHECK(!memcmp(payload, big + got, last.len));
		got += last.len;
	}
	CHECK_EQ(got, 16000);
	/* Nonsense: more read than was sent. */
	hear_op(CREDIT_REQUEST);
	fwd = 50000;
	tell(60, 1234, CREDIT, 0, NULL, 0);
	usleep(20000);
	CHECK(!gq_used(&rx));
	tell(60, 1234, RST, 0, NULL, 0);
	CHECK(read(fd, big, 1) <= 0);
	close(fd);
	close(server);
	alloc = 1 << 20;
	fwd = 0;
}

/* Ours: a reader that does not read stops the guest; then all arrives, in order. */
static void credit_of_host(void)
{
	static uint8_t piece[32768], back[32768];
	int server = unix_socket("_1234", true), fd;
	uint32_t total = 0, told = 0, limit;

	fd = guest_connect(server, 70);
	limit = last.alloc;
	while (total + sizeof(piece) <= limit + told) {
		for (unsigned i = 0; i < sizeof(piece); i++)
			piece[i] = (uint8_t)((total + i) * 7 >> 3);
		tell(70, 1234, RW, 0, piece, sizeof(piece));
		total += sizeof(piece);
		while (gq_used(&rx)) {
			hear_op(CREDIT);
			told = last.fwd;
		}
		CHECK(total < 4 << 20);
	}
	/* The guest ends; what is on the way is not lost. */
	tell(70, 1234, SHUTDOWN, 3, NULL, 0);
	for (uint32_t at = 0; at < total; at += sizeof(back)) {
		CHECK(read_exactly(fd, back, sizeof(back)));
		for (unsigned i = 0; i < sizeof(back); i++)
			if (back[i] != (uint8_t)((at + i) * 7 >> 3)) {
				CHECK(false, "byte %u differs", at + i);
				break;
			}
	}
	CHECK(at_eof(fd));
	hear_op(RST);
	close(fd);
	/* More than its credit: no. */
	fd = guest_connect(server, 71);
	for (unsigned i = 0; i < 40 && !gq_used(&rx); i++)
		tell(71, 1234, RW, 0, piece, sizeof(piece));
	hear_op(CREDIT);
	do {
		for (unsigned i = 0; i < 40 && !gq_used(&rx); i++)
			tell(71, 1234, RW, 0, piece, sizeof(piece));
		hear();
	} while (last.op == CREDIT);
	CHECK_EQ(last.op, RST);
	/* what was sent before it was heard is answered by one of its own: up to a known one */
	tell(72, 7, RW, 0, piece, 1);
	do
		hear_op(RST);
	while (last.dst_port == 71);
	CHECK_EQ(last.dst_port, 72);
	close(fd);
	close(server);
}

static void strange_packets(void)
{
	struct pkt p = { .src_port = 5, .dst_port = 6, .op = RW, .alloc = 1, .data = payload };
	int server = unix_socket("_1234", true), fd;

	for (unsigned op = 0; op < 20; op++) {
		p.op = (uint16_t)op;
		p.len = 4;
		send_raw(CID, 2, 1, &p);
		if (op != RST)
			hear_op(RST);
	}
	p.op = REQUEST;
	send_raw(CID + 1, 2, 1, &p);	/* not who it is */
	send_raw(CID, 3, 1, &p);	/* not who we are */
	send_raw(CID, UINT64_MAX, 1, &p);
	send_raw(CID, 2, 2, &p);	/* no stream: an answer to just that */
	hear_op(RST);
	CHECK_EQ(last.type, 2);
	send_raw(CID, 2, 77, &p);
	hear_op(RST);
	CHECK_EQ(last.type, 77);
	/* A length that is not there, on an open connection; a header cut off. */
	fd = guest_connect(server, 80);
	{
		struct buf out = { tx_at, 44 };
		uint8_t *h = ram(&v, tx_at);

		st_le16(h + 30, RW);
		st_le32(h + 24, 100000);
		gq_add(&tx, &out, 1, NULL, 0);
		gq_notify(&tx);
		gq_wait(&tx, NULL);
		out.len = 20;
		gq_add(&tx, &out, 1, NULL, 0);
		gq_notify(&tx);
		gq_wait(&tx, NULL);
	}
	tell(80, 1234, RW, 0, "ok", 2);
	CHECK(read_exactly(fd, payload, 2) && !memcmp(payload, "ok", 2));
	tell(80, 1234, 99, 0, NULL, 0);
	hear_op(RST);
	CHECK(at_eof(fd));
	close(fd);
	close(server);
	CHECK(!gq_used(&rx));
}

/* Without receive buffers nothing gets lost but resets of nothing, and nothing grows. */
static void no_buffers(void)
{
	int server = unix_socket("_1234", true), fd;

	machine_reset(b->m, RESET_WARM);
	start(UINT64_MAX, false);
	tell(90, 1234, REQUEST, 0, NULL, 0);
	fd = accept(server, NULL, NULL);
	CHECK(write(fd, "waits", 5) == 5);
	for (unsigned i = 0; i < 1000; i++)
		tell(i, 7, RW, 0, "x", 1);
	usleep(10000);
	for (unsigned i = 0; i < NR_RX; i++)
		give_rx(i);
	gq_notify(&rx);
	while (hear()->op == RST)
		;
	CHECK_EQ(last.op, RESPONSE);
	hear_op(RW);
	CHECK_EQ(last.len, 5);
	/* A buffer without room for a header. */
	tell(90, 1234, RST, 0, NULL, 0);
	close(fd);
	machine_reset(b->m, RESET_WARM);
	start(UINT64_MAX, false);
	gq_add(&rx, NULL, 0, &(struct buf){ rx_at[0], 43 }, 1);
	gq_notify(&rx);
	tell(1, 2, RW, 0, NULL, 0);
	WAIT_FOR(vr(&v, V_STATUS) & VIRTIO_NEEDS_RESET);
	close(server);
}

static void many(void)
{
	static int fd[VSOCK_MAX_CONNS];
	int server = unix_socket("_1234", true);
	unsigned n;

	machine_reset(b->m, RESET_WARM);
	start(UINT64_MAX, true);
	for (n = 0; n < 300; n++)
		fd[n] = guest_connect(server, 1000 + n);
	for (unsigned i = 0; i < n; i++)
		CHECK(write(fd[i], &i, sizeof(i)) == sizeof(i));
	for (unsigned i = 0; i < n; i++) {
		hear_op(RW);
		CHECK_EQ(ld_32(payload), last.dst_port - 1000);
	}
	/* A guest that starts anew: the host's ends are closed. */
	vw(&v, V_STATUS, 0);
	for (unsigned i = 0; i < n; i++) {
		CHECK(at_eof(fd[i]));
		close(fd[i]);
	}
	close(server);
}

static void over_a_save(void)
{
	int server = unix_socket("_1234", true), fd;
	uint64_t at;
	uint32_t len;

	start(UINT64_MAX, true);
	fd = guest_connect(server, 40);
	/* Held and gone on. */
	virtio_quiesce(v.dev);
	CHECK(write(fd, "held", 4) == 4);
	usleep(10000);
	CHECK(!gq_used(&rx));
	virtio_resume(v.dev);
	hear_op(RW);
	CHECK_EQ(last.len, 4);
	/* Loaded: connections are gone, which the guest is told. */
	at = guest_alloc(&v, 16, 8);
	virtio_quiesce(v.dev);
	bus_save_load(b, v.dev);
	virtio_resume(v.dev);
	CHECK(at_eof(fd));
	gq_add(&ev, NULL, 0, &(struct buf){ at, 16 }, 1);
	gq_notify(&ev);
	gq_wait(&ev, &len);
	CHECK_EQ(len, 4);
	CHECK_EQ(ld_le32(ram(&v, at)), 0);
	gq_add(&ev, NULL, 0, &(struct buf){ at, 16 }, 1);
	gq_notify(&ev);
	close(fd);
	fd = guest_connect(server, 41);
	CHECK(!gq_used(&ev));		/* once */
	close(fd);
	close(server);
}

static struct dev *new_device(const char *cid, const char *socket)
{
	struct dev *d = bus_new_dev(b, "virtio-vsock");

	CHECK_EQ(dev_set(d, "guest-cid", cid, &b->err), 0);
	if (socket)
		CHECK_EQ(dev_set(d, "socket", socket, &b->err), 0);
	return d;
}

static void configuration(void)
{
	static const char *const bad[] = { "0", "2", "4294967295", "18446744073709551615" };
	char far[200];
	struct dev *d;

	CHECK_EQ(vr(&v, V_CONFIG), CID);
	CHECK_EQ(vr(&v, V_CONFIG + 4), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		d = new_device(bad[i], NULL);
		CHECK(dev_init(d, &b->err) < 0);
		dev_free(d);
	}
	memset(far, 'x', sizeof(far) - 1);
	far[sizeof(far) - 1] = '\0';
	d = new_device("3", far);
	CHECK(dev_init(d, &b->err) < 0);
	dev_free(d);
	d = new_device("3", path);	/* in use: not taken away from us */
	CHECK(dev_init(d, &b->err) < 0);
	dev_free(d);
	CHECK_EQ(access(path, F_OK), 0);
}

static int whole(void)
{
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/s", dir);
	b = bus_new();
	drv_plug(&v, b, new_device("7", path), 1);
	machine_reset(b->m, RESET_COLD);
	configuration();
	start(UINT64_MAX, true);
	from_host();
	from_guest();
	credit_of_guest();
	credit_of_host();
	strange_packets();
	no_buffers();
	many();
	over_a_save();
	bus_free(b);
	CHECK(access(path, F_OK) < 0);
	strcat(path, "_1234");
	unlink(path);
	CHECK_EQ(rmdir(dir), 0);
	return check_done();
}

int main(void) { return drv_some_variants(whole); }
