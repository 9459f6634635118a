/* SPDX-License-Identifier: MIT */
#include "model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Returned when an inode number comes a second time: the engine never returns it. */
#define REUSED (-EUCLEAN)

bool model_is_dir(const struct model_node *node)
{
	return S_ISDIR(node->mode);
}

bool model_is_file(const struct model_node *node)
{
	return S_ISREG(node->mode);
}

bool model_is_private_root(const struct model *m, const struct model_node *node)
{
	return m->config.layout == SPOOL_LAYOUT_PRIVATE && node->ino == SPOOL_INO_ROOT;
}

struct model_node *model_find(struct model *m, uint64_t ino)
{
	for (size_t i = 0; i < m->n_nodes; i++) {
		if (m->nodes[i].ino == ino)
			return &m->nodes[i];
	}
	return NULL;
}

struct model_entry *model_entry(struct model *m, uint64_t dir, const char *name)
{
	for (size_t i = 0; i < m->n_entries; i++) {
		if (m->entries[i].dir == dir && strcmp(m->entries[i].name, name) == 0)
			return &m->entries[i];
	}
	return NULL;
}

static struct model_node *add_node(struct model *m, uint64_t ino, mode_t mode)
{
	struct model_node *node = &m->nodes[m->n_nodes];

	if (m->n_nodes == MODEL_NODES)
		abort(); /* the caller keeps their number low */
	m->n_nodes++;
	m->last_ino = ino;
	*node = (struct model_node){.ino = ino, .mode = mode, .next_cookie = 3};
	model_times(m, node, "amc");
	return node;
}

static void add_entry(struct model *m, struct model_node *dir, const char *name, uint64_t ino)
{
	struct model_entry *entry = &m->entries[m->n_entries];

	if (m->n_entries == MODEL_ENTRIES)
		abort();
	m->n_entries++;
	*entry = (struct model_entry){.dir = dir->ino, .ino = ino, .cookie = dir->next_cookie++};
	strcpy(entry->name, name);
}

static void drop_entry(struct model *m, struct model_entry *entry)
{
	*entry = m->entries[--m->n_entries];
}

void model_drop_name(struct model *m, struct model_entry *entry)
{
	struct model_node *node = model_find(m, entry->ino), *dir = model_find(m, entry->dir);

	node->removed = model_is_dir(node);
	drop_entry(m, entry);
	model_lost_name(m, node);
	model_times(m, node, "c");
	model_times(m, dir, "mc");
}

void model_init(struct model *m, const struct spool_config *config, const struct timespec *now,
		uint64_t self)
{
	struct model_node *root, *link;

	m->config = *config;
	m->now = m->born = *now;
	m->n_nodes = m->n_entries = m->n_gone = m->n_works = 0;
	m->linger_ns = config->linger_ms * 1000000;
	root = add_node(m, SPOOL_INO_ROOT, S_IFDIR | config->root_mode);
	root->uid = root->payer = config->root_uid;
	root->gid = config->root_gid;
	root->above = SPOOL_INO_ROOT;
	root->life.lifetime = config->lifetime;
	if (config->layout == SPOOL_LAYOUT_PRIVATE) {
		link = add_node(m, self, S_IFLNK | 0777);
		link->role = MODEL_SELF;
		link->life.lifetime = config->lifetime;
		add_entry(m, root, "self", self);
	}
}

static void free_node(struct model_node *node)
{
	for (size_t i = 0; i < node->n_xattrs; i++)
		free(node->xattrs[i].value);
	free(node->xattrs);
	free(node->target);
	free(node->data);
}

void model_fini(struct model *m)
{
	for (size_t i = 0; i < m->n_nodes; i++)
		free_node(&m->nodes[i]);
	m->n_nodes = 0;
}

unsigned int model_names(const struct model *m, uint64_t ino)
{
	unsigned int n = 0;

	for (size_t i = 0; i < m->n_entries; i++)
		n += m->entries[i].ino == ino;
	return n;
}

static bool is_held(const struct model *m, const struct model_node *node)
{
	if (node->ino == SPOOL_INO_ROOT || node->n_lookup || node->n_open ||
	    model_names(m, node->ino))
		return true;
	for (size_t i = 0; i < m->n_nodes; i++) {
		if (m->nodes[i].above == node->ino)
			return true;
	}
	return false;
}

void model_collect(struct model *m)
{
	bool again;

	m->n_gone = 0;
	do { /* a directory that goes may have been the last to hold the one above */
		again = false;
		for (size_t i = 0; i < m->n_nodes; i++) {
			if (is_held(m, &m->nodes[i]))
				continue;
			m->gone[m->n_gone++ % MODEL_GONE] = m->nodes[i].ino;
			free_node(&m->nodes[i]);
			m->nodes[i--] = m->nodes[--m->n_nodes];
			again = true;
		}
	} while (again);
}

uint64_t model_count(const struct model *m, uint64_t dir, bool dirs_only)
{
	uint64_t n = 0;

	for (size_t i = 0; i < m->n_entries; i++) {
		if (m->entries[i].dir == dir)
			n += !dirs_only ||
			     model_is_dir(model_find((struct model *)m, m->entries[i].ino));
	}
	return n;
}

uid_t model_payer(struct model *m, const struct spool_cred *cred, uint64_t dir)
{
	struct model_node *parent = model_find(m, dir);

	if (m->config.layout == SPOOL_LAYOUT_SHARED || !parent || model_is_private_root(m, parent))
		return cred->uid;
	return parent->payer;
}

static int check_name(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return -EINVAL;
	if (len > SPOOL_NAME_MAX)
		return -ENAMETOOLONG;
	return strchr(name, '/') ? -EINVAL : 0;
}

static int find_dir(struct model *m, uint64_t ino, const char *name, struct model_node **ret)
{
	int r = check_name(name);

	if (r < 0)
		return r;
	*ret = model_find(m, ino);
	if (!*ret)
		return -ESTALE;
	return model_is_dir(*ret) ? 0 : -ENOTDIR;
}

struct model_entry *model_next(struct model *m, const struct spool_cred *cred, uint64_t dir,
			       uint64_t cookie)
{
	struct model_entry *best = NULL;

	for (size_t i = 0; i < m->n_entries; i++) {
		struct model_entry *entry = &m->entries[i];
		struct model_node *node;

		if (entry->dir != dir || entry->cookie <= cookie ||
		    (best && entry->cookie > best->cookie))
			continue;
		node = model_find(m, entry->ino);
		if (node->role == MODEL_TOP && cred->uid != 0 && node->uid != cred->uid)
			continue; /* others' directories are not listed */
		best = entry;
	}
	return best;
}

/* A uid's directory in the private root, made when the uid itself or root asks for it. */
static int make_top(struct model *m, const struct spool_cred *cred, struct model_node *root,
		    const char *name, uint64_t ino)
{
	uid_t uid = (uid_t)strtoul(name, NULL, 10);
	struct model_node *node;
	char text[32];

	snprintf(text, sizeof(text), "%u", (unsigned int)uid);
	if (strcmp(text, name) != 0 || (cred->uid != uid && cred->uid != 0))
		return -ENOENT;
	if (ino <= m->last_ino)
		return REUSED;
	node = add_node(m, ino, S_IFDIR | 0700);
	node->role = MODEL_TOP;
	node->uid = node->payer = uid;
	node->gid = cred->uid == uid ? cred->gid : uid;
	node->above = root->ino;
	node->n_lookup = 1;
	node->life.lifetime = root->life.lifetime;
	add_entry(m, root, name, ino);
	return 0;
}

int model_lookup(struct model *m, const struct spool_cred *cred, uint64_t dir, const char *name,
		 uint64_t ino)
{
	struct model_node *parent;
	struct model_entry *entry;
	int r = find_dir(m, dir, name, &parent);

	if (r < 0)
		return r;
	entry = model_entry(m, dir, name);
	if (!entry)
		return model_is_private_root(m, parent) ? make_top(m, cred, parent, name, ino)
							: -ENOENT;
	model_find(m, entry->ino)->n_lookup++;
	return 0;
}

void model_forget(struct model *m, uint64_t ino, uint64_t count)
{
	struct model_node *node = model_find(m, ino);

	if (node)
		node->n_lookup -= count < node->n_lookup ? count : node->n_lookup;
}

static mode_t create_mode(const struct model *m, const struct spool_cred *cred,
			  const struct model_node *parent, mode_t mode)
{
	if (S_ISLNK(mode))
		return S_IFLNK | 0777;
	if (m->config.modes == SPOOL_MODES_KEEP ||
	    (m->config.modes == SPOOL_MODES_OWNER && cred->uid == 0 && parent->payer != 0))
		return mode & ~(cred->umask & 0777);
	return mode & (S_IFMT | 0700);
}

static int check_make(const struct model *m, const struct model_make *make)
{
	if (make->target && make->target[0] == '\0')
		return -ENOENT;
	if (make->target && strlen(make->target) > SPOOL_SYMLINK_MAX)
		return -ENAMETOOLONG;
	if (S_ISCHR(make->mode) || S_ISBLK(make->mode))
		return m->config.layout == SPOOL_LAYOUT_SHARED ? 0 : -EPERM;
	return 0;
}

/* @name is NULL for O_TMPFILE. */
int model_make(struct model *m, const struct spool_cred *cred, uint64_t dir, const char *name,
	       const struct model_make *make, uint64_t ino)
{
	struct model_node *parent, *node;
	int r = check_make(m, make);

	if (r == 0)
		r = find_dir(m, dir, name ? name : "any", &parent);
	if (r < 0)
		return r;
	if (parent->removed)
		return -ENOENT;
	if (name && model_entry(m, dir, name))
		return -EEXIST;
	if (model_is_private_root(m, parent))
		return -EPERM;
	if (ino <= m->last_ino)
		return REUSED;
	node = add_node(m, ino, create_mode(m, cred, parent, make->mode));
	node->uid = cred->uid;
	node->gid = cred->gid;
	if (parent->mode & S_ISGID) {
		node->gid = parent->gid;
		node->mode |= model_is_dir(node) ? S_ISGID : 0;
	}
	node->payer = model_payer(m, cred, dir);
	if (S_ISCHR(node->mode) || S_ISBLK(node->mode))
		node->rdev = make->rdev;
	node->target = make->target ? strdup(make->target) : NULL;
	node->n_lookup = 1;
	node->n_open = make->open;
	node->tmpfile = !name;
	node->above = model_is_dir(node) ? dir : 0;
	model_inherit(m, cred, parent, node, name);
	if (!name)
		return 0;
	add_entry(m, parent, name, ino);
	model_times(m, parent, "mc");
	return 0;
}

int model_link(struct model *m, const struct spool_cred *cred, uint64_t ino, uint64_t dir,
	       const char *name)
{
	struct model_node *parent, *node;
	int r = find_dir(m, dir, name, &parent);

	if (r < 0)
		return r;
	node = model_find(m, ino);
	if (!node)
		return -ESTALE;
	if (parent->removed)
		return -ENOENT;
	if (model_is_private_root(m, parent) || model_is_dir(node) || node->role == MODEL_SELF)
		return -EPERM;
	if (model_entry(m, dir, name))
		return -EEXIST;
	if (m->config.layout == SPOOL_LAYOUT_PRIVATE && node->payer != parent->payer)
		return -EXDEV;
	if ((model_names(m, ino) == 0 && !node->tmpfile) || node->wiped)
		return -ENOENT;
	if (node->tmpfile)
		model_join(m, cred, parent, node);
	node->tmpfile = false;
	node->n_lookup++;
	model_moved(m);
	add_entry(m, parent, name, ino);
	model_times(m, node, "c");
	model_times(m, parent, "mc");
	return 0;
}

int model_remove(struct model *m, uint64_t dir, const char *name, bool want_dir)
{
	struct model_node *parent, *node;
	struct model_entry *entry;
	int r = find_dir(m, dir, name, &parent);

	if (r < 0)
		return r;
	entry = model_entry(m, dir, name);
	if (!entry)
		return -ENOENT;
	if (model_is_private_root(m, parent))
		return -EPERM;
	node = model_find(m, entry->ino);
	if (want_dir != model_is_dir(node))
		return want_dir ? -ENOTDIR : -EISDIR;
	if (want_dir && model_count(m, node->ino, false) > 0)
		return -ENOTEMPTY;
	model_drop_name(m, entry);
	return 0;
}

/* Whether @node is a directory that is, or lies above, @dir. */
static bool contains(struct model *m, const struct model_node *node, const struct model_node *dir)
{
	while (dir->ino != node->ino && dir->ino != SPOOL_INO_ROOT)
		dir = model_find(m, dir->above);
	return dir->ino == node->ino;
}

/* Return: 0; 1 nothing to do; -errno. */
static int check_rename(struct model *m, const struct model_entry *from,
			const struct model_entry *to, const struct model_node *dir,
			const struct model_node *new_dir, unsigned int flags)
{
	struct model_node *source, *target;

	if (dir->removed || new_dir->removed || !from || (!to && (flags & RENAME_EXCHANGE)))
		return -ENOENT;
	if (to && (flags & RENAME_NOREPLACE))
		return -EEXIST;
	if (model_is_private_root(m, dir) || model_is_private_root(m, new_dir))
		return -EPERM;
	if (m->config.layout == SPOOL_LAYOUT_PRIVATE && dir->payer != new_dir->payer)
		return -EXDEV;
	source = model_find(m, from->ino);
	if (contains(m, source, new_dir))
		return -EINVAL;
	if (!to)
		return 0;
	target = model_find(m, to->ino);
	if (source == target)
		return 1;
	if (flags & RENAME_EXCHANGE)
		return contains(m, target, dir) ? -EINVAL : 0;
	if (model_is_dir(source) && !model_is_dir(target))
		return -ENOTDIR;
	if (!model_is_dir(source) && model_is_dir(target))
		return -EISDIR;
	return model_is_dir(target) && model_count(m, target->ino, false) ? -ENOTEMPTY : 0;
}

int model_rename(struct model *m, uint64_t dir, const char *name, uint64_t new_dir,
		 const char *new_name, unsigned int flags)
{
	struct model_node *from_dir, *to_dir, *source, *target;
	struct model_entry *from, *to;
	bool known;
	int r = check_name(name);

	if (flags != 0 && flags != RENAME_NOREPLACE && flags != RENAME_EXCHANGE)
		return -EINVAL;
	if (r == 0)
		r = check_name(new_name);
	if (r == 0)
		r = find_dir(m, dir, name, &from_dir);
	if (r == 0)
		r = find_dir(m, new_dir, new_name, &to_dir);
	if (r < 0)
		return r;
	from = model_entry(m, dir, name);
	to = model_entry(m, new_dir, new_name);
	r = check_rename(m, from, to, from_dir, to_dir, flags);
	if (r != 0)
		return r < 0 ? r : 0;
	source = model_find(m, from->ino);
	target = to ? model_find(m, to->ino) : NULL;
	known = m->n_works == 0;
	model_moved(m);
	source->above = model_is_dir(source) ? new_dir : 0;
	model_times(m, source, "c");
	model_times(m, from_dir, "mc");
	model_times(m, to_dir, "mc");
	if (target)
		model_times(m, target, "c");
	if (known && dir != new_dir) { /* else what is bound is not known before all is done */
		model_rebind(m, to_dir, source);
		if (flags & RENAME_EXCHANGE)
			model_rebind(m, from_dir, target);
	}
	if (flags & RENAME_EXCHANGE) {
		target->above = model_is_dir(target) ? dir : 0;
		from->ino = target->ino;
		to->ino = source->ino;
		return 0;
	}
	if (target) { /* the name stays where it is in the listing */
		target->removed = model_is_dir(target);
		to->ino = source->ino;
	} else {
		add_entry(m, to_dir, new_name, source->ino);
	}
	drop_entry(m, from);
	if (target)
		model_lost_name(m, target);
	return 0;
}
