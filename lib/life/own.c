/* SPDX-License-Identifier: MIT */
#include "life/own.h"

#include <errno.h>
#include <string.h>

static int ask(const struct spool_sessions *sessions, pid_t ret[SPOOL_SESSION_OWN_MAX])
{
	const struct spool_session_config *config = &sessions->config;

	return config->own ? config->own(config->ctx, ret) : 0;
}

static bool is_among(const pid_t *pids, int n, pid_t pid)
{
	for (int i = 0; i < n; i++) {
		if (pids[i] == pid)
			return true;
	}
	return false;
}

int own_find(struct spool_sessions *sessions, struct own *ret)
{
	pid_t before[SPOOL_SESSION_OWN_MAX], after[SPOOL_SESSION_OWN_MAX];
	struct spool_process found[SPOOL_SESSION_OWN_MAX];
	int n = ask(sessions, before), m;

	for (int i = 0; i < n; i++) {
		if (spool_process_read(sessions->system, before[i], SPOOL_PROCESS_STAT, NULL,
				       &found[i]) < 0)
			before[i] = 0;
	}
	m = n < 0 ? n : ask(sessions, after);
	if (m < 0)
		return m;
	ret->n = 0;
	for (int i = 0; i < n; i++) {
		if (!before[i] || !is_among(after, m, before[i]))
			continue;
		ret->ids[ret->n].pid = before[i];
		ret->ids[ret->n++].start = found[i].start;
	}
	return 0;
}

bool own_has(const struct spool_sessions *sessions, const struct own *own, pid_t pid)
{
	struct spool_process process;

	for (size_t i = 0; i < own->n; i++) {
		if (own->ids[i].pid == pid)
			return spool_process_read(sessions->system, pid, SPOOL_PROCESS_STAT, NULL,
						  &process) == 0 &&
			       process.start == own->ids[i].start;
	}
	return false;
}

bool own_may_be_daemon(const struct spool_sessions *sessions, const struct spool_process *process)
{
	const struct spool_session_config *config = &sessions->config;

	return config->is_daemon &&
	       strncmp(process->name, config->daemon_name, strlen(config->daemon_name)) == 0;
}

bool own_is_daemon(const struct spool_sessions *sessions, const struct spool_process *process)
{
	const struct spool_session_config *config = &sessions->config;
	struct spool_process again;

	return config->is_daemon(config->ctx, process->pid) &&
	       spool_process_read(sessions->system, process->pid, SPOOL_PROCESS_STAT, NULL,
				  &again) == 0 &&
	       again.start == process->start;
}

int own_has_new(struct spool_sessions *sessions, const char *status)
{
	pid_t now[SPOOL_SESSION_OWN_MAX], leader;
	struct own own;
	int n = ask(sessions, now), r;

	if (n < 0 || spool_process_parse_tgid(status, &leader) < 0)
		return n < 0 ? n : 0;
	if (!is_among(now, n, leader))
		return 0; /* few are: the look goes on fast */
	r = own_find(sessions, &own);
	return r < 0 ? r : own_has(sessions, &own, leader);
}
