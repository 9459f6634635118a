/* SPDX-License-Identifier: MIT */

/* Counters and limits: exact boundaries, all or nothing, and everything at zero in the end. */

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "quota_rig.h"
#include "unit.h"
#include "util/macros.h"

static struct quota_rig rig;

/* Exactly the limit fits, one more does not, and then nothing of the charge is made. */
static void test_limits(void)
{
	for (int resource = 0; resource < SPOOL_RES_N; resource++) {
		for (int mine = 0; mine < 2; mine++) {
			struct spool_limits limits = quota_rig_no_limits();
			uint64_t amount[SPOOL_RES_N] = {1, 1, 1};
			struct spool_quota_user *user;

			(mine ? limits.user : limits.mount)[resource] = 100;
			quota_rig_set_up(&rig, &limits);
			user = quota_rig_user(&rig, 7);
			amount[resource] = 100;
			CU_ASSERT_EQUAL(quota_rig_charge(user, amount[0], amount[1], amount[2], 0),
					0);
			CU_ASSERT_EQUAL(quota_rig_charge(user, resource == 0, resource == 1,
							 resource == 2, 0),
					mine ? -EDQUOT : -ENOSPC);
			CU_ASSERT_EQUAL(quota_rig_charge(user, 1, 1, 1, 0),
					mine ? -EDQUOT : -ENOSPC);
			CU_ASSERT_EQUAL(quota_rig_used(&rig, (enum spool_resource)resource), 100);
			CU_ASSERT_EQUAL(
				quota_rig_used(&rig, (enum spool_resource)((resource + 1) % 3)), 1);
			quota_rig_uncharge(user, amount[0], amount[1], amount[2]);
			CU_ASSERT_EQUAL(quota_rig_charge(user, 0, 0, 0, 0), 0);
			spool_quota_user_put(user);
			quota_rig_tear_down(&rig);
		}
	}
}

static void test_overflow(void)
{
	struct spool_limits limits = quota_rig_no_limits();
	struct spool_quota_user *user;

	quota_rig_set_up(&rig, &limits);
	user = quota_rig_user(&rig, 7);
	CU_ASSERT_EQUAL(quota_rig_charge(user, UINT64_MAX, 0, 0, 0), 0);
	CU_ASSERT_EQUAL(quota_rig_charge(user, 1, 0, 0, 0), -ENOSPC);
	quota_rig_uncharge(user, UINT64_MAX, 0, 0);
	spool_quota_user_put(user);
	quota_rig_tear_down(&rig);
}

/* Page-outs, and they alone, may use the reserve; inodes have none. */
static void test_reserve(void)
{
	struct spool_limits limits = quota_rig_no_limits();
	struct spool_quota_user *user;

	for (int i = 0; i < SPOOL_RES_N; i++)
		limits.mount[i] = limits.user[i] = 10;
	limits.pageout_reserve = 5;
	quota_rig_set_up(&rig, &limits);
	user = quota_rig_user(&rig, 7);
	CU_ASSERT_EQUAL(quota_rig_charge(user, 10, 10, 10, 0), 0);
	CU_ASSERT_EQUAL(quota_rig_charge(user, 1, 0, 0, 0), -ENOSPC);
	CU_ASSERT_EQUAL(quota_rig_charge(user, 5, 5, 0, SPOOL_CHARGE_PAGEOUT), 0);
	CU_ASSERT_EQUAL(quota_rig_charge(user, 1, 0, 0, SPOOL_CHARGE_PAGEOUT), -ENOSPC);
	CU_ASSERT_EQUAL(quota_rig_charge(user, 0, 0, 1, SPOOL_CHARGE_PAGEOUT), -ENOSPC);
	quota_rig_uncharge(user, 15, 15, 10);
	spool_quota_user_put(user);
	quota_rig_tear_down(&rig);
}

static void test_users(void)
{
	struct spool_limits limits = quota_rig_no_limits();
	struct spool_quota_user *a, *b, *again;
	struct spool_usage usage;
	uid_t uid;

	limits.user[SPOOL_RES_SIZE] = 50;
	quota_rig_set_up(&rig, &limits);
	b = quota_rig_user(&rig, 2000);
	a = quota_rig_user(&rig, 1000);
	again = quota_rig_user(&rig, 1000);
	CU_ASSERT_PTR_EQUAL(a, again);
	CU_ASSERT_PTR_EQUAL(spool_quota_user_ref(a), a);
	CU_ASSERT_EQUAL(quota_rig_charge(a, 30, 1, 1, 0), 0);
	CU_ASSERT_EQUAL(quota_rig_charge(b, 40, 1, 1, 0), 0);
	CU_ASSERT_TRUE(spool_quota_next_user(rig.quota, 0, &uid, &usage));
	CU_ASSERT_EQUAL(uid, 1000);
	CU_ASSERT_EQUAL(usage.used[SPOOL_RES_SIZE], 30);
	CU_ASSERT_EQUAL(usage.limit[SPOOL_RES_SIZE], 50);
	CU_ASSERT_TRUE(spool_quota_next_user(rig.quota, 1001, &uid, &usage));
	CU_ASSERT_EQUAL(uid, 2000);
	CU_ASSERT_FALSE(spool_quota_next_user(rig.quota, 2001, &uid, &usage));
	CU_ASSERT_FALSE(spool_quota_next_user(rig.quota, UINT64_MAX, &uid, &usage));
	/* chown: all of it, or nothing */
	CU_ASSERT_EQUAL(spool_quota_move(a, b, &(struct spool_charge){{11, 1, 1}}, 0), -EDQUOT);
	CU_ASSERT_EQUAL(spool_quota_move(a, b, &(struct spool_charge){{10, 1, 1}}, 0), 0);
	CU_ASSERT_EQUAL(spool_quota_move(a, a, &(struct spool_charge){{99, 1, 1}}, 0), 0);
	spool_quota_user_usage(rig.quota, 1000, &usage);
	CU_ASSERT_EQUAL(usage.used[SPOOL_RES_SIZE], 20);
	spool_quota_user_usage(rig.quota, 3000, &usage);
	CU_ASSERT_EQUAL(usage.used[SPOOL_RES_SIZE], 0);
	CU_ASSERT_EQUAL(usage.limit[SPOOL_RES_SIZE], 50);
	quota_rig_uncharge(a, 20, 0, 0);
	quota_rig_uncharge(b, 50, 2, 2);
	for (int i = 0; i < 3; i++)
		spool_quota_user_put(a);
	spool_quota_user_put(b);
	spool_quota_user_put(NULL);
	quota_rig_tear_down(&rig);
}

/* Use above a new limit stays, and does not grow. */
static void test_live_limits(void)
{
	struct spool_limits limits = quota_rig_no_limits();
	struct spool_quota_user *user;

	quota_rig_set_up(&rig, &limits);
	user = quota_rig_user(&rig, 7);
	CU_ASSERT_EQUAL(quota_rig_charge(user, 100, 100, 1, 0), 0);
	limits.mount[SPOOL_RES_SIZE] = 50;
	spool_quota_set_limits(rig.quota, &limits);
	CU_ASSERT_EQUAL(quota_rig_charge(user, 1, 0, 0, 0), -ENOSPC);
	CU_ASSERT_EQUAL(quota_rig_charge(user, 0, 1, 0, 0), 0);
	quota_rig_uncharge(user, 60, 0, 0);
	CU_ASSERT_EQUAL(quota_rig_charge(user, 10, 0, 0, 0), 0);
	CU_ASSERT_EQUAL(quota_rig_charge(user, 1, 0, 0, 0), -ENOSPC);
	quota_rig_uncharge(user, 50, 101, 1);
	spool_quota_user_put(user);
	quota_rig_tear_down(&rig);
}

/* Each limit is said once a minute, with what was used; others have their own minute. */
static void test_refusals(void)
{
	const int64_t minute = (int64_t)60 * 1000000000, start = 1000;
	struct spool_limits limits = quota_rig_no_limits();
	struct spool_refusal got = {.uid = 99};
	struct spool_quota_user *a, *b;

	limits.mount[SPOOL_RES_SIZE] = 1000;
	limits.user[SPOOL_RES_SIZE] = 600;
	limits.user[SPOOL_RES_INODES] = 1;
	quota_rig_set_up(&rig, &limits);
	a = quota_rig_user(&rig, 7);
	b = quota_rig_user(&rig, 8);
	CU_ASSERT_EQUAL(quota_rig_charge(a, 500, 0, 1, 0), 0);
	CU_ASSERT_FALSE(spool_quota_next_refusal(rig.quota, start, &got));
	CU_ASSERT_EQUAL(quota_rig_charge(a, 101, 0, 0, 0), -EDQUOT);
	CU_ASSERT_TRUE(spool_quota_next_refusal(rig.quota, start, &got));
	CU_ASSERT_FALSE(got.mount);
	CU_ASSERT_EQUAL(got.uid, 7);
	CU_ASSERT_EQUAL(got.resource, SPOOL_RES_SIZE);
	CU_ASSERT_EQUAL(got.used, 500);
	CU_ASSERT_EQUAL(got.limit, 600);
	CU_ASSERT_EQUAL(got.amount, 101);
	CU_ASSERT_FALSE(spool_quota_next_refusal(rig.quota, start, &got));
	CU_ASSERT_EQUAL(quota_rig_charge(a, 102, 0, 0, 0), -EDQUOT);
	CU_ASSERT_FALSE(spool_quota_next_refusal(rig.quota, start + minute - 1, &got));
	CU_ASSERT_EQUAL(quota_rig_charge(a, 0, 0, 1, 0), -EDQUOT);
	CU_ASSERT_TRUE(spool_quota_next_refusal(rig.quota, start, &got));
	CU_ASSERT_EQUAL(got.resource, SPOOL_RES_INODES);
	CU_ASSERT_EQUAL(quota_rig_charge(a, 103, 0, 0, 0), -EDQUOT);
	CU_ASSERT_TRUE(spool_quota_next_refusal(rig.quota, start + minute, &got));
	CU_ASSERT_EQUAL(got.amount, 103);

	CU_ASSERT_EQUAL(quota_rig_charge(b, 501, 0, 0, 0),
			-ENOSPC); /* the mount's, whoever meets it */
	CU_ASSERT_TRUE(spool_quota_next_refusal(rig.quota, start, &got));
	CU_ASSERT_TRUE(got.mount);
	CU_ASSERT_EQUAL(got.limit, 1000);
	CU_ASSERT_EQUAL(spool_quota_move(a, b, &(struct spool_charge){{601, 0, 0}}, 0), -EDQUOT);
	CU_ASSERT_TRUE(spool_quota_next_refusal(rig.quota, start, &got));
	CU_ASSERT_FALSE(got.mount);
	CU_ASSERT_EQUAL(got.uid, 8);
	CU_ASSERT_FALSE(spool_quota_next_refusal(rig.quota, start, &got));
	quota_rig_uncharge(a, 500, 0, 1);
	spool_quota_user_put(a);
	spool_quota_user_put(b);
	quota_rig_tear_down(&rig);
}

static void test_without_memory(void)
{
	struct spool_limits limits = quota_rig_no_limits();
	struct spool_quota_user *user;

	fault_host_init(&rig.host);
	fault_host_arm(&rig.host, 1, false);
	CU_ASSERT_EQUAL(spool_quota_new(&rig.host.host, &limits, &rig.quota), -ENOMEM);
	quota_rig_set_up(&rig, &limits);
	fault_host_arm(&rig.host, 1, false);
	CU_ASSERT_EQUAL(spool_quota_user_get(rig.quota, 7, &user), -ENOMEM);
	quota_rig_tear_down(&rig);
	CU_ASSERT_TRUE(spool_quota_free(NULL));
}

#define N_THREADS 4
#define N_ROUNDS 20000

static void *charge_and_give_back(void *arg)
{
	uid_t uid = (uid_t)(uintptr_t)arg;

	for (unsigned int i = 0; i < N_ROUNDS; i++) {
		struct spool_quota_user *user;

		if (spool_quota_user_get(rig.quota, i % 3 ? uid : 1, &user) < 0)
			continue;
		if (quota_rig_charge(user, i % 100, i % 50, 1, 0) == 0)
			quota_rig_uncharge(user, i % 100, i % 50, 1);
		spool_quota_user_put(user);
	}
	return NULL;
}

static void test_threads(void)
{
	struct spool_limits limits = quota_rig_no_limits();
	pthread_t threads[N_THREADS];

	limits.mount[SPOOL_RES_INODES] = 2;
	limits.mount[SPOOL_RES_SIZE] = 150;
	quota_rig_set_up(&rig, &limits);
	for (uintptr_t i = 0; i < N_THREADS; i++)
		CU_ASSERT_EQUAL_FATAL(
			pthread_create(&threads[i], NULL, charge_and_give_back, (void *)(i + 10)),
			0);
	for (unsigned int i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < SPOOL_RES_N; i++)
		CU_ASSERT_EQUAL(quota_rig_used(&rig, (enum spool_resource)i), 0);
	quota_rig_tear_down(&rig);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"limits", test_limits},
		{"overflow", test_overflow},
		{"reserve", test_reserve},
		{"users", test_users},
		{"live limits", test_live_limits},
		{"refusals", test_refusals},
		{"without memory", test_without_memory},
		{"threads", test_threads},
	};

	return unit_run("quota", tests, SPOOL_ARRAY_SIZE(tests));
}
