/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/block/block.h"
#include "vmm/api/handlers.h"
#include "vmm/guest.h"

static json_t *inserted(struct block *b)
{
	g_autofree char *path = g_utf8_make_valid(block_path(b), -1);
	struct block_info i = { .format = "raw" };

	block_get_info(b, &i);
	return json_pack("{s:s,s:b,s:s,s:b,s:{s:b},s:{s:s,s:s,s:I,s:I}}",
		"file", path, "ro", block_readonly(b), "drv", i.format, "encrypted", 0,
		"cache", "writeback", block_has_flush(b), "image", "filename", path, "format",
		i.format, "virtual-size", (json_int_t)block_size(b), "actual-size",
		(json_int_t)i.on_disk);
}

int api_query_block(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	*ret = json_array();
	for (unsigned i = 0; i < g->nr_backends; i++) {
		struct backend *b = &g->backend[i];
		char name[16];

		if (!b->block)
			continue;
		snprintf(name, sizeof(name), "drive%u", i);
		json_array_append_new(*ret, json_pack("{s:o,s:s,s:b,s:b,s:o}",
			"device", api_text(b->id[0] ? b->id : name), "type", "unknown",
			"removable", 0, "locked", 0, "inserted", inserted(b->block)));
	}
	return 0;
}
