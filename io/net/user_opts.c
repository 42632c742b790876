/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/net/user_opts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/net/net_int.h"
#include "io/opts.h"

static int parse_addr(const char *key, const char *val, struct in_addr *out, struct err *e)
{
	if (inet_pton(AF_INET, val, out) == 1)
		return 0;
	return err_set(e, EINVAL, "%s=%s: not an IPv4 address", key, val);
}

static int parse_net(struct user_opts *o, const char *val, struct err *e)
{
	char addr[32];
	const char *slash = strchr(val, '/');
	unsigned long long bits = 24;
	size_t n = slash ? (size_t)(slash - val) : strlen(val);
	int ret;

	if (n >= sizeof(addr))
		return err_set(e, EINVAL, "net=%s: not an IPv4 network", val);
	memcpy(addr, val, n);
	addr[n] = 0;
	ret = parse_addr("net", addr, &o->net, e);
	if (!ret && slash)
		ret = opts_number("net", slash + 1, 8, 28, &bits, e);
	if (ret < 0)
		return ret;
	o->mask.s_addr = htonl(~((1u << (32 - bits)) - 1));
	o->net.s_addr &= o->mask.s_addr;
	return 0;
}

static int parse_port(const char *text, unsigned min, unsigned *out)
{
	unsigned long long v;

	if (opts_number("port", text, min, 65535, &v, NULL) < 0)
		return -EINVAL;
	*out = (unsigned)v;
	return 0;
}

/* "ADDR:PORT" or ":PORT" or "PORT"; an empty address leaves *a alone. */
static int parse_end(char *text, struct in_addr *a, unsigned *port)
{
	char *colon = strrchr(text, ':');

	if (!colon)
		return parse_port(text, 1, port);
	*colon = 0;
	if (text[0] && inet_pton(AF_INET, text, a) != 1)
		return -EINVAL;
	return parse_port(colon + 1, 1, port);
}

static int parse_forward(struct user_opts *o, const char *val, struct err *e)
{
	struct user_forward *f = &o->forward[o->nr_forwards];
	char text[sizeof(f->text)], *host, *guest;

	if (o->nr_forwards == USER_MAX_FORWARDS)
		return err_set(e, EINVAL, "more than %d hostfwd", USER_MAX_FORWARDS);
	if (strlen(val) >= sizeof(text))
		goto bad;
	strcpy(text, val);
	strcpy(f->text, val);
	host = strchr(text, ':');
	guest = host ? strchr(host, '-') : NULL;
	if (!guest)
		goto bad;
	*host++ = 0;
	*guest++ = 0;
	f->udp = !strcmp(text, "udp");
	if (!f->udp && strcmp(text, "tcp") && text[0])
		goto bad;
	f->host.s_addr = htonl(INADDR_LOOPBACK);	/* not the whole world unless asked for */
	f->guest.s_addr = 0;				/* filled in when the network is known */
	if (parse_end(host, &f->host, &f->host_port) < 0 ||
	    parse_end(guest, &f->guest, &f->guest_port) < 0)
		goto bad;
	o->nr_forwards++;
	return 0;
bad:
	return err_set(e, EINVAL, "hostfwd=%s: must be tcp|udp:[ADDR]:PORT-[ADDR]:PORT", val);
}

static int copy_text(const char *key, const char *val, char *out, size_t size, struct err *e)
{
	if (strlen(val) >= size)
		return err_set(e, EINVAL, "%s= is longer than %zu characters", key, size - 1);
	strcpy(out, val);
	return 0;
}

static int in_network(const struct user_opts *o, const char *key, struct in_addr a, struct err *e)
{
	char text[INET_ADDRSTRLEN];

	if ((a.s_addr & o->mask.s_addr) == o->net.s_addr)
		return 0;
	inet_ntop(AF_INET, &a, text, sizeof(text));
	return err_set(e, EINVAL, "%s=%s is outside of the guest's network", key, text);
}

static void set_default(struct user_opts *o, struct in_addr *a, unsigned host)
{
	if (!a->s_addr)
		a->s_addr = o->net.s_addr | htonl(host);
}

int user_opts_parse(struct user_opts *o, const char *opts,
		    int (*other)(void *opaque, const char *key, const char *val), void *opaque,
		    struct err *e)
{
	char key[64], val[256];
	int ret;

	memset(o, 0, sizeof(*o));
	o->net.s_addr = htonl(0x0a000200);
	o->mask.s_addr = htonl(0xffffff00);
	o->ipv6 = true;
	while ((ret = opts_next(&opts, key, sizeof(key), val, sizeof(val), false, e)) > 0) {
		if (!strcmp(key, "net"))
			ret = parse_net(o, val, e);
		else if (!strcmp(key, "host"))
			ret = parse_addr(key, val, &o->host, e);
		else if (!strcmp(key, "dns"))
			ret = parse_addr(key, val, &o->dns, e);
		else if (!strcmp(key, "dhcpstart"))
			ret = parse_addr(key, val, &o->dhcp_start, e);
		else if (!strcmp(key, "restrict"))
			ret = opts_bool(key, val, &o->restricted, e);
		else if (!strcmp(key, "ipv6"))
			ret = opts_bool(key, val, &o->ipv6, e);
		else if (!strcmp(key, "hostname"))
			ret = copy_text(key, val, o->hostname, sizeof(o->hostname), e);
		else if (!strcmp(key, "domainname"))
			ret = copy_text(key, val, o->domainname, sizeof(o->domainname), e);
		else if (!strcmp(key, "hostfwd"))
			ret = parse_forward(o, val, e);
		else
			ret = netdev_other_key(key, val, other, opaque, e);
		if (ret < 0)
			return ret;
	}
	if (ret < 0)
		return ret;
	set_default(o, &o->host, 2);
	set_default(o, &o->dns, 3);
	set_default(o, &o->dhcp_start, ntohl(~o->mask.s_addr) > 31 ? 15 : 4);
	for (unsigned i = 0; i < o->nr_forwards; i++)
		if (!o->forward[i].guest.s_addr)
			o->forward[i].guest = o->dhcp_start;
	ret = in_network(o, "host", o->host, e);
	if (!ret)
		ret = in_network(o, "dns", o->dns, e);
	if (!ret)
		ret = in_network(o, "dhcpstart", o->dhcp_start, e);
	return ret;
}
