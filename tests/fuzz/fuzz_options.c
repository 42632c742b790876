/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines as command lines, and each word as a size and as a number of CPUs. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "vmm/options.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *argv[130] = { "ambi" };
	struct options o;
	struct err e = { 0 };
	uint64_t bytes;
	struct cpu_topology t;
	int64_t off;
	int argc = 1;

	memcpy(text, data, size);
	text[size] = '\0';
	for (char *w = strtok(text, "\n "); w && argc < 129; w = strtok(NULL, "\n ")) {
		if (!options_mem(w, &bytes, &e) && (bytes & 4095 || !bytes))
			abort();
		if (!options_topology(w, &t, &e) &&
		    (t.nr_cpus < 1 || t.nr_cpus > 256 ||
		     t.sockets * t.cores * t.threads != t.nr_cpus))
			abort();
		options_rtc(w, &off, &e);
		argv[argc++] = w;
	}
	e = (struct err){ 0 };
	if (options_parse(&o, argc, argv, &e) < 0 && !e.msg[0])
		abort();
	options_free(&o);
	free(text);
	return 0;
}
