/* SPDX-License-Identifier: MIT */

/*
 * spoolbench(1): measures temporary files in several directories.
 *
 * The measuring is done by a child, so that whatever becomes of it, and whatever signal comes,
 * what was mounted and made for it is removed by us.
 */

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/arguments.h"
#include "bench/mounts.h"
#include "bench/report.h"
#include "bench/result.h"
#include "bench/run.h"
#include "common/usage.h"

static int write_json(const char *path, const struct bench_result *result)
{
	FILE *out = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
	int r = EXIT_OK;

	if (out) {
		report_json(result, out);
		if (fflush(out) != 0 || ferror(out))
			r = EXIT_FAILED;
		if (out != stdout && fclose(out) != 0)
			r = EXIT_FAILED;
	}
	if (!out || r != EXIT_OK)
		fprintf(stderr, "spoolbench: %s: %s\n", path, strerror(errno));
	return out ? r : EXIT_FAILED;
}

static int tell(const struct bench_arguments *arguments, const struct bench_result *result)
{
	int r = EXIT_OK;

	if (!arguments->json || strcmp(arguments->json, "-") != 0)
		report_table(result, arguments->markdown, stdout);
	if (fflush(stdout) != 0) {
		fprintf(stderr, "spoolbench: cannot write: %s\n", strerror(errno));
		r = EXIT_FAILED;
	}
	if (r == EXIT_OK && arguments->json)
		r = write_json(arguments->json, result);
	return r;
}

static int measure(const struct bench_arguments *arguments, const struct bench_setup *setup,
		   const char *command)
{
	struct bench_result result = {.setup = setup, .command = command};
	int r = 0;

	for (unsigned int i = 0; i < arguments->n_workloads && r == 0; i++)
		r = bench_run(setup, arguments->workloads[i], isatty(STDERR_FILENO), &result);
	r = r == 0 ? tell(arguments, &result) : EXIT_FAILED;
	free(result.rows);
	return r;
}

static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};

static void block_signals(sigset_t *signals, sigset_t *before)
{
	sigemptyset(signals);
	for (size_t i = 0; i < sizeof(ending_signals) / sizeof(ending_signals[0]); i++)
		sigaddset(signals, ending_signals[i]);
	sigprocmask(SIG_BLOCK, signals, before);
}

/* Waits for the child, or ends it. Return: its exit status; EXIT_FAILED. */
static int wait_for(pid_t child, const sigset_t *signals)
{
	int status, sig;

	for (;;) {
		sig = sigwaitinfo(signals, NULL);
		if (sig == SIGCHLD && waitpid(child, &status, WNOHANG) == child)
			break;
		if (sig < 0 || sig == SIGCHLD)
			continue;
		kill(-child, SIGTERM);
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			;
		break;
	}
	if (WIFSIGNALED(status))
		fprintf(stderr, "spoolbench: ended by signal %d\n", WTERMSIG(status));
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
}

static int measure_in_child(const struct bench_arguments *arguments,
			    const struct bench_setup *setup, const char *command,
			    const sigset_t *signals, const sigset_t *before)
{
	pid_t parent = getpid(), child = fork();

	if (child < 0) {
		fprintf(stderr, "spoolbench: %s\n", strerror(errno));
		return EXIT_FAILED;
	}
	if (child == 0) {
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(EXIT_FAILED);
		sigprocmask(SIG_SETMASK, before, NULL);
		exit(measure(arguments, setup, command));
	}
	setpgid(child, child); /* the child does the same, as either of us may run first */
	return wait_for(child, signals);
}

/* The command line in one line. Return: NULL out of memory. */
static char *join(int argc, char *argv[])
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fputs("spoolbench", out);
	for (int i = 1; i < argc; i++)
		fprintf(out, " %s", argv[i]);
	fclose(out);
	return text;
}

int main(int argc, char *argv[])
{
	struct bench_arguments arguments;
	struct bench_setup setup = {0};
	struct bench_mounts *mounts = NULL;
	sigset_t signals, before;
	char *command = join(argc, argv);
	int r = command ? arguments_parse(argc, argv, &arguments, &setup) : EXIT_FAILED;

	if (r == EXIT_OK && !arguments.done) {
		if (getloadavg(&setup.load, 1) != 1)
			setup.load = -1;
		block_signals(&signals, &before);
		if (arguments.n_mounts > 0)
			r = bench_mounts_make(arguments.mounts, arguments.n_mounts,
					      arguments.options ? arguments.options : "", &setup,
					      &mounts);
		for (unsigned int i = 0; i < arguments.n_dirs && r == EXIT_OK; i++)
			r = bench_setup_add(&setup, arguments.dirs[i]);
		if (r == EXIT_OK)
			r = bench_setup_make(&setup, arguments.scratch);
		if (r == EXIT_OK)
			r = measure_in_child(&arguments, &setup, command, &signals, &before);
		bench_setup_remove(&setup);
		bench_mounts_end(mounts);
	}
	free(command);
	return r;
}
