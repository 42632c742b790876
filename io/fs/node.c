/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Places in the exported tree, and the only code that goes from one to another.
 *
 * A step is one component, checked to be one, opened relative to its parent's
 * descriptor with O_PATH | O_NOFOLLOW: symbolic links are things with a content, never
 * followed, and ".." is answered from the nodes, never asked of the host. So no
 * sequence of steps leaves the export, whatever the guest or the host renames
 * meanwhile. openat2's RESOLVE_BENEATH says the same to the kernel, where it has it.
 *
 * Descriptors are a limited good: the least recently used are closed and opened again
 * by name when they are wanted, but only if what is there now is the same inode.
 */
#include "io/fs/fs_int.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define STEP_FLAGS (O_PATH | O_NOFOLLOW | O_CLOEXEC)
#define RECLAIM 32u		/* nodes looked at when descriptors run out */

int name_check(const char *name)
{
	size_t n = strlen(name);

	if (!n || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
		return -EINVAL;
	return n > NAME_MAX ? -ENAMETOOLONG : 0;
}

/* One component, as name_check passed it. */
static int step(int dirfd, const char *name)
{
	struct open_how how = {
		.flags = STEP_FLAGS,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
	};
	long fd = syscall(SYS_openat2, dirfd, name, &how, sizeof(how));

	/* Old kernels do not have it; seccomp filters of containers say EPERM. */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = openat(dirfd, name, STEP_FLAGS);
	return fd < 0 ? -errno : (int)fd;
}

#define STAT_MASK (STATX_BASIC_STATS | STATX_BTIME)

static int stat_at(int fd, const char *name, int flags, struct statx *st)
{
	if (statx(fd, name, flags | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STAT_MASK, st) < 0)
		return -errno;
	return 0;
}

int fs_stat_fd(int fd, struct statx *st) { return stat_at(fd, "", AT_EMPTY_PATH, st); }

static struct fs_id id_of(const struct statx *st)
{
	return (struct fs_id){
		.dev = makedev(st->stx_dev_major, st->stx_dev_minor), .ino = st->stx_ino,
		.birth_ns = st->stx_mask & STATX_BTIME ?
			    st->stx_btime.tv_sec * INT64_C(1000000000) + st->stx_btime.tv_nsec : 0,
	};
}

static bool same(const struct fs_id *a, const struct fs_id *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->birth_ns == b->birth_ns;
}

struct fs_proc_name fs_proc_name(int fd)
{
	struct fs_proc_name n;

	snprintf(n.s, sizeof(n.s), "%d", fd);
	return n;
}

struct fs_proc_name fs_proc_path(int fd)
{
	struct fs_proc_name n;

	snprintf(n.s, sizeof(n.s), "/proc/self/fd/%d", fd);
	return n;
}

int fs_reopen(struct fs *f, int path_fd, int flags)
{
	struct stat st;
	int fd;

	if (fstat(path_fd, &st) < 0)
		return -errno;
	/* Opening a device or a FIFO has effects, or waits; the guest makes its own of them. */
	if (S_ISDIR(st.st_mode))
		fd = openat(path_fd, ".", flags | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	else if (S_ISREG(st.st_mode))
		fd = openat(f->proc_fd, fs_proc_name(path_fd).s,
			    flags | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	else
		return S_ISLNK(st.st_mode) ? -ELOOP : -ENXIO;
	return fd < 0 ? -errno : fd;
}

/* ---- the nodes; under nodes.lock where nothing else is said ---- */

static struct node **hash_at(struct nodes *ns, struct node *parent, const char *name)
{
	uint64_t h = (uintptr_t)parent >> 4;

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
	return &ns->hash[(h ^ h >> 32) % ARRAY_SIZE(ns->hash)];
}

static void unhash(struct nodes *ns, struct node *n)
{
	struct node **at = hash_at(ns, n->parent, n->name);

	while (*at && *at != n)
		at = &(*at)->hash_next;
	if (*at)
		*at = n->hash_next;
}

static void unlist(struct nodes *ns, struct node *n)
{
	*(n->newer ? &n->newer->older : &ns->newest) = n->older;
	*(n->older ? &n->older->newer : &ns->oldest) = n->newer;
}

static void list(struct nodes *ns, struct node *n)
{
	n->newer = NULL;
	n->older = ns->newest;
	*(ns->newest ? &ns->newest->newer : &ns->oldest) = n;
	ns->newest = n;
}

static void touch(struct nodes *ns, struct node *n)
{
	if (n->fd >= 0 && ns->newest != n) {
		unlist(ns, n);
		list(ns, n);
	}
}

static void close_fd(struct nodes *ns, struct node *n)
{
	unlist(ns, n);
	close(n->fd);
	n->fd = -1;
	ns->nr_open--;
}

/* Its name still leads to it, as far as one can see: nobody asks a closed parent. */
static bool can_reopen(const struct node *n)
{
	struct statx st;
	struct fs_id id;

	if (n->gone || !n->parent)
		return false;
	if (n->parent->fd < 0)
		return true;
	if (stat_at(n->parent->fd, n->name, 0, &st) < 0)
		return false;
	id = id_of(&st);
	return same(&id, &n->id);
}

/*
 * Makes room for one more descriptor by closing what can be opened again. What cannot
 * has a limit, too, or a guest that removes what it holds would take all the process has.
 */
static int reclaim(struct nodes *ns)
{
	struct node *n = ns->oldest, *newer;

	for (unsigned i = 0; n && i < RECLAIM && ns->nr_open >= ns->max_open; i++, n = newer) {
		newer = n->newer;
		/* The candidates of the next time are others. */
		touch(ns, n);
		if (!n->pins && can_reopen(n))
			close_fd(ns, n);
	}
	return ns->nr_open < 2 * ns->max_open ? 0 : -ENFILE;
}

static int reopen_one(struct nodes *ns, struct node *n)
{
	struct statx st;
	struct fs_id id;
	int fd, rc = reclaim(ns);

	if (rc < 0)
		return rc;
	fd = step(n->parent->fd, n->name);
	if (fd < 0)
		return fd == -ENOENT ? -ESTALE : fd;
	rc = fs_stat_fd(fd, &st);
	id = id_of(&st);
	if (rc < 0 || !same(&id, &n->id)) {
		close(fd);
		return rc < 0 ? rc : -ESTALE;
	}
	n->fd = fd;
	list(ns, n);
	ns->nr_open++;
	return 0;
}

/* Its closed ancestors too, from the top; each only as long as the next one needs it. */
static int reopen(struct nodes *ns, struct node *n)
{
	struct node *up, *open, **chain;
	unsigned depth = 0;
	int rc = 0;

	for (open = n; open->fd < 0; open = open->parent)
		depth++;
	chain = calloc(depth, sizeof(*chain));
	if (!chain)
		return -ENOMEM;
	up = n;
	for (unsigned i = depth; i--; up = up->parent)
		chain[i] = up;
	for (unsigned i = 0; i < depth && !rc; i++) {
		open->pins++;
		rc = reopen_one(ns, chain[i]);
		open->pins--;
		open = chain[i];
	}
	free(chain);
	return rc;
}

int node_pin(struct fs *f, struct node *n)
{
	struct nodes *ns = &f->nodes;
	int rc = 0;

	pthread_mutex_lock(&ns->lock);
	if (n->fd < 0)
		rc = reopen(ns, n);
	if (!rc) {
		n->pins++;
		touch(ns, n);
		rc = n->fd;
	}
	pthread_mutex_unlock(&ns->lock);
	return rc;
}

void node_unpin(struct fs *f, struct node *n)
{
	pthread_mutex_lock(&f->nodes.lock);
	n->pins--;
	pthread_mutex_unlock(&f->nodes.lock);
}

struct node *node_ref(struct fs *f, struct node *n)
{
	pthread_mutex_lock(&f->nodes.lock);
	n->refs++;
	pthread_mutex_unlock(&f->nodes.lock);
	return n;
}

static void put_locked(struct nodes *ns, struct node *n)
{
	while (n && !--n->refs) {
		struct node *parent = n->parent;

		unhash(ns, n);
		if (n->fd >= 0)
			close_fd(ns, n);
		ns->nr--;
		free(n->name);
		free(n);
		n = parent;
	}
}

void node_put(struct fs *f, struct node *n)
{
	pthread_mutex_lock(&f->nodes.lock);
	put_locked(&f->nodes, n);
	pthread_mutex_unlock(&f->nodes.lock);
}

/* With a reference, or NULL. */
static struct node *find(struct nodes *ns, struct node *dir, const char *name,
			 const struct fs_id *id)
{
	for (struct node *n = *hash_at(ns, dir, name); n; n = n->hash_next)
		if (n->parent == dir && !strcmp(n->name, name) && same(&n->id, id)) {
			n->refs++;
			n->gone = false;	/* it was, and came back under its name */
			touch(ns, n);
			return n;
		}
	return NULL;
}

/* Takes fd, whose inode is st. */
static int add(struct nodes *ns, struct node *dir, const char *name, int fd,
	       const struct statx *st, struct node **out)
{
	struct node *n, **at;

	if (ns->nr >= FS_MAX_NODES || reclaim(ns) < 0)
		return -ENFILE;
	n = calloc(1, sizeof(*n));
	if (!n || !(n->name = strdup(name))) {
		free(n);
		return -ENOMEM;
	}
	n->parent = dir;
	n->fd = fd;
	n->id = id_of(st);
	n->type = st->stx_mode & S_IFMT;
	n->refs = 1;
	if (dir) {
		dir->refs++;
		at = hash_at(ns, dir, name);
		n->hash_next = *at;
		*at = n;
	}
	list(ns, n);
	ns->nr++;
	ns->nr_open++;
	*out = n;
	return 0;
}

/* What is at the name now, by a new node or the one that there is already. */
static int lookup(struct fs *f, struct node *dir, int dirfd, const char *name, struct node **out)
{
	struct nodes *ns = &f->nodes;
	struct statx st;
	struct fs_id id;
	int rc = stat_at(dirfd, name, 0, &st), fd;

	if (rc < 0)
		return rc;
	id = id_of(&st);
	pthread_mutex_lock(&ns->lock);
	*out = find(ns, dir, name, &id);
	pthread_mutex_unlock(&ns->lock);
	if (*out)
		return 0;
	fd = step(dirfd, name);
	if (fd < 0)
		return fd;
	rc = fs_stat_fd(fd, &st);
	if (rc < 0)
		goto close;
	id = id_of(&st);
	pthread_mutex_lock(&ns->lock);
	*out = find(ns, dir, name, &id);	/* meanwhile another thread was here */
	if (!*out)
		rc = add(ns, dir, name, fd, &st, out);
	else
		rc = 1;
	pthread_mutex_unlock(&ns->lock);
	if (!rc)
		return 0;
close:
	close(fd);
	return MIN(rc, 0);
}

int node_walk(struct fs *f, struct node *dir, const char *name, struct node **out)
{
	int rc, dirfd;

	if (!strcmp(name, ".") || !strcmp(name, "..")) {
		pthread_mutex_lock(&f->nodes.lock);
		*out = name[1] && dir->parent ? dir->parent : dir;
		(*out)->refs++;
		pthread_mutex_unlock(&f->nodes.lock);
		return 0;
	}
	rc = name_check(name);
	if (rc < 0)
		return rc;
	if (!S_ISDIR(dir->type))
		return -ENOTDIR;
	dirfd = node_pin(f, dir);
	if (dirfd < 0)
		return dirfd;
	rc = lookup(f, dir, dirfd, name, out);
	node_unpin(f, dir);
	return rc;
}

int node_place(struct fs *f, struct node *n, struct node **parent, char name[NAME_MAX + 1])
{
	struct statx st;
	struct fs_id id;
	int fd, rc;

	pthread_mutex_lock(&f->nodes.lock);
	*parent = n->parent;
	if (*parent) {
		(*parent)->refs++;
		snprintf(name, NAME_MAX + 1, "%s", n->name);
	}
	pthread_mutex_unlock(&f->nodes.lock);
	if (!*parent)
		return -EBUSY;		/* the root stays */
	fd = node_pin(f, *parent);
	rc = fd < 0 ? fd : stat_at(fd, name, 0, &st);
	if (fd >= 0)
		node_unpin(f, *parent);
	if (!rc) {
		id = id_of(&st);
		rc = same(&id, &n->id) ? 0 : -ESTALE;
	}
	if (rc < 0)
		node_put(f, *parent);
	return rc == -ENOENT ? -ESTALE : rc;
}

void node_moved(struct fs *f, struct node *from, const char *old, struct node *to,
		const char *new)
{
	struct nodes *ns = &f->nodes;
	struct node *n, *next, **at;

	pthread_mutex_lock(&ns->lock);
	for (n = *hash_at(ns, from, old); n; n = next) {
		struct node *up = to;
		char *name;

		next = n->hash_next;
		if (n->parent != from || strcmp(n->name, old))
			continue;
		/* An older inode of that name may be what `to` hangs from: no circles. */
		while (up && up != n)
			up = up->parent;
		name = up ? NULL : strdup(new);
		if (!name)
			continue;	/* stays where it was: found stale when it matters */
		unhash(ns, n);
		free(n->name);
		n->name = name;
		n->parent = to;
		to->refs++;
		at = hash_at(ns, to, new);
		n->hash_next = *at;
		*at = n;
		put_locked(ns, from);
	}
	pthread_mutex_unlock(&ns->lock);
}

void node_gone(struct fs *f, struct node *dir, const char *name)
{
	struct nodes *ns = &f->nodes;

	pthread_mutex_lock(&ns->lock);
	for (struct node *n = *hash_at(ns, dir, name); n; n = n->hash_next)
		if (n->parent == dir && !strcmp(n->name, name))
			n->gone = true;
	pthread_mutex_unlock(&ns->lock);
}

int nodes_init(struct fs *f, int root_fd, unsigned max_open)
{
	struct statx st;
	int rc = fs_stat_fd(root_fd, &st);

	if (rc < 0)
		return rc;
	pthread_mutex_init(&f->nodes.lock, NULL);
	f->nodes.max_open = max_open;
	return add(&f->nodes, NULL, "", root_fd, &st, &f->nodes.root);
}

void nodes_fini(struct fs *f)
{
	node_put(f, f->nodes.root);
	pthread_mutex_destroy(&f->nodes.lock);
}
