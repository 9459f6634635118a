/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Of the engine: lifetimes and sessions. Errors and locks as in engine.h.
 *
 * Which processes are a session, and when it has ended, is not known here: who makes an inode says
 * its session (struct spool_cred), and spool_engine_session_end() that one has ended. Nothing is
 * removed in a call but spool_engine_reap().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine/types.h"

struct spool_engine;

/** spool_engine_session_end() - everything in session @id goes that does not stay until the mount
 * ends. Waits for nothing; spool_engine_reap() removes. */
void spool_engine_session_end(struct spool_engine *engine, uint64_t id);

/** spool_engine_session_goes() - has session @id ended, and is something of it to be removed now,
 * or to be told? */
bool spool_engine_session_goes(struct spool_engine *engine, uint64_t id);

/**
 * spool_engine_session_of() - spool_creator.directory: the explicit session that covers the
 * directory @ino, else its own
 * @ret_own: is it the latter?
 * Return: its id; 0: none, or it has ended, or @ino is no directory (any more).
 */
uint64_t spool_engine_session_of(struct spool_engine *engine, uint64_t ino, bool *ret_own);

/**
 * spool_engine_asks_session() - does what is made in the directory @ino go with a session?
 * @ret_session, @ret_own: as spool_engine_session_of(); set unless it does not
 */
bool spool_engine_asks_session(struct spool_engine *engine, uint64_t ino, uint64_t *ret_session,
			       bool *ret_own);

/** spool_engine_set_default_lifetime() - as config.lifetime, for what is made from now on: of the
 * root, and in private of the users' directories. What there is stays what it is. */
void spool_engine_set_default_lifetime(struct spool_engine *engine, enum spool_lifetime lifetime);

/** struct spool_untold - who waits for a name that was removed to be told: the session that it was
 * of, 0: none; wipes of the tree it was in, and of everything */
struct spool_untold {
	uint64_t session;
	uid_t tree;
	bool by_tree;
	bool by_all;
};

/** struct spool_removed - a name that spool_engine_reap() has removed, for the kernel to forget; or
 * with @parent 0 and @len 0 an open file that was wiped, whose pages it is to drop
 * @untold: for spool_engine_told() */
struct spool_removed {
	uint64_t parent;
	uint64_t ino;
	struct spool_untold untold;
	uint8_t len;
	char name[SPOOL_NAME_MAX + 1]; /* NUL-terminated */
};

enum spool_reap {
	SPOOL_REAP_NOTHING, /* to do until reap() of the configuration */
	SPOOL_REAP_MORE,    /* call again */
	SPOOL_REAP_LATER,   /* call again in *@ret_ms milliseconds, or when reap() says so */
};

/**
 * spool_engine_reap() - removes what is to go, up to @n names, in bounded time
 * @ret, @n: room for the names that were removed, @n > 0; *@ret_n: how many there are
 * Of sessions that have ended, which take turns, and of closed files whose linger is over. Follows
 * nothing, and asks for no modes. A directory that holds something else stays until that has gone.
 * What is open loses its names and lives on until it is closed. From one thread or several. Takes
 * locks of directories, as unlink() does, one at a time; never waits for the disk.
 * Return: enum spool_reap.
 */
int spool_engine_reap(struct spool_engine *engine, struct spool_removed *ret, size_t n,
		      size_t *ret_n, uint64_t *ret_ms);

/** spool_engine_told() - the kernel has been told of a name, or never will be: for each struct
 * spool_removed, by who has got it. Any locks but those of the engine. */
void spool_engine_told(struct spool_engine *engine, const struct spool_untold *untold);

/** spool_engine_set_linger() - on the live mount, for all that linger now as well; up to
 * SPOOL_LINGER_MAX_MS. */
void spool_engine_set_linger(struct spool_engine *engine, uint64_t linger_ms);

/**
 * spool_engine_set_lifetime() - @lifetime for the inode @ino, and with @tree for all below it
 * @by: whose inodes may be changed: those in his tree (private, single), that he owns (shared); 0,
 *	SPOOL_UID_UNKNOWN: anybody's. Those of others below are left out, with what is below them
 * A directory hands it down from now on. What is below is done by spool_engine_reap(); what is
 * moved meanwhile may be missed. CLOSE takes effect with the next close.
 * Return: 0; -EPERM it is another's, or the private root or its self link; -EINVAL no lifetime;
 * -EBUSY somebody else's request for a tree is still being done there.
 */
int spool_engine_set_lifetime(struct spool_engine *engine, uid_t by, uint64_t ino,
			      enum spool_lifetime lifetime, bool tree);

/** spool_engine_may_change() - may @by do that? Of set_lifetime(), but for the private root and its
 * self link. Return: false, too, if @ino has gone. */
bool spool_engine_may_change(struct spool_engine *engine, uid_t by, uint64_t ino);

/**
 * spool_engine_expire() - @ino goes as when its session has ended, and all below it
 * @by: as of set_lifetime()
 * What is below and stays until the mount ends does so, and with it the directories above it,
 * unless @ino is to stay until then itself: then all goes. The root and a uid's directory stay.
 * What was asked for above @ino before counts, whether it has got there or not.
 * spool_engine_reap() removes. Return: as spool_engine_set_lifetime().
 */
int spool_engine_expire(struct spool_engine *engine, uid_t by, uint64_t ino);

/**
 * spool_engine_wipe() - all that there is now loses its data and goes, whatever its lifetime
 * @tree: in private, only what is in the tree of this uid; NULL: everything
 * Also what has no name and is still open: reading, writing and resizing are -EIO from then on, and
 * opening is -ESTALE. The root, uids' directories and the self link stay, as does what is made
 * afterwards, and a directory that it is made in until it is empty. spool_engine_reap() does it.
 * Return: 0; -ENOMEM.
 */
int spool_engine_wipe(struct spool_engine *engine, const uid_t *tree);

/**
 * spool_engine_is_wiping() - is the wipe of @tree, or of everything, not done yet?
 * It is done when nothing of it is to be removed any more, or to be told.
 */
bool spool_engine_is_wiping(struct spool_engine *engine, const uid_t *tree);

/**
 * spool_engine_is_changing() - is something to be done yet to what is below a directory?
 * For @uid, who has asked for it, or to the tree that @ino is in. spool_engine_reap() does it.
 */
bool spool_engine_is_changing(struct spool_engine *engine, uid_t uid, uint64_t ino);

/**
 * spool_engine_bind() - what is made below the directory @ino is of session @id from now on
 * @owner: in shared, what others pay for is left out in directories that he does not pay for; NULL:
 *	nothing is
 * Whoever makes it, and until that session has ended. A directory below for which another was begun
 * stays as it is; one that is moved is bound as the one that it comes into. Directories that are
 * there already are done by spool_engine_reap(), as with set_lifetime(). Nothing asks whose it is.
 * Return: 0, also if the session has ended; -ENOTDIR; -EPERM the private root; -ENOSPC, -EDQUOT.
 */
int spool_engine_bind(struct spool_engine *engine, uint64_t ino, uint64_t id, const uid_t *owner);

/**
 * spool_engine_bound_path() - where the directory is now that session @id was begun for
 * @uid: who asks: of each directory on the way he is the owner, or all may list and search it;
 *	NULL: an administrator
 * @ret: @size bytes; from the root of the mount, "a/b", which is "." itself
 * Return: 0; -ENOENT it has gone, or the session is of no directory; -EACCES; -ENAMETOOLONG.
 */
int spool_engine_bound_path(struct spool_engine *engine, uint64_t id, const uid_t *uid, char *ret,
			    size_t size);

/**
 * struct spool_life - when an inode goes
 * @session: 0: the mount's own, which does not end; @ended: that it has, or that it has expired
 * @bound: of a directory: the explicit session of what is made in it, 0: none
 * @linger_ms: until its names go, if nobody opens it; UINT64_MAX: it is open, or does not linger
 * @waits_for: of a directory that goes when it is empty: something that is in it; else ""
 */
struct spool_life {
	enum spool_lifetime lifetime;
	bool ended;
	bool is_open;
	uint64_t linger_ms;
	uint64_t session;
	uint64_t bound;
	char waits_for[SPOOL_NAME_MAX + 1];
};

/** spool_engine_life() - Return: 0; -ESTALE. */
int spool_engine_life(struct spool_engine *engine, uint64_t ino, struct spool_life *ret);

/**
 * struct spool_life_stat - @removed: names, ever; @failed: tries to remove one that found it moved
 * meanwhile, ever: it is tried again, until it has gone; @waiting: directories that go when they
 * are empty; @lingering: closed files whose names go; @sessions: that an inode has; @ended: of
 * these, with something to be removed now
 */
struct spool_life_stat {
	uint64_t removed;
	uint64_t failed;
	uint64_t waiting;
	uint64_t lingering;
	uint64_t sessions;
	uint64_t ended;
};

/** spool_engine_life_stat() - a snapshot. */
void spool_engine_life_stat(struct spool_engine *engine, struct spool_life_stat *ret);
