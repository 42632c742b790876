/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets of control and gdb: where a guest's lies, and that only its user reaches Unix ones. */
#ifndef VMM_API_SOCKET_H
#define VMM_API_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

#include "util/err.h"

enum { API_PATH_MAX = 108 };		/* of a socket, with its NUL */

/*
 * A listening socket at path, mode 0600 from the first moment. A file left over by a dead process
 * is replaced; -EADDRINUSE: somebody listens there, or it is not a socket. Returns the descriptor.
 */
int api_listen(const char *path, struct err *e);
/* "HOST:PORT"; without a host only this machine may connect. */
int api_listen_tcp(const char *where, struct err *e);
/*
 * Connected and blocking, each wait for timeout_ms at most (0: for ever); -ECONNREFUSED: the
 * process behind it is dead.
 */
int api_connect(const char *path, unsigned timeout_ms, struct err *e);
/* Removes what a dead process left at path. 0: the way is free; -EADDRINUSE: it is not. */
int api_clear_stale(const char *path, struct err *e);

/*
 * The directory of the guests' sockets: $XDG_RUNTIME_DIR/ambi, /run/user/UID/ambi, or
 * /tmp/ambi-UID, which must be this user's and nobody else's. 0, or -errno.
 */
int api_dir(char *dir, size_t n, bool create, struct err *e);
/* Its socket of a guest; a name with a slash is a path itself. */
int api_socket_path(char *path, size_t n, const char *name, struct err *e);
/* Letters, digits and . _ - + @, not beginning with a dot or a dash, up to 64. */
bool api_name_ok(const char *name);

#endif
