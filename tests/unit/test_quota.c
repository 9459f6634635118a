/* SPDX-License-Identifier: MIT */

/* Counters and limits: exact boundaries, all or nothing, and everything at zero in the end. */

#include "quota/quota.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "fault_host.h"
#include "unit.h"
#include "util/macros.h"

static struct fault_host host;
static struct spool_quota *quota;
static unsigned int n_high, n_room;

static struct spool_limits no_limits(void)
{
	struct spool_limits limits;

	memset(&limits, 0xff, sizeof(limits));
	limits.pageout_reserve = 0;
	return limits;
}

static void set_up(const struct spool_limits *limits)
{
	fault_host_init(&host);
	CU_ASSERT_EQUAL_FATAL(spool_quota_new(&host.host, limits, &quota), 0);
}

static void tear_down(void)
{
	CU_ASSERT_TRUE(spool_quota_free(quota));
	CU_ASSERT_EQUAL(host.live, 0);
}

static struct spool_quota_user *get(uid_t uid)
{
	struct spool_quota_user *user = NULL;

	CU_ASSERT_EQUAL_FATAL(spool_quota_user_get(quota, uid, &user), 0);
	CU_ASSERT_EQUAL(spool_quota_user_uid(user), uid);
	return user;
}

static int charge(struct spool_quota_user *user, uint64_t size, uint64_t ram, uint64_t inodes,
		  unsigned int flags)
{
	const struct spool_charge amount = {{size, ram, inodes}};

	return spool_quota_charge(user, &amount, flags);
}

static void uncharge(struct spool_quota_user *user, uint64_t size, uint64_t ram, uint64_t inodes)
{
	const struct spool_charge amount = {{size, ram, inodes}};

	spool_quota_uncharge(user, &amount);
}

static uint64_t used(enum spool_resource resource)
{
	struct spool_usage usage;

	spool_quota_usage(quota, &usage);
	return usage.used[resource];
}

/* Exactly the limit fits, one more does not, and then nothing of the charge is made. */
static void test_limits(void)
{
	for (int resource = 0; resource < SPOOL_RES_N; resource++) {
		for (int mine = 0; mine < 2; mine++) {
			struct spool_limits limits = no_limits();
			uint64_t amount[SPOOL_RES_N] = {1, 1, 1};
			struct spool_quota_user *user;

			(mine ? limits.user : limits.mount)[resource] = 100;
			set_up(&limits);
			user = get(7);
			amount[resource] = 100;
			CU_ASSERT_EQUAL(charge(user, amount[0], amount[1], amount[2], 0), 0);
			CU_ASSERT_EQUAL(
				charge(user, resource == 0, resource == 1, resource == 2, 0),
				mine ? -EDQUOT : -ENOSPC);
			CU_ASSERT_EQUAL(charge(user, 1, 1, 1, 0), mine ? -EDQUOT : -ENOSPC);
			CU_ASSERT_EQUAL(used((enum spool_resource)resource), 100);
			CU_ASSERT_EQUAL(used((enum spool_resource)((resource + 1) % 3)), 1);
			uncharge(user, amount[0], amount[1], amount[2]);
			CU_ASSERT_EQUAL(charge(user, 0, 0, 0, 0), 0);
			spool_quota_user_put(user);
			tear_down();
		}
	}
}

static void test_overflow(void)
{
	struct spool_limits limits = no_limits();
	struct spool_quota_user *user;

	set_up(&limits);
	user = get(7);
	CU_ASSERT_EQUAL(charge(user, UINT64_MAX, 0, 0, 0), 0);
	CU_ASSERT_EQUAL(charge(user, 1, 0, 0, 0), -ENOSPC);
	uncharge(user, UINT64_MAX, 0, 0);
	spool_quota_user_put(user);
	tear_down();
}

/* Page-outs, and they alone, may use the reserve; inodes have none. */
static void test_reserve(void)
{
	struct spool_limits limits = no_limits();
	struct spool_quota_user *user;

	for (int i = 0; i < SPOOL_RES_N; i++)
		limits.mount[i] = limits.user[i] = 10;
	limits.pageout_reserve = 5;
	set_up(&limits);
	user = get(7);
	CU_ASSERT_EQUAL(charge(user, 10, 10, 10, 0), 0);
	CU_ASSERT_EQUAL(charge(user, 1, 0, 0, 0), -ENOSPC);
	CU_ASSERT_EQUAL(charge(user, 5, 5, 0, SPOOL_CHARGE_PAGEOUT), 0);
	CU_ASSERT_EQUAL(charge(user, 1, 0, 0, SPOOL_CHARGE_PAGEOUT), -ENOSPC);
	CU_ASSERT_EQUAL(charge(user, 0, 0, 1, SPOOL_CHARGE_PAGEOUT), -ENOSPC);
	uncharge(user, 15, 15, 10);
	spool_quota_user_put(user);
	tear_down();
}

static void test_users(void)
{
	struct spool_limits limits = no_limits();
	struct spool_quota_user *a, *b, *again;
	struct spool_usage usage;
	uid_t uid;

	limits.user[SPOOL_RES_SIZE] = 50;
	set_up(&limits);
	b = get(2000);
	a = get(1000);
	again = get(1000);
	CU_ASSERT_PTR_EQUAL(a, again);
	CU_ASSERT_PTR_EQUAL(spool_quota_user_ref(a), a);
	CU_ASSERT_EQUAL(charge(a, 30, 1, 1, 0), 0);
	CU_ASSERT_EQUAL(charge(b, 40, 1, 1, 0), 0);
	CU_ASSERT_TRUE(spool_quota_next_user(quota, 0, &uid, &usage));
	CU_ASSERT_EQUAL(uid, 1000);
	CU_ASSERT_EQUAL(usage.used[SPOOL_RES_SIZE], 30);
	CU_ASSERT_EQUAL(usage.limit[SPOOL_RES_SIZE], 50);
	CU_ASSERT_TRUE(spool_quota_next_user(quota, 1001, &uid, &usage));
	CU_ASSERT_EQUAL(uid, 2000);
	CU_ASSERT_FALSE(spool_quota_next_user(quota, 2001, &uid, &usage));
	CU_ASSERT_FALSE(spool_quota_next_user(quota, UINT64_MAX, &uid, &usage));
	/* chown: all of it, or nothing */
	CU_ASSERT_EQUAL(spool_quota_move(a, b, &(struct spool_charge){{11, 1, 1}}), -EDQUOT);
	CU_ASSERT_EQUAL(spool_quota_move(a, b, &(struct spool_charge){{10, 1, 1}}), 0);
	CU_ASSERT_EQUAL(spool_quota_move(a, a, &(struct spool_charge){{99, 1, 1}}), 0);
	spool_quota_user_usage(quota, 1000, &usage);
	CU_ASSERT_EQUAL(usage.used[SPOOL_RES_SIZE], 20);
	spool_quota_user_usage(quota, 3000, &usage);
	CU_ASSERT_EQUAL(usage.used[SPOOL_RES_SIZE], 0);
	CU_ASSERT_EQUAL(usage.limit[SPOOL_RES_SIZE], 50);
	uncharge(a, 20, 0, 0);
	uncharge(b, 50, 2, 2);
	for (int i = 0; i < 3; i++)
		spool_quota_user_put(a);
	spool_quota_user_put(b);
	spool_quota_user_put(NULL);
	tear_down();
}

/* Use above a new limit stays, and does not grow. */
static void test_live_limits(void)
{
	struct spool_limits limits = no_limits();
	struct spool_quota_user *user;

	set_up(&limits);
	user = get(7);
	CU_ASSERT_EQUAL(charge(user, 100, 100, 1, 0), 0);
	limits.mount[SPOOL_RES_SIZE] = 50;
	spool_quota_set_limits(quota, &limits);
	CU_ASSERT_EQUAL(charge(user, 1, 0, 0, 0), -ENOSPC);
	CU_ASSERT_EQUAL(charge(user, 0, 1, 0, 0), 0);
	uncharge(user, 60, 0, 0);
	CU_ASSERT_EQUAL(charge(user, 10, 0, 0, 0), 0);
	CU_ASSERT_EQUAL(charge(user, 1, 0, 0, 0), -ENOSPC);
	uncharge(user, 50, 101, 1);
	spool_quota_user_put(user);
	tear_down();
}

static void on_high(void *ctx)
{
	(void)ctx;
	n_high++;
}

static void on_room(void *ctx)
{
	(void)ctx;
	n_room++;
}

/* RAM that somebody makes room in: a wait, not an end; everything else is one. */
static void test_elastic(void)
{
	const struct spool_quota_watch watch = {on_high, on_room, NULL, NULL};
	struct spool_limits limits = no_limits();
	struct spool_quota_user *user;
	uid_t uid;

	limits.mount[SPOOL_RES_RAM] = 1000;
	limits.user[SPOOL_RES_RAM] = 800;
	limits.user[SPOOL_RES_SIZE] = 5000;
	set_up(&limits);
	spool_quota_set_watch(quota, &watch);
	spool_quota_set_ram(quota, SPOOL_RAM_ELASTIC);
	n_high = n_room = 0;
	user = get(7);
	CU_ASSERT_EQUAL(charge(user, 0, 720, 0, 0), 0);
	spool_quota_note_data(user, 720);
	CU_ASSERT_EQUAL(n_high, 0); /* 90% of 800 are not above it */
	CU_ASSERT_FALSE(spool_quota_over(quota, 90, &uid));
	CU_ASSERT_EQUAL(charge(user, 0, 1, 0, 0), 0);
	spool_quota_note_data(user, 1);
	CU_ASSERT_TRUE(n_high > 0);
	CU_ASSERT_TRUE(spool_quota_over(quota, 90, &uid));
	CU_ASSERT_EQUAL(uid, 7);
	CU_ASSERT_EQUAL(charge(user, 0, 80, 0, 0), -EAGAIN);
	CU_ASSERT_EQUAL(charge(user, 0, 80, 0, SPOOL_CHARGE_FIRM), -EDQUOT);
	CU_ASSERT_EQUAL(charge(user, 5001, 80, 0, 0), -EDQUOT);
	CU_ASSERT_EQUAL(n_room, 0);
	uncharge(user, 0, 1, 0);
	CU_ASSERT_EQUAL(n_room, 1);
	uncharge(user, 0, 1, 0);
	CU_ASSERT_EQUAL(n_room, 1); /* nobody waits any more */
	CU_ASSERT_EQUAL(charge(user, 0, 900, 0, 0), -EAGAIN);
	spool_quota_set_ram(quota, SPOOL_RAM_FIRM);
	CU_ASSERT_EQUAL(n_room, 2); /* they wait in vain */
	CU_ASSERT_EQUAL(charge(user, 0, 900, 0, 0), -ENOSPC);
	uncharge(user, 0, 719, 0);
	spool_quota_note_data(user, -721);
	spool_quota_user_put(user);
	tear_down();
}

/* Room also comes without anybody giving RAM back: with a higher limit, or with another's account.
 */
static void test_room_of_accounts(void)
{
	const struct spool_quota_watch watch = {on_high, on_room, NULL, NULL};
	const struct spool_charge moved = {{0, 600, 0}};
	struct spool_limits limits = no_limits();
	struct spool_quota_user *a, *b;

	limits.user[SPOOL_RES_RAM] = 800;
	set_up(&limits);
	spool_quota_set_watch(quota, &watch);
	spool_quota_set_ram(quota, SPOOL_RAM_ELASTIC);
	n_high = n_room = 0;
	a = get(7);
	b = get(8);
	CU_ASSERT_EQUAL(charge(a, 0, 800, 0, 0), 0);
	spool_quota_set_limits(quota, &limits);
	CU_ASSERT_EQUAL(n_room, 0); /* nobody waits */
	CU_ASSERT_EQUAL(charge(a, 0, 100, 0, 0), -EAGAIN);
	CU_ASSERT_EQUAL(spool_quota_move(a, b, &moved), 0);
	CU_ASSERT_EQUAL(n_room, 1);
	CU_ASSERT_EQUAL(charge(a, 0, 700, 0, 0), -EAGAIN);
	limits.user[SPOOL_RES_RAM] = 900;
	spool_quota_set_limits(quota, &limits);
	CU_ASSERT_EQUAL(n_room, 2);
	CU_ASSERT_EQUAL(charge(a, 0, 700, 0, 0), 0);
	uncharge(a, 0, 900, 0);
	uncharge(b, 0, 600, 0);
	CU_ASSERT_EQUAL(n_room, 2);
	spool_quota_user_put(a);
	spool_quota_user_put(b);
	tear_down();
}

/* What cannot leave RAM is no reason to send out what can: only the room beside it counts. */
static void test_data_beside_metadata(void)
{
	const struct spool_quota_watch watch = {on_high, on_room, NULL, NULL};
	struct spool_limits limits = no_limits();
	struct spool_quota_user *user;
	uint64_t room = 0;
	uid_t uid;

	limits.mount[SPOOL_RES_RAM] = 2000;
	limits.user[SPOOL_RES_RAM] = 1000;
	set_up(&limits);
	spool_quota_set_watch(quota, &watch);
	spool_quota_set_ram(quota, SPOOL_RAM_ELASTIC);
	n_high = n_room = 0;
	user = get(7);
	CU_ASSERT_EQUAL(charge(user, 0, 900, 0, 0), 0); /* metadata */
	CU_ASSERT_EQUAL(n_high, 0);
	CU_ASSERT_FALSE(spool_quota_over(quota, 90, &uid));
	CU_ASSERT_EQUAL(spool_quota_data(quota, &room), 0);
	CU_ASSERT_EQUAL(room, 1100);
	CU_ASSERT_EQUAL(charge(user, 0, 90, 0, 0), 0);
	spool_quota_note_data(user, 90);
	CU_ASSERT_EQUAL(n_high, 0);
	CU_ASSERT_FALSE(spool_quota_over(quota, 90, &uid));
	CU_ASSERT_EQUAL(charge(user, 0, 5, 0, 0), 0);
	spool_quota_note_data(user, 5);
	CU_ASSERT_TRUE(n_high > 0);
	CU_ASSERT_TRUE(spool_quota_over(quota, 90, &uid));
	CU_ASSERT_EQUAL(spool_quota_data(quota, &room), 95);
	CU_ASSERT_EQUAL(room, 1100);
	uncharge(user, 0, 995, 0);
	spool_quota_note_data(user, -95);
	spool_quota_user_put(user);
	tear_down();
}

/* Under pressure one user's metadata take nothing from another: they count against himself first,
 * and the budget is never below what cannot leave. */
static void test_shares(void)
{
	struct spool_limits limits = no_limits();
	struct spool_quota_user *a, *b, *c;

	limits.mount[SPOOL_RES_RAM] = 1000;
	set_up(&limits);
	spool_quota_set_ram(quota, SPOOL_RAM_ELASTIC);
	a = get(7);
	b = get(8);
	c = get(9);
	CU_ASSERT_EQUAL(charge(a, 0, 500, 0, 0), 0); /* metadata */
	spool_quota_squeeze(quota, 100, 50);
	CU_ASSERT_EQUAL(spool_quota_budget(quota), 550);
	CU_ASSERT_EQUAL(charge(a, 0, 50, 0, 0), 0); /* the last share, as nobody else wants it */
	spool_quota_note_data(a, 50);
	CU_ASSERT_EQUAL(charge(a, 0, 1, 0, 0), -EAGAIN);
	CU_ASSERT_EQUAL(charge(b, 0, 50, 0, 0), 0); /* its own */
	spool_quota_note_data(b, 50);
	CU_ASSERT_EQUAL(spool_quota_budget(quota), 600);
	CU_ASSERT_EQUAL(charge(b, 0, 1, 0, 0), -EAGAIN);
	CU_ASSERT_EQUAL(charge(c, 0, 51, 0, 0), -EAGAIN);
	CU_ASSERT_EQUAL(charge(c, 0, 50, 0, 0), 0);
	CU_ASSERT_EQUAL(spool_quota_budget(quota), 650);
	uncharge(a, 0, 50, 0); /* to the disk */
	spool_quota_note_data(a, -50);
	CU_ASSERT_EQUAL(charge(b, 0, 50, 0, 0), 0);

	spool_quota_squeeze(quota, 100, 300); /* shares never go beyond the limit */
	CU_ASSERT_EQUAL(spool_quota_budget(quota), 950);
	CU_ASSERT_EQUAL(charge(c, 0, 250, 0, 0), 0);
	CU_ASSERT_EQUAL(spool_quota_budget(quota), 1000);
	CU_ASSERT_EQUAL(charge(b, 0, 101, 0, 0), -EAGAIN);
	spool_quota_squeeze(quota, UINT64_MAX, 0);
	CU_ASSERT_EQUAL(charge(a, 0, 100, 0, 0), 0);
	uncharge(a, 0, 600, 0);
	uncharge(b, 0, 100, 0);
	spool_quota_note_data(b, -50);
	uncharge(c, 0, 300, 0);
	spool_quota_user_put(a);
	spool_quota_user_put(b);
	spool_quota_user_put(c);
	tear_down();
}

/* Names have some RAM of their own, and an answer at once when that is used up: what the kernel has
 * locked for them is not only their user's. What is full as a whole, all wait for. */
static void test_names(void)
{
	const uint64_t limit = 1000000, kept = 36864; /* 4%, in pages */
	const struct spool_quota_watch watch = {on_high, on_room, NULL, NULL};
	struct spool_limits limits = no_limits();
	struct spool_quota_user *a, *b;

	limits.mount[SPOOL_RES_RAM] = 2 * limit;
	limits.user[SPOOL_RES_RAM] = limit;
	set_up(&limits);
	spool_quota_set_watch(quota, &watch);
	a = get(7);
	b = get(8);
	CU_ASSERT_EQUAL(charge(a, 0, limit, 0, 0), 0); /* nobody could be told to wait */
	uncharge(a, 0, kept, 0);
	spool_quota_set_ram(quota, SPOOL_RAM_ELASTIC);
	n_high = n_room = 0;
	CU_ASSERT_EQUAL(charge(a, 0, 1, 0, 0), -EAGAIN);
	CU_ASSERT_EQUAL(charge(a, 0, 1, 0, SPOOL_CHARGE_FIRM), -EDQUOT);
	CU_ASSERT_EQUAL(charge(a, 0, kept, 0, SPOOL_CHARGE_NAME), 0);
	CU_ASSERT_EQUAL(charge(a, 0, 1, 0, SPOOL_CHARGE_NAME), -EDQUOT);
	CU_ASSERT_EQUAL(charge(b, 0, limit - 3 * kept, 0, 0), 0);
	CU_ASSERT_EQUAL(charge(b, 0, 3 * kept, 0, SPOOL_CHARGE_NAME), 0);
	limits.user[SPOOL_RES_RAM] = 2 * limit;
	spool_quota_set_limits(quota, &limits);
	CU_ASSERT_EQUAL(charge(b, 0, 1, 0, SPOOL_CHARGE_NAME), -EAGAIN);

	limits.user[SPOOL_RES_RAM] = limit;
	spool_quota_set_limits(quota, &limits);
	uncharge(b, 0, limit, 0);
	spool_quota_set_ram(quota, SPOOL_RAM_NO_DISK);
	uncharge(a, 0, kept, 0);
	CU_ASSERT_EQUAL(charge(a, 0, 1, 0, 0), -ENOSPC);
	CU_ASSERT_EQUAL(charge(a, 0, kept, 0, SPOOL_CHARGE_NAME), 0);
	uncharge(a, 0, limit, 0);
	spool_quota_user_put(a);
	spool_quota_user_put(b);
	tear_down();
}

/* Data leave RAM before what is kept for names is all that is left. */
static void test_data_beside_names(void)
{
	const uint64_t limit = 1000000;
	struct spool_limits limits = no_limits();
	struct spool_quota_user *user;
	uint64_t room = 0;
	uid_t uid;

	limits.mount[SPOOL_RES_RAM] = limits.user[SPOOL_RES_RAM] = limit;
	set_up(&limits);
	spool_quota_set_ram(quota, SPOOL_RAM_ELASTIC);
	user = get(7);
	CU_ASSERT_EQUAL(charge(user, 0, 800000, 0, 0), 0); /* metadata */
	CU_ASSERT_EQUAL(charge(user, 0, 163136, 0, 0), 0);
	spool_quota_note_data(user, 163136);
	CU_ASSERT_EQUAL(charge(user, 0, 1, 0, 0), -EAGAIN);
	CU_ASSERT_TRUE(spool_quota_over(quota, 99, &uid));
	CU_ASSERT_EQUAL(spool_quota_data(quota, &room), 163136);
	CU_ASSERT_EQUAL(room, 163136);
	uncharge(user, 0, 963136, 0);
	spool_quota_note_data(user, -163136);
	spool_quota_user_put(user);
	tear_down();
}

/* Less RAM than the limit, while others make room; firm charges and the limit itself stay. */
static void test_squeeze(void)
{
	const struct spool_quota_watch watch = {on_high, on_room, NULL, NULL};
	struct spool_limits limits = no_limits();
	struct spool_quota_user *user;

	limits.mount[SPOOL_RES_RAM] = 1000;
	set_up(&limits);
	spool_quota_set_watch(quota, &watch);
	n_high = n_room = 0;
	user = get(7);
	CU_ASSERT_EQUAL(spool_quota_budget(quota), 1000);
	spool_quota_squeeze(quota, 500, 0);
	CU_ASSERT_EQUAL(spool_quota_budget(quota), 500);
	CU_ASSERT_EQUAL(charge(user, 0, 600, 0, 0), 0); /* nobody would make room */
	spool_quota_set_ram(quota, SPOOL_RAM_ELASTIC);
	n_high = 0;
	CU_ASSERT_EQUAL(charge(user, 0, 1, 0, 0), -EAGAIN);
	CU_ASSERT_EQUAL(n_high, 1);
	CU_ASSERT_EQUAL(charge(user, 0, 1, 0, SPOOL_CHARGE_FIRM), 0);
	CU_ASSERT_EQUAL(n_room, 0);
	spool_quota_squeeze(quota, 602, 0);
	CU_ASSERT_EQUAL(n_room, 1); /* who was refused is to try again */
	CU_ASSERT_EQUAL(charge(user, 0, 1, 0, 0), 0);
	CU_ASSERT_EQUAL(charge(user, 0, 1, 0, 0), -EAGAIN);
	spool_quota_squeeze(quota, UINT64_MAX, 0);
	CU_ASSERT_EQUAL(n_room, 2);
	CU_ASSERT_EQUAL(spool_quota_budget(quota), 1000);
	CU_ASSERT_EQUAL(charge(user, 0, 398, 0, 0), 0);
	CU_ASSERT_EQUAL(charge(user, 0, 1, 0, 0), -EAGAIN);
	uncharge(user, 0, 1000, 0);
	spool_quota_user_put(user);
	tear_down();
}

/* Each limit is said once a minute, with what was used; others have their own minute. */
static void test_refusals(void)
{
	const int64_t minute = (int64_t)60 * 1000000000, start = 1000;
	struct spool_limits limits = no_limits();
	struct spool_refusal got = {.uid = 99};
	struct spool_quota_user *a, *b;

	limits.mount[SPOOL_RES_SIZE] = 1000;
	limits.user[SPOOL_RES_SIZE] = 600;
	limits.user[SPOOL_RES_INODES] = 1;
	set_up(&limits);
	a = get(7);
	b = get(8);
	CU_ASSERT_EQUAL(charge(a, 500, 0, 1, 0), 0);
	CU_ASSERT_FALSE(spool_quota_next_refusal(quota, start, &got));
	CU_ASSERT_EQUAL(charge(a, 101, 0, 0, 0), -EDQUOT);
	CU_ASSERT_TRUE(spool_quota_next_refusal(quota, start, &got));
	CU_ASSERT_FALSE(got.mount);
	CU_ASSERT_EQUAL(got.uid, 7);
	CU_ASSERT_EQUAL(got.resource, SPOOL_RES_SIZE);
	CU_ASSERT_EQUAL(got.used, 500);
	CU_ASSERT_EQUAL(got.limit, 600);
	CU_ASSERT_EQUAL(got.amount, 101);
	CU_ASSERT_FALSE(spool_quota_next_refusal(quota, start, &got));
	CU_ASSERT_EQUAL(charge(a, 102, 0, 0, 0), -EDQUOT);
	CU_ASSERT_FALSE(spool_quota_next_refusal(quota, start + minute - 1, &got));
	CU_ASSERT_EQUAL(charge(a, 0, 0, 1, 0), -EDQUOT);
	CU_ASSERT_TRUE(spool_quota_next_refusal(quota, start, &got));
	CU_ASSERT_EQUAL(got.resource, SPOOL_RES_INODES);
	CU_ASSERT_EQUAL(charge(a, 103, 0, 0, 0), -EDQUOT);
	CU_ASSERT_TRUE(spool_quota_next_refusal(quota, start + minute, &got));
	CU_ASSERT_EQUAL(got.amount, 103);

	CU_ASSERT_EQUAL(charge(b, 501, 0, 0, 0), -ENOSPC); /* the mount's, whoever meets it */
	CU_ASSERT_TRUE(spool_quota_next_refusal(quota, start, &got));
	CU_ASSERT_TRUE(got.mount);
	CU_ASSERT_EQUAL(got.limit, 1000);
	CU_ASSERT_EQUAL(spool_quota_move(a, b, &(struct spool_charge){{601, 0, 0}}), -EDQUOT);
	CU_ASSERT_TRUE(spool_quota_next_refusal(quota, start, &got));
	CU_ASSERT_FALSE(got.mount);
	CU_ASSERT_EQUAL(got.uid, 8);
	CU_ASSERT_FALSE(spool_quota_next_refusal(quota, start, &got));
	uncharge(a, 500, 0, 1);
	spool_quota_user_put(a);
	spool_quota_user_put(b);
	tear_down();
}

static void test_without_memory(void)
{
	struct spool_limits limits = no_limits();
	struct spool_quota_user *user;

	fault_host_init(&host);
	fault_host_arm(&host, 1, false);
	CU_ASSERT_EQUAL(spool_quota_new(&host.host, &limits, &quota), -ENOMEM);
	set_up(&limits);
	fault_host_arm(&host, 1, false);
	CU_ASSERT_EQUAL(spool_quota_user_get(quota, 7, &user), -ENOMEM);
	tear_down();
	CU_ASSERT_TRUE(spool_quota_free(NULL));
}

#define N_THREADS 4
#define N_ROUNDS 20000

static void *charge_and_give_back(void *arg)
{
	uid_t uid = (uid_t)(uintptr_t)arg;

	for (unsigned int i = 0; i < N_ROUNDS; i++) {
		struct spool_quota_user *user;

		if (spool_quota_user_get(quota, i % 3 ? uid : 1, &user) < 0)
			continue;
		if (charge(user, i % 100, i % 50, 1, 0) == 0)
			uncharge(user, i % 100, i % 50, 1);
		spool_quota_user_put(user);
	}
	return NULL;
}

static void test_threads(void)
{
	struct spool_limits limits = no_limits();
	pthread_t threads[N_THREADS];

	limits.mount[SPOOL_RES_INODES] = 2;
	limits.mount[SPOOL_RES_SIZE] = 150;
	set_up(&limits);
	for (uintptr_t i = 0; i < N_THREADS; i++)
		CU_ASSERT_EQUAL_FATAL(
			pthread_create(&threads[i], NULL, charge_and_give_back, (void *)(i + 10)),
			0);
	for (unsigned int i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < SPOOL_RES_N; i++)
		CU_ASSERT_EQUAL(used((enum spool_resource)i), 0);
	tear_down();
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"limits", test_limits},
		{"overflow", test_overflow},
		{"reserve", test_reserve},
		{"users", test_users},
		{"live limits", test_live_limits},
		{"elastic", test_elastic},
		{"room of accounts", test_room_of_accounts},
		{"data beside metadata", test_data_beside_metadata},
		{"shares", test_shares},
		{"refusals", test_refusals},
		{"squeeze", test_squeeze},
		{"names", test_names},
		{"data beside names", test_data_beside_names},
		{"without memory", test_without_memory},
		{"threads", test_threads},
	};

	return unit_run("quota", tests, SPOOL_ARRAY_SIZE(tests));
}
