/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Character back ends: each kind, the mux, and the terminal after every way out. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>

#include "io/char/char.h"
#include "tests/dev/devtest.h"
#include "util/os.h"

struct front {			/* a device in front that remembers */
	struct chardev *c;
	_Atomic size_t room;
	_Atomic size_t nr;
	char got[65536];
	_Atomic int open, closes, breaks;
};

static size_t can_read(void *opaque) { return ((struct front *)opaque)->room; }

static void on_read(void *opaque, const uint8_t *buf, size_t n)
{
	struct front *f = opaque;

	CHECK(n <= f->room);
	memcpy(f->got + f->nr, buf, n);
	f->nr += n;
	f->room -= n;
}

static void on_event(void *opaque, enum chardev_event ev)
{
	struct front *f = opaque;

	if (ev == CHARDEV_BREAK)
		f->breaks++;
	else
		f->open = ev == CHARDEV_OPENED;
	if (ev == CHARDEV_CLOSED)
		f->closes++;
}

static struct chardev *open_front(struct front *f, const char *spec)
{
	struct err e = { 0 };

	memset(f, 0, sizeof(*f));
	f->room = sizeof(f->got);
	f->c = chardev_new(spec, &e);
	CHECK(f->c != NULL, "%s", e.msg);
	if (!f->c)
		exit(1);
	chardev_attach(f->c, can_read, on_read, on_event, f);
	return f->c;
}

static void read_exactly(int fd, void *buf, size_t n)
{
	size_t done = 0;

	while (done < n) {
		struct pollfd p = { fd, POLLIN, 0 };
		ssize_t r = poll(&p, 1, 5000) > 0 ? read(fd, (char *)buf + done, n - done) : -1;

		if (r <= 0) {
			CHECK(false, "read: %zd after %zu", r, done);
			return;
		}
		done += (size_t)r;
	}
}

static void ring_and_null(void)
{
	struct front f;
	struct chardev *c = open_front(&f, "ring");
	char buf[32];
	struct err e = { 0 };

	CHECK_EQ(f.open, 1);
	CHECK_EQ(chardev_first_output_ns(c), 0);
	CHECK_EQ(chardev_write(c, "hello", 5), 5);
	CHECK(chardev_first_output_ns(c) != 0);
	CHECK_EQ(chardev_ring_take(c, buf, sizeof(buf)), 5);
	f.room = 3;
	CHECK_EQ(chardev_ring_feed(c, "abcdef", 6), 3);
	CHECK(!memcmp(f.got, "abc", 3));
	chardev_free(c);
	c = chardev_new("null", &e);
	CHECK_EQ(chardev_write(c, "x", 1), 1);
	chardev_free(c);
	CHECK_EQ(chardev_write(NULL, "x", 1), 1);
	chardev_attach(NULL, NULL, NULL, NULL, NULL);
	chardev_accept_more(NULL);
	chardev_free(NULL);
	CHECK(chardev_new("teletype", &e) == NULL && strstr(e.msg, "mon:stdio"));
	CHECK(chardev_new("file:/nonexistent/x", &e) == NULL && e.code == ENOENT);
	CHECK(chardev_new("unix:", &e) == NULL);
	CHECK(chardev_new("unix:/tmp/x,colour=red", &e) == NULL && strstr(e.msg, "colour"));
}

static void file(void)
{
	char path[] = "/tmp/ambi-char-XXXXXX", spec[64], buf[16];
	int fd = mkstemp(path);
	struct front f;
	struct chardev *c;

	snprintf(spec, sizeof(spec), "file:%s", path);
	c = open_front(&f, spec);
	chardev_write(c, "one\n", 4);
	chardev_write(c, "two\n", 4);
	chardev_free(c);			/* drains */
	CHECK_EQ(read(fd, buf, sizeof(buf)), 8);
	CHECK(!memcmp(buf, "one\ntwo\n", 8));
	close(fd);
	unlink(path);
}

static int connect_to(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(a.sun_path, path);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* The socket of somebody who accepts nobody is left alone, at once. */
static void busy_socket(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char path[] = "/tmp/ambi-char-XXXXXX", spec[64];
	int s, fd[8], n = 0, tmp = mkstemp(path);
	struct err e = { 0 };

	close(tmp);
	unlink(path);
	strcpy(a.sun_path, path);
	s = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(!bind(s, (struct sockaddr *)&a, sizeof(a)) && !listen(s, 0));
	do {
		fd[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	} while (!connect(fd[n++], (struct sockaddr *)&a, sizeof(a)) && n < 8);
	CHECK(n < 8);
	snprintf(spec, sizeof(spec), "unix:%s,server=on", path);
	alarm(5);
	CHECK(!chardev_new(spec, &e) && e.code == EADDRINUSE, "%s", e.msg);
	alarm(0);
	while (n)
		close(fd[--n]);
	close(s);
	unlink(path);
}

/* What comes while the device in front is held waits, and is told afterwards. */
static void held(void)
{
	char path[] = "/tmp/ambi-char-XXXXXX", spec[64];
	int fd = mkstemp(path), peer;
	struct front f;
	struct chardev *c;

	close(fd);
	unlink(path);
	snprintf(spec, sizeof(spec), "unix:%s,server=on", path);
	c = open_front(&f, spec);
	chardev_hold(c, true);
	peer = connect_to(path);
	CHECK(peer >= 0 && write(peer, "typed", 5) == 5);
	CHECK_EQ(chardev_feed(c, "x", 1), 0);
	for (unsigned i = 0; i < 50; i++)
		os_nap();
	CHECK(!f.nr && !f.open);
	chardev_hold(c, false);
	WAIT_FOR(f.open && f.nr == 5);
	CHECK(!memcmp(f.got, "typed", 5));
	CHECK_EQ(chardev_feed(c, "x", 1), 1);
	close(peer);
	WAIT_FOR(!f.open);
	chardev_free(c);
	chardev_hold(NULL, true);
}

static void unix_socket(void)
{
	static char big[300000], back[300000];
	char path[64], spec[96], buf[16];
	struct front f;
	struct chardev *c;
	struct err e = { 0 };
	uint64_t t;
	struct stat st;
	mode_t mask;
	int fd;

	snprintf(path, sizeof(path), "/tmp/ambi-char-%d", getpid());
	snprintf(spec, sizeof(spec), "unix:%s,server=on", path);
	mask = umask(0);
	c = open_front(&f, spec);
	umask(mask);
	CHECK_EQ(stat(path, &st), 0);
	CHECK_EQ(st.st_mode & 0777, 0600);
	CHECK_EQ(f.open, 0);
	CHECK_EQ(chardev_write(c, "lost", 4), 4);	/* nobody listens */
	CHECK(chardev_new(spec, &e) == NULL && e.code == EADDRINUSE);
	/* one at the start, one of the second one that looked whether somebody listens */
	WAIT_FOR(f.closes == 2);
	for (unsigned i = 0; i < 3; i++) {
		fd = connect_to(path);
		CHECK(fd >= 0);
		WAIT_FOR(f.open);
		chardev_write(c, "to you", 6);
		read_exactly(fd, buf, 6);
		CHECK(!memcmp(buf, "to you", 6));
		f.nr = 0;
		CHECK_EQ(write(fd, "to me", 5), 5);
		WAIT_FOR(f.nr == 5);
		close(fd);
		WAIT_FOR(!f.open);
	}
	/* Input waits for a device without room. */
	fd = connect_to(path);
	WAIT_FOR(f.open);
	f.nr = 0;
	f.room = 2;
	CHECK_EQ(write(fd, "abcdef", 6), 6);
	WAIT_FOR(f.nr == 2);
	usleep(5000);
	CHECK_EQ(f.nr, 2);
	f.room = 100;
	chardev_accept_more(c);
	WAIT_FOR(f.nr == 6);
	CHECK(!memcmp(f.got, "abcdef", 6));
	/* A reader that is slow loses nothing; one that is stuck costs one wait and no more. */
	for (unsigned i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 7 + i / 256);
	CHECK_EQ(chardev_write(c, big, sizeof(big)), sizeof(big));
	read_exactly(fd, back, sizeof(back));
	CHECK(!memcmp(big, back, sizeof(big)));
	for (t = 0; t < 20 && chardev_write(c, big, sizeof(big)) == sizeof(big); t++)
		;
	CHECK(t < 20);
	t = os_now_ns();
	for (unsigned i = 0; i < 100; i++)
		chardev_write(c, big, 1000);
	CHECK(os_now_ns() - t < 500000000);
	close(fd);
	WAIT_FOR(!f.open);
	chardev_free(c);
	CHECK(access(path, F_OK) < 0);
	/* A socket left over from a process that died is replaced. */
	{
		struct sockaddr_un a = { .sun_family = AF_UNIX };

		strcpy(a.sun_path, path);
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		CHECK_EQ(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
		close(fd);
	}
	c = open_front(&f, spec);
	chardev_free(c);
}

static void pty(void)
{
	struct front f;
	struct chardev *c = open_front(&f, "pty");
	char buf[16];
	int fd;

	CHECK_EQ(f.open, 0);
	CHECK_EQ(chardev_write(c, "lost", 4), 4);
	for (unsigned i = 0; i < 2; i++) {
		fd = open(chardev_where(c), O_RDWR | O_NOCTTY);
		CHECK(fd >= 0);
		WAIT_FOR(f.open);
		chardev_write(c, "\r\n\x01z", 4);
		read_exactly(fd, buf, 4);
		CHECK(!memcmp(buf, "\r\n\x01z", 4));
		f.nr = 0;
		CHECK_EQ(write(fd, "\r\x03q", 3), 3);
		WAIT_FOR(f.nr == 3);
		CHECK(!memcmp(f.got, "\r\x03q", 3));
		close(fd);
		WAIT_FOR(!f.open);
	}
	chardev_free(c);
}

/* Nobody is there, and nobody serves the keys yet: that is told once. */
static void pty_without_keys(void)
{
	struct front f;
	struct chardev *c = open_front(&f, "mon:pty");

	for (unsigned i = 0; i < 100; i++)
		os_nap();
	CHECK_EQ(f.open, 0);
	CHECK(f.closes <= 1, "%d", f.closes);
	chardev_free(c);
}

/* Below: a child with a terminal of its own. */

static _Atomic int quits;
static char last_line[64];

static void on_quit(void *opaque) { quits++; }
static void on_line(void *opaque, struct chardev *c, const char *line)
{
	snprintf(last_line, sizeof(last_line), "%s", line);
	chardev_print(c, "you said %s\n", line);
}

/* Address sanitizers bring their own SIGSEGV handler, which we leave alone. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(SANITIZED)
#define LAST_WAY WAY_PIPE
#else
#define LAST_WAY WAY_SEGV
#endif

enum way { WAY_EXIT, WAY_FREE, WAY_TERM, WAY_INT, WAY_HUP, WAY_ABORT, WAY_PIPE, WAY_SEGV };

static void child(enum way way)
{
	static const struct chardev_mux_ops ops = { .quit = on_quit, .line = on_line };
	struct front *f = calloc(1, sizeof(*f));
	struct chardev *c = open_front(f, "mon:stdio");

	chardev_set_mux(c, &ops, NULL);
	chardev_write(c, "ready\r\n", 7);
	/* Until the parent has typed Ctrl-A x. */
	while (!quits)
		usleep(1000);
	if (f->nr != 4 || memcmp(f->got, "ab\x01\x03", 4) || f->breaks != 1 ||
	    strcmp(last_line, "info qtree"))
		_exit(99);
	switch (way) {
	case WAY_EXIT: exit(42);
	case WAY_FREE: chardev_free(c); _exit(42);
	case WAY_TERM: raise(SIGTERM); break;
	case WAY_INT: raise(SIGINT); break;
	case WAY_HUP: raise(SIGHUP); break;
	case WAY_ABORT: abort();
	case WAY_SEGV: *(volatile int *)NULL = 1; break;
	case WAY_PIPE: raise(SIGPIPE); break;
	default: break;
	}
	_exit(98);
}

/* What the terminal shows, up to a text; at most 5 s. */
static void expect(int master, const char *text)
{
	static char seen[8192];
	size_t n = 0;

	while (n + 1 < sizeof(seen)) {
		struct pollfd p = { master, POLLIN, 0 };
		ssize_t r = poll(&p, 1, 5000) > 0 ? read(master, seen + n, 1) : -1;

		if (r <= 0)
			break;
		seen[++n] = 0;
		if (strstr(seen, text))
			return;
	}
	CHECK(false, "'%s' did not come, but '%s'", text, seen);
}

static bool same(const struct termios *a, const struct termios *b)
{
	return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_lflag == b->c_lflag &&
	       a->c_cflag == b->c_cflag && !memcmp(a->c_cc, b->c_cc, sizeof(a->c_cc));
}

static void terminal(enum way way)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave, status;
	struct termios before, during, after;
	char name[64];
	pid_t pid;

	if (master < 0 || grantpt(master) || unlockpt(master) ||
	    ptsname_r(master, name, sizeof(name)))
		exit(1);
	slave = open(name, O_RDWR | O_NOCTTY);
	tcgetattr(slave, &before);
	fflush(NULL);
	pid = fork();
	if (!pid) {
		setsid();
		close(slave);
		slave = open(name, O_RDWR);	/* becomes the controlling terminal */
		dup2(slave, 0);
		dup2(slave, 1);
		dup2(slave, 2);
		signal(SIGPIPE, SIG_DFL);
		signal(SIGHUP, SIG_DFL);	/* who runs the tests may ignore it (nohup) */
		child(way);
	}
	expect(master, "ready");
	tcgetattr(slave, &during);
	CHECK(!(during.c_lflag & (ICANON | ECHO | ISIG)));
	CHECK(during.c_oflag == before.c_oflag);
	CHECK_EQ(write(master, "ab\x01\x01\x03\x01h", 7), 7);
	expect(master, "Ctrl-A x");
	expect(master, "Ctrl-A Ctrl-A");
	CHECK_EQ(write(master, "\x01" "b\x01" "cinfo qtreX\x7f" "e\r", 17), 17);
	expect(master, "(ambi) ");
	expect(master, "you said info qtree\r\n");
	CHECK_EQ(write(master, "\x01" "c\x01x", 4), 4);
	waitpid(pid, &status, 0);
	tcgetattr(slave, &after);
	CHECK(same(&before, &after), "way %d", way);
	switch (way) {
	case WAY_EXIT:
	case WAY_FREE: CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42, "%#x", status); break;
	case WAY_TERM: CHECK_EQ(WTERMSIG(status), SIGTERM); break;
	case WAY_INT: CHECK_EQ(WTERMSIG(status), SIGINT); break;
	case WAY_HUP: CHECK_EQ(WTERMSIG(status), SIGHUP); break;
	case WAY_ABORT: CHECK_EQ(WTERMSIG(status), SIGABRT); break;
	case WAY_SEGV: CHECK_EQ(WTERMSIG(status), SIGSEGV); break;
	case WAY_PIPE: CHECK_EQ(WTERMSIG(status), SIGPIPE); break;
	default: break;
	}
	close(slave);
	close(master);
}

int main(void)
{
	ring_and_null();
	file();
	unix_socket();
	busy_socket();
	held();
	pty();
	pty_without_keys();
	for (enum way w = 0; w <= LAST_WAY; w++)
		terminal(w);
	return check_done();
}
