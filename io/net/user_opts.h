/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of user networking. */
#ifndef IO_NET_USER_OPTS_H
#define IO_NET_USER_OPTS_H

#include <netinet/in.h>
#include <stdbool.h>

#include "util/err.h"

#define USER_MAX_FORWARDS 32

struct user_forward {
	bool udp;
	struct in_addr host, guest;
	unsigned host_port, guest_port;
	char text[96];
};

struct user_opts {
	struct in_addr net, mask, host, dns, dhcp_start;
	bool restricted, ipv6;
	char hostname[64], domainname[128];
	unsigned nr_forwards;
	struct user_forward forward[USER_MAX_FORWARDS];
};

/*
 * Fills in defaults (10.0.2.0/24, router .2, name server .3, first guest .15)
 * and what opts says.
 */
int user_opts_parse(struct user_opts *o, const char *opts,
		    int (*other)(void *opaque, const char *key, const char *val), void *opaque,
		    struct err *e);

#endif
