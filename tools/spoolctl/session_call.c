/* SPDX-License-Identifier: MIT */
#include "spoolctl/session_call.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "common/json.h"
#include "common/reach.h"
#include "common/usage.h"
#include "ctl/client.h"
#include "ctl/names.h"
#include "spoolctl/gone.h"
#include "spoolctl/life_call.h"
#include "spoolctl/session_options.h"
#include "util/macros.h"
#include "util/text.h"

/* What a line is about, where it is a number. */
#define NUMBER 24

static int failed(const char *what, const char *why)
{
	fprintf(stderr, "%s: ", session_usage()->who);
	spool_text_put(stderr, what);
	fprintf(stderr, ": %s\n", why);
	return EXIT_FAILED;
}

static const char *begin_reason(int error)
{
	switch (error) {
	case EEXIST:
		return "the same session has begun already";
	case ESRCH:
		return "the holder is no process";
	case EXDEV:
		return "a holder cannot be named from this pid namespace";
	case EDQUOT:
		return "too many sessions, or the user's limit is reached";
	case EBUSY:
		return "an earlier change of it is not done yet";
	case EINVAL:
		return "no such session can be begun (a cgroup is named as in /proc/PID/cgroup)";
	default:
		return spool_ctl_reason(error);
	}
}

/* What @error is about. @buf: where it is a number. */
static const char *begin_subject(const struct session_options *options, int error, char buf[NUMBER])
{
	bool is_login = (int)options->kind == spool_ctl_number(SPOOL_CTL_SESSION_KINDS, "login");

	if (error == ESRCH || error == EXDEV)
		snprintf(buf, NUMBER, "%d", options->holder);
	else if ((error == EEXIST || error == EINVAL) && is_login)
		snprintf(buf, NUMBER, "%" PRIu32, options->audit);
	else if ((error == EEXIST || error == EINVAL) && *options->cgroup)
		return options->cgroup;
	else
		return options->path;
	return buf;
}

int session_begin(const struct session_options *options)
{
	struct spool_ctl_begin begin = {
		.version = SPOOL_CTL_VERSION,
		.kind = options->kind,
		.uid = options->uid,
		.holder = options->holder,
		.value = options->audit,
	};
	struct json json = {.out = stdout, .first = true};
	spool_cleanup(fd) int fd = reach_directory(options->path);
	char number[NUMBER];

	if (fd < 0)
		return failed(options->path, spool_ctl_reason(-fd));
	strcpy(begin.cgroup, options->cgroup); /* session_parse() knows how long it is */
	if (ioctl(fd, SPOOL_IOC_SESSION_BEGIN, &begin) < 0) {
		int error = errno;

		return failed(begin_subject(options, error, number), begin_reason(error));
	}
	/* so that what is made next is in it; if that takes too long it has begun all the same */
	if (begin.kind == (uint32_t)spool_ctl_number(SPOOL_CTL_SESSION_KINDS, "directory"))
		life_wait_directory(fd);
	if (options->json) {
		json_open(&json, NULL, '{');
		json_number(&json, "id", begin.id);
		json_close(&json, '}');
		putchar('\n');
	} else {
		printf("%" PRIu64 "\n", begin.id);
	}
	return EXIT_OK;
}

static const char *end_reason(int error)
{
	switch (error) {
	case ENOENT:
		return "there is no session of this number, or it is another's";
	case EINVAL:
		return "nobody has begun this session: it ends with its processes";
	case ETIME:
		return GONE_NOT;
	default:
		return spool_ctl_reason(error);
	}
}

static bool is_about_session(int error)
{
	return error == ENOENT || error == EINVAL || error == ETIME;
}

static int ask(int fd, struct spool_ctl_end *end, uint32_t op)
{
	end->op = op;
	end->left = 0;
	end->stays = 0;
	return -spool_ctl_call(fd, SPOOL_IOC_SESSION_END, end);
}

int session_end(const struct session_options *options)
{
	struct spool_ctl_end end = {.version = SPOOL_CTL_VERSION, .id = options->id};
	spool_cleanup(fd) int fd = reach_mount(options->path, true);
	char text[128], number[NUMBER];
	unsigned int looks = 0;
	int error;

	if (fd < 0)
		return failed(options->path, spool_ctl_reason(-fd));
	error = ask(fd, &end, SPOOL_CTL_END_NOW);
	while (!error && end.left)
		error = gone_wait(&looks) ? ask(fd, &end, SPOOL_CTL_END_ASK) : ETIME;
	snprintf(number, sizeof(number), "%" PRIu64, options->id);
	if (error)
		return failed(is_about_session(error) ? number : options->path, end_reason(error));
	if (!end.stays)
		return EXIT_OK;
	snprintf(text, sizeof(text),
		 "%" PRIu64 " of its files stay: what was kept, and the directories that hold it",
		 end.stays);
	return failed(number, text);
}
