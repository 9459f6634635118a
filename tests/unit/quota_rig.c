/* SPDX-License-Identifier: MIT */
#include "quota_rig.h"

#include <string.h>

#include "unit.h"

struct spool_limits quota_rig_no_limits(void)
{
	struct spool_limits limits;

	memset(&limits, 0xff, sizeof(limits));
	limits.pageout_reserve = 0;
	return limits;
}

void quota_rig_set_up(struct quota_rig *rig, const struct spool_limits *limits)
{
	fault_host_init(&rig->host);
	CU_ASSERT_EQUAL_FATAL(spool_quota_new(&rig->host.host, limits, &rig->quota), 0);
}

void quota_rig_tear_down(struct quota_rig *rig)
{
	CU_ASSERT_TRUE(spool_quota_free(rig->quota));
	CU_ASSERT_EQUAL(rig->host.live, 0);
}

struct spool_quota_user *quota_rig_user(struct quota_rig *rig, uid_t uid)
{
	struct spool_quota_user *user = NULL;

	CU_ASSERT_EQUAL_FATAL(spool_quota_user_get(rig->quota, uid, &user), 0);
	CU_ASSERT_EQUAL(spool_quota_user_uid(user), uid);
	return user;
}

int quota_rig_charge(struct spool_quota_user *user, uint64_t size, uint64_t ram, uint64_t inodes,
		     unsigned int flags)
{
	const struct spool_charge amount = {{size, ram, inodes}};

	return spool_quota_charge(user, &amount, flags);
}

void quota_rig_uncharge(struct spool_quota_user *user, uint64_t size, uint64_t ram, uint64_t inodes)
{
	const struct spool_charge amount = {{size, ram, inodes}};

	spool_quota_uncharge(user, &amount);
}

void quota_rig_uncharge_names(struct spool_quota_user *user, uint64_t ram)
{
	const struct spool_charge amount = {{0, ram, 0}};

	spool_quota_uncharge_names(user, &amount);
}

uint64_t quota_rig_used(const struct quota_rig *rig, enum spool_resource resource)
{
	struct spool_usage usage;

	spool_quota_usage(rig->quota, &usage);
	return usage.used[resource];
}
