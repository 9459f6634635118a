/* SPDX-License-Identifier: MIT */

/* RAM: what data may take beside metadata and names, and which charges wait for room. */

#include <errno.h>

#include "quota_rig.h"
#include "unit.h"
#include "util/macros.h"

static struct quota_rig rig;
static unsigned int n_high, n_room;

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
	const struct spool_quota_watch watch = {on_high, on_room, NULL, NULL, 0};
	struct spool_limits limits = quota_rig_no_limits();
	struct spool_quota_user *user;
	uid_t uid;

	limits.mount[SPOOL_RES_RAM] = 1000;
	limits.user[SPOOL_RES_RAM] = 800;
	limits.user[SPOOL_RES_SIZE] = 5000;
	quota_rig_set_up(&rig, &limits);
	spool_quota_set_watch(rig.quota, &watch);
	spool_quota_set_ram(rig.quota, SPOOL_RAM_ELASTIC);
	n_high = n_room = 0;
	user = quota_rig_user(&rig, 7);
	CU_ASSERT_EQUAL(quota_rig_charge(user, 0, 720, 0, 0), 0);
	spool_quota_note_data(user, 720);
	CU_ASSERT_EQUAL(n_high, 0); /* 90% of 800 are not above it */
	CU_ASSERT_FALSE(spool_quota_next_high(rig.quota, 0, &uid));
	CU_ASSERT_EQUAL(quota_rig_charge(user, 0, 1, 0, 0), 0);
	spool_quota_note_data(user, 1);
	CU_ASSERT_TRUE(n_high > 0);
	CU_ASSERT_TRUE(spool_quota_next_high(rig.quota, 0, &uid));
	CU_ASSERT_EQUAL(uid, 7);
	CU_ASSERT_EQUAL(quota_rig_charge(user, 0, 80, 0, 0), -EAGAIN);
	CU_ASSERT_EQUAL(quota_rig_charge(user, 0, 80, 0, SPOOL_CHARGE_FIRM), -EDQUOT);
	CU_ASSERT_EQUAL(quota_rig_charge(user, 5001, 80, 0, 0), -EDQUOT);
	CU_ASSERT_EQUAL(n_room, 0);
	quota_rig_uncharge(user, 0, 1, 0);
	CU_ASSERT_EQUAL(n_room, 1);
	quota_rig_uncharge(user, 0, 1, 0);
	CU_ASSERT_EQUAL(n_room, 1); /* nobody waits any more */
	CU_ASSERT_EQUAL(quota_rig_charge(user, 0, 700, 0, 0), -EAGAIN);
	spool_quota_set_ram(rig.quota, SPOOL_RAM_FIRM);
	CU_ASSERT_EQUAL(n_room, 2); /* they wait in vain */
	CU_ASSERT_EQUAL(quota_rig_charge(user, 0, 700, 0, 0), -ENOSPC);
	quota_rig_uncharge(user, 0, 719, 0);
	spool_quota_note_data(user, -721);
	spool_quota_user_put(user);
	quota_rig_tear_down(&rig);
}

/* Room also comes without anybody giving RAM back: with a higher limit, or with another's account.
 */
static void test_room_of_accounts(void)
{
	const struct spool_quota_watch watch = {on_high, on_room, NULL, NULL, 0};
	const struct spool_charge moved = {{0, 600, 0}};
	struct spool_limits limits = quota_rig_no_limits();
	struct spool_quota_user *a, *b;

	limits.user[SPOOL_RES_RAM] = 800;
	quota_rig_set_up(&rig, &limits);
	spool_quota_set_watch(rig.quota, &watch);
	spool_quota_set_ram(rig.quota, SPOOL_RAM_ELASTIC);
	n_high = n_room = 0;
	a = quota_rig_user(&rig, 7);
	b = quota_rig_user(&rig, 8);
	CU_ASSERT_EQUAL(quota_rig_charge(a, 0, 800, 0, 0), 0);
	spool_quota_set_limits(rig.quota, &limits);
	CU_ASSERT_EQUAL(n_room, 0); /* nobody waits */
	CU_ASSERT_EQUAL(quota_rig_charge(a, 0, 100, 0, 0), -EAGAIN);
	CU_ASSERT_EQUAL(spool_quota_move(a, b, &moved, 0), 0);
	CU_ASSERT_EQUAL(n_room, 1);
	CU_ASSERT_EQUAL(quota_rig_charge(a, 0, 700, 0, 0), -EAGAIN);
	limits.user[SPOOL_RES_RAM] = 900;
	spool_quota_set_limits(rig.quota, &limits);
	CU_ASSERT_EQUAL(n_room, 2);
	CU_ASSERT_EQUAL(quota_rig_charge(a, 0, 700, 0, 0), 0);
	quota_rig_uncharge(a, 0, 900, 0);
	quota_rig_uncharge(b, 0, 600, 0);
	CU_ASSERT_EQUAL(n_room, 2);
	spool_quota_user_put(a);
	spool_quota_user_put(b);
	quota_rig_tear_down(&rig);
}

/* What cannot leave RAM is no reason to send out what can: only the room beside it counts. */
static void test_data_beside_metadata(void)
{
	const struct spool_quota_watch watch = {on_high, on_room, NULL, NULL, 0};
	struct spool_limits limits = quota_rig_no_limits();
	struct spool_quota_user *user;
	uint64_t room = 0;
	uid_t uid;

	limits.mount[SPOOL_RES_RAM] = 2000;
	limits.user[SPOOL_RES_RAM] = 1000;
	quota_rig_set_up(&rig, &limits);
	spool_quota_set_watch(rig.quota, &watch);
	spool_quota_set_ram(rig.quota, SPOOL_RAM_ELASTIC);
	n_high = n_room = 0;
	user = quota_rig_user(&rig, 7);
	CU_ASSERT_EQUAL(quota_rig_charge(user, 0, 900, 0, 0), 0); /* metadata */
	CU_ASSERT_EQUAL(n_high, 0);
	CU_ASSERT_FALSE(spool_quota_next_high(rig.quota, 0, &uid));
	CU_ASSERT_EQUAL(spool_quota_data(rig.quota, &room), 0);
	CU_ASSERT_EQUAL(room, 1100);
	CU_ASSERT_EQUAL(quota_rig_charge(user, 0, 90, 0, 0), 0);
	spool_quota_note_data(user, 90);
	CU_ASSERT_EQUAL(n_high, 0);
	CU_ASSERT_FALSE(spool_quota_next_high(rig.quota, 0, &uid));
	CU_ASSERT_EQUAL(quota_rig_charge(user, 0, 5, 0, 0), 0);
	spool_quota_note_data(user, 5);
	CU_ASSERT_TRUE(n_high > 0);
	CU_ASSERT_TRUE(spool_quota_next_high(rig.quota, 0, &uid));
	CU_ASSERT_EQUAL(spool_quota_data(rig.quota, &room), 95);
	CU_ASSERT_EQUAL(room, 1100);
	quota_rig_uncharge(user, 0, 995, 0);
	spool_quota_note_data(user, -95);
	spool_quota_user_put(user);
	quota_rig_tear_down(&rig);
}

/* Under pressure one user's metadata take nothing from another: they count against himself first,
 * and the budget is never below what cannot leave. */
static void test_shares(void)
{
	struct spool_limits limits = quota_rig_no_limits();
	struct spool_quota_user *a, *b, *c;

	limits.mount[SPOOL_RES_RAM] = 1000;
	quota_rig_set_up(&rig, &limits);
	spool_quota_set_ram(rig.quota, SPOOL_RAM_ELASTIC);
	a = quota_rig_user(&rig, 7);
	b = quota_rig_user(&rig, 8);
	c = quota_rig_user(&rig, 9);
	CU_ASSERT_EQUAL(quota_rig_charge(a, 0, 500, 0, 0), 0); /* metadata */
	spool_quota_squeeze(rig.quota, 100, 50);
	CU_ASSERT_EQUAL(spool_quota_budget(rig.quota), 550);
	CU_ASSERT_EQUAL(quota_rig_charge(a, 0, 50, 0, 0),
			0); /* the last share, as nobody else wants it */
	spool_quota_note_data(a, 50);
	CU_ASSERT_EQUAL(quota_rig_charge(a, 0, 1, 0, 0), -EAGAIN);
	CU_ASSERT_EQUAL(quota_rig_charge(b, 0, 50, 0, 0), 0); /* its own */
	spool_quota_note_data(b, 50);
	CU_ASSERT_EQUAL(spool_quota_budget(rig.quota), 600);
	CU_ASSERT_EQUAL(quota_rig_charge(b, 0, 1, 0, 0), -EAGAIN);
	CU_ASSERT_EQUAL(quota_rig_charge(c, 0, 51, 0, 0), -EAGAIN);
	CU_ASSERT_EQUAL(quota_rig_charge(c, 0, 50, 0, 0), 0);
	CU_ASSERT_EQUAL(spool_quota_budget(rig.quota), 650);
	quota_rig_uncharge(a, 0, 50, 0); /* to the disk */
	spool_quota_note_data(a, -50);
	CU_ASSERT_EQUAL(quota_rig_charge(b, 0, 50, 0, 0), 0);

	spool_quota_squeeze(rig.quota, 100, 300); /* shares never go beyond the limit */
	CU_ASSERT_EQUAL(spool_quota_budget(rig.quota), 950);
	CU_ASSERT_EQUAL(quota_rig_charge(c, 0, 250, 0, 0), 0);
	CU_ASSERT_EQUAL(spool_quota_budget(rig.quota), 1000);
	CU_ASSERT_EQUAL(quota_rig_charge(b, 0, 101, 0, 0), -EAGAIN);
	spool_quota_squeeze(rig.quota, UINT64_MAX, 0);
	CU_ASSERT_EQUAL(quota_rig_charge(a, 0, 100, 0, 0), 0);
	quota_rig_uncharge(a, 0, 600, 0);
	quota_rig_uncharge(b, 0, 100, 0);
	spool_quota_note_data(b, -50);
	quota_rig_uncharge(c, 0, 300, 0);
	spool_quota_user_put(a);
	spool_quota_user_put(b);
	spool_quota_user_put(c);
	quota_rig_tear_down(&rig);
}

/* Names have some RAM of their own, and an answer at once when that is used up: what the kernel has
 * locked for them is not only their user's. What is full as a whole, all wait for. */
static void test_names(void)
{
	const uint64_t limit = 1000000, kept = 36864; /* 4%, in pages */
	const struct spool_quota_watch watch = {on_high, on_room, NULL, NULL, 0};
	struct spool_limits limits = quota_rig_no_limits();
	struct spool_quota_user *a, *b;

	limits.mount[SPOOL_RES_RAM] = 2 * limit;
	limits.user[SPOOL_RES_RAM] = limit;
	quota_rig_set_up(&rig, &limits);
	spool_quota_set_watch(rig.quota, &watch);
	a = quota_rig_user(&rig, 7);
	b = quota_rig_user(&rig, 8);
	CU_ASSERT_EQUAL(quota_rig_charge(a, 0, limit, 0, 0), 0); /* nobody could be told to wait */
	quota_rig_uncharge(a, 0, kept, 0);
	spool_quota_set_ram(rig.quota, SPOOL_RAM_ELASTIC);
	n_high = n_room = 0;
	CU_ASSERT_EQUAL(quota_rig_charge(a, 0, 1, 0, 0), -EAGAIN);
	CU_ASSERT_EQUAL(quota_rig_charge(a, 0, 1, 0, SPOOL_CHARGE_FIRM), -EDQUOT);
	CU_ASSERT_EQUAL(quota_rig_charge(a, 0, kept, 0, SPOOL_CHARGE_NAME), 0);
	CU_ASSERT_EQUAL(quota_rig_charge(a, 0, 1, 0, SPOOL_CHARGE_NAME), -EDQUOT);
	CU_ASSERT_EQUAL(quota_rig_charge(b, 0, limit - 3 * kept, 0, 0), 0);
	CU_ASSERT_EQUAL(quota_rig_charge(b, 0, 3 * kept, 0, SPOOL_CHARGE_NAME), 0);
	limits.user[SPOOL_RES_RAM] = 2 * limit;
	spool_quota_set_limits(rig.quota, &limits);
	CU_ASSERT_EQUAL(quota_rig_charge(b, 0, 1, 0, SPOOL_CHARGE_NAME), -EAGAIN);

	limits.user[SPOOL_RES_RAM] = limit;
	spool_quota_set_limits(rig.quota, &limits);
	quota_rig_uncharge_names(b, 3 * kept);
	quota_rig_uncharge(b, 0, limit - 3 * kept, 0);
	spool_quota_set_ram(rig.quota, SPOOL_RAM_NO_DISK);
	quota_rig_uncharge_names(a, kept);
	CU_ASSERT_EQUAL(quota_rig_charge(a, 0, 1, 0, 0), -ENOSPC);
	CU_ASSERT_EQUAL(quota_rig_charge(a, 0, kept, 0, SPOOL_CHARGE_NAME), 0);
	quota_rig_uncharge_names(a, kept);
	quota_rig_uncharge(a, 0, limit - kept, 0);
	spool_quota_user_put(a);
	spool_quota_user_put(b);
	quota_rig_tear_down(&rig);
}

/* What does not fit beside the names of a uid, or of the mount, is told so at once: it would not if
 * all data left RAM. What would fit then waits. */
static void test_beside_names(void)
{
	const uint64_t limit = 100 * 4096, kept = 4 * 4096;
	struct spool_limits limits = quota_rig_no_limits();
	const struct spool_charge more = {{0, 50, 0}};
	struct spool_quota_user *a, *b;

	limits.mount[SPOOL_RES_RAM] = 2 * limit;
	limits.user[SPOOL_RES_RAM] = limit;
	quota_rig_set_up(&rig, &limits);
	spool_quota_set_ram(rig.quota, SPOOL_RAM_ELASTIC);
	a = quota_rig_user(&rig, 7);
	b = quota_rig_user(&rig, 8);
	CU_ASSERT_EQUAL(quota_rig_charge(a, 0, limit - kept - 100, 0, SPOOL_CHARGE_NAME), 0);
	CU_ASSERT_EQUAL(quota_rig_charge(a, 0, 100, 0, 0), 0);
	CU_ASSERT_EQUAL(quota_rig_charge(a, 0, 101, 0, 0), -EDQUOT);
	CU_ASSERT_EQUAL(quota_rig_charge(a, 0, 100, 0, 0), -EAGAIN);
	CU_ASSERT_EQUAL(spool_quota_charge_beside(a, &more, 50, 0), -EAGAIN);
	CU_ASSERT_EQUAL(spool_quota_charge_beside(a, &more, 51, 0), -EDQUOT);
	CU_ASSERT_EQUAL(quota_rig_charge(b, 0, 101, 0, 0), 0); /* which is only his affair */
	quota_rig_uncharge(b, 0, 101, 0);
	limits.user[SPOOL_RES_RAM] = 2 * limit;
	spool_quota_set_limits(rig.quota, &limits);
	CU_ASSERT_EQUAL(quota_rig_charge(b, 0, limit, 0, SPOOL_CHARGE_NAME), 0);
	CU_ASSERT_EQUAL(quota_rig_charge(b, 0, kept + 101, 0, 0), -ENOSPC);
	/* names that move to another count there */
	CU_ASSERT_EQUAL(spool_quota_move(a, b, &(struct spool_charge){{0, 1000, 0}}, 1000), 0);
	quota_rig_uncharge_names(b, limit + 1000);
	quota_rig_uncharge_names(a, limit - kept - 100 - 1000);
	quota_rig_uncharge(a, 0, 100, 0);
	spool_quota_user_put(a);
	spool_quota_user_put(b);
	quota_rig_tear_down(&rig);
}

/* Data leave RAM before what is kept for names is all that is left. */
static void test_data_beside_names(void)
{
	const uint64_t limit = 1000000;
	struct spool_limits limits = quota_rig_no_limits();
	struct spool_quota_user *user;
	uint64_t room = 0;
	uid_t uid;

	limits.mount[SPOOL_RES_RAM] = limits.user[SPOOL_RES_RAM] = limit;
	quota_rig_set_up(&rig, &limits);
	spool_quota_set_ram(rig.quota, SPOOL_RAM_ELASTIC);
	user = quota_rig_user(&rig, 7);
	CU_ASSERT_EQUAL(quota_rig_charge(user, 0, 800000, 0, 0), 0); /* metadata */
	CU_ASSERT_EQUAL(quota_rig_charge(user, 0, 163136, 0, 0), 0);
	spool_quota_note_data(user, 163136);
	CU_ASSERT_EQUAL(quota_rig_charge(user, 0, 1, 0, 0), -EAGAIN);
	CU_ASSERT_TRUE(spool_quota_next_high(rig.quota, 0, &uid));
	CU_ASSERT_EQUAL(spool_quota_data(rig.quota, &room), 163136);
	CU_ASSERT_EQUAL(room, 163136);
	quota_rig_uncharge(user, 0, 963136, 0);
	spool_quota_note_data(user, -163136);
	spool_quota_user_put(user);
	quota_rig_tear_down(&rig);
}

/* Less RAM than the limit, while others make room; firm charges and the limit itself stay. */
static void test_squeeze(void)
{
	const struct spool_quota_watch watch = {on_high, on_room, NULL, NULL, 0};
	struct spool_limits limits = quota_rig_no_limits();
	struct spool_quota_user *user;

	limits.mount[SPOOL_RES_RAM] = 1000;
	quota_rig_set_up(&rig, &limits);
	spool_quota_set_watch(rig.quota, &watch);
	n_high = n_room = 0;
	user = quota_rig_user(&rig, 7);
	CU_ASSERT_EQUAL(spool_quota_budget(rig.quota), 1000);
	spool_quota_squeeze(rig.quota, 500, 0);
	CU_ASSERT_EQUAL(spool_quota_budget(rig.quota), 500);
	CU_ASSERT_EQUAL(quota_rig_charge(user, 0, 600, 0, 0), 0); /* nobody would make room */
	spool_quota_set_ram(rig.quota, SPOOL_RAM_ELASTIC);
	n_high = 0;
	CU_ASSERT_EQUAL(quota_rig_charge(user, 0, 1, 0, 0), -EAGAIN);
	CU_ASSERT_EQUAL(n_high, 1);
	CU_ASSERT_EQUAL(quota_rig_charge(user, 0, 1, 0, SPOOL_CHARGE_FIRM), 0);
	CU_ASSERT_EQUAL(n_room, 0);
	spool_quota_squeeze(rig.quota, 602, 0);
	CU_ASSERT_EQUAL(n_room, 1); /* who was refused is to try again */
	CU_ASSERT_EQUAL(quota_rig_charge(user, 0, 1, 0, 0), 0);
	CU_ASSERT_EQUAL(quota_rig_charge(user, 0, 1, 0, 0), -EAGAIN);
	spool_quota_squeeze(rig.quota, UINT64_MAX, 0);
	CU_ASSERT_EQUAL(n_room, 2);
	CU_ASSERT_EQUAL(spool_quota_budget(rig.quota), 1000);
	CU_ASSERT_EQUAL(quota_rig_charge(user, 0, 398, 0, 0), 0);
	CU_ASSERT_EQUAL(quota_rig_charge(user, 0, 1, 0, 0), -EAGAIN);
	quota_rig_uncharge(user, 0, 1000, 0);
	spool_quota_user_put(user);
	quota_rig_tear_down(&rig);
}

/* Marks at which data leave RAM lie where a charge of one step still fits, whatever metadata leave.
 */
static void test_marks(void)
{
	const uint64_t limit = 100 * 4096, step = 3 * 4096, data = limit - 4 * 4096;
	const struct spool_quota_watch watch = {on_high, on_room, NULL, NULL, step};
	struct spool_limits limits = quota_rig_no_limits();
	struct spool_quota_user *user;
	uid_t uid;

	limits.mount[SPOOL_RES_RAM] = limit;
	limits.user[SPOOL_RES_RAM] = limit;
	for (uint64_t metadata = 0; metadata + step <= data; metadata += 4096) {
		uint64_t used = 0;

		quota_rig_set_up(&rig, &limits);
		spool_quota_set_watch(rig.quota, &watch);
		spool_quota_set_ram(rig.quota, SPOOL_RAM_ELASTIC);
		user = quota_rig_user(&rig, 7);
		CU_ASSERT_EQUAL(quota_rig_charge(user, 0, metadata, 0, SPOOL_CHARGE_NAME), 0);
		while (!spool_quota_is_high(rig.quota, false)) {
			CU_ASSERT_FALSE(spool_quota_next_high(rig.quota, 0, &uid));
			CU_ASSERT_EQUAL(quota_rig_charge(user, 0, step, 0, 0), 0);
			spool_quota_note_data(user, (int64_t)step);
			used += step;
		}
		CU_ASSERT_TRUE(spool_quota_next_high(rig.quota, 0, &uid));
		CU_ASSERT_TRUE(used * 10 <= (data - metadata) * 9 + step * 10);
		quota_rig_uncharge_names(user, metadata);
		quota_rig_uncharge(user, 0, used, 0);
		spool_quota_note_data(user, -(int64_t)used);
		spool_quota_user_put(user);
		quota_rig_tear_down(&rig);
	}
}

/* Whoever is told to wait makes data leave RAM, wherever the marks are, until there is room for
 * him, or nobody makes any. */
static void test_wants(void)
{
	const uint64_t limit = 100 * 4096, kept = 4 * 4096;
	const struct spool_quota_watch watch = {on_high, on_room, NULL, NULL, 0};
	struct spool_limits limits = quota_rig_no_limits();
	struct spool_quota_user *a, *b;
	uid_t uid = 0;

	limits.mount[SPOOL_RES_RAM] = 2 * limit;
	limits.user[SPOOL_RES_RAM] = limit;
	quota_rig_set_up(&rig, &limits);
	spool_quota_set_watch(rig.quota, &watch);
	spool_quota_set_ram(rig.quota, SPOOL_RAM_ELASTIC);
	a = quota_rig_user(&rig, 7);
	b = quota_rig_user(&rig, 8);
	CU_ASSERT_EQUAL(quota_rig_charge(b, 0, limit / 2, 0, 0), 0);
	spool_quota_note_data(b, (int64_t)limit / 2);
	CU_ASSERT_FALSE(spool_quota_next_high(rig.quota, 0, &uid));
	CU_ASSERT_EQUAL(quota_rig_charge(b, 0, limit / 2, 0, 0), -EAGAIN);
	CU_ASSERT_TRUE(spool_quota_next_high(rig.quota, 8, &uid));
	CU_ASSERT_EQUAL(uid, 8);
	CU_ASSERT_FALSE(spool_quota_next_high(rig.quota, 9, &uid));
	CU_ASSERT_FALSE(spool_quota_is_high(rig.quota, false)); /* the mount has room */
	quota_rig_uncharge(b, 0, kept - 1, 0);
	spool_quota_note_data(b, -(int64_t)kept + 1);
	CU_ASSERT_TRUE(spool_quota_next_high(rig.quota, 0, &uid));
	quota_rig_uncharge(b, 0, 1, 0);
	spool_quota_note_data(b, -1);
	CU_ASSERT_FALSE(spool_quota_next_high(rig.quota, 0, &uid));
	/* who waited has not come for it: that others take it is nothing that somebody wants */
	CU_ASSERT_EQUAL(quota_rig_charge(b, 0, kept, 0, 0), 0);
	CU_ASSERT_FALSE(spool_quota_next_high(rig.quota, 0, &uid));

	limits.mount[SPOOL_RES_RAM] = limit;
	spool_quota_set_limits(rig.quota, &limits);
	CU_ASSERT_EQUAL(quota_rig_charge(a, 0, limit / 2, 0, 0), -EAGAIN);
	CU_ASSERT_TRUE(spool_quota_is_high(rig.quota, false));
	CU_ASSERT_FALSE(spool_quota_next_high(rig.quota, 0, &uid));
	spool_quota_set_ram(rig.quota, SPOOL_RAM_FIRM);
	CU_ASSERT_FALSE(spool_quota_is_high(rig.quota, false));
	spool_quota_set_ram(rig.quota, SPOOL_RAM_ELASTIC);
	CU_ASSERT_FALSE(spool_quota_is_high(rig.quota, false));
	/* a name may use more: what is missing for it is what data use too much, be it nothing */
	CU_ASSERT_EQUAL(quota_rig_charge(a, 0, limit / 2, 0, SPOOL_CHARGE_NAME), 0);
	CU_ASSERT_EQUAL(quota_rig_charge(a, 0, 1, 0, SPOOL_CHARGE_NAME), -EAGAIN);
	CU_ASSERT_TRUE(spool_quota_is_high(rig.quota, false));
	quota_rig_uncharge(b, 0, limit / 2, 0);
	spool_quota_note_data(b, -(int64_t)(limit / 2 - kept));
	CU_ASSERT_FALSE(spool_quota_is_high(rig.quota, false));
	quota_rig_uncharge_names(a, limit / 2);
	spool_quota_user_put(a);
	spool_quota_user_put(b);
	quota_rig_tear_down(&rig);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"elastic", test_elastic},
		{"room of accounts", test_room_of_accounts},
		{"data beside metadata", test_data_beside_metadata},
		{"shares", test_shares},
		{"squeeze", test_squeeze},
		{"names", test_names},
		{"beside names", test_beside_names},
		{"data beside names", test_data_beside_names},
		{"marks", test_marks},
		{"wants", test_wants},
	};

	return unit_run("quota_ram", tests, SPOOL_ARRAY_SIZE(tests));
}
