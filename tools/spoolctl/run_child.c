/* SPDX-License-Identifier: MIT */
#include "spoolctl/run_child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spoolctl/descendants.h"
#include "util/macros.h"
#include "util/text.h"

static bool has_terminal(void)
{
	spool_cleanup(fd) int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	return fd >= 0;
}

void run_child_prepare(struct run_child *child)
{
	static const int passed_on[] = {SIGINT,  SIGTERM,  SIGHUP,  SIGQUIT, SIGUSR1, SIGUSR2,
					SIGCONT, SIGWINCH, SIGTSTP, SIGTTIN, SIGTTOU, SIGCHLD};
	struct sigaction standard = {.sa_handler = SIG_DFL};

	child->terminal = has_terminal();
	sigemptyset(&child->signals);
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(passed_on); i++)
		sigaddset(&child->signals, passed_on[i]);
	/* where it is ignored nobody is told of a child's end */
	sigaction(SIGCHLD, &standard, &child->sigchld);
	sigprocmask(SIG_BLOCK, &child->signals, &child->inherited);
}

void run_child_exec(const struct run_child *child, pid_t parent, char *const command[])
{
	int error;

	/* With us the mount goes; a command that went on would find its files gone. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(RUN_EXIT_SIGNAL + SIGTERM);
	sigaction(SIGCHLD, &child->sigchld, NULL);
	sigprocmask(SIG_SETMASK, &child->inherited, NULL);
	execvp(command[0], command);
	error = errno;
	fputs("spoolctl: run: ", stderr);
	spool_text_put(stderr, command[0]);
	fprintf(stderr, ": %s\n", strerror(error));
	_exit(error == ENOENT ? RUN_EXIT_NOT_FOUND : RUN_EXIT_NOT_EXECUTABLE);
}

void run_child_pass_on(const struct run_child *child, const siginfo_t *info)
{
	if (info->si_code == SI_KERNEL)
		return; /* from the terminal, to the whole process group */
	/* an editor stops its process group, itself included; to stop it again later is wrong */
	if (info->si_signo == SIGTSTP && descendants_have("/proc", getpid(), info->si_pid))
		return;
	kill(child->pid, info->si_signo);
}

bool run_child_changed(const struct run_child *child, int status, int *ret_status)
{
	if (!WIFSTOPPED(status)) {
		*ret_status = WIFSIGNALED(status) ? RUN_EXIT_SIGNAL + WTERMSIG(status)
						  : WEXITSTATUS(status);
		return true;
	}
	/* A shell looks at us to learn that its job has stopped (^Z). The SIGCONT that it sends
	 * later is passed on. Without a terminal nobody would send one. */
	if (child->terminal)
		raise(SIGSTOP);
	return false;
}
