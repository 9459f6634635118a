/* SPDX-License-Identifier: MIT */
#include "spoolctl/why_process.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "common/json.h"
#include "common/reach.h"
#include "common/usage.h"
#include "ctl/client.h"
#include "ctl/names.h"
#include "spoolctl/sessions.h"
#include "util/macros.h"
#include "util/text.h"

static bool parse_pid(const char *text, int32_t *ret)
{
	char *end;
	long number;

	if (*text < '1' || *text > '9')
		return false;
	errno = 0;
	number = strtol(text, &end, 10);
	if (errno || *end || number > INT_MAX)
		return false;
	*ret = (int32_t)number;
	return true;
}

/* Is it the name of something in the working directory? A look-up would make it one: root's, in the
 * root of a mount where each user has a directory, named by his number. */
static bool is_file(const char *name)
{
	const struct dirent *entry;
	DIR *here = opendir(".");
	bool found = false;
	struct stat st;

	if (!here)
		return lstat(name, &st) == 0 || errno != ENOENT;
	while (!found && (entry = readdir(here)))
		found = strcmp(entry->d_name, name) == 0;
	closedir(here);
	return found;
}

bool why_is_process(const char *text)
{
	int32_t pid;

	return parse_pid(text, &pid) && (reach_hangs(".") || !is_file(text));
}

static const char *reason(int error)
{
	switch (error) {
	case ESRCH:
		return "neither a process nor a file";
	case EXDEV:
		return "a process cannot be named from this pid namespace";
	case EPERM:
		return "only root and its user may ask that";
	default:
		return spool_ctl_reason(error);
	}
}

/* By enum spool_session_why. A daemon that is newer than we may have more. */
static const char *why_text(uint32_t why)
{
	static const char *const texts[] = {
		"an explicit session covers the directory",
		"an explicit session covers it",
		"as session= says",
		"it cannot be looked at, so its directory decides",
		"no login has set its audit session",
		"the uid is a system's",
		"it is in the root cgroup",
		"session=none",
		"it acts for another user, so that its files stay",
	};

	return why < SPOOL_ARRAY_SIZE(texts) ? texts[why] : "unknown";
}

/* Has it a session, perhaps one that begins with its first file? */
static bool has_session(const struct spool_ctl_who *who)
{
	return who->session.id || (int)who->why == spool_ctl_number(SPOOL_CTL_SESSION_WHYS, "kind");
}

static void print_json(struct json *json, const struct spool_ctl_who *who)
{
	const struct spool_ctl_session *session = &who->session;

	json_open(json, NULL, '{');
	json_number(json, "pid", (uint64_t)who->pid);
	json_number(json, "session", session->id);
	json_string(json, "kind",
		    has_session(who) ? spool_ctl_shown(SPOOL_CTL_SESSION_KINDS, session->kind)
				     : "");
	json_number(json, "value", session->value);
	session_json_place(json, session);
	json_number(json, "uid", session->owner);
	json_string(json, "why", spool_ctl_shown(SPOOL_CTL_SESSION_WHYS, who->why));
	json_close(json, '}');
}

static void print_text(const struct spool_ctl_who *who)
{
	const struct spool_ctl_session *session = &who->session;

	printf("%d: ", who->pid);
	if (!has_session(who)) {
		printf("no session: %s\n", why_text(who->why));
		return;
	}
	if (session->id)
		printf("session %" PRIu64, session->id);
	else
		fputs("a session that begins with its first file", stdout);
	printf(", %s ", spool_ctl_shown(SPOOL_CTL_SESSION_KINDS, session->kind));
	session_put_place(session);
	printf(" of uid %u: %s\n", session->owner, why_text(who->why));
}

int why_process(const char *text, const char *mount, struct json *json)
{
	struct spool_ctl_who who = {.version = SPOOL_CTL_VERSION};
	spool_cleanup(fd) int fd = reach_directory(mount);
	int error = fd < 0 ? -fd : 0;

	if (!error && !parse_pid(text, &who.pid))
		error = ESRCH;
	if (!error && ioctl(fd, SPOOL_IOC_WHO, &who) < 0)
		error = errno;
	if (error) {
		fprintf(stderr, "spoolctl: why: %s: ", text);
		if (error != ESRCH && error != EPERM && error != EXDEV) {
			spool_text_put(stderr, mount);
			fputs(": ", stderr);
		}
		fprintf(stderr, "%s\n", reason(error));
		return EXIT_FAILED;
	}
	who.session.place[sizeof(who.session.place) - 1] = '\0';
	if (json)
		print_json(json, &who);
	else
		print_text(&who);
	return EXIT_OK;
}
