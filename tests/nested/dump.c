/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dump: all that a guest can see of its machine, as text, one fact a line, the same every time
 * that the machine is. Static, run as root in an initramfs.
 *
 *	<section> <name>[ <offset>]: <value>
 *
 * Facts about time, counts and addresses of the kernel's own choice are left out here; what the
 * reader may still have to hide is hidden there (test_same.py).
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/klog.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned char buf[1 << 20];

static ssize_t slurp(const char *path)
{
	int fd = open(path, O_RDONLY);
	ssize_t n, done = 0;

	if (fd < 0)
		return -1;
	while ((n = read(fd, buf + done, sizeof(buf) - 1 - (size_t)done)) > 0)
		done += n;
	close(fd);
	if (n < 0 && !done)
		return -1;
	buf[done] = 0;
	return done;
}

/* Lines of 32 bytes; runs of zeros are left out. */
static void hex(const char *section, const char *name, const unsigned char *p, size_t n)
{
	static const unsigned char zero[32];

	printf("%s %s length: %zu\n", section, name, n);
	for (size_t at = 0; at < n; at += 32) {
		size_t len = n - at < 32 ? n - at : 32;

		if (!memcmp(p + at, zero, len))
			continue;
		printf("%s %s %04zx:", section, name, at);
		for (size_t i = 0; i < len; i++)
			printf("%s%02x", i % 4 ? "" : " ", p[at + i]);
		printf("\n");
	}
}

static void text(const char *section, const char *name, const char *path)
{
	ssize_t n = slurp(path);
	char *save = NULL;

	if (n < 0)
		return;
	if (!n)
		printf("%s %s:\n", section, name);
	for (char *l = strtok_r((char *)buf, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		printf("%s %s: %s\n", section, name, l);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int visible(const struct dirent *d) { return d->d_name[0] != '.'; }

/* For each name in the folder. */
static void each(const char *dir, void (*fn)(const char *path, const char *name))
{
	struct dirent **list;
	int n = scandir(dir, &list, visible, by_name);

	for (int i = 0; i < n; i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name);
		fn(path, list[i]->d_name);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

/* The named files below a folder, as far as there are any. */
static void files(const char *section, const char *path, const char *name,
		  const char *const *list)
{
	for (; *list; list++) {
		char p[8192], n[8192];

		snprintf(p, sizeof(p), "%s/%s", path, *list);
		snprintf(n, sizeof(n), "%s %s", name, *list);
		text(section, n, p);
	}
}

/* ---- processors ---- */

static int on_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

static void cpuid_range(int cpu, uint32_t base, uint32_t least)
{
	uint32_t top, b, c, d;

	__cpuid(base, top, b, c, d);
	if (top < base || top > base + 0x100)
		top = base + least;
	/* one further than there is: what is beyond counts, too */
	for (uint32_t leaf = base; leaf <= top + 1; leaf++) {
		uint32_t last[4] = { 0 };

		for (uint32_t sub = 0; sub < 64; sub++) {
			uint32_t r[4];

			__cpuid_count(leaf, sub, r[0], r[1], r[2], r[3]);
			/* most leaves do not look at the subleaf, others end with zeros */
			if (sub && (!memcmp(r, last, sizeof(r)) ||
				    !(r[0] | r[1] | r[2] | r[3])))
				continue;
			memcpy(last, r, sizeof(r));
			printf("cpuid %d %08x.%02x: %08x %08x %08x %08x\n", cpu, leaf, sub, r[0],
			       r[1], r[2], r[3]);
		}
	}
}

/* Those that CPUID says are there; KVM shows some more. */
static bool exists(uint32_t msr)
{
	uint32_t a, b, c, d;

	__cpuid_count(7, 0, a, b, c, d);
	return msr != 0x3b || b & 2;	/* TSC_ADJUST */
}

static void msr_range(int cpu, int fd, uint32_t first, uint32_t last)
{
	for (uint32_t i = first; i <= last; i++) {
		uint64_t v;

		if (!exists(i))
			continue;
		if (pread(fd, &v, 8, i) == 8)
			printf("msr %d %08x: %016llx\n", cpu, i, (unsigned long long)v);
		else
			printf("msr %d %08x: %s\n", cpu, i, errno == EIO ? "#GP" : "?");
	}
}

static void msrs(int cpu)
{
	/* clocks (10, 6e0, 838-839), counters and addresses of the kernel's are not among them */
	static const uint32_t list[][2] = {
		{ 0x0, 0x1 }, { 0x17, 0x17 }, { 0x1b, 0x1b }, { 0x3a, 0x3b }, { 0x48, 0x48 },
		{ 0x8b, 0x8b }, { 0xce, 0xcf }, { 0xfe, 0xfe }, { 0x10a, 0x10a }, { 0x174, 0x175 },
		{ 0x179, 0x17b }, { 0x198, 0x19a }, { 0x1a0, 0x1a0 }, { 0x1d9, 0x1d9 },
		{ 0x200, 0x210 }, { 0x250, 0x250 }, { 0x258, 0x259 }, { 0x268, 0x26f },
		{ 0x277, 0x277 }, { 0x2ff, 0x2ff }, { 0x345, 0x345 }, { 0x400, 0x403 },
		{ 0x802, 0x803 }, { 0x808, 0x808 }, { 0x80d, 0x80d }, { 0x80f, 0x80f },
		{ 0x828, 0x828 }, { 0x832, 0x837 }, { 0x83e, 0x83e }, { 0xda0, 0xda0 },
		{ 0x4b564d02, 0x4b564d02 }, { 0x4b564d05, 0x4b564d08 },
		{ 0xc0000080, 0xc0000081 }, { 0xc0000084, 0xc0000084 }, { 0xc0000103, 0xc0000104 },
		{ 0xc0010010, 0xc0010010 }, { 0xc0010015, 0xc001001d }, { 0xc001001f, 0xc001001f },
		{ 0xc0010055, 0xc0010055 }, { 0xc0010058, 0xc0010058 }, { 0xc0010062, 0xc0010064 },
		{ 0xc0010112, 0xc0010117 }, { 0xc001011f, 0xc001011f }, { 0xc0010140, 0xc0010141 },
		{ 0xc0011022, 0xc0011022 }, { 0xc0011029, 0xc0011029 }, { 0xdeadbeef, 0xdeadbeef },
	};
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/cpu/%d/msr", cpu);
	fd = open(path, O_RDONLY);
	if (fd < 0) {
		printf("msr %d: no module\n", cpu);
		return;
	}
	for (unsigned i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		msr_range(cpu, fd, list[i][0], list[i][1]);
	close(fd);
}

static void cache(const char *path, const char *name)
{
	static const char *const list[] = { "level", "type", "size", "coherency_line_size",
		"number_of_sets", "ways_of_associativity", "shared_cpu_map",
		"physical_line_partition", "id", NULL };
	char label[300];

	/* .../cpuN/cache/indexM */
	snprintf(label, sizeof(label), "%.8s %.200s", strstr(path, "/cpu/cpu") + 5, name);
	files("cache", path, label, list);
}

static void cpus(void)
{
	static const char *const topology[] = { "topology/core_cpus", "topology/core_id",
		"topology/die_id", "topology/package_cpus", "topology/physical_package_id",
		"topology/thread_siblings", "online", NULL };
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	for (int cpu = 0; cpu < n; cpu++) {
		char path[64], name[16];

		if (on_cpu(cpu))
			continue;
		cpuid_range(cpu, 0, 0);
		cpuid_range(cpu, 0x40000000, 1);
		cpuid_range(cpu, 0x80000000, 8);
		cpuid_range(cpu, 0xc0000000, 0);
		msrs(cpu);
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d", cpu);
		snprintf(name, sizeof(name), "cpu%d", cpu);
		files("topology", path, name, topology);
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/cache", cpu);
		each(path, cache);
	}
	on_cpu(0);
}

/* ---- ports and memory ---- */

/* fw_cfg: the whole directory and what its files hold (docs: QEMU's fw_cfg). */
static void fw_cfg(void)
{
	enum { SELECT = 0x510, DATA = 0x511, SIGNATURE = 0, DIR = 0x19, ENTRY = 64 };
	static unsigned char dir[4 + 256 * ENTRY];
	uint32_t count;

	outw(SIGNATURE, SELECT);
	insb(DATA, dir, 4);
	if (memcmp(dir, "QEMU", 4)) {
		printf("fw_cfg: none\n");
		return;
	}
	for (unsigned key = 1; key < DIR; key++) {
		/* kernel and initrd themselves */
		if (key == 0x11 || key == 0x12)
			continue;
		outw((unsigned short)key, SELECT);
		insb(DATA, dir, 8);
		printf("fw_cfg %02x:", key);
		for (int i = 0; i < 8; i++)
			printf("%02x", dir[i]);
		printf("\n");
	}
	outw(DIR, SELECT);
	insb(DATA, dir, 4);
	count = (uint32_t)dir[2] << 8 | dir[3];
	if (count > 256)
		count = 256;
	insb(DATA, dir + 4, count * ENTRY);
	for (uint32_t i = 0; i < count; i++) {
		const unsigned char *e = dir + 4 + i * ENTRY;
		uint32_t size = (uint32_t)e[0] << 24 | e[1] << 16 | e[2] << 8 | e[3];
		char name[57];

		snprintf(name, sizeof(name), "%.56s", (const char *)e + 8);
		printf("fw_cfg file %u: %02x%02x %s\n", i, e[4], e[5], name);
		if (size > 1 << 16)
			size = 1 << 16;
		outw((unsigned short)(e[4] << 8 | e[5]), SELECT);
		insb(DATA, buf, size);
		hex("fw_cfg", name, buf, size);
	}
}

static void ports(void)
{
	/* those that reading does not change and time does not (3da: a display's retrace) */
	static const struct { uint16_t from, to; } list[] = {
		{ 0x21, 0x21 }, { 0x64, 0x64 }, { 0x80, 0x80 }, { 0x92, 0x92 }, { 0xa1, 0xa1 },
		{ 0xb2, 0xb3 }, { 0x2f8, 0x2ff }, { 0x3bc, 0x3be }, { 0x3c0, 0x3d9 },
		{ 0x3db, 0x3df }, { 0x3fb, 0x3fc }, { 0x4d0, 0x4d1 }, { 0x402, 0x402 },
		{ 0x505, 0x505 }, { 0x602, 0x607 }, { 0x620, 0x62f }, { 0xcf9, 0xcf9 },
		{ 0xed, 0xed }, { 0xafe0, 0xafe4 },
	};

	if (iopl(3)) {
		printf("port: no iopl: %s\n", strerror(errno));
		return;
	}
	for (unsigned i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		for (unsigned p = list[i].from; p <= list[i].to; p++)
			printf("port %04x: %02x\n", p, inb((unsigned short)p));
	/* CMOS memory: from 0x0e on it is memory; the kernel looks at the clock only */
	for (int i = 0x0a; i < 0x80; i++) {
		outb((unsigned char)i, 0x70);
		/* 0x0a: an update may be going on; 0x0c: reading clears */
		if (i != 0x0c)
			printf("cmos %02x: %02x\n", i, inb(0x71) & (i == 0x0a ? 0x7f : 0xff));
	}
	fw_cfg();
}

/* ---- devices ---- */

static void pci(const char *path, const char *name)
{
	static const char *const list[] = { "resource", "irq", "class", "vendor", "device",
		"subsystem_vendor", "subsystem_device", "revision", "ari_enabled",
		"broken_parity_status", "d3cold_allowed", "dma_mask_bits", "enable",
		"local_cpulist", "max_link_speed", "max_link_width", "current_link_speed",
		"current_link_width", "msi_bus", "numa_node", "power_state", "reset_method", NULL };
	char p[8192], target[4096];
	ssize_t n;

	snprintf(p, sizeof(p), "%s/config", path);
	n = slurp(p);
	if (n > 0)
		hex("pci-config", name, buf, (size_t)n);
	files("pci", path, name, list);
	snprintf(p, sizeof(p), "%s/driver", path);
	n = readlink(p, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = 0;
	printf("pci %s driver: %s\n", name, n > 0 ? strrchr(target, '/') + 1 : "none");
	snprintf(p, sizeof(p), "%s/rom", path);
	n = open(p, O_RDWR);
	if (n >= 0) {
		int fd = (int)n;

		if (write(fd, "1", 1) == 1) {
			close(fd);
			n = slurp(p);
			if (n > 0)
				hex("pci-rom", name, buf, (size_t)n);
		} else {
			close(fd);
		}
	}
}

static void virtio(const char *path, const char *name)
{
	static const char *const list[] = { "device", "vendor", "features", "status", NULL };

	files("virtio", path, name, list);
}

static void block(const char *path, const char *name)
{
	static const char *const list[] = { "size", "ro", "removable", "range", "capability",
		"serial", "queue/logical_block_size", "queue/physical_block_size",
		"queue/minimum_io_size", "queue/optimal_io_size", "queue/discard_max_bytes",
		"queue/discard_granularity", "queue/write_zeroes_max_bytes",
		"queue/max_hw_sectors_kb", "queue/max_sectors_kb", "queue/max_segments",
		"queue/max_segment_size", "queue/write_cache", "queue/fua", "queue/rotational",
		"queue/nr_requests", "queue/scheduler", "device/model", "device/vendor",
		"device/rev", "device/serial", "device/firmware_rev", "device/queue_depth",
		"device/cntlid", "device/subsysnqn", "wwid", "uuid", NULL };

	files("block", path, name, list);
}

static void net(const char *path, const char *name)
{
	static const char *const list[] = { "address", "mtu", "speed", "tx_queue_len", "type",
					    NULL };

	files("net", path, name, list);
}

static void acpi_device(const char *path, const char *name)
{
	static const char *const list[] = { "path", "hid", "uid", "adr", "status", NULL };

	files("acpi-device", path, name, list);
}

static void pnp(const char *path, const char *name)
{
	static const char *const list[] = { "id", "resources", NULL };

	files("pnp", path, name, list);
}

static void tty(const char *path, const char *name)
{
	static const char *const list[] = { "type", "irq", "port", "uartclk", "xmit_fifo_size",
					    "iomem_base", NULL };

	if (!strncmp(name, "ttyS", 4))
		files("tty", path, name, list);
}

static void table(const char *path, const char *name)
{
	struct stat st;
	ssize_t n;

	if (stat(path, &st) || S_ISDIR(st.st_mode))
		return;
	n = slurp(path);
	if (n >= 0)
		hex("acpi", name, buf, (size_t)n);
}

static void dmi(const char *path, const char *name)
{
	ssize_t n = slurp(path);

	if (n >= 0)
		hex("smbios", name, buf, (size_t)n);
}

static void memmap(const char *path, const char *name)
{
	static const char *const list[] = { "start", "end", "type", NULL };

	files("memmap", path, name, list);
}

static void whole(const char *path, const char *name) { text("file", name, path); }

static void clock_event(const char *path, const char *name)
{
	static const char *const list[] = { "current_device", NULL };

	files("clockevent", path, name, list);
}

static void listed(const char *path, const char *name)
{
	(void)path;
	printf("device %s\n", name);
}

/* ---- text of the kernel's ---- */

/* Everything but the counts. */
static void interrupts(void)
{
	ssize_t n = slurp("/proc/interrupts");
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	char *save = NULL;
	bool first = true;

	if (n < 0)
		return;
	for (char *l = strtok_r((char *)buf, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		char *w = l;

		if (first) {
			first = false;
			continue;
		}
		while (*w == ' ')
			w++;
		printf("interrupt %.*s:", (int)strcspn(w, ":"), w);
		w += strcspn(w, ":");
		w += *w == ':';
		for (long i = 0; i < cpus; i++) {
			w += strspn(w, " ");
			if (!isdigit((unsigned char)*w))
				break;
			w += strspn(w, "0123456789");
		}
		for (char *t, *s2 = NULL; (t = strtok_r(w, " ", &s2)); w = NULL)
			printf(" %s", t);
		printf("\n");
	}
}

static void kernel_log(void)
{
	int n = klogctl(3, (char *)buf, sizeof(buf) - 1);
	char *save = NULL;

	if (n < 0)
		return;
	buf[n] = 0;
	for (char *l = strtok_r((char *)buf, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		/* <6>[    0.000000] words */
		char *w = strstr(l, "] ");

		printf("dmesg: %s\n", w ? w + 2 : l);
	}
}

/* The keyboard is found by a thread of the kernel's, sometimes in the middle of a dump. */
static void wait_for_keyboard(void)
{
	for (unsigned i = 0; i < 200; i++) {
		if (access("/sys/devices/platform/i8042", F_OK) ||
		    !access("/sys/devices/platform/i8042/serio0/input", F_OK))
			return;
		usleep(50000);
	}
}

int main(void)
{
	wait_for_keyboard();
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	cpus();
	text("cpuinfo", "cpu", "/proc/cpuinfo");
	each("/sys/devices/system/cpu/vulnerabilities", whole);
	text("clocksource", "available",
	     "/sys/devices/system/clocksource/clocksource0/available_clocksource");
	text("clocksource", "current",
	     "/sys/devices/system/clocksource/clocksource0/current_clocksource");
	each("/sys/devices/system/clockevents", clock_event);
	text("iomem", "", "/proc/iomem");
	text("ioports", "", "/proc/ioports");
	text("dma", "", "/proc/dma");
	text("mtrr", "", "/proc/mtrr");
	text("input", "", "/proc/bus/input/devices");
	text("misc", "", "/proc/misc");
	text("devices", "", "/proc/devices");
	text("partitions", "", "/proc/partitions");
	text("cmdline", "", "/proc/cmdline");
	each("/sys/firmware/memmap", memmap);
	each("/sys/firmware/acpi/tables", table);
	each("/sys/firmware/acpi/tables/dynamic", table);
	each("/sys/firmware/acpi/tables/data", table);
	text("acpi", "pm_profile", "/sys/firmware/acpi/pm_profile");
	each("/sys/firmware/dmi/tables", dmi);
	each("/sys/bus/acpi/devices", acpi_device);
	each("/sys/bus/pnp/devices", pnp);
	each("/sys/bus/platform/devices", listed);
	each("/sys/bus/pci/devices", pci);
	each("/sys/bus/virtio/devices", virtio);
	each("/sys/class/block", block);
	each("/sys/class/net", net);
	each("/sys/class/tty", tty);
	interrupts();
	kernel_log();
	ports();
	printf("end: of the dump\n");
	return fflush(stdout) ? 1 : 0;
}
