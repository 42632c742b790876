/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two cards in one machine, joined by a pair: frames, merged buffers, checksums, flow control. */
#include "tests/virtio/driver.h"

#include "hw/virtio/virtio_net.h"
#include "io/net/net.h"

#define F_CSUM BIT(0)
#define F_GUEST_CSUM BIT(1)
#define F_MRG BIT(15)

static struct bus *b;
static struct netdev *end[2];
static struct drv v[2];
static struct gq rx[2], tx[2];
static uint64_t bufs[2], txbuf[2];
static unsigned buf_len;

static void start(uint64_t features, unsigned rx_len, unsigned nr_rx)
{
	for (unsigned i = 0; i < 2; i++) {
		v[i].next = BUS_RAM + i * 0x40000;
		drv_negotiate(&v[i], features);
		gq_setup(&rx[i], &v[i], 0, 64);
		gq_setup(&tx[i], &v[i], 1, 16);
		drv_ok(&v[i]);
		bufs[i] = guest_alloc(&v[i], 64 * rx_len, 64);
		txbuf[i] = guest_alloc(&v[i], 8448, 64);
		for (unsigned k = 0; k < nr_rx; k++) {
			struct buf in = { bufs[i] + k * rx_len, rx_len };

			rx[i].indirect = false;
			gq_add(&rx[i], NULL, 0, &in, 1);
		}
		gq_notify(&rx[i]);
	}
	buf_len = rx_len;
}

static void send_frame(unsigned from, const uint8_t *hdr, const uint8_t *frame, uint32_t len)
{
	struct buf out[2] = { { txbuf[from], 12 }, { txbuf[from] + 12, len } };

	memset(ram(&v[from], txbuf[from]), 0, 12);
	if (hdr)
		memcpy(ram(&v[from], txbuf[from]), hdr, 12);
	memcpy(ram(&v[from], txbuf[from] + 12), frame, len);
	gq_add(&tx[from], out, 2, NULL, 0);
	gq_notify(&tx[from]);
	gq_wait(&tx[from], NULL);
}

/* Puts a received frame together again; returns its length. Buffers go back to the ring. */
static uint32_t receive(unsigned to, uint8_t *hdr, uint8_t *frame)
{
	uint32_t total = 0, nr = 1;

	for (unsigned i = 0; i < nr; i++) {
		uint32_t len, skip = i ? 0 : 12;
		unsigned head = gq_wait(&rx[to], &len);
		struct buf in = { rx[to].first[head], buf_len };
		uint8_t *p = ram(&v[to], in.gpa);

		CHECK(len >= skip && len <= buf_len);
		if (!i) {
			memcpy(hdr, p, 12);
			nr = ld_le16(hdr + 10);
		}
		memcpy(frame + total, p + skip, len - skip);
		total += len - skip;
		gq_add(&rx[to], NULL, 0, &in, 1);
	}
	gq_notify(&rx[to]);
	return total;
}

static void exchange(uint64_t features, unsigned rx_len, uint32_t max)
{
	uint8_t out[4096], in[4096], hdr[12];

	start(features, rx_len, 32);
	for (unsigned i = 0; i < 60; i++) {
		unsigned from = i & 1;
		uint32_t len = 60 + i * 37 % (max - 60);

		for (uint32_t k = 0; k < len; k++)
			out[k] = (uint8_t)(i + k * 3);
		send_frame(from, NULL, out, len);
		CHECK_EQ(receive(!from, hdr, in), len);
		CHECK(!memcmp(in, out, len));
		CHECK_EQ(hdr[0], v[0].features & F_GUEST_CSUM ? 2 : 0);
		CHECK_EQ(hdr[1], 0);
		CHECK_EQ(ld_le16(hdr + 10), (12 + len + rx_len - 1) / rx_len);
	}
}

static void checksum(void)
{
	uint8_t f[100] = { 0 }, in[4096], hdr[12] = { 0 }, got[12];
	uint32_t sum = 0;

	start(F_CSUM, 2048, 8);
	for (unsigned i = 0; i < 99; i++)
		f[i] = (uint8_t)(i * 7);
	f[50] = 0x12;			/* the pseudo header's sum, as a driver leaves it */
	f[51] = 0x34;
	hdr[0] = 1;
	st_le16(hdr + 6, 34);
	st_le16(hdr + 8, 16);
	send_frame(0, hdr, f, 99);
	CHECK_EQ(receive(1, got, in), 99);
	/*
	 * Over the field as sent, the sum with the one put in is zero, but for
	 * the pseudo header.
	 */
	for (unsigned i = 34; i < 98; i += 2)
		sum += ld_be16(i == 50 ? f + 50 : in + i);
	sum += (uint32_t)in[98] << 8;
	sum += ld_be16(in + 50);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	CHECK_EQ(sum, 0xffff);
	/* Offsets beyond the frame: dropped, and the card lives. */
	st_le16(hdr + 6, 98);
	st_le16(hdr + 8, 0);
	send_frame(0, hdr, f, 99);
	st_le16(hdr + 6, 0xffff);
	st_le16(hdr + 8, 0xffff);
	send_frame(0, hdr, f, 99);
	memset(hdr, 0, 12);
	hdr[1] = 1;			/* a segment to cut, but not asked for its checksum */
	send_frame(0, hdr, f, 99);
	send_frame(0, NULL, f, 77);
	CHECK_EQ(receive(1, got, in), 77);
}

static uint64_t sum16(const uint8_t *p, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (uint64_t)p[i] << (i & 1 ? 0 : 8);
	return sum;
}

static unsigned folded(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (unsigned)sum;
}

struct tcp_frame { bool ipv6; unsigned vlan, ip_options, tcp_options, payload; };

/* A large TCP segment as a driver leaves it to the card; returns its length. */
static uint32_t make_segment(uint8_t *f, uint8_t *hdr, const struct tcp_frame *t)
{
	unsigned ip = 14 + t->vlan, tcp = ip + (t->ipv6 ? 40 : 20 + t->ip_options),
		 data = tcp + 20 + t->tcp_options, len = data + t->payload;

	memset(f, 0x11, data);
	st_be16(f + 12, t->vlan ? 0x8100 : t->ipv6 ? 0x86dd : 0x0800);
	if (t->vlan)
		st_be16(f + 16, t->ipv6 ? 0x86dd : 0x0800);
	f[ip] = t->ipv6 ? 0x60 : (uint8_t)(0x40 | (5 + t->ip_options / 4));
	f[ip + (t->ipv6 ? 6 : 9)] = 6;
	st_be16(f + ip + (t->ipv6 ? 4 : 2), (uint16_t)(len - ip - (t->ipv6 ? 40 : 0)));
	if (!t->ipv6)
		st_be16(f + ip + 4, 0xffff);		/* identification: wraps */
	st_be32(f + tcp + 4, 0xfffffff0);		/* sequence number: wraps */
	f[tcp + 12] = (uint8_t)((5 + t->tcp_options / 4) << 4);
	f[tcp + 13] = 0x80 | 0x10 | 8 | 1;		/* CWR, ACK, PSH, FIN */
	for (unsigned i = 0; i < t->payload; i++)
		f[data + i] = (uint8_t)(i * 7 + i / 256);
	memset(hdr, 0, 12);
	hdr[0] = 1;
	hdr[1] = t->ipv6 ? 4 : 1;
	st_le16(hdr + 2, (uint16_t)data);
	st_le16(hdr + 6, (uint16_t)tcp);
	st_le16(hdr + 8, 16);
	return len;
}

static void segments(const struct tcp_frame *t, unsigned size)
{
	static uint8_t f[8192], in[8192];
	uint8_t hdr[12], got[12];
	uint32_t len = make_segment(f, hdr, t);
	unsigned ip = 14 + t->vlan, tcp = ip + (t->ipv6 ? 40 : 20 + t->ip_options),
		 data = tcp + 20 + t->tcp_options, at = 0;

	st_le16(hdr + 4, (uint16_t)size);
	send_frame(0, hdr, f, len);
	for (unsigned nr = 0; at < t->payload; nr++) {
		uint32_t n = receive(1, got, in) - data;
		bool last = at + n == t->payload;
		uint64_t sum = 6 + (20 + t->tcp_options + n);

		CHECK_EQ(n, MIN(size, t->payload - at));
		CHECK(!memcmp(in, f, ip));
		CHECK(!memcmp(in + data, f + data + at, n));
		CHECK_EQ(ld_be32(in + tcp + 4), 0xfffffff0 + at);
		CHECK_EQ(in[tcp + 13], 0x10 | (nr ? 0 : 0x80) | (last ? 9 : 0));
		sum += t->ipv6 ? sum16(in + ip + 8, 32) : sum16(in + ip + 12, 8);
		CHECK_EQ(folded(sum + sum16(in + tcp, 20 + t->tcp_options + n)), 0xffff);
		if (t->ipv6) {
			CHECK_EQ(ld_be16(in + ip + 4), data + n - ip - 40);
		} else {
			CHECK_EQ(ld_be16(in + ip + 2), data + n - ip);
			CHECK_EQ(ld_be16(in + ip + 4), (uint16_t)(0xffff + nr));
			CHECK_EQ(folded(sum16(in + ip, 20 + t->ip_options)), 0xffff);
		}
		at += n;
	}
}

/* Large segments are cut; what only pretends to be one is dropped, and the card lives. */
static void segmentation(void)
{
	static const struct tcp_frame good[] = {
		{ false, 0, 0, 0, 5000 }, { false, 0, 0, 12, 2896 }, { false, 4, 8, 40, 1001 },
		{ true, 0, 0, 12, 4321 }, { true, 4, 0, 0, 100 },
	};
	static uint8_t f[8192], in[8192];
	uint8_t hdr[12], got[12];
	uint32_t len;

	for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
		start(F_CSUM | BIT(11) | BIT(12) | F_MRG, 2048, 32);
		segments(&good[i], 1000);
		start(F_CSUM | BIT(11) | BIT(12) | F_MRG, 2048, 32);
		segments(&good[i], 1448);
	}
	start(F_CSUM | BIT(11) | BIT(12) | F_MRG, 2048, 8);
	for (unsigned how = 0; how < 14; how++) {
		len = make_segment(f, hdr, &good[how & 1 ? 3 : 1]);
		st_le16(hdr + 4, 1000);
		switch (how) {
		case 0: case 1: st_le16(hdr + 4, 0); break;
		case 2: case 3: st_le16(hdr + 4, 1); break;
		case 4: case 5: st_le16(hdr + 6, 0xffff); break;
		case 6: case 7: st_le16(hdr + 6, 20); break;
		case 8: case 9: hdr[1] ^= 5; break;		/* the other IP */
		case 10: f[14] = 0x4f; break;			/* a longer header than there is */
		case 11: f[14 + 40 + 12] = 0x40; break;		/* too short a TCP header */
		case 12: f[14 + 20 + 12] = 0xf0; len = 14 + 20 + 30; break;
		case 13: len = 14 + 40 + 10; break;
		}
		send_frame(0, hdr, f, len);
	}
	hdr[1] = 3;						/* UDP was not offered */
	send_frame(0, hdr, f, len);
	send_frame(0, NULL, f, 77);
	CHECK_EQ(receive(1, got, in), 77);
}

/* Frames wait where the guest has no buffers, and come when it adds some; none is lost or twice. */
static void flow_control(uint64_t features)
{
	uint8_t f[200] = { 0 }, in[4096], hdr[12];

	start(features, 128, 4);	/* with merging a frame takes two buffers */
	for (unsigned i = 0; i < 40; i++) {
		f[14] = (uint8_t)i;
		send_frame(0, NULL, f, features & F_MRG ? 200 : 100);
	}
	for (unsigned i = 0; i < 40; i++) {
		CHECK_EQ(receive(1, hdr, in), features & F_MRG ? 200 : 100);
		CHECK_EQ(in[14], i);
	}
	usleep(1000);
	CHECK(!gq_used(&rx[1]));
}

/* Some buffers, but too few for the frame: it waits for the rest, and nobody spins meanwhile. */
static void too_few(uint64_t features)
{
	uint8_t f[200] = { 0 }, in[4096], hdr[12];
	struct buf more;

	start(features, 128, 3);
	for (unsigned i = 0; i < 2; i++) {
		f[14] = (uint8_t)i;
		send_frame(0, NULL, f, 200);
	}
	WAIT_FOR(gq_used(&rx[1]));
	usleep(1000);
	/* one frame */
	if (rx[1].packed)
		CHECK_EQ(ld_le16((uint8_t *)ram(&v[1], rx[1].desc) + 16 * 2 + 14) & 0x8000, 0);
	else
		CHECK_EQ(ld_le16(ram(&v[1], rx[1].used + 2)), 2);
	more = (struct buf){ bufs[1] + 3 * 128, 128 };
	gq_add(&rx[1], NULL, 0, &more, 1);
	gq_notify(&rx[1]);
	for (unsigned i = 0; i < 2; i++) {
		CHECK_EQ(receive(1, hdr, in), 200);
		CHECK_EQ(in[14], i);
	}
}

/* A guest that was loaded may have come from elsewhere: the network hears of its address, once. */
static void announced(void)
{
	uint8_t hdr[12], frame[4096];
	uint8_t mac[6];

	start(F_MRG, 2048, 8);
	memcpy(mac, "\x52\x54\x00\x12\x34\x56", 6);
	virtio_quiesce(v[0].dev);
	bus_save_load(b, v[0].dev);
	CHECK(!gq_used(&rx[1]));
	virtio_resume(v[0].dev);
	CHECK_EQ(receive(1, hdr, frame), 60);
	CHECK(!memcmp(frame, "\xff\xff\xff\xff\xff\xff", 6) && !memcmp(frame + 6, mac, 6));
	CHECK(ld_be16(frame + 12) == 0x8035 && !memcmp(frame + 22, mac, 6));
	virtio_quiesce(v[0].dev);
	virtio_resume(v[0].dev);
	send_frame(0, NULL, frame, 100);
	CHECK_EQ(receive(1, hdr, frame), 100);
}

static void config_and_reset(void)
{
	uint8_t f[64] = { 0 };
	struct buf tiny;

	CHECK_EQ(vr(&v[0], V_CONFIG), 0x12005452);
	CHECK_EQ(drv_config(&v[1], 5, 1), 0x57);
	CHECK_EQ(drv_config(&v[0], 6, 2), 1);
	/* A buffer that cannot hold the header. */
	start(F_MRG, 128, 0);
	tiny = (struct buf){ bufs[1], 8 };
	gq_add(&rx[1], NULL, 0, &tiny, 1);
	gq_notify(&rx[1]);
	send_frame(0, NULL, f, 60);
	WAIT_FOR(vr(&v[1], V_STATUS) & VIRTIO_NEEDS_RESET);
	/* Frames that come while the card is reset. */
	for (unsigned i = 0; i < 20; i++) {
		start(F_MRG, 128, 8);
		for (unsigned k = 0; k < 4; k++)
			send_frame(0, NULL, f, 60);
		vw(&v[1], V_STATUS, 0);
		send_frame(0, NULL, f, 60);
	}
	start(F_MRG, 128, 8);
	virtio_quiesce(v[1].dev);
	bus_save_load(b, v[1].dev);
	virtio_resume(v[1].dev);
	send_frame(0, NULL, f, 60);
	{
		uint8_t in[4096], hdr[12];

		CHECK_EQ(receive(1, hdr, in), 60);
	}
}

static void whole(void)
{
	struct err e = { 0 };

	if (netdev_pair_new(&end[0], &end[1], &e) < 0)
		exit(1);
	b = bus_new();
	for (unsigned i = 0; i < 2; i++) {
		struct dev *d = bus_new_dev(b, "virtio-net");

		virtio_net_set_netdev(d, end[i]);
		drv_plug(&v[i], b, d, i);
	}
	machine_reset(b->m, RESET_COLD);
	exchange(0, 2048, 1514);
	exchange(F_MRG, 2048, 1514);
	exchange(F_MRG | VIRTIO_F_EVENT_IDX | F_GUEST_CSUM, 256, 1514);
	exchange(F_MRG | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC, 100, 1514);
	checksum();
	segmentation();
	flow_control(0);
	flow_control(F_MRG);
	flow_control(F_MRG | VIRTIO_F_EVENT_IDX);
	too_few(F_MRG);
	too_few(F_MRG | VIRTIO_F_EVENT_IDX);
	announced();
	config_and_reset();
	bus_free(b);
	netdev_free(end[0]);
	netdev_free(end[1]);
}

int main(void)
{
	for (unsigned variant = 0; drv_variant(variant); variant++)
		whole();
	return check_done();
}
