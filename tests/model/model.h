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
#define MODEL_SESSIONS 8192u
#define MODEL_WORKS 3u           /* for whole trees, at once */
#define MODEL_EXPIRED UINT64_MAX /* the session of what has expired */

enum model_page { MODEL_HOLE, MODEL_FULL, MODEL_RESERVED };
enum model_role { MODEL_ORDINARY, MODEL_TOP, MODEL_SELF };

/** struct model_life - what of a lifetime something that is done to a tree changes */
struct model_life {
	enum spool_lifetime lifetime;
	uint64_t session; /* 0: none */
	bool lingers;
};

/** struct model_work - something that is to be done to all below a directory */
struct model_work {
	enum { MODEL_SET, MODEL_EXPIRE, MODEL_BIND } kind;
	enum spool_lifetime lifetime;
	bool kept;        /* what stays until the mount ends expires as well */
	bool kept_or_not; /* as what is pending may have been done to it first, or not */
	uint64_t session;
	uint64_t ino; /* of the directory */
	uid_t by;
	bool disturbed; /* something else has happened since */
};

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
	bool tmpfile;   /* O_TMPFILE that never had a name */
	bool removed;   /* a directory after rmdir */
	bool dropped;   /* a file after model_drop_orphans() */
	bool mtime_set; /* after the last write, or open for one */
	bool written;   /* it has had data */
	bool reaped;    /* a name has gone by itself */
	bool wiped;
	struct model_life life; /* before what is pending */
	unsigned int must, may; /* of model.works: done, or perhaps done, once nothing is pending */
	unsigned int over;      /* of model.works: those that come too late for it */
	uint64_t closed_ns;
	uint64_t bound;       /* of a directory: the session of what is made in it; or 0 */
	bool bound_here;      /* itself, not as the one above */
	bool bound_open;      /* not known before all that is pending is done */
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
	uint64_t now_ns, linger_ns;
	bool ended[MODEL_SESSIONS];
	uint64_t bound_at[MODEL_SESSIONS]; /* the directory that was bound to it last */
	struct model_work works[MODEL_WORKS];
	unsigned int n_works;
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
int model_link(struct model *m, const struct spool_cred *cred, uint64_t ino, uint64_t dir,
	       const char *name);
int model_remove(struct model *m, uint64_t dir, const char *name, bool want_dir);
int model_rename(struct model *m, uint64_t dir, const char *name, uint64_t new_dir,
		 const char *new_name, unsigned int flags);

/** model_drop_name() - takes an entry away, with what that changes of its node and directory. */
void model_drop_name(struct model *m, struct model_entry *entry);

/* model_life.c */

/** model_is_live() - is there such a session, and has it not ended? */
bool model_is_live(const struct model *m, uint64_t session);
bool model_life_ended(const struct model *m, const struct model_life *life);

/** model_inherit() - what a new @node has from its directory, and from who makes it if it is
 * @named; model_join() - the latter alone. */
void model_inherit(struct model *m, const struct spool_cred *cred, const struct model_node *dir,
		   struct model_node *node, bool named);
void model_join(const struct model *m, const struct spool_cred *cred, const struct model_node *dir,
		struct model_node *node);

/** model_rebind() - the directory @node has come into @dir. */
void model_rebind(struct model *m, const struct model_node *dir, struct model_node *node);

/** model_session_end() - what was made in @session goes; a directory that was bound to it is bound
 * as that above. */
void model_session_end(struct model *m, uint64_t session);

/** model_all_works() - the bits of all that is pending. */
unsigned int model_all_works(const struct model *m);

/** model_moved() - what is pending may now meet more than it did, or less. */
void model_moved(struct model *m);

/** model_lost_name() - @node has a name less; model_closed() - it was closed. */
void model_lost_name(struct model *m, struct model_node *node);
void model_closed(struct model *m, struct model_node *node);

/** model_linger_ms() - how long a name stays; UINT64_MAX: it does not linger. */
uint64_t model_linger_ms(const struct model *m, const struct model_node *node);

/** model_goes() - its names are to be removed now, or when the directory is empty. */
bool model_goes(const struct model *m, const struct model_node *node);

/** model_may_be() - may it have come to @life (NULL: to go) by now? @done: nothing is pending. */
bool model_may_be(const struct model *m, const struct model_node *node,
		  const struct model_life *life, bool done);

/** model_work() - does that to @ino, and begins to do it to all below; model_work_check() - may
 * it? Return: 0; -errno. */
int model_work_check(struct model *m, uint64_t ino, uid_t by, bool bind);
void model_work(struct model *m, uint64_t ino, const struct model_work *given, bool below);
bool model_may_change(const struct model *m, const struct model_node *node, uid_t by);

/** model_reaped() - that name went by itself. Return: NULL, or what is wrong with that. */
const char *model_reaped(struct model *m, uint64_t dir, const char *name, uint64_t ino);

/* model_data.c */

/** model_wipe() - the data of a file go for good. */
void model_wipe(struct model_node *node);

/** model_size() - set the size of a file. Return: 0; -errno. */
int model_size(struct model_node *node, uint64_t size);

/** model_file() - Return: 0 and the file; -ESTALE; -EISDIR; -EINVAL. */
int model_file(struct model *m, uint64_t ino, struct model_node **ret);

/** model_pages() - how many pages a file uses; model_blocks() - how many blocks hold any. */
uint64_t model_pages(const struct model_node *node);
uint64_t model_blocks(const struct model_node *node);

/** model_drop_orphans() - files without name and handle lose their data, not their size. */
void model_drop_orphans(struct model *m);

/** model_peek() - bytes of a file, zeros behind its end; model_read() - the same as read(2);
 * model_look() - but for the time of access. */
void model_peek(const struct model_node *node, void *buf, size_t len, uint64_t off);
ssize_t model_look(struct model *m, uint64_t ino, void *buf, size_t len, uint64_t off);
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
