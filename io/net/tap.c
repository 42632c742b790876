/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A tap interface of the host, opened by name or handed over as a descriptor. Where the
 * kernel puts a virtio-net header before each frame (IFF_VNET_HDR), the card may have it;
 * else an empty one is added and taken off here.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "io/net/net_int.h"
#include "io/opts.h"
#include "io/thread.h"
#include "util/os.h"
#include "util/scratch.h"

struct tap {
	int fd, wake;
	pthread_t thread;
	bool has_thread;
	bool header;			/* the kernel's frames have one */
	_Atomic bool stop;
};

/* The format changes before there is a receiver: a frame on its way meanwhile is lost. */
static void deliver(struct netdev *n, struct tap *t, const uint8_t *buf, size_t len)
{
	size_t skip = t->header && !n->vnet ? NETDEV_VNET_SIZE : 0;

	if (len > skip)
		netdev_deliver(n, buf + skip, len - skip);
}

static void *tap_thread(void *opaque)
{
	struct netdev *n = opaque;
	struct tap *t = n->priv;
	size_t room = NETDEV_VNET_SIZE + NETDEV_MAX_FRAME;
	uint8_t *buf = scratch_alloc(room);

	while (!atomic_load(&t->stop)) {
		struct pollfd p[2] = { { t->wake, POLLIN, 0 }, { -1, POLLIN, 0 } };
		bool down = false;

		if (netdev_flush(n))	/* else the kernel's queue keeps what comes */
			p[1].fd = t->fd;
		if (poll(p, 2, -1) < 0)
			continue;
		if (p[0].revents)
			os_eventfd_drain(t->wake);
		if (p[1].revents)
			netdev_burst(n, true);
		for (unsigned i = 0; p[1].revents && i < 64; i++) {
			ssize_t r = read(t->fd, buf, room);

			if (r <= 0) {
				down = r < 0 && errno != EAGAIN && errno != EINTR;
				break;
			}
			deliver(n, t, buf, (size_t)r);
		}
		if (p[1].revents)
			netdev_burst(n, false);
		if (down)
			usleep(100000);		/* interface down or gone: no busy loop */
	}
	return NULL;
}

static int tap_send(struct netdev *n, const uint8_t *frame, size_t len)
{
	struct tap *t = n->priv;
	uint8_t none[NETDEV_VNET_SIZE] = { 0 };
	struct iovec v[2] = { { none, sizeof(none) }, { (void *)frame, len } };
	bool add = t->header && !n->vnet;

	return writev(t->fd, v + !add, add ? 2 : 1) < 0 ? -errno : 0;
}

static void tap_set_vnet(struct netdev *n, bool on, unsigned rx)
{
	struct tap *t = n->priv;
	unsigned f = 0;

	if (on && (rx & NETDEV_RX_CSUM)) {
		f = TUN_F_CSUM | (rx & NETDEV_RX_TSO4 ? TUN_F_TSO4 : 0) |
		    (rx & NETDEV_RX_TSO6 ? TUN_F_TSO6 : 0);
		if ((f & ~TUN_F_CSUM) && (rx & NETDEV_RX_ECN))
			f |= TUN_F_TSO_ECN;
	}
	ioctl(t->fd, TUNSETOFFLOAD, f);		/* else the kernel does it all itself */
}

static void tap_accept_more(struct netdev *n)
{
	struct tap *t = n->priv;

	os_eventfd_signal(t->wake);
}

static void tap_free(struct netdev *n)
{
	struct tap *t = n->priv;

	if (!t)
		return;
	if (t->has_thread) {
		atomic_store(&t->stop, true);
		os_eventfd_signal(t->wake);
		pthread_join(t->thread, NULL);
	}
	if (t->fd >= 0)
		close(t->fd);
	if (t->wake >= 0)
		close(t->wake);
	free(t);
}

const struct netdev_ops netdev_tap_ops = {
	.kind = "tap", .send = tap_send, .accept_more = tap_accept_more,
	.set_vnet = tap_set_vnet, .free = tap_free,
};

/* virtio's size and byte order of the header; false: this kernel has them not. */
static bool set_header(struct tap *t)
{
	int size = NETDEV_VNET_SIZE, on = 1;

	return ioctl(t->fd, TUNSETVNETHDRSZ, &size) == 0 && ioctl(t->fd, TUNSETVNETLE, &on) == 0 &&
	       ioctl(t->fd, TUNSETOFFLOAD, 0) == 0;
}

static int open_by_name(struct tap *t, const char *name, struct err *e)
{
	struct ifreq req = { .ifr_flags = IFF_TAP | IFF_NO_PI };

	if (strlen(name) >= sizeof(req.ifr_name))
		return err_set(e, EINVAL, "ifname=%s: too long", name);
	t->fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (t->fd < 0)
		return err_errno(e, errno, "/dev/net/tun");
	strcpy(req.ifr_name, name);
	req.ifr_flags |= IFF_VNET_HDR;
	if (ioctl(t->fd, TUNSETIFF, &req) < 0)
		return err_errno(e, errno, "interface '%s'", name);
	t->header = true;
	if (!set_header(t))
		return err_errno(e, errno, "interface '%s': headers of virtio", name);
	return 0;
}

static int open_by_fd(struct tap *t, int fd, struct err *e)
{
	struct ifreq req = { 0 };
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return err_errno(e, errno, "fd=%d", fd);
	if (ioctl(fd, TUNGETIFF, &req) == 0 &&
	    (!(req.ifr_flags & IFF_TAP) || !(req.ifr_flags & IFF_NO_PI)))
		return err_set(e, EINVAL, "fd=%d: must be a tap opened with IFF_NO_PI", fd);
	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	t->fd = fd;
	t->header = req.ifr_flags & IFF_VNET_HDR;
	if (t->header && !set_header(t))
		return err_errno(e, errno, "fd=%d: headers of virtio", fd);
	return 0;
}

int netdev_tap_open(struct netdev *n, const char *opts,
		    int (*other)(void *opaque, const char *key, const char *val), void *opaque,
		    struct err *e)
{
	char key[64], val[256], ifname[64] = "";
	unsigned long long fd = 0;
	bool has_fd = false;
	struct tap *t;
	int ret;

	n->priv = t = calloc(1, sizeof(*t));
	if (!t)
		return err_set(e, ENOMEM, "no memory");
	t->fd = t->wake = -1;
	while ((ret = opts_next(&opts, key, sizeof(key), val, sizeof(val), false, e)) > 0) {
		if (!strcmp(key, "ifname") && strlen(val) < sizeof(ifname)) {
			strcpy(ifname, val);
		} else if (!strcmp(key, "fd")) {
			ret = opts_number(key, val, 3, 1 << 20, &fd, e);
			has_fd = ret == 0;
		} else if ((!strcmp(key, "script") || !strcmp(key, "downscript")) &&
			   !strcmp(val, "no")) {
			continue;	/* users' habit; there are no scripts */
		} else {
			ret = netdev_other_key(key, val, other, opaque, e);
		}
		if (ret < 0)
			return ret;
	}
	if (ret < 0)
		return ret;
	if (has_fd == !!ifname[0])
		return err_set(e, EINVAL, "needs either ifname= or fd=");
	ret = has_fd ? open_by_fd(t, (int)fd, e) : open_by_name(t, ifname, e);
	if (ret < 0)
		return ret;
	n->vnet_ok = t->header;
	t->wake = os_eventfd();
	if (t->wake < 0)
		return err_errno(e, -t->wake, "eventfd");
	ret = io_thread_start(&t->thread, "io:tap", tap_thread, n, e);
	t->has_thread = ret == 0;
	return ret;
}
