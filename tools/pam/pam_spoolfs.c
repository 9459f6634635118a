/* SPDX-License-Identifier: MIT */

/* pam_spoolfs(8): TMPDIR of a login on the system mount, and the same over /tmp where wanted. */

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#define PAM_SM_SESSION
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <security/pam_modutil.h>

#include "ctl/client.h"
#include "pam/mounted.h"
#include "pam/settings.h"
#include "pam/visit.h"
#include "util/macros.h"

#define EXPORTED __attribute__((visibility("default")))
#define DATA "pam_spoolfs"

/* What a login waits for the daemon at most. A guess: far more than a daemon under load needs, and
 * far less than login(1) and sshd(8) give the user. */
#define LIMIT_MS 5000u

static const char *const variables[] = {"TMPDIR", "TMP", "TEMP"};

/* Where the login was before places were covered. */
struct outside {
	int namespace, root;
};

/* Also in the login's children, where it closes their copies. */
static void free_outside(pam_handle_t *pamh, void *data, int status)
{
	struct outside *outside = data;

	(void)pamh;
	(void)status;
	if (!outside)
		return;
	spool_close(outside->namespace);
	spool_close(outside->root);
	free(outside);
}

/* From the other namespace's point of view: its root is ours. Return: 0; -errno. */
static int enter(int namespace, int root, int here)
{
	/* threads share what setns(2) changes, and it refuses as long as they do */
	if (unshare(CLONE_FS) < 0 || setns(namespace, CLONE_NEWNS) < 0 || fchdir(root) < 0 ||
	    chroot(".") < 0 || (here >= 0 && fchdir(here) < 0))
		return -errno;
	return 0;
}

static void leave(pam_handle_t *pamh, const struct outside *outside)
{
	int r = enter(outside->namespace, outside->root, -1);

	if (r < 0)
		pam_syslog(pamh, LOG_DEBUG, "the mount namespace is not left: %s", strerror(-r));
}

/* Return: false after a line. */
static bool enter_for_login(pam_handle_t *pamh, const struct visit_found *found)
{
	struct outside *outside = malloc(sizeof(*outside));
	int r = outside ? 0 : -ENOMEM;

	if (outside) {
		outside->namespace = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
		outside->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (outside->namespace < 0 || outside->root < 0)
			r = -errno;
	}
	if (r == 0) {
		r = enter(found->namespace, found->root, found->here);
		if (r < 0)
			leave(pamh, outside);
	}
	if (r == 0 && pam_set_data(pamh, DATA, outside, free_outside) != PAM_SUCCESS) {
		r = -ENOMEM;
		leave(pamh, outside);
	}
	if (r == 0)
		return true;
	free_outside(pamh, outside, 0);
	pam_syslog(pamh, LOG_ERR, "%s: %s", visit_reason(VISIT_BACK), strerror(-r));
	return false;
}

/* Return: false after a line. */
static bool set_variables(pam_handle_t *pamh, const char *value)
{
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(variables); i++) {
		char text[SETTINGS_PATH + 32];

		snprintf(text, sizeof(text), "%s=%s", variables[i], value);
		if (pam_putenv(pamh, text) != PAM_SUCCESS) {
			pam_syslog(pamh, LOG_ERR, "%s: cannot be set", variables[i]);
			return false;
		}
	}
	return true;
}

static void unset_variables(pam_handle_t *pamh)
{
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(variables); i++)
		pam_putenv(pamh, variables[i]);
}

/* Return: false after a line. */
static bool find_mount(pam_handle_t *pamh, const char *path, dev_t *ret)
{
	FILE *mountinfo = fopen("/proc/self/mountinfo", "re");
	const char *wrong;

	if (!mountinfo) {
		pam_syslog(pamh, LOG_ERR, "/proc/self/mountinfo: %s", strerror(errno));
		return false;
	}
	wrong = mounted_find(mountinfo, path, ret);
	fclose(mountinfo);
	if (wrong)
		pam_syslog(pamh, LOG_ERR, "%s: %s (allowed: a spoolfs that root has mounted)", path,
			   wrong);
	return !wrong;
}

static void tell_failed(pam_handle_t *pamh, const struct settings *settings,
			const struct visit_found *found)
{
	bool at_place = found->step == VISIT_COVER;
	bool unopened = at_place && !found->cover.opened;

	pam_syslog(pamh, LOG_ERR, "%s: %s: %s",
		   at_place ? settings->cover[found->cover.place] : settings->mount,
		   visit_reason(unopened ? VISIT_OPEN : found->step),
		   found->step == VISIT_ASK ? spool_ctl_reason(found->error)
					    : strerror(found->error));
}

/* Return: false after a line; nothing has changed. */
static bool open_session(pam_handle_t *pamh, const struct settings *settings,
			 const struct passwd *user)
{
	struct visit request = {
		.mount = settings->mount,
		.cover = {settings->cover, settings->n_cover, user->pw_uid, user->pw_gid},
	};
	char directory[SETTINGS_PATH + 16];
	struct visit_found found;
	const void *outside;
	bool ok;

	/* a second line in the same stack: it is covered */
	if (pam_get_data(pamh, DATA, &outside) == PAM_SUCCESS && outside)
		request.cover.n = 0;
	if (!find_mount(pamh, settings->mount, &request.device))
		return false;
	visit(&request, LIMIT_MS, &found);
	if (found.step != VISIT_DONE) {
		tell_failed(pamh, settings, &found);
		visit_close(&found);
		return false;
	}
	if (found.cover.lost_sockets)
		pam_syslog(pamh, LOG_WARNING, "the sockets of X cannot be reached");
	snprintf(directory, sizeof(directory), "%s/%u", settings->mount,
		 (unsigned int)user->pw_uid);
	ok = set_variables(pamh, directory) &&
	     (request.cover.n == 0 || enter_for_login(pamh, &found));
	if (!ok)
		unset_variables(pamh);
	visit_close(&found);
	if (ok && settings->is_debug)
		pam_syslog(pamh, LOG_DEBUG, "TMPDIR is %s, over %zu places", directory,
			   request.cover.n);
	return ok;
}

/* Return: whether the arguments are right; a line otherwise. */
static bool read_settings(pam_handle_t *pamh, int argc, const char **argv, struct settings *ret)
{
	char error[SETTINGS_ERROR];
	bool ok = settings_read(argc, argv, ret, error);

	if (!ok)
		pam_syslog(pamh, LOG_ERR, "%s", error);
	return ok;
}

EXPORTED int pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	struct settings settings;
	const struct passwd *user;
	const void *name = NULL;

	(void)flags; /* nothing is ever told to the user */
	if (!read_settings(pamh, argc, argv, &settings))
		return PAM_SERVICE_ERR;
	if (pam_get_item(pamh, PAM_USER, &name) != PAM_SUCCESS || !name) {
		pam_syslog(pamh, LOG_ERR, "the application names no user");
		return settings.is_optional ? PAM_SUCCESS : PAM_SESSION_ERR;
	}
	user = pam_modutil_getpwnam(pamh, name);
	if (!user) {
		pam_syslog(pamh, LOG_ERR, "%s: no such user", (const char *)name);
		return settings.is_optional ? PAM_SUCCESS : PAM_USER_UNKNOWN;
	}
	return open_session(pamh, &settings, user) || settings.is_optional ? PAM_SUCCESS
									   : PAM_SESSION_ERR;
}

/* The mount finds out by itself when a login is over, also when nobody comes here. */
EXPORTED int pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	struct settings settings;
	const void *outside;

	(void)flags;
	if (!read_settings(pamh, argc, argv, &settings))
		return PAM_SERVICE_ERR;
	if (pam_get_data(pamh, DATA, &outside) == PAM_SUCCESS && outside) {
		leave(pamh, outside);
		pam_set_data(pamh, DATA, NULL, NULL);
	}
	return PAM_SUCCESS;
}
