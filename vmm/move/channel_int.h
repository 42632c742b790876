/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by channel*.c only. */
#ifndef VMM_MOVE_CHANNEL_INT_H
#define VMM_MOVE_CHANNEL_INT_H

#include <fcntl.h>
#include <string.h>
#include <sys/types.h>

#include "vmm/move/channel.h"

enum { CHAN_PATH = 4096, CHAN_PATIENCE_MS = 30000 };

struct chan {
	int in, out;			/* the same descriptor for sockets; -1: none */
	bool two_way, again;
	_Atomic bool down;
	struct chan_stop *stop;
	struct chan_tls *tls;		/* NULL: none */
	unsigned patience_ms;
	pid_t child;			/* leader of its process group; 0: none */
	char path[CHAN_PATH];		/* file: */
	char tmp[CHAN_PATH + 32];	/* its name until chan_commit; "": none */
};

/* 0; -ETIMEDOUT; -ECANCELED */
int chan_wait_fd(int fd, short events, struct chan_stop *stop, unsigned patience_ms);

#endif
