/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of io/char/ only. */
#ifndef IO_CHAR_CHAR_INT_H
#define IO_CHAR_CHAR_INT_H

#include <pthread.h>
#include <stdatomic.h>

#include "io/char/char.h"

#define CHARDEV_OUT_SIZE (256u << 10)	/* bytes of output that may wait */
#define CHARDEV_IN_SIZE 4096u		/* bytes of input that may wait */

struct mux;

struct chardev {
	char where[256];
	pthread_t thread;
	bool has_thread;
	_Atomic bool stop;
	int wake;			/* eventfd: output queued, room for input, or stop */

	/* The ends; only the thread changes them after chardev_new. */
	int in, out;			/* -1: none; may be the same */
	int listener;			/* unix,server=on: -1 otherwise */
	bool out_socket;		/* send() rather than write(): no SIGPIPE */
	bool out_blocking;		/* could not be opened non-blocking: small writes only */
	bool is_pty, is_tty;		/* is_tty: `in` is the terminal ambi was started on */
	bool open;			/* what the device was last told */
	char unlink_path[108];		/* of a listening socket */

	pthread_mutex_t lock;		/* the output ring */
	pthread_cond_t drained;
	uint8_t *ring;
	size_t head, count;
	bool drop;			/* nobody to write to */
	bool stuck;			/* a writer has waited in vain since the last progress */
	_Atomic uint64_t first_ns;

	pthread_mutex_t cb_lock;	/* held around callbacks; guards what is below */
	size_t (*can_read)(void *opaque);
	void (*read)(void *opaque, const uint8_t *buf, size_t n);
	void (*event)(void *opaque, enum chardev_event ev);
	void *opaque;
	bool held;			/* chardev_hold */
	bool missed_open, missed_break;	/* events to be told afterwards */

	pthread_mutex_t tap_lock;	/* innermost, but for what a tap takes */
	struct chardev_tap *_Atomic taps;

	uint8_t inbuf[CHARDEV_IN_SIZE];	/* read from the host, not yet taken by the device */
	size_t in_count;
	struct mux *mux;		/* "mon:" */
};

/* open.c: fills in the ends; 0 or -errno. */
int chardev_open_ends(struct chardev *c, const char *spec, struct err *e);
/* chardev_write of bytes that are not the guest's. */
size_t chardev_queue(struct chardev *c, const void *buf, size_t n);
/* Tells the device, if its view changed. On the thread. */
void chardev_set_open(struct chardev *c, bool open);
void chardev_send_event(struct chardev *c, enum chardev_event ev);
/* The same for who has cb_lock. */
void chardev_tell(struct chardev *c, enum chardev_event ev);

/* mux.c: filters what was typed; returns how many bytes are left in buf for the device. */
struct mux *mux_new(void);
void mux_free(struct mux *m);
bool mux_ready(struct chardev *c);	/* somebody serves its keys */
size_t mux_filter(struct chardev *c, uint8_t *buf, size_t n);

/* tap.c */
void chardev_tap_out(struct chardev *c, const void *buf, size_t n);
void chardev_tap_room(struct chardev *c);

/* term.c */
bool term_in_foreground(int fd);

#endif
