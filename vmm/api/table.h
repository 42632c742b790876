/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What tools/apigen.py makes of vmm/api/schema.json. Arrays end with an entry whose first
 * member is NULL.
 */
#ifndef VMM_API_TABLE_H
#define VMM_API_TABLE_H

#include "vmm/api/api.h"

enum api_kind {
	API_ANY, API_STR, API_INT, API_NUMBER, API_BOOL, API_ENUM, API_OBJECT, API_ARRAY
};

struct api_type {
	const char *name;
	enum api_kind kind;
	const char *const *values;		/* API_ENUM */
	const struct api_member *members;	/* API_OBJECT */
	const struct api_type *element;		/* API_ARRAY */
};

/* How `ambi ctl` reads an argument that is more than its type. */
enum api_text { API_TEXT_PLAIN, API_TEXT_SIZE, API_TEXT_KEYS, API_TEXT_PATH, API_TEXT_FILE };

struct api_member {
	const char *name;
	const struct api_type *type;
	bool optional, positional;
	enum api_text text;
	int64_t min, max;			/* API_INT */
	const char *def, *help;			/* NULL where there is none */
};

struct api_command {
	const char *name, *cli, *help;		/* cli: short name for `ambi ctl`, or NULL */
	const struct api_member *args;
	api_fn *fn;				/* NULL: this ambi does not have it */
	bool builtin;				/* the session's own */
	bool open;				/* takes arguments besides, as a device has them */
};

struct api_table {
	const struct api_command *commands;
	const char *const *events;
	const char *schema;			/* query-qmp-schema's answer, JSON */
	const char *version;			/* of ambi */
};

extern const struct api_table api_table;

const struct api_command *api_find(const struct api_table *t, const char *name);
/* Against the command's arguments; args is hostile. 0 or -EINVAL. */
int api_check(const struct api_command *c, json_t *args, struct err *e);
/* Where `word` stands for a command in `ambi ctl`: its name, its short one, dashes for both. */
const struct api_command *api_find_cli(const struct api_table *t, const char *word);

/*
 * Words behind a command as its arguments: positional ones, --name VALUE, --name=VALUE, --flag.
 * A new reference; NULL and a message.
 */
json_t *api_words(const struct api_command *c, char **word, struct err *e);

#endif
