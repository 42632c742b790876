/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Character back ends: where the bytes of a serial port or a console go. One
 * thread per back end waits for input and drains output, so that a vCPU only
 * appends to a buffer. A NULL back end is allowed everywhere and swallows all.
 */
#ifndef IO_CHAR_CHAR_H
#define IO_CHAR_CHAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

struct chardev;

enum chardev_event {
	CHARDEV_OPENED,		/* somebody is at the other end (also told on attach) */
	CHARDEV_CLOSED,		/* nobody any more: end of file, or a closed socket or pty */
	CHARDEV_BREAK,		/* line break (Ctrl-A b) */
};

/*
 * spec: "stdio" (Ctrl-C ends ambi), "mon:stdio" (raw; Ctrl-A x/c/h/b), "null",
 * "file:PATH", "pty", "unix:PATH[,server=on]", "ring" (in memory, for tests).
 */
struct chardev *chardev_new(const char *spec, struct err *e);
/* drains output for a second at most; restores the terminal */
void chardev_free(struct chardev *c);
const char *chardev_specs(void);	/* one line for help */
const char *chardev_where(struct chardev *c);	/* "/dev/pts/3", the path, ...; owned by c */

/*
 * Queues n bytes; returns how many were taken. A full buffer makes the caller
 * wait for up to a second, once; while the other end stays stuck, further bytes
 * are dropped without a wait. Any thread.
 */
size_t chardev_write(struct chardev *c, const void *buf, size_t n);
/*
 * Waits until all output is out, for at most this many ms; up to ten times as long while the other
 * end would take it, and only our thread has not run. 0 or -ETIMEDOUT.
 */
int chardev_flush(struct chardev *c, unsigned ms);

/*
 * The device in front. can_read returns how many bytes it takes now; read gets
 * at most that many; both and event (may be NULL) run on the back end's thread
 * and may take the device's lock. Attach again with NULLs to detach: it waits for
 * a running callback, so do not hold what the callbacks take.
 */
void chardev_attach(struct chardev *c, size_t (*can_read)(void *opaque),
		    void (*read)(void *opaque, const uint8_t *buf, size_t n),
		    void (*event)(void *opaque, enum chardev_event ev), void *opaque);
/*
 * on: no callback runs on return, nor until it is off again; what comes meanwhile waits. Not on the
 * back end's thread; the caller holds nothing that the callbacks take.
 */
void chardev_hold(struct chardev *c, bool on);
/* The device has room again after can_read returned 0. Any thread, any lock. */
void chardev_accept_more(struct chardev *c);

/*
 * Somebody who looks on besides (`ambi console`). out: what the guest writes, on the writer's
 * thread, maybe with the device's lock: it may not wait. room: the device takes input again; the
 * same. The tap is the caller's; after chardev_tap_remove neither is called.
 */
struct chardev_tap {
	void (*out)(void *opaque, const void *buf, size_t n);
	void (*room)(void *opaque);
	void *opaque;
	struct chardev_tap *next;	/* the back end's */
};
void chardev_tap_add(struct chardev *c, struct chardev_tap *t);
void chardev_tap_remove(struct chardev *c, struct chardev_tap *t);
/* Input besides the back end's own: how many bytes the device took. No lock that it takes. */
size_t chardev_feed(struct chardev *c, const void *buf, size_t n);

/* os_now_ns() of the first byte that the guest wrote; 0: none yet. */
uint64_t chardev_first_output_ns(struct chardev *c);

/* Tests, on "ring": takes what the guest wrote; feeds input and returns how much was accepted. */
size_t chardev_ring_take(struct chardev *c, void *buf, size_t n);
static inline size_t chardev_ring_feed(struct chardev *c, const void *buf, size_t n)
{
	return chardev_feed(c, buf, n);
}

/*
 * What the keys after Ctrl-A do on a "mon:" back end. Called on the back end's
 * thread; `line` gets each line typed after Ctrl-A c, until Ctrl-A c again.
 */
struct chardev_mux_ops {
	void (*quit)(void *opaque);				/* Ctrl-A x */
	void (*help)(void *opaque, struct chardev *c);		/* Ctrl-A h; NULL: own text */
	void (*other_engine)(void *opaque);			/* Ctrl-A k; NULL: none */
	void (*line)(void *opaque, struct chardev *c, const char *line);
};
void chardev_set_mux(struct chardev *c, const struct chardev_mux_ops *ops, void *opaque);
bool chardev_has_mux(struct chardev *c);
/*
 * Text of the monitor or the VMM: queued like the guest's output, with \n as
 * the other end wants it.
 */
void chardev_print(struct chardev *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The terminal passes on every byte; keep_signals: but Ctrl-C and the like. Once. */
int term_set_raw(int fd, bool keep_signals, struct err *e);
/*
 * Signals that end the process put the terminal back before: after handlers of the caller's own
 * are gone again.
 */
void chardev_guard_terminal(void);
/*
 * Puts the terminal back as it was found. Safe in signal handlers and at any
 * time, any number of times.
 */
void chardev_restore_terminal(void);

#endif
