/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What files of commands need besides api.h. Every api_NAME of the schema is an api_fn. */
#ifndef VMM_API_HANDLERS_H
#define VMM_API_HANDLERS_H

#include "vmm/api/api.h"

api_fn api_query_version, api_query_name, api_query_status, api_query_commands,
	api_query_qmp_schema, api_query_machines, api_query_kvm, api_query_target, api_query_uuid,
	api_query_cpus_fast;
api_fn api_stop, api_cont, api_quit, api_system_reset, api_system_powerdown;
api_fn api_inject_nmi, api_balloon, api_query_balloon, api_send_key, api_screendump,
	api_query_block, api_device_add, api_device_del, api_blockdev_add, api_blockdev_del,
	api_netdev_add, api_netdev_del, api_chardev_add;
api_fn api_vm_info, api_vm_plan, api_vm_phases, api_vm_stats, api_vm_switch,
	api_human_monitor_command, api_vm_console, api_vm_twin,
	api_dump_guest_memory, api_query_dump_guest_memory_capability;

api_fn api_snapshot_save, api_snapshot_load, api_snapshot_list, api_snapshot_delete;

const char *api_run_state(struct guest *g);	/* RunState */
/* SHUTDOWN and RESET: by whom (ShutdownCause). */
void api_event_end(struct guest *g, const char *name, const char *reason);
/* The guest has another amount of memory now: event BALLOON_CHANGE, soon. */
void api_balloon_changed(struct guest *g);
/* Any bytes (paths, a guest's words) as JSON's text; a new reference. NULL: "". */
json_t *api_text(const char *s);

#endif
