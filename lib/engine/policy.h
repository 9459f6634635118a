/* SPDX-License-Identifier: MIT */
#pragma once

/* What the layouts and modes= ask for beyond POSIX. */

#include "engine/engine_internal.h"

/** The permission bits of a new inode of @mode (with type) made by @cred below @parent. */
mode_t engine_policy_create_mode(const struct spool_engine *engine, const struct spool_cred *cred,
				 const struct spool_node *parent, mode_t mode);

/** chmod of @node: Return: 0 and the bits to set in *@ret; -EPERM. */
int engine_policy_chmod(const struct spool_engine *engine, const struct spool_node *node,
			mode_t mode, mode_t *ret);

/** chown: Return: 0; -EPERM. @uid, @gid: the wanted owner, the current one where not to change. */
int engine_policy_chown(const struct spool_engine *engine, const struct spool_cred *cred,
			const struct spool_node *node, uid_t uid, gid_t gid);

/** Whose account pays for what @cred makes below @parent. Return: 0 and a reference; -ENOMEM. */
int engine_policy_payer(struct spool_engine *engine, const struct spool_cred *cred,
			const struct spool_node *parent, struct spool_quota_user **ret);

/** Whether @cred sees @entry in a listing of @dir. */
bool engine_policy_sees(const struct spool_engine *engine, const struct spool_cred *cred,
			const struct spool_node *dir, const struct spool_entry *entry);
