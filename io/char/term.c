/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The terminal ambi was started on. It is set raw once, and put back on every way
 * out that a process can see: exit(), a fatal signal, a stop from the keyboard
 * (and set raw again afterwards). Whoever installs its own handler for a fatal
 * signal calls chardev_restore_terminal() there; handlers found installed are kept.
 */
#include "io/char/char.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "io/char/char_int.h"
#include "util/bits.h"

static struct termios found, raw;
static volatile sig_atomic_t is_raw;
static int term_fd = -1;

static void apply(const struct termios *t)
{
	sigset_t ttou, old;

	/* A background process that changes the terminal would be stopped instead. */
	sigemptyset(&ttou);
	sigaddset(&ttou, SIGTTOU);
	pthread_sigmask(SIG_BLOCK, &ttou, &old);
	tcsetattr(term_fd, TCSANOW, t);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void chardev_restore_terminal(void)
{
	int saved = errno;

	if (is_raw) {
		is_raw = 0;
		apply(&found);
	}
	errno = saved;
}

bool term_in_foreground(int fd)
{
	pid_t pg = tcgetpgrp(fd);

	return pg < 0 || pg == getpgrp();
}

static void on_fatal(int sig)
{
	chardev_restore_terminal();
	signal(sig, SIG_DFL);
	raise(sig);		/* delivered when this handler returns */
}

static void on_stop(int sig)
{
	int saved = errno;
	bool was = is_raw;
	struct sigaction dfl = { .sa_handler = SIG_DFL }, own;
	sigset_t set, old;

	chardev_restore_terminal();
	sigaction(sig, &dfl, &own);
	sigemptyset(&set);
	sigaddset(&set, sig);
	raise(sig);
	pthread_sigmask(SIG_UNBLOCK, &set, &old);	/* stops here, goes on here */
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	sigaction(sig, &own, NULL);
	if (was && term_in_foreground(term_fd)) {
		apply(&raw);
		is_raw = 1;
	}
	errno = saved;
}

static void on_continue(int sig)
{
	int saved = errno;

	/* After SIGSTOP the shell has put back its own settings. */
	if (is_raw && term_in_foreground(term_fd))
		apply(&raw);
	errno = saved;
}

static void install(int sig, void (*fn)(int))
{
	struct sigaction old, sa = { .sa_handler = fn, .sa_flags = SA_RESTART };

	if (sigaction(sig, NULL, &old) == 0 && !(old.sa_flags & SA_SIGINFO) &&
	    old.sa_handler == SIG_DFL)
		sigaction(sig, &sa, NULL);
}

void chardev_guard_terminal(void)
{
	static const int fatal[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGABRT, SIGSEGV, SIGBUS,
				     SIGILL, SIGFPE, SIGPIPE, SIGALRM, SIGXCPU, SIGXFSZ, SIGSYS };

	for (size_t i = 0; term_fd >= 0 && i < ARRAY_SIZE(fatal); i++)
		install(fatal[i], on_fatal);
}

int term_set_raw(int fd, bool keep_signals, struct err *e)
{
	if (term_fd >= 0)
		return err_set(e, EBUSY, "the terminal is already used by another serial port");
	if (tcgetattr(fd, &found) < 0)
		return err_errno(e, errno, "terminal settings");
	term_fd = fd;
	raw = found;
	raw.c_iflag &=
		~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
	raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | IEXTEN);
	if (!keep_signals)
		raw.c_lflag &= ~(tcflag_t)ISIG;
	/* c_oflag stays: the VMM's own messages share the terminal and end in a bare newline. */
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	atexit(chardev_restore_terminal);
	chardev_guard_terminal();
	install(SIGTSTP, on_stop);
	install(SIGCONT, on_continue);
	is_raw = 1;
	if (term_in_foreground(fd))
		apply(&raw);
	return 0;
}
