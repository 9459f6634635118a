/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * How much each uid uses of a mount, and how much is left.
 *
 * A quota object belongs to one mount. It knows three resources, each with a limit for the
 * mount and one for every uid:
 *
 *	SIZE	bytes of file data in whole 4 KiB pages, plus metadata bytes  (size=, user_size=)
 *	RAM	bytes of RAM that these take: pool slots, plus metadata bytes (ram=, user_ram=)
 *	INODES	inodes                                                  (nr_inodes=, user_inodes=)
 *
 * A charge is made before the thing that it pays for is published, all resources of one charge
 * together or none; the code that frees the thing gives exactly that charge back. The bound that
 * this guarantees: no counter ever exceeds its limit (but for the page-out reserve, which only
 * SPOOL_CHARGE_PAGEOUT may use), and no uid takes more than its own limits whatever it does.
 * When everything has been freed all counters are zero; spool_quota_free() checks it.
 *
 * Of a uid's RAM the data can leave it; the rest, metadata, cannot. So the data alone decide when
 * they are to leave, compared with what the metadata leave of a limit. A little of each limit is
 * kept for names. Charges for names do not wait for the uid's data to leave, as the kernel holds
 * the directory's lock meanwhile, and others may want to use that directory.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct spool_host;
struct spool_quota;
struct spool_quota_user;

enum spool_resource { SPOOL_RES_SIZE, SPOOL_RES_RAM, SPOOL_RES_INODES, SPOOL_RES_N };

/** struct spool_limits - limits of one mount and of each uid on it; UINT64_MAX = none */
struct spool_limits {
	uint64_t mount[SPOOL_RES_N];
	uint64_t user[SPOOL_RES_N];
	uint64_t pageout_reserve; /* bytes of SIZE and RAM above the limits, for page-outs only */
};

/** struct spool_charge - an amount of each resource, in bytes and inodes */
struct spool_charge {
	uint64_t amount[SPOOL_RES_N];
};

/**
 * struct spool_quota_watch - what the quota calls when RAM is short, and when there is room again
 * @high: the data in RAM, of the mount or of the uid, are above the mark at which they are to
 *	leave, or a charge was refused with -EAGAIN
 * @room: RAM was given back, or moved to another's account, or limits were changed, after a charge
 *	had been refused with -EAGAIN, or nobody makes any
 * @full: of SPOOL_RAM_NO_DISK: whether a charge is to wait for another look at the disk; @ask: it
 *	has SPOOL_CHARGE_ASK
 * @ctx: for all three
 * @step: bytes of RAM that one charge may want: the mark is so far below the limit at least
 * They are called without the quota's lock, but with whatever locks its caller has: they only wake
 * somebody.
 */
struct spool_quota_watch {
	void (*high)(void *ctx);
	void (*room)(void *ctx);
	bool (*full)(void *ctx, bool ask);
	void *ctx;
	uint64_t step;
};

/**
 * enum spool_quota_ram - what a charge answers when only RAM is short
 * @SPOOL_RAM_FIRM: as for any other limit: nobody makes room
 * @SPOOL_RAM_ELASTIC: -EAGAIN: data are on their way out
 * @SPOOL_RAM_NO_DISK: -EAGAIN when watch.full says so; else -ENOSPC, also over the uid's limit:
 *	what is full is the disk, where its data would go
 */
enum spool_quota_ram { SPOOL_RAM_FIRM, SPOOL_RAM_ELASTIC, SPOOL_RAM_NO_DISK };

/* The mark above which data are to leave RAM, in percent of what metadata leave of the ram limit,
 * or lower, where that is nearer to the limit than watch.step; and down to which they go then, in
 * percent of the mark. Guesses: a tenth between the two is enough for a burst. */
#define SPOOL_RAM_HIGH 90u
#define SPOOL_RAM_LOW 89u

/* RAM is plentiful while data have at most so many percent of what metadata leave of the limits. A
 * guess: the other half is enough for what comes until write-back is woken. */
#define SPOOL_RAM_PLENTY 50u

enum spool_charge_flags {
	SPOOL_CHARGE_PAGEOUT =
		1 << 0,             /* the kernel writes back a mapped page: may use the reserve */
	SPOOL_CHARGE_FIRM = 1 << 1, /* never -EAGAIN */
	SPOOL_CHARGE_ASK = 1 << 2,  /* it has not waited for the disk yet */
	SPOOL_CHARGE_NAME =
		1 << 3, /* of a name: some RAM is kept for it; over the uid's limit: -EDQUOT */
};

/** struct spool_usage - what is used now and at most; a snapshot. @refused: charges that the limit
 * has refused so far; @users_refused: of the mount: that the limits of uids have; @disk: of a uid:
 * bytes of its data that are on the disk, which no limit is about */
struct spool_usage {
	uint64_t used[SPOOL_RES_N];
	uint64_t limit[SPOOL_RES_N];
	uint64_t refused[SPOOL_RES_N];
	uint64_t users_refused[SPOOL_RES_N];
	uint64_t disk;
};

/**
 * spool_quota_new() - counters for one mount
 * @host: borrowed until spool_quota_free()
 * Return: 0; -ENOMEM.
 */
int spool_quota_new(const struct spool_host *host, const struct spool_limits *limits,
		    struct spool_quota **ret_quota);

/**
 * spool_quota_free() - frees @quota; NULL is allowed. Every user must have been put.
 * Return: true when all counters were zero; false = the caller leaked a charge (tests fail on it).
 */
bool spool_quota_free(struct spool_quota *quota);

/**
 * spool_quota_user_get() - the counters of @uid, made when they do not exist
 * Return: 0 and a reference, given back with spool_quota_user_put(); -ENOMEM.
 * Locks: takes the quota lock (SPOOL_RANK_QUOTA).
 */
int spool_quota_user_get(struct spool_quota *quota, uid_t uid, struct spool_quota_user **ret_user);

/** spool_quota_user_ref() - one more reference. Return: @user. */
struct spool_quota_user *spool_quota_user_ref(struct spool_quota_user *user);

/** spool_quota_user_put() - NULL is a no-op. The last one frees the user; charges must be zero. */
void spool_quota_user_put(struct spool_quota_user *user);

/** spool_quota_user_uid() - the uid of these counters. */
uid_t spool_quota_user_uid(const struct spool_quota_user *user);

/** spool_quota_add_orphans() - @n more (or less) inodes without a name are charged to @user. Any
 * locks. */
void spool_quota_add_orphans(struct spool_quota_user *user, int n);

/** spool_quota_orphans() - how many of those @uid is charged for. Takes the quota's lock. */
uint64_t spool_quota_orphans(struct spool_quota *quota, uid_t uid);

/**
 * spool_quota_charge() - reserve before use
 * @charge: all of it is charged, or nothing
 * @flags: enum spool_charge_flags
 * Return: 0; -EDQUOT over a limit of the uid; -ENOSPC over a limit of the mount (checked first,
 * as a user can do nothing about it with his own files); -EAGAIN when nothing but RAM is short, and
 * will be had later: enum spool_quota_ram. What does not fit beside the names of the uid, or of the
 * mount, is not told to wait: however many data leave RAM, these do not.
 * Locks: takes the quota lock.
 */
int spool_quota_charge(struct spool_quota_user *user, const struct spool_charge *charge,
		       unsigned int flags);

/** spool_quota_charge_beside() - the same of what is of use only together with @beside bytes of RAM
 * that are charged already, and could leave it as data do: without room for both it is not told to
 * wait. */
int spool_quota_charge_beside(struct spool_quota_user *user, const struct spool_charge *charge,
			      uint64_t beside, unsigned int flags);

/** spool_quota_uncharge() - give back what was charged. Locks: takes the quota lock. */
void spool_quota_uncharge(struct spool_quota_user *user, const struct spool_charge *charge);

/** spool_quota_uncharge_names() - the same of what was charged with SPOOL_CHARGE_NAME. */
void spool_quota_uncharge_names(struct spool_quota_user *user, const struct spool_charge *charge);

/**
 * spool_quota_move() - move a charge from one user to another (chown)
 * @names: bytes of it that were charged with SPOOL_CHARGE_NAME
 * Return: 0; -EDQUOT over a limit of @to, with nothing changed.
 */
int spool_quota_move(struct spool_quota_user *from, struct spool_quota_user *to,
		     const struct spool_charge *charge, uint64_t names);

/**
 * spool_quota_note_data() - how much of the RAM that @user is charged can leave it has changed
 * @delta: in bytes; the sum of all is never below 0. Metadata are what is charged beyond it.
 * Locks: takes the quota lock.
 */
void spool_quota_note_data(struct spool_quota_user *user, int64_t delta);

/** spool_quota_note_disk() - @delta bytes more (or less) of @user's data are on the disk now. Any
 * locks. */
void spool_quota_note_disk(struct spool_quota_user *user, int64_t delta);

/**
 * struct spool_refusal - a limit that a charge has met
 * @mount: of the mount, else of @uid
 * @used, @limit, @amount: what was used then, the limit, and how much more was wanted
 */
struct spool_refusal {
	enum spool_resource resource;
	bool mount;
	uid_t uid;
	uint64_t used, limit, amount;
};

/**
 * spool_quota_next_refusal() - a limit that was met and is to be logged: once a minute each
 * @now_ns: a clock, in ns. Return: false when there is none (any more).
 */
bool spool_quota_next_refusal(struct spool_quota *quota, int64_t now_ns, struct spool_refusal *ret);

/** spool_quota_usage() - the mount's counters. */
void spool_quota_usage(struct spool_quota *quota, struct spool_usage *ret);

/** spool_quota_user_usage() - counters of @uid; zeros and the limits for one that has none. */
void spool_quota_user_usage(struct spool_quota *quota, uid_t uid, struct spool_usage *ret);

/**
 * spool_quota_next_user() - the lowest uid >= @from that has counters: iterate with uid + 1
 * Return: true and *@ret_uid, *@ret; false at the end.
 */
bool spool_quota_next_user(struct spool_quota *quota, uint64_t from, uid_t *ret_uid,
			   struct spool_usage *ret);

/** spool_quota_set_limits() - new limits; use above them stays, growth is refused. */
void spool_quota_set_limits(struct spool_quota *quota, const struct spool_limits *limits);

/**
 * spool_quota_squeeze() - a limit of the mount's RAM below that of spool_limits, while RAM is
 * elastic
 * @bytes: UINT64_MAX: none
 * @share: bytes that each uid has all the same, its metadata first: what others use keeps nobody
 *	from these
 * It squeezes data. The limit is never below the sum of metadata, of what the uids have within
 * their shares, and of one share more. Charges that it refuses are -EAGAIN; firm ones
 * are not asked. Use above it stays.
 */
void spool_quota_squeeze(struct spool_quota *quota, uint64_t bytes, uint64_t share);

/** spool_quota_budget() - the lower one of the mount's RAM limit and of what spool_quota_squeeze()
 * has made of it. */
uint64_t spool_quota_budget(struct spool_quota *quota);

/**
 * spool_quota_data() - the mount's data in RAM
 * @ret_room: what metadata, and what is kept for names, leave of the budget for them. Return:
 * bytes.
 */
uint64_t spool_quota_data(struct spool_quota *quota, uint64_t *ret_room);

/** spool_quota_set_watch() - before the first charge. */
void spool_quota_set_watch(struct spool_quota *quota, const struct spool_quota_watch *watch);

/** spool_quota_set_ram() - SPOOL_RAM_FIRM at the start. Calls watch.room() when charges have been
 * told to wait and @ram is not SPOOL_RAM_ELASTIC, also when @ram was the same before. */
void spool_quota_set_ram(struct spool_quota *quota, enum spool_quota_ram ram);

/** spool_quota_is_high() - whether data are to leave the mount's RAM: they are above the mark, or a
 * charge waits for more room than there is. @was: it was so before, and stays so until they are
 * below SPOOL_RAM_LOW percent of the mark. Locks: takes the quota lock. */
bool spool_quota_is_high(struct spool_quota *quota, bool was);

/** spool_quota_is_plenty() - whether RAM is plentiful, the mount's and @user's, and nobody waits
 * for any. Locks: takes the quota lock. */
bool spool_quota_is_plenty(const struct spool_quota_user *user);

/** spool_quota_next_high() - the first uid >= @from whose data are to leave RAM for its own limit:
 * iterate with uid + 1. Return: false when there is none. Locks: takes the quota lock. */
bool spool_quota_next_high(struct spool_quota *quota, uint64_t from, uid_t *ret_uid);
