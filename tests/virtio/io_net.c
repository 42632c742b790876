/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network back ends: options, the pair, and user networking by its own DHCP,
 * ARP, a host forward and a connection; a tap where the host has one.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "io/net/net.h"
#include "io/net/user_opts.h"
#include "tests/dev/devtest.h"
#include "util/bits.h"

struct inbox {
	pthread_mutex_t lock;
	unsigned nr, room;		/* room: how many more are taken */
	size_t len[64];
	uint8_t frame[64][2048];
};

static bool take(void *opaque, const uint8_t *frame, size_t len)
{
	struct inbox *in = opaque;
	bool ok = false;

	pthread_mutex_lock(&in->lock);
	if (in->room) {
		in->room--;
		if (in->nr < 64 && len <= 2048) {
			memcpy(in->frame[in->nr], frame, len);
			in->len[in->nr++] = len;
		}
		ok = true;
	}
	pthread_mutex_unlock(&in->lock);
	return ok;
}

static unsigned count(struct inbox *in)
{
	unsigned n;

	pthread_mutex_lock(&in->lock);
	n = in->nr;
	pthread_mutex_unlock(&in->lock);
	return n;
}

static void pair(void)
{
	struct inbox in = { .lock = PTHREAD_MUTEX_INITIALIZER, .room = 2 };
	struct netdev *a, *b;
	struct err e = { 0 };
	uint8_t frame[60] = { 0 };

	CHECK_EQ(netdev_pair_new(&a, &b, &e), 0);
	CHECK_EQ(netdev_send(a, frame, sizeof(frame)), 0);	/* nobody attached: lost */
	netdev_attach(b, take, &in);
	for (unsigned i = 1; i <= 5; i++) {
		frame[20] = (uint8_t)i;
		CHECK_EQ(netdev_send(a, frame, sizeof(frame)), 0);
	}
	CHECK_EQ(in.nr, 2);			/* the others wait */
	in.room = 100;
	netdev_accept_more(b);
	CHECK_EQ(in.nr, 5);
	for (unsigned i = 0; i < 5; i++)
		CHECK_EQ(in.frame[i][20], i + 1);
	CHECK_EQ(netdev_send(a, frame, 13), -EMSGSIZE);
	CHECK_EQ(netdev_send(a, frame, NETDEV_MAX_FRAME + 1), -EMSGSIZE);
	in.room = 0;
	for (unsigned i = 0; i < 2000; i++)
		netdev_send(a, frame, sizeof(frame));	/* bounded, not endless */
	netdev_free(b);
	CHECK_EQ(netdev_send(a, frame, sizeof(frame)), -ENOTCONN);
	netdev_free(a);
}

static unsigned told;

static void received(void *opaque) { told++; }

/* The card is told once of what comes together, but never too late. */
static void bursts(void)
{
	struct inbox in = { .lock = PTHREAD_MUTEX_INITIALIZER, .room = 100 };
	struct netdev *a, *b;
	struct err e = { 0 };
	uint8_t frame[60] = { 0 };

	CHECK_EQ(netdev_pair_new(&a, &b, &e), 0);
	netdev_on_received(b, received);
	netdev_attach(b, take, &in);
	told = 0;
	for (unsigned i = 1; i <= 3; i++) {
		CHECK_EQ(netdev_send(a, frame, sizeof(frame)), 0);
		CHECK_EQ(told, i);
	}
	netdev_burst(b, true);
	for (unsigned i = 0; i < 40; i++)
		netdev_send(a, frame, sizeof(frame));
	CHECK_EQ(told, 4);			/* in between: 32 are enough */
	netdev_burst(b, false);
	CHECK_EQ(told, 5);
	netdev_burst(b, true);
	netdev_burst(b, false);
	CHECK_EQ(told, 5);			/* nothing came */
	in.room = 2;
	netdev_burst(b, true);
	for (unsigned i = 0; i < 5; i++)
		netdev_send(a, frame, sizeof(frame));
	CHECK_EQ(told, 6);			/* without room: now, not later */
	netdev_burst(b, false);
	CHECK_EQ(told, 6);
	in.room = 100;
	netdev_accept_more(b);
	CHECK_EQ(told, 7);			/* what waited comes together */
	netdev_burst(b, true);
	netdev_send(a, frame, sizeof(frame));
	netdev_attach(b, NULL, NULL);
	CHECK_EQ(told, 8);			/* before it is left alone */
	netdev_burst(b, false);
	CHECK_EQ(told, 8);
	netdev_free(b);
	netdev_free(a);
}

static const char *fails(const char *spec)
{
	static struct err e;
	struct netdev *n;

	e = (struct err){ 0 };
	n = netdev_new(spec, NULL, NULL, &e);
	CHECK(!n, "'%s' must fail", spec);
	CHECK(e.code && e.msg[0], "%s", spec);
	netdev_free(n);
	return e.msg;
}

static void options(void)
{
	struct user_opts o;
	struct err e = { 0 };

	CHECK(strstr(fails("usr"), "user, tap, none"));
	CHECK(strstr(fails("user,hostfwd=tcp:2222"), "hostfwd"));
	CHECK(strstr(fails("user,hostfwd=tcp::0-:22"), "hostfwd"));
	CHECK(strstr(fails("user,hostfwd=tcp::70000-:22"), "hostfwd"));
	CHECK(strstr(fails("user,hostfwd=sctp::1-:22"), "hostfwd"));
	CHECK(strstr(fails("user,net=10.0.2.0/31"), "net="));
	CHECK(strstr(fails("user,net=10.0.2"), "net="));
	CHECK(strstr(fails("user,host=192.168.0.1"), "outside"));
	CHECK(strstr(fails("user,flavour=mint"), "unknown option"));
	CHECK(strstr(fails("tap"), "ifname="));
	CHECK(strstr(fails("tap,fd=900"), "fd=900"));
	CHECK(strstr(fails("tap,ifname=a,fd=4"), "either"));
	CHECK_EQ(
		user_opts_parse(
			&o,
			"hostfwd=tcp::2222-:22,hostfwd=udp:1.2.3.4:53-10.9.0.9:5353,"
			"net=10.9.0.0/16",
			NULL, NULL, &e),
		0);
	CHECK_EQ(o.nr_forwards, 2);
	CHECK_EQ(ntohl(o.host.s_addr), 0x0a090002);
	CHECK_EQ(ntohl(o.forward[0].host.s_addr), INADDR_LOOPBACK);
	CHECK_EQ(o.forward[0].host_port, 2222);
	CHECK_EQ(o.forward[0].guest_port, 22);
	CHECK_EQ(ntohl(o.forward[0].guest.s_addr), 0x0a09000f);
	CHECK(o.forward[1].udp && ntohl(o.forward[1].host.s_addr) == 0x01020304);
	CHECK_EQ(ntohl(o.forward[1].guest.s_addr), 0x0a090009);
}

static uint16_t ip_sum(const uint8_t *p, size_t n)
{
	uint32_t s = 0;

	for (size_t i = 0; i < n; i += 2)
		s += ld_be16(p + i);
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}

static const uint8_t mac[6] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };

static size_t make_dhcp(uint8_t *f, unsigned type)
{
	uint8_t *ip = f + 14, *udp = ip + 20, *d = udp + 8, *o = d + 240;

	memset(f, 0, 400);
	memset(f, 0xff, 6);
	memcpy(f + 6, mac, 6);
	st_be16(f + 12, 0x0800);
	d[0] = 1;
	d[1] = 1;
	d[2] = 6;
	st_be32(d + 4, 0x12345678);
	memcpy(d + 28, mac, 6);
	st_be32(d + 236, 0x63825363);
	*o++ = 53;
	*o++ = 1;
	*o++ = (uint8_t)type;
	*o++ = 255;
	st_be16(udp, 68);
	st_be16(udp + 2, 67);
	st_be16(udp + 4, (uint16_t)(o - udp));
	ip[0] = 0x45;
	st_be16(ip + 2, (uint16_t)(o - ip));
	ip[8] = 64;
	ip[9] = 17;
	st_be32(ip + 16, 0xffffffff);
	st_be16(ip + 10, ip_sum(ip, 20));
	return (size_t)(o - f);
}

static const uint8_t *find_udp(struct inbox *in, uint16_t port)
{
	for (unsigned i = 0; i < count(in); i++)
		if (in->len[i] > 42 && ld_be16(in->frame[i] + 12) == 0x0800 &&
		    in->frame[i][23] == 17 && ld_be16(in->frame[i] + 36) == port)
			return in->frame[i];
	return NULL;
}

static const uint8_t *find_arp(struct inbox *in, unsigned op)
{
	for (unsigned i = 0; i < count(in); i++)
		if (ld_be16(in->frame[i] + 12) == 0x0806 && ld_be16(in->frame[i] + 20) == op)
			return in->frame[i];
	return NULL;
}

static void send_arp(struct netdev *n, unsigned op, uint32_t to)
{
	uint8_t f[60] = { 0 };

	memset(f, 0xff, 6);
	memcpy(f + 6, mac, 6);
	st_be16(f + 12, 0x0806);
	st_be16(f + 14, 1);
	st_be16(f + 16, 0x0800);
	f[18] = 6;
	f[19] = 4;
	st_be16(f + 20, (uint16_t)op);
	memcpy(f + 22, mac, 6);
	st_be32(f + 28, 0x0a00020f);
	st_be32(f + 38, to);
	netdev_send(n, f, sizeof(f));
}

/* A port of the host that is free just now. */
static unsigned free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	if (s < 0 || bind(s, (struct sockaddr *)&a, len) ||
	    getsockname(s, (struct sockaddr *)&a, &len))
		exit(1);
	close(s);
	return ntohs(a.sin_port);
}

/* TCP to the host, from port 4000. Both checksums are filled in. */
static void send_tcp(struct netdev *n, unsigned port, uint32_t seq, uint32_t ack, unsigned flags,
		     uint32_t payload)
{
	uint8_t *f = calloc(1, 54 + payload + 1), *ip = f + 14, *tcp = ip + 20;
	uint8_t pseudo[12] = { 0 };
	uint32_t sum;

	memset(f, 0x52, 6);
	memcpy(f + 6, mac, 6);
	st_be16(f + 12, 0x0800);
	ip[0] = 0x45;
	st_be16(ip + 2, (uint16_t)(40 + payload));
	ip[8] = 64;
	ip[9] = 6;
	st_be32(ip + 12, 0x0a00020f);
	st_be32(ip + 16, 0x0a000202);
	st_be16(ip + 10, ip_sum(ip, 20));
	st_be16(tcp, 4000);
	st_be16(tcp + 2, (uint16_t)port);
	st_be32(tcp + 4, seq);
	st_be32(tcp + 8, ack);
	tcp[12] = 5 << 4;
	tcp[13] = (uint8_t)flags;
	st_be16(tcp + 14, 0xffff);
	for (uint32_t i = 0; i < payload; i++)
		tcp[20 + i] = (uint8_t)(i * 3 + i / 256);
	memcpy(pseudo, ip + 12, 8);
	pseudo[9] = 6;
	st_be16(pseudo + 10, (uint16_t)(20 + payload));
	sum = (uint16_t)~ip_sum(pseudo, 12) +
	      (uint32_t)(uint16_t)~ip_sum(tcp, (20 + payload + 1) & ~1u);
	st_be16(tcp + 16, (uint16_t)~((sum & 0xffff) + (sum >> 16)));
	CHECK_EQ(netdev_send(n, f, 54 + payload), 0);
	free(f);
}

static const uint8_t *find_tcp(struct inbox *in, unsigned flags)
{
	for (unsigned i = 0; i < count(in); i++)
		if (in->len[i] >= 54 && ld_be16(in->frame[i] + 12) == 0x0800 &&
		    in->frame[i][23] == 6 && (in->frame[i][47] & flags) == flags)
			return in->frame[i];
	return NULL;
}

/* A segment far beyond the link's MTU arrives whole: virtio-net does not cut for this back end. */
static void large_segment(struct netdev *n, struct inbox *in)
{
	enum { SIZE = 40000 };
	static uint8_t got[SIZE];
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t alen = sizeof(a);
	int s = socket(AF_INET, SOCK_STREAM, 0), c;
	const uint8_t *r;
	uint32_t ack, bad = 0;
	unsigned port;

	if (bind(s, (struct sockaddr *)&a, alen) || listen(s, 1) ||
	    getsockname(s, (struct sockaddr *)&a, &alen))
		exit(1);
	port = ntohs(a.sin_port);
	send_tcp(n, port, 1000, 0, 2, 0);
	WAIT_FOR(find_tcp(in, 0x12));			/* SYN, ACK */
	r = find_tcp(in, 0x12);
	if (!r)
		return;
	CHECK(ld_be16(r + 48) >= SIZE, "window %u", ld_be16(r + 48));
	ack = ld_be32(r + 38) + 1;
	send_tcp(n, port, 1001, ack, 0x10, 0);
	send_tcp(n, port, 1001, ack, 0x18, SIZE);
	c = accept(s, NULL, NULL);
	CHECK_EQ(recv(c, got, SIZE, MSG_WAITALL), SIZE);
	for (uint32_t i = 0; i < SIZE; i++)
		bad += got[i] != (uint8_t)(i * 3 + i / 256);
	CHECK_EQ(bad, 0);
	send_tcp(n, port, 1001 + SIZE, ack, 0x14, 0);	/* RST, ACK */
	close(c);
	close(s);
}

static void user(void)
{
	struct inbox *in = calloc(1, sizeof(*in));
	struct err e = { 0 };
	unsigned port = free_port();
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				 .sin_port = htons((uint16_t)port) };
	uint8_t f[400];
	const uint8_t *r;
	char spec[80];
	struct netdev *n;
	int s;

	pthread_mutex_init(&in->lock, NULL);
	in->room = 1000;
	snprintf(spec, sizeof(spec), "user,hostfwd=udp::%u-:7", port);
	n = netdev_new(spec, NULL, NULL, &e);
#ifndef HAVE_SLIRP
	CHECK(!n && strstr(e.msg, "without libslirp"));
	free(in);
	return;
#endif
	CHECK(n != NULL, "%s", e.msg);
	if (!n)
		return;
	netdev_attach(n, take, in);
	netdev_send(n, f, make_dhcp(f, 1));		/* DHCPDISCOVER */
	WAIT_FOR(find_udp(in, 68));
	r = find_udp(in, 68);
	if (r) {
		CHECK_EQ(r[42], 2);			/* BOOTREPLY */
		CHECK_EQ(ld_be32(r + 46), 0x12345678);
		CHECK_EQ(ld_be32(r + 58), 0x0a00020f);	/* the offer */
	}
	send_arp(n, 1, 0x0a000202);
	WAIT_FOR(find_arp(in, 2));
	r = find_arp(in, 2);
	CHECK(r && ld_be32(r + 28) == 0x0a000202);

	/* The forward: a datagram to the host's port comes to the guest's port 7. */
	s = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK_EQ(sendto(s, "hello", 5, 0, (struct sockaddr *)&a, sizeof(a)), 5);
	WAIT_FOR(find_udp(in, 7));
	r = find_udp(in, 7);
	CHECK(r && !memcmp(r + 42, "hello", 5));
	close(s);
	large_segment(n, in);
	/* Bytes of any kind must not hurt. */
	for (unsigned i = 0; i < 500; i++) {
		for (unsigned k = 0; k < sizeof(f); k++)
			f[k] = (uint8_t)(i * 31 + k * k * 7);
		if (i & 1)
			make_dhcp(f, i);
		netdev_send(n, f, 14 + i % 300);
	}
	netdev_attach(n, NULL, NULL);
	netdev_free(n);
	free(in);
}

/*
 * A tap and the kernel's side of it, by a packet socket. Where the host lets us make one: else
 * the test says so, and the rest of the file stands for it.
 */
static void tap(void)
{
	struct inbox *in = calloc(1, sizeof(*in));
	struct ifreq req = { 0 };
	struct err e = { 0 };
	uint8_t f[12 + 3054] = { 0 }, got[4096];
	struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_protocol = htons(0x88b5) };
	struct netdev *n = netdev_new("tap,ifname=ambitest0", NULL, NULL, &e);
	struct timeval tv = { 5, 0 };
	int s = socket(AF_PACKET, SOCK_RAW, htons(0x88b5));	/* an Ethertype for experiments */

	pthread_mutex_init(&in->lock, NULL);
	in->room = 1000;
	if (!n || s < 0) {
		CHECK(e.code == EPERM || e.code == EACCES || e.code == ENOENT || s < 0, "%s",
		      e.msg);
		printf("no tap here: %s\n", e.msg);
		goto out;
	}
	strcpy(req.ifr_name, "ambitest0");
	CHECK(ioctl(s, SIOCGIFINDEX, &req) == 0);
	a.sll_ifindex = req.ifr_ifindex;
	req.ifr_flags = IFF_UP;
	CHECK(ioctl(s, SIOCSIFFLAGS, &req) == 0);
	CHECK(bind(s, (struct sockaddr *)&a, sizeof(a)) == 0);
	setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	CHECK(netdev_has_vnet(n));
	for (unsigned vnet = 0; vnet < 2; vnet++) {
		unsigned head = vnet ? NETDEV_VNET_SIZE : 0, at;

		netdev_set_vnet(n, vnet, NETDEV_RX_CSUM | NETDEV_RX_TSO4);
		netdev_attach(n, take, in);
		memset(f, 0, sizeof(f));
		memset(f + head, 0xff, 6);
		memcpy(f + head + 6, mac, 6);
		st_be16(f + head + 12, 0x88b5);
		memcpy(f + head + 14, "to the host", 11);
		CHECK_EQ(netdev_send(n, f, head + 100), 0);
		CHECK_EQ(recv(s, got, sizeof(got), 0), 100);
		CHECK(!memcmp(got, f + head, 100));
		/* A checksum to be filled in: the kernel does. (The frame goes to the host.) */
		if (vnet) {
			f[0] = 1;
			st_le16(f + 6, 34);
			st_le16(f + 8, 6);
			CHECK_EQ(netdev_send(n, f, head + 100), 0);
			st_le16(f + 6, 2000);		/* nonsense is refused */
			CHECK(netdev_send(n, f, head + 100) < 0);
		}
		memcpy(f + head + 14, "to the guest", 12);
		CHECK_EQ(send(s, f + head, 200, 0), 200);
		for (at = 0, tv.tv_usec = 0; tv.tv_usec < 5000; tv.tv_usec++) {
			for (at = 0; at < count(in); at++)
				if (in->len[at] == head + 200 &&
				    !memcmp(in->frame[at] + head, f + head, 200))
					break;
			if (at < count(in))
				break;
			usleep(1000);
		}
		CHECK(at < count(in), "a frame for the guest");
		netdev_attach(n, NULL, NULL);
		in->nr = 0;
	}
out:
	if (s >= 0)
		close(s);
	netdev_free(n);
	free(in);
}

int main(void)
{
	tap();
	pair();
	bursts();
	options();
	user();
	return check_done();
}
