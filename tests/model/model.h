/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The naive model: what a mount must look like, kept in flat arrays that are searched from end to
 * end. Nothing is counted along that can be counted again (links, sizes of directories, who still
 * holds an inode), a file is one buffer with a state for each page. It knows no limits and never
 * runs out of memory: whether the engine may fail for want of those is the caller's affair.
 *
 * Each operation returns what the engine must return and, when that is no error, has been done.
 * Inode numbers are the engine's choice; an operation that makes an inode is told its number.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "engine/engine.h"

#define MODEL_NODES 512u
#define MODEL_ENTRIES 2048u
#define MODEL_GONE 1024u
#define MODEL_PAGE 4096u
#define MODEL_BLOCK 65536u
#define MODEL_DATA (6 * MODEL_BLOCK) /* data lie below this; a size may be larger */
#define MODEL_PAGES (MODEL_DATA / MODEL_PAGE)
#define MODEL_XATTRS 12u

enum model_page { MODEL_HOLE, MODEL_FULL, MODEL_RESERVED };
enum model_role { MODEL_ORDINARY, MODEL_TOP, MODEL_SELF };

struct model_xattr {
	char name[256];
	size_t size;
	void *value;
};

struct model_node {
	uint64_t ino;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	dev_t rdev;
	uid_t payer;
	struct timespec atime, mtime, ctime;
	uint64_t n_lookup, n_open;
	enum model_role role;
	bool tmpfile;         /* O_TMPFILE that never had a name */
	bool removed;         /* a directory after rmdir */
	bool dropped;         /* a file after model_drop_orphans() */
	bool mtime_set;       /* after the last write, or open for one */
	uint64_t above;       /* a directory's parent */
	uint64_t next_cookie; /* of a directory */
	char *target;         /* of a symlink */
	uint64_t size;        /* of a file */
	unsigned char *data;  /* MODEL_DATA bytes, or NULL: all zero */
	unsigned char pages[MODEL_PAGES];
	struct model_xattr *xattrs; /* room for MODEL_XATTRS, or NULL */
	size_t n_xattrs;
};

struct model_entry {
	uint64_t dir, ino, cookie;
	char name[256];
};

struct model {
	struct spool_config config;
	struct timespec now, born;
	struct model_node nodes[MODEL_NODES];
	size_t n_nodes;
	struct model_entry entries[MODEL_ENTRIES];
	size_t n_entries;
	uint64_t last_ino;
	uint64_t gone[MODEL_GONE]; /* inode numbers that went with the last operation */
	size_t n_gone;
};

/** struct model_make - what is to be made */
struct model_make {
	mode_t mode;
	dev_t rdev;
	const char *target;
	bool open;
};

/** model_init() - an empty mount. @self: inode number of the self link, in private. */
void model_init(struct model *m, const struct spool_config *config, const struct timespec *now,
		uint64_t self);
void model_fini(struct model *m);

/** model_collect() - forget the nodes that nobody holds any more. Moves nodes. */
void model_collect(struct model *m);

struct model_node *model_find(struct model *m, uint64_t ino);
struct model_entry *model_entry(struct model *m, uint64_t dir, const char *name);
void model_attr(const struct model *m, const struct model_node *node, struct spool_attr *ret);
bool model_is_dir(const struct model_node *node);
bool model_is_file(const struct model_node *node);

bool model_is_private_root(const struct model *m, const struct model_node *node);

/** model_names() - how many names an inode has; model_count() - how many entries a directory. */
unsigned int model_names(const struct model *m, uint64_t ino);
uint64_t model_count(const struct model *m, uint64_t dir, bool dirs_only);

/** model_times() - which of 'a', 'm', 'c' become now. */
void model_times(const struct model *m, struct model_node *node, const char *which);

/** model_payer() - who pays for what @cred makes in @dir. */
uid_t model_payer(struct model *m, const struct spool_cred *cred, uint64_t dir);

/** model_accessed() - a read of @node. */
void model_accessed(struct model *m, struct model_node *node);

/** model_next() - the entry of @dir after @cookie that @cred sees, or NULL. */
struct model_entry *model_next(struct model *m, const struct spool_cred *cred, uint64_t dir,
			       uint64_t cookie);

int model_lookup(struct model *m, const struct spool_cred *cred, uint64_t dir, const char *name,
		 uint64_t ino);
void model_forget(struct model *m, uint64_t ino, uint64_t count);
int model_make(struct model *m, const struct spool_cred *cred, uint64_t dir, const char *name,
	       const struct model_make *make, uint64_t ino);
int model_link(struct model *m, uint64_t ino, uint64_t dir, const char *name);
int model_remove(struct model *m, uint64_t dir, const char *name, bool want_dir);
int model_rename(struct model *m, uint64_t dir, const char *name, uint64_t new_dir,
		 const char *new_name, unsigned int flags);

/* model_data.c */

/** model_size() - set the size of a file. Return: 0; -errno. */
int model_size(struct model_node *node, uint64_t size);

/** model_file() - Return: 0 and the file; -ESTALE; -EISDIR; -EINVAL. */
int model_file(struct model *m, uint64_t ino, struct model_node **ret);

/** model_pages() - how many pages a file uses; model_blocks() - how many blocks hold any. */
uint64_t model_pages(const struct model_node *node);
uint64_t model_blocks(const struct model_node *node);

/** model_drop_orphans() - files without name and handle lose their data, not their size. */
void model_drop_orphans(struct model *m);

/** model_peek() - bytes of a file, zeros behind its end; model_read() - the same as read(2). */
void model_peek(const struct model_node *node, void *buf, size_t len, uint64_t off);
ssize_t model_read(struct model *m, uint64_t ino, void *buf, size_t len, uint64_t off);
ssize_t model_write(struct model *m, uint64_t ino, const void *buf, size_t len, uint64_t off,
		    unsigned int flags);
int model_fallocate(struct model *m, uint64_t ino, int mode, uint64_t off, uint64_t len,
		    unsigned int flags);
int64_t model_seek(struct model *m, uint64_t ino, uint64_t off, int whence);
ssize_t model_copy(struct model *m, uint64_t src, uint64_t src_off, uint64_t dst, uint64_t dst_off,
		   size_t len, unsigned int flags);

/* model_attr.c */

int model_setattr(struct model *m, const struct spool_cred *cred, uint64_t ino, unsigned int set,
		  const struct spool_attr *attr);
void model_kill_set_ids(struct model_node *node);
int model_open(struct model *m, uint64_t ino, unsigned int flags);
void model_release(struct model *m, uint64_t ino);
int model_setxattr(struct model *m, uint64_t ino, const char *name, const void *value, size_t size,
		   int flags);
/** @ret: where the value is, when one is returned. */
ssize_t model_getxattr(struct model *m, uint64_t ino, const char *name, size_t size,
		       const void **ret);
int model_removexattr(struct model *m, uint64_t ino, const char *name);
