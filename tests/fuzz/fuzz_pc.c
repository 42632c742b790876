/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile guest on a whole PC, run by the real /dev/kvm: the VMM builds the machine
 * with every kind of device, in one of the three ways to share the interrupt chips with
 * KVM; the guest (pc_guest.c) does what the input says, resets included, until it
 * powers off, fails, or its time is up. Nothing may crash or hang; file descriptors,
 * threads and memory must be given back.
 *
 * Two bytes choose the machine. AMBI_FUZZ_PC=BYTE[,BYTE] fixes them, AMBI_FUZZ_VERBOSE=1 lets the
 * VMM speak. Without /dev/kvm: status 77.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fuzz/pc_guest.h"
#include "util/bits.h"
#include "vmm/guest.h"
#include "vmm/plan.h"

enum { BUDGET_MS = 300, MONITOR_MS = 15, NMI_MS = 4, STUB = 0x1f0000, BIOS_BYTES = 0x10000,
       DISK_BYTES = 1 << 20, FLASH_BYTES = 0x20000, MAX_ARGS = 64 };

enum file { FILE_ELF, FILE_PVH, FILE_BIOS, FILE_FLASH, FILE_DISK, NR_FILES };

static char path[NR_FILES][32];
static char private_dir[] = "/tmp/ambi-fuzz-pc-XXXXXX";
static int fixed[2] = { -1, -1 };

static _Noreturn void die(const char *what, const struct err *e)
{
	dprintf(2, "fuzz_pc: %s: %s\n", what, e ? e->msg : strerror(errno));
	exit(2);
}

/* ---- the files that a machine starts from ---- */

static void make_file(enum file f, const void *data, size_t n, size_t size)
{
	int fd = memfd_create("fuzz-pc", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, n) != (ssize_t)n || ftruncate(fd, (off_t)size))
		die("memfd", NULL);
	snprintf(path[f], sizeof(path[f]), "/proc/self/fd/%d", fd);
}

/* mov eax, PCG_PROGRAM; jmp rax: what both modes read the same. */
static size_t put_stub(uint8_t *d)
{
	d[0] = 0xb8;
	st_le32(d + 1, PCG_PROGRAM);
	memcpy(d + 5, "\xff\xe0", 2);
	return 7;
}

static void make_elf(enum file f, bool note)
{
	static const uint8_t pvh[20] = { 4, 0, 0, 0, 4, 0, 0, 0, 18, 0, 0, 0, 'X', 'e', 'n', 0 };
	enum { HEADERS = 64 + 3 * 56, CODE = HEADERS + sizeof(pvh) };
	uint8_t d[CODE + 16] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 }, *ph = d + 64;
	size_t n;

	st_le16(d + 16, 2);
	st_le16(d + 18, 62);
	st_le64(d + 24, STUB);
	st_le64(d + 32, 64);
	st_le16(d + 54, 56);
	st_le16(d + 56, 3);
	st_le32(ph, note ? 4 : 0);
	st_le64(ph + 8, HEADERS);
	st_le64(ph + 32, sizeof(pvh));
	st_le64(ph + 48, 4);
	memcpy(d + HEADERS, pvh, sizeof(pvh));
	st_le32(d + HEADERS + 16, STUB);
	ph += 56;
	n = put_stub(d + CODE);
	st_le32(ph, 1);
	st_le64(ph + 8, CODE);
	st_le64(ph + 16, STUB);
	st_le64(ph + 24, STUB);
	st_le64(ph + 32, n);
	st_le64(ph + 40, n);
	ph += 56;		/* zeros for PCG_READY, with each reset */
	st_le32(ph, 1);
	st_le64(ph + 24, PCG_READY);
	st_le64(ph + 40, 4);
	make_file(f, d, sizeof(d), sizeof(d));
}

/* jmp PCG_REAL at the reset vector. */
static void make_firmware(enum file f, size_t size)
{
	uint8_t *d = calloc(1, size);

	if (!d)
		die("memory", NULL);
	d[size - 16] = 0xea;
	st_le16(d + size - 13, PCG_REAL >> 4);
	make_file(f, d, size, size);
	free(d);
}

static int remove_one(const char *name, const struct stat *st, int type, struct FTW *w)
{
	return w->level ? remove(name) : 0;
}

static void empty_private_dir(void)
{
	nftw(private_dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void remove_private_dir(void)
{
	empty_private_dir();
	rmdir(private_dir);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *fix = getenv("AMBI_FUZZ_PC");

	if (access("/dev/kvm", R_OK | W_OK)) {
		dprintf(2, "*** SKIPPED: THIS MACHINE HAS NO /dev/kvm; NOTHING WAS TESTED ***\n");
		exit(77);
	}
	if (fix)
		sscanf(fix, "%i,%i", &fixed[0], &fixed[1]);
	/* the VMM's messages alone: sanitizers write to the descriptor */
	if (!getenv("AMBI_FUZZ_VERBOSE") && !(stderr = fopen("/dev/null", "we")))
		die("/dev/null", NULL);
	if (!mkdtemp(private_dir))
		die(private_dir, NULL);
	atexit(remove_private_dir);
	make_elf(FILE_ELF, false);
	make_elf(FILE_PVH, true);
	make_firmware(FILE_BIOS, BIOS_BYTES);
	make_firmware(FILE_FLASH, FLASH_BYTES);
	make_file(FILE_DISK, "disk", 4, DISK_BYTES);
	return 0;
}

/* ---- one machine ---- */

struct choice {
	unsigned bits;			/* mode that the guest begins in */
	const char *irqchip;
	unsigned cpus;
	bool flash, user_net, below;	/* chips; packets go somewhere; some behind a port */
	uint8_t monitor;
};

struct command_line { const char *arg[MAX_ARGS]; char text[16][128]; int n, nr_text; };

static void arg(struct command_line *c, const char *option, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void arg(struct command_line *c, const char *option, const char *fmt, ...)
{
	char *text = c->text[c->nr_text++ % 16];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(c->text[0]), fmt, ap);
	va_end(ap);
	c->arg[c->n++] = option;
	c->arg[c->n++] = text;
}

static void arg_s(struct command_line *c, const char *option, const char *val)
{
	c->arg[c->n++] = option;
	c->arg[c->n++] = val;
}

static struct choice choose(struct fuzz_in *in)
{
	static const unsigned bits[8] = { 64, 64, 64, 64, 64, 32, 16, 16 };
	static const char *const homes[4] = { "on", "split", "off", "on" };
	uint8_t a = in_u8(in), m = in_u8(in);

	if (fixed[0] >= 0)
		a = (uint8_t)fixed[0];
	if (fixed[1] >= 0)
		m = (uint8_t)fixed[1];
	return (struct choice){ .bits = bits[a & 7], .irqchip = homes[a >> 3 & 3],
				.cpus = 1 + (a >> 5 & 1), .flash = a & 0x40, .below = a & 0x80,
				.user_net = !(m & 0x60), .monitor = m };
}

static void command_line(struct command_line *c, const struct choice *ch)
{
	const char *bus = ch->below ? ",bus=rp0" : "";

	c->arg[c->n++] = "ambi";
	arg_s(c, "-machine", "pc");
	arg(c, "-accel", "kvm,irqchip=%s", ch->irqchip);
	arg(c, "-m", "%u", PCG_RAM >> 20);
	arg(c, "-smp", "%u", ch->cpus);
	arg_s(c, "-serial", "ring");
	arg_s(c, "-debugcon", "ring");
	c->arg[c->n++] = "-snapshot";
	if (ch->bits != 16)
		arg_s(c, "-kernel", path[ch->bits == 64 ? FILE_ELF : FILE_PVH]);
	else if (!ch->flash)
		arg_s(c, "-bios", path[FILE_BIOS]);
	if (ch->flash)
		arg(c, "-drive", "file=%s,if=pflash", path[FILE_FLASH]);
	arg(c, "-drive", "file=%s,if=none,id=d0", path[FILE_DISK]);
	arg_s(c, "-device", "pcie-root-port,id=rp0");
	arg_s(c, "-netdev", ch->user_net ? "user,restrict=on,id=n0" : "none,id=n0");
	arg(c, "-device", "virtio-blk,drive=d0%s", bus);
	arg_s(c, "-device", "virtio-net,netdev=n0");
	arg_s(c, "-device", "virtio-console,chardev=ring,channel=org.fuzz:ring");
	arg(c, "-device", "virtio-rng%s", ch->below ? "" : ",bus=rp0");
	arg_s(c, "-device", "virtio-balloon,free-page-reporting=on");
	arg_s(c, "-device", "virtio-vsock,guest-cid=3");
	arg(c, "-virtfs", "%s", private_dir);
}

struct session { struct guest *g; const struct choice *ch; guint monitor, budget, nmi; };

static void tell(struct guest *g, const char *what)
{
	char *text = getenv("AMBI_FUZZ_VERBOSE") ? monitor_command(g, what) : NULL;

	if (text)
		fprintf(stderr, "%s:\n%s", what, text);
	free(text);
}

static gboolean time_is_up(gpointer opaque)
{
	struct session *s = opaque;

	tell(s->g, "info registers");
	s->budget = 0;
	guest_end(s->g, 0);
	return G_SOURCE_REMOVE;
}

/* A halt that no timer ends is not the end. */
static gboolean nudge(gpointer opaque)
{
	struct session *s = opaque;
	uint32_t ready = 0;

	if (s->ch->bits != 32 && guest_is_running(s->g) &&
	    !mem_read(&s->g->vm.machine->mem, PCG_READY, &ready, 4) && ready)
		free(monitor_command(s->g, "nmi 0"));
	return G_SOURCE_CONTINUE;
}

/* What somebody at the monitor does meanwhile. */
static gboolean monitor_speaks(gpointer opaque)
{
	static const char *const lines[] = {
		"info registers", "info accel", "info qtree", "info pci", "info irq", "info virtio",
		"info status", "info cpus", "info", "stop", "cont", "system_reset",
		"system_powerdown", "nmi", "nmi 1", "sendkey ctrl-alt-delete", "sendkey a-b",
		"balloon 8", "balloon 64", "info balloon", "info network", "info block",
	};
	struct session *s = opaque;
	unsigned n = s->ch->monitor;

	free(monitor_command(s->g, lines[n % ARRAY_SIZE(lines)]));
	if (n % ARRAY_SIZE(lines) == 9)
		free(monitor_command(s->g, "cont"));
	if (n & 0x80)
		return G_SOURCE_CONTINUE;
	s->monitor = 0;
	return G_SOURCE_REMOVE;
}

static void run(struct guest *g, const struct choice *ch, struct fuzz_in *in)
{
	struct session s = { .g = g, .ch = ch };
	struct pcg_places places;
	struct err e = { 0 };

	pcg_look(&places, g->vm.machine);
	pcg_write(g->vm.machine, &places, in, ch->bits);
	s.budget = g_timeout_add(BUDGET_MS, time_is_up, &s);
	s.monitor = g_timeout_add(MONITOR_MS, monitor_speaks, &s);
	s.nmi = g_timeout_add(NMI_MS, nudge, &s);
	if (guest_run(g, &e) < 0)
		die("guest_run", &e);
	tell(g, "info virtio");
	g_source_remove(s.nmi);
	if (s.budget)
		g_source_remove(s.budget);
	if (s.monitor)
		g_source_remove(s.monitor);
	/* what was posted after the end */
	while (g_main_context_iteration(NULL, FALSE))
		;
}

/*
 * Entries of a directory of links to what is open. Pipes do not count: libFuzzer has some, to
 * its symboliser.
 */
static unsigned count(const char *dir, bool say)
{
	DIR *d = opendir(dir);
	struct dirent *ent;
	unsigned n = 0;

	while (d && (ent = readdir(d))) {
		char to[64];
		ssize_t len = readlinkat(dirfd(d), ent->d_name, to, sizeof(to));

		if (len >= 5 && !memcmp(to, "pipe:", 5))
			continue;
		if (say)
			dprintf(2, "  %s: %.*s\n", ent->d_name, len > 0 ? (int)len : 0, to);
		n++;
	}
	if (d)
		closedir(d);
	return n;
}

/* The first input also makes what stays (glib's context). From then on nothing more stays. */
static void check_leaks(void)
{
	static unsigned fds, threads;
	unsigned now = count("/proc/self/fd", false), tasks;

	/* a thread that was joined may still be seen for a moment */
	for (unsigned n = 0; (tasks = count("/proc/self/task", false)) > threads && threads; n++) {
		if (n == 2000) {
			dprintf(2, "fuzz_pc: %u threads are left\n", tasks - threads);
			abort();
		}
		usleep(1000);
	}
	if (fds && now > fds) {
		dprintf(2, "fuzz_pc: %u file descriptors are left open, of these:\n", now - fds);
		count("/proc/self/fd", true);
		abort();
	}
	if (!fds) {
		fds = now;
		threads = tasks;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, data + size };
	struct choice ch = choose(&in);
	struct command_line c = { .n = 0 };
	static struct options o;
	static struct plan p;
	struct guest *g = calloc(1, sizeof(*g));
	struct err e = { 0 };

	if (!g)
		die("memory", NULL);
	command_line(&c, &ch);
	o = (struct options){ 0 };
	if (options_parse(&o, c.n, (char **)c.arg, &e) || plan_make(&p, &o, &e) ||
	    guest_build(g, &p, &e))
		die("machine", &e);
	run(g, &ch, &in);
	guest_free(g);
	free(g);
	plan_free(&p);
	options_free(&o);
	empty_private_dir();
	check_leaks();
	return 0;
}
