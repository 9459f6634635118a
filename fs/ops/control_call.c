/* SPDX-License-Identifier: MIT */
#include "ops/control_call.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "ops/reply.h"
#include "security/witness.h"
#include "util/macros.h"

/* The call is pending, so the process that made it still exists, and its number is still its own.
 */
static bool is_admin(const struct spool_fs *fs, const struct spool_cred *cred)
{
	if (fs->owner != 0 && cred->uid == fs->owner)
		return true; /* a user's own mount */
	if (cred->pid <= 0 || cred->uid != 0)
		return false;
	return spool_witness_is_admin(fs->witness, cred->pid);
}

bool control_may_administer(const struct control_call *call)
{
	return !call->req || is_admin(call->fs, &call->cred);
}

bool control_waits(const struct control_call *call)
{
	return call->req && reply_waits(call->req, SPOOL_COUNT_FIRST);
}

void control_answer(struct control_call *call, int r, const void *buf, size_t size)
{
	if (call->req) {
		reply_ioctl(call->req, r, buf, size);
		return;
	}
	call->result = r;
	if (r == 0)
		memcpy(call->answer, buf, size < call->out_size ? size : call->out_size);
}

int control_take_in(void *to, size_t size, const struct control_call *call)
{
	if (call->in_size != size || call->out_size != size)
		return -EINVAL;
	assert(call->in);
	memcpy(to, call->in, size);
	return 0;
}

uid_t control_owner(const struct control_call *call)
{
	return spool_engine_payer(call->fs->engine, &call->cred, call->dir);
}

bool control_has_sessions(const struct control_call *call)
{
	uid_t uid = call->cred.uid;

	if (control_may_administer(call))
		return true;
	return uid != 0 && uid != SPOOL_UID_UNKNOWN && control_owner(call) == uid;
}
