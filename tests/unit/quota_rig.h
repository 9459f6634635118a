/* SPDX-License-Identifier: MIT */
#pragma once

/* What the quota tests share: a quota on a host that can fail, and short calls of it. */

#include "fault_host.h"
#include "quota/quota.h"

struct quota_rig {
	struct fault_host host;
	struct spool_quota *quota;
};

/** quota_rig_no_limits() - limits of a mount without any, and without a reserve. */
struct spool_limits quota_rig_no_limits(void);

/** quota_rig_set_up() - a new quota with @limits. */
void quota_rig_set_up(struct quota_rig *rig, const struct spool_limits *limits);

/** quota_rig_tear_down() - fails the test when anything is still charged or allocated. */
void quota_rig_tear_down(struct quota_rig *rig);

/** quota_rig_user() - a reference on the counters of @uid. */
struct spool_quota_user *quota_rig_user(struct quota_rig *rig, uid_t uid);

/** quota_rig_charge() - spool_quota_charge() of these amounts. */
int quota_rig_charge(struct spool_quota_user *user, uint64_t size, uint64_t ram, uint64_t inodes,
		     unsigned int flags);

/** quota_rig_uncharge() - spool_quota_uncharge() of these amounts. */
void quota_rig_uncharge(struct spool_quota_user *user, uint64_t size, uint64_t ram,
			uint64_t inodes);

/** quota_rig_uncharge_names() - @ram bytes that SPOOL_CHARGE_NAME has charged. */
void quota_rig_uncharge_names(struct spool_quota_user *user, uint64_t ram);

/** quota_rig_used() - what the mount uses of @resource. */
uint64_t quota_rig_used(const struct quota_rig *rig, enum spool_resource resource);
