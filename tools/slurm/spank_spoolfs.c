/* SPDX-License-Identifier: MIT */

/*
 * spank_spoolfs.so: Slurm's jobs get a mount of their own for TMPDIR. Slurm calls us in srun,
 * sbatch and salloc (the option is read), in slurmd before and after a job (we mount and unmount,
 * as root), and in slurmstepd for each task (the environment is set).
 */

#include <errno.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Slurm finds all these by name. */
#pragma GCC visibility push(default)
#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>
#include <slurm/spank.h>

SPANK_PLUGIN(spoolfs, 1)
#pragma GCC visibility pop

#include "common/usage.h"
#include "slurm/job.h"
#include "slurm/settings.h"

#define WHO "spank_spoolfs: "

#define OPTION "spool"

/* A user is told at once what is wrong. What comes to a node is looked at again there. @max: that
 * he may ask for, in MiB; 0: whatever he likes. */
static int take_option(int max, const char *text, int is_remote)
{
	char error[SETTINGS_ERROR];
	uint64_t size, limit = max ? (uint64_t)max << 20 : UINT64_MAX;

	if (is_remote || settings_size(text ? text : "", limit, &size, error))
		return 0;
	slurm_error("--" OPTION "=%s", error);
	return -1;
}

static bool settings_of(int argc, char *argv[], struct settings *ret)
{
	char error[SETTINGS_ERROR];

	if (settings_read(argc, argv, ret, error))
		return true;
	slurm_error(WHO "plugstack.conf: %s", error);
	return false;
}

/* What the job is to have. Return: false after a line: what it asks for is not to be had. */
static bool size_of(spank_t spank, const struct settings *settings, uint64_t *ret)
{
	char name[] = OPTION, error[SETTINGS_ERROR], *text = NULL;
	struct spank_option option = {.name = name, .has_arg = 1};

	*ret = settings->size;
	if (spank_option_getopt(spank, &option, &text) != ESPANK_SUCCESS || !text)
		return true;
	if (settings_size(text, settings->max, ret, error))
		return true;
	slurm_error("--" OPTION "=%s", error);
	return false;
}

/* Return: false after a line. */
static bool job_of(spank_t spank, struct job *ret)
{
	const struct passwd *user;

	if (spank_get_item(spank, S_JOB_ID, &ret->id) != ESPANK_SUCCESS ||
	    spank_get_item(spank, S_JOB_UID, &ret->uid) != ESPANK_SUCCESS) {
		slurm_error(WHO "Slurm does not tell which job it is");
		return false;
	}
	user = getpwuid(ret->uid); /* nobody else runs in the process that Slurm has for this */
	ret->gid = user ? user->pw_gid : (gid_t)ret->uid;
	return true;
}

/* Newer releases of Slurm name a job as they name its steps. */
static int ask_for_job(uint32_t id, job_info_msg_t **ret)
{
#if SPOOL_SLURM_STEP_IDS
	slurm_step_id_t job = SLURM_STEP_ID_INITIALIZER;

	job.job_id = id;
	return slurm_load_job(ret, job, 0);
#else
	return slurm_load_job(ret, id, 0);
#endif
}

/* As the controller knows it. Nothing is over while it does not answer, nor a job that completes:
 * its processes may have KillWait to save what they have, and its epilog is still to come. */
static bool is_over(uint32_t id)
{
	job_info_msg_t *found = NULL;
	bool over = true;

	/* The interface wants it first: not every Slurm has done it by itself for a prolog. */
	slurm_init(NULL);
	if (ask_for_job(id, &found) != SLURM_SUCCESS)
		return errno == ESLURM_INVALID_JOB_ID;
	for (uint32_t i = 0; i < found->record_count; i++)
		over &= (found->job_array[i].job_state & JOB_STATE_BASE) >= JOB_COMPLETE &&
			!(found->job_array[i].job_state & JOB_COMPLETING);
	slurm_free_job_info_msg(found);
	return over;
}

int slurm_spank_init(spank_t spank, int argc, char *argv[])
{
	char name[] = OPTION, argument[] = "SIZE",
	     help[] = "a TMPDIR of this size for the job, wiped at its end (none: no such)";
	struct settings settings;
	struct spank_option option = {
		.name = name, .arginfo = argument, .usage = help, .has_arg = 1, .cb = take_option};

	if (!settings_of(argc, argv, &settings))
		return -1;
	if (settings.max >> 20 <= INT_MAX)
		option.val = (int)(settings.max >> 20);
	return spank_option_register(spank, &option); /* which makes a copy */
}

/* Return: -1: this node cannot; Slurm drains it, and runs the job elsewhere. A job that asks for
 * what it may not have is no fault of the node: its tasks fail. */
int slurm_spank_job_prolog(spank_t spank, int argc, char *argv[])
{
	char error[SETTINGS_ERROR];
	struct settings settings;
	struct job job;
	int r;

	if (!settings_of(argc, argv, &settings) || !job_of(spank, &job))
		return -1;
	job_sweep(&settings, is_over);
	if (!size_of(spank, &settings, &job.size) || job.size == SETTINGS_NONE)
		return 0;
	r = job_begin(&settings, &job, error);
	if (r == EXIT_OK)
		return 0;
	slurm_error(WHO "job %u: %s", job.id, error);
	return -1;
}

/* A task that fails here ends with 1. Were it a function that Slurm calls earlier, it would take
 * that for a fault of the node, and drain it. */
int slurm_spank_task_init(spank_t spank, int argc, char *argv[])
{
	static const char *const names[] = {"TMPDIR", "TMP", "TEMP"};
	struct settings settings;
	char path[PATH_MAX];
	struct job job;

	if (!settings_of(argc, argv, &settings) || !job_of(spank, &job) ||
	    !size_of(spank, &settings, &job.size))
		return -1;
	if (job.size == SETTINGS_NONE)
		return 0;
	job_path(&settings, job.id, path);
	if (!job_is_mounted(&settings, job.id, job.uid)) {
		slurm_error(WHO "%s: no spoolfs is mounted there (the log of slurmd says why)",
			    path);
		return -1;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (spank_setenv(spank, names[i], path, 1) != ESPANK_SUCCESS)
			return -1;
	}
	return 0;
}

int slurm_spank_job_epilog(spank_t spank, int argc, char *argv[])
{
	struct settings settings;
	struct job job;
	int r;

	if (!settings_of(argc, argv, &settings) || !job_of(spank, &job))
		return -1;
	r = job_end(&settings, job.id);
	if (r < 0)
		slurm_error(WHO "job %u: what it has left: %s", job.id, strerror(-r));
	job_sweep(&settings, is_over);
	return r < 0 ? -1 : 0;
}
