/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CD-ROM images: ECMA-119 (ISO 9660), which may begin with anything. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "vmm/probe/image.h"

enum { DESCRIPTORS = 16 * 2048 };

bool image_is_iso(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char id[6];
	ssize_t n;

	if (fd < 0)
		return false;
	do {
		n = pread(fd, id, sizeof(id), DESCRIPTORS);
	} while (n < 0 && errno == EINTR);
	close(fd);
	/* 8.1: a volume descriptor's type, then the standard's name */
	return n == sizeof(id) && !memcmp(id + 1, "CD001", 5);
}
