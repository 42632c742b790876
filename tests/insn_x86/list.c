// SPDX-License-Identifier: GPL-2.0-or-later
/* Disassembly by objdump, which is there wherever a compiler is. */
#include "tests/insn_x86/rows.h"
#include "tests/insn_x86/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void list_file(const struct xs_case *c, const char *path)
{
	char cmd[300], line[256];
	FILE *f;

	snprintf(cmd, sizeof(cmd),
		 "objdump -D -b binary -m i386%s -M intel --adjust-vma=%#llx %s 2>&1",
		 c->wide ? ":x86-64" : "", (unsigned long long)c->in.rip, path);
	f = popen(cmd, "r");
	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, ":\t") && !strstr(line, "\t90"))
			fputs(line, stdout);
	if (f)
		pclose(f);
}

void xs_list(const struct xs_case *c)
{
	char path[] = "/tmp/insn-x86.XXXXXX";
	int fd = mkstemp(path);
	unsigned i;

	if (fd >= 0 && write(fd, c->code, c->size) == (ssize_t)c->size)
		list_file(c, path);
	if (fd >= 0) {
		close(fd);
		unlink(path);
	}
	for (i = 0; i < c->nr_insns; i++) {
		const struct xs_insn *n = &c->insn[i];

		if (!n->len || c->code[n->at] == 0x90 || !n->row)
			continue;
		printf("  +%03x %-16s", n->at, n->row->name);
		for (unsigned k = 0; k < n->len; k++)
			printf(" %02x", c->code[n->at + k]);
		printf(" (undefined flags before: %x)\n", n->undef);
	}
}
