/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the nested tests run in a guest and on the emulated host beside ambi; static, for
 * there is no C library in either. Data are a function of a seed and a position, so both
 * ends know what has to come without keeping it.
 *
 *	tool blk PATH MIB THREADS	writes with O_DIRECT, reads back, compares
 *	tool sum PATH MIB		compares only: what blk left there
 *	tool serve ADDR MIB COUNT	takes COUNT connections: MIB of data each way, checked
 *	tool call ADDR MIB		the other end of one
 *	tool ask ADDR LINE		sends a line, prints the one that comes back
 *
 * ADDR: tcp:IP:PORT, unix:PATH, vsock:CID:PORT, guest:PATH:PORT (ambi's Unix socket of a
 * guest's vsock, with its CONNECT line).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CHUNK = 256 << 10 };

static void die(const char *what)
{
	printf("TOOL-FAIL %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t word_at(uint64_t seed, uint64_t pos)
{
	uint64_t x = (pos + seed) * 0x9e3779b97f4a7c15;

	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9;
	return x ^ x >> 32;
}

static void fill(uint64_t *buf, size_t bytes, uint64_t seed, uint64_t off)
{
	for (size_t i = 0; i < bytes / 8; i++)
		buf[i] = word_at(seed, off / 8 + i);
}

/* Whether it is what fill() makes; adds to a sum that does not depend on the order. */
static int matches(const uint64_t *buf, size_t bytes, uint64_t seed, uint64_t off,
		   uint64_t *sum)
{
	for (size_t i = 0; i < bytes / 8; i++) {
		if (buf[i] != word_at(seed, off / 8 + i)) {
			printf("TOOL-FAIL offset %llu: %016llx\n",
			       (unsigned long long)(off + i * 8), (unsigned long long)buf[i]);
			return 0;
		}
		*sum += buf[i] ^ (off / 8 + i);
	}
	return 1;
}

/* ---- disks ---- */

struct part {
	pthread_t thread;
	const char *path;
	uint64_t chunks, first, step, sum;
	int write;
};

static void *part_run(void *opaque)
{
	struct part *p = opaque;
	int fd = open(p->path, (p->write ? O_RDWR : O_RDONLY) | O_DIRECT);
	uint64_t *buf = aligned_alloc(4096, CHUNK);

	if (fd < 0)
		die(p->path);
	for (uint64_t i = p->first; p->write && i < p->chunks; i += p->step) {
		fill(buf, CHUNK, 1, i * CHUNK);
		if (pwrite(fd, buf, CHUNK, (off_t)(i * CHUNK)) != CHUNK)
			die("write");
	}
	if (p->write && fsync(fd))
		die("fsync");
	for (uint64_t i = p->first; i < p->chunks; i += p->step) {
		memset(buf, 0, CHUNK);
		if (pread(fd, buf, CHUNK, (off_t)(i * CHUNK)) != CHUNK)
			die("read");
		if (!matches(buf, CHUNK, 1, i * CHUNK, &p->sum))
			exit(1);
	}
	close(fd);
	free(buf);
	return NULL;
}

static int disk(const char *path, uint64_t mib, unsigned threads, int write)
{
	struct part part[16];
	uint64_t sum = 0;

	if (!threads || threads > 16)
		return 2;
	for (unsigned i = 0; i < threads; i++) {
		part[i] = (struct part){ .path = path, .chunks = mib * (1 << 20) / CHUNK,
					 .first = i, .step = threads, .write = write };
		if (pthread_create(&part[i].thread, NULL, part_run, &part[i]))
			die("thread");
	}
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(part[i].thread, NULL);
		sum += part[i].sum;
	}
	printf("%s %llu MiB %016llx\n", write ? "BLK-OK" : "SUM-OK", (unsigned long long)mib,
	       (unsigned long long)sum);
	return 0;
}

/* ---- connections ---- */

union addr {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_un un;
	struct sockaddr_vm vm;
};

static socklen_t addr_parse(char *text, union addr *a, long *guest_port)
{
	char *rest = strchr(text, ':'), *port;

	memset(a, 0, sizeof(*a));
	*guest_port = -1;
	if (!rest)
		exit(2);
	*rest++ = 0;
	port = strrchr(rest, ':');
	if (port && strcmp(text, "unix"))
		*port++ = 0;
	if (!strcmp(text, "tcp") && port) {
		a->in.sin_family = AF_INET;
		a->in.sin_port = htons((uint16_t)atoi(port));
		if (inet_pton(AF_INET, rest, &a->in.sin_addr) != 1)
			exit(2);
		return sizeof(a->in);
	}
	if (!strcmp(text, "vsock") && port) {
		a->vm.svm_family = AF_VSOCK;
		a->vm.svm_cid = (unsigned)strtoul(rest, NULL, 0);
		a->vm.svm_port = (unsigned)atoi(port);
		return sizeof(a->vm);
	}
	if (!strcmp(text, "guest") && port)
		*guest_port = atoi(port);
	a->un.sun_family = AF_UNIX;
	snprintf(a->un.sun_path, sizeof(a->un.sun_path), "%s", rest);
	return sizeof(a->un);
}

static void send_all(int fd, uint64_t mib, uint64_t seed)
{
	uint64_t *buf = malloc(CHUNK);

	for (uint64_t off = 0; off < mib << 20; off += CHUNK) {
		fill(buf, CHUNK, seed, off);
		for (size_t done = 0; done < CHUNK; ) {
			ssize_t n = send(fd, (char *)buf + done, CHUNK - done, MSG_NOSIGNAL);

			if (n <= 0)
				die("send");
			done += (size_t)n;
		}
	}
	if (shutdown(fd, SHUT_WR))
		die("shutdown");
	free(buf);
}

/* Exactly that much, then the end. */
static void receive_all(int fd, uint64_t mib, uint64_t seed)
{
	uint64_t *buf = malloc(CHUNK), sum = 0;
	char more;

	for (uint64_t off = 0; off < mib << 20; off += CHUNK) {
		for (size_t done = 0; done < CHUNK; ) {
			ssize_t n = recv(fd, (char *)buf + done, CHUNK - done, 0);

			if (n <= 0) {
				printf("TOOL-FAIL %llu bytes came\n",
				       (unsigned long long)(off + done));
				die("receive");
			}
			done += (size_t)n;
		}
		if (!matches(buf, CHUNK, seed, off, &sum))
			exit(1);
	}
	if (recv(fd, &more, 1, 0) != 0)
		die("no end");
	free(buf);
}

static int serve(char *text, uint64_t mib, int count)
{
	union addr a;
	long port;
	socklen_t len = addr_parse(text, &a, &port);
	int s = socket(a.sa.sa_family, SOCK_STREAM, 0), one = 1;

	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (s < 0 || bind(s, &a.sa, len) || listen(s, 8))
		die("listen");
	printf("SERVING\n");
	fflush(stdout);
	while (count--) {
		int fd = accept(s, NULL, NULL);

		if (fd < 0)
			die("accept");
		receive_all(fd, mib, 2);
		send_all(fd, mib, 3);
		close(fd);
	}
	printf("SERVE-OK %llu MiB each way\n", (unsigned long long)mib);
	return 0;
}

/* Connected, or not at all. */
static int reach(char *text)
{
	union addr a;
	long port;
	socklen_t len = addr_parse(text, &a, &port);
	char line[64];

	/* the other end may still be on its way up */
	for (int i = 0; ; i++) {
		int fd = socket(a.sa.sa_family, SOCK_STREAM, 0);
		size_t n = 0;

		if (fd >= 0 && !connect(fd, &a.sa, len)) {
			if (port < 0)
				return fd;
			dprintf(fd, "CONNECT %ld\n", port);
			while (n < sizeof(line) - 1 && read(fd, line + n, 1) == 1 &&
			       line[n++] != '\n')
				;
			line[n] = 0;
			if (!strncmp(line, "OK ", 3))
				return fd;
		}
		if (i == 1200)
			die("connect");
		close(fd);
		usleep(100000);
	}
}

static int call(char *text, uint64_t mib)
{
	int fd = reach(text);

	send_all(fd, mib, 2);
	receive_all(fd, mib, 3);
	printf("CALL-OK %llu MiB each way\n", (unsigned long long)mib);
	return 0;
}

static int ask(char *text, const char *question)
{
	int fd = reach(text);
	char line[256];
	size_t n = 0;

	dprintf(fd, "%s\n", question);
	while (n < sizeof(line) - 1 && read(fd, line + n, 1) == 1 && line[n] != '\n')
		n++;
	line[n] = 0;
	printf("ANSWER %s\n", line);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "blk"))
		return disk(argv[2], strtoull(argv[3], NULL, 0), (unsigned)atoi(argv[4]), 1);
	if (argc == 4 && !strcmp(argv[1], "sum"))
		return disk(argv[2], strtoull(argv[3], NULL, 0), 1, 0);
	if (argc == 5 && !strcmp(argv[1], "serve"))
		return serve(argv[2], strtoull(argv[3], NULL, 0), atoi(argv[4]));
	if (argc == 4 && !strcmp(argv[1], "call"))
		return call(argv[2], strtoull(argv[3], NULL, 0));
	if (argc == 4 && !strcmp(argv[1], "ask"))
		return ask(argv[2], argv[3]);
	return 2;
}
