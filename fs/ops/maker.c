/* SPDX-License-Identifier: MIT */
#include "ops/maker.h"

#include <assert.h>

#include "life/sessions.h"
#include "ops/reply.h"
#include "transport/channel.h"

/* The request names the directory first. */
static uint64_t ask(struct spool_fs *fs, const struct spool_request *request,
		    const struct spool_cred *cred)
{
	struct spool_creator creator = {
		.tid = cred->pid, .uid = cred->uid, .owner = request->payer};

	if (!spool_engine_asks_session(fs->engine, request->nodeid, &creator.directory,
				       &creator.is_own))
		return SPOOL_SESSION_NONE;
	return spool_sessions_of(fs->sessions, &creator);
}

struct spool_cred maker_cred(fuse_req_t req)
{
	struct spool_fs *fs = fs_of(req);
	struct spool_request *request = spool_channel_current(fs);
	struct spool_cred cred = reply_cred(req);

	if (!request)
		return cred;
	if (!request->session.asked) {
		assert(request->session.id == SPOOL_SESSION_NONE);
		request->session.id = ask(fs, request, &cred);
		request->session.asked = true;
	}
	cred.session = request->session.id;
	return cred;
}
