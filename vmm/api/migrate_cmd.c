/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands of migration, by QEMU's names; capabilities are parameters that are on or off. */
#include <errno.h>
#include <string.h>

#include "util/bits.h"
#include "vmm/api/handlers.h"
#include "vmm/guest.h"
#include "vmm/move/migrate.h"

void migrate_event(struct guest *g, const char *status)
{
	json_t *data = json_pack("{s:s}", "status", status);
	struct migrate_info i;

	if (!strcmp(status, "failed")) {
		migrate_query(g, &i);
		json_object_set_new(data, "error-desc", api_text(i.error));
	}
	api_event(g, "MIGRATION", data);
}

/* Who controls ambi by a socket of its own choice ends it, too: it may want to ask first. */
api_fn api_migrate, api_migrate_cancel, api_migrate_incoming, api_migrate_start_postcopy,
	api_migrate_set_parameters, api_query_migrate_parameters, api_migrate_set_capabilities,
	api_query_migrate_capabilities, api_query_migrate;

static bool keep_by_default(struct guest *g)
{
	const struct options *o = g->plan->opt;
	bool own = o->api_socket;

	for (unsigned i = 0; i < o->qmp.nr; i++)
		own |= strcmp(o->qmp.item[i], "none") != 0;
	return own;
}

int api_migrate(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	struct migrate_opts o = {
		.uri = api_str(args, "uri", NULL),
		.bandwidth = (uint64_t)api_int(args, "bandwidth", 0),
		.downtime_ms = (unsigned)api_int(args, "downtime", 0),
		.streams = (unsigned)api_int(args, "streams", 0),
		.level = (int)api_int(args, "level", 0),
		.auto_converge = api_bool(args, "auto-converge", false),
		.postcopy = api_bool(args, "postcopy", false),
		.blocks = api_bool(args, "blk", false),
		.tls_creds = api_str(args, "tls-creds", NULL),
		.keep = api_bool(args, "keep", keep_by_default(g)),
	};

	return migrate_start(g, &o, e);
}

int api_migrate_cancel(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	migrate_cancel(g);
	return 0;
}

int api_migrate_incoming(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	return migrate_incoming(g, api_str(args, "uri", ""), e);
}

int api_migrate_start_postcopy(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	return migrate_start_postcopy(g, e);
}

/* ---- parameters ---- */

int api_migrate_set_parameters(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	struct migrate_params p = migrate_params;
	const char *zip = api_str(args, "multifd-compression", NULL);
	const char *creds = api_str(args, "tls-creds", p.tls_creds);
	const char *host = api_str(args, "tls-hostname", p.tls_hostname);

	p.bandwidth = (uint64_t)api_int(args, "max-bandwidth", (int64_t)p.bandwidth);
	p.downtime_ms = (unsigned)api_int(args, "downtime-limit", p.downtime_ms);
	p.streams = (unsigned)api_int(args, "multifd-channels", p.streams);
	p.level = (int)api_int(args, "multifd-zstd-level", p.level);
	p.postcopy_rounds = (unsigned)api_int(args, "postcopy-after-rounds", p.postcopy_rounds);
	if (zip)
		p.level = strcmp(zip, "none") ? MAX(p.level, 1) : -1;
	if (strlen(creds) >= sizeof(p.tls_creds) || strlen(host) >= sizeof(p.tls_hostname))
		return err_set(e, ENAMETOOLONG, "tls-creds, tls-hostname: too long");
	memmove(p.tls_creds, creds, strlen(creds) + 1);
	memmove(p.tls_hostname, host, strlen(host) + 1);
	migrate_set_params(g, &p);
	return 0;
}

int api_query_migrate_parameters(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	const struct migrate_params *p = &migrate_params;

	*ret = json_pack("{s:I,s:I,s:I,s:I,s:s,s:I,s:s,s:s}",
			 "max-bandwidth", (json_int_t)p->bandwidth,
			 "downtime-limit", (json_int_t)p->downtime_ms,
			 "multifd-channels", (json_int_t)p->streams,
			 "multifd-zstd-level", (json_int_t)MAX(p->level, 1),
			 "multifd-compression", p->level < 0 ? "none" : "zstd",
			 "postcopy-after-rounds", (json_int_t)p->postcopy_rounds,
			 "tls-creds", p->tls_creds, "tls-hostname", p->tls_hostname);
	return *ret ? 0 : err_set(e, ENOMEM, "no memory");
}

static bool *capability(struct migrate_params *p, const char *name)
{
	return !strcmp(name, "auto-converge") ? &p->auto_converge :
	       !strcmp(name, "postcopy-ram") ? &p->postcopy : &p->blocks;
}
static const char *const capabilities[] = { "auto-converge", "postcopy-ram", "block" };

int api_migrate_set_capabilities(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	struct migrate_params p = migrate_params;
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(args, "capabilities"), i, item)
		*capability(&p, api_str(item, "capability", "")) = api_bool(item, "state", false);
	migrate_set_params(g, &p);
	return 0;
}

int api_query_migrate_capabilities(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	struct migrate_params p = migrate_params;

	*ret = json_array();
	for (size_t i = 0; i < ARRAY_SIZE(capabilities); i++)
		json_array_append_new(*ret, json_pack("{s:s,s:b}", "capability", capabilities[i],
						      "state", *capability(&p, capabilities[i])));
	return 0;
}

/* ---- query-migrate ---- */

static json_t *ram(const struct migrate_info *i)
{
	uint64_t normal = i->pages - i->zero_pages;

	return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:f,s:I,s:i}",
			 "transferred", (json_int_t)i->transferred,
			 "remaining", (json_int_t)i->remaining, "total", (json_int_t)i->total,
			 "duplicate", (json_int_t)i->zero_pages,
			 "normal", (json_int_t)normal,
			 "normal-bytes", (json_int_t)normal * 4096,
			 "dirty-pages-rate", (json_int_t)i->dirty_rate,
			 "mbps", (double)i->bandwidth * 8 / 1e6,
			 "dirty-sync-count", (json_int_t)i->rounds,
			 "page-size", 4096);
}

int api_query_migrate(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	struct migrate_info i;

	migrate_query(g, &i);
	*ret = json_pack("{s:s}", "status", migrate_status_name(i.status));
	if (!*ret)
		return err_set(e, ENOMEM, "no memory");
	if (i.status == MIGRATE_NONE)
		return 0;
	json_object_set_new(*ret, "total-time", json_integer((json_int_t)i.total_ms));
	json_object_set_new(*ret, "ram", ram(&i));
	if (i.error[0])
		json_object_set_new(*ret, "error-desc", api_text(i.error));
	if (i.incoming)
		return 0;
	json_object_set_new(*ret, "expected-downtime", json_integer((json_int_t)i.expected_ms));
	if (i.status == MIGRATE_COMPLETED)
		json_object_set_new(*ret, "downtime", json_integer((json_int_t)i.downtime_ms));
	if (i.throttle)
		json_object_set_new(*ret, "cpu-throttle-percentage", json_integer(i.throttle));
	if (i.disk_total)
		json_object_set_new(*ret, "disk",
				    json_pack("{s:I,s:I}", "transferred",
					      (json_int_t)i.disk_transferred, "total",
					      (json_int_t)i.disk_total));
	return 0;
}
