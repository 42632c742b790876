/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `ambi disk COMMAND`: images without a guest. */
#ifndef VMM_DISK_CMD_H
#define VMM_DISK_CMD_H

/*
 * argv[0] is "disk". The exit status: 0; 1 for a failure, which was said; of `check` 2 where the
 * image has errors, 3 where it only counts clusters that nobody uses.
 */
int disk_command(int argc, char **argv);

#endif
