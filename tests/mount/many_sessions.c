/* SPDX-License-Identifier: MIT */

/*
 * For many_ends.py: processes that are a session each, make files in the working directory, and end
 * when standard input does, all at once. With as little of their own as can be, so that their ends
 * cost the kernel little. Prints when all files are there, when the processes were told to end and
 * when they had ended.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Return: its exit status. @made: for one byte when it has its files; @end: until that ends. */
static int be_session(int number, int files, int made, int end)
{
	char name[32], byte = 0;

	setsid();
	for (int i = 0; i < files; i++) {
		int fd;

		snprintf(name, sizeof(name), "%d-%d", number, i);
		fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0600);
		if (fd < 0)
			return 1;
		close(fd);
	}
	if (write(made, &byte, 1) != 1)
		return 1;
	return read(end, &byte, 1) == 0 ? 0 : 1;
}

static int start(int sessions, int files, int end[2])
{
	int made[2];
	char byte;

	if (pipe(made) < 0)
		return -1;
	for (int i = 0; i < sessions; i++) {
		pid_t pid = fork();

		if (pid < 0)
			return -1;
		if (pid == 0) {
			close(end[1]);
			_exit(be_session(i, files, made[1], end[0]));
		}
		if (read(made[0], &byte, 1) != 1)
			return -1;
	}
	return 0;
}

int main(int argc, char *argv[])
{
	int sessions = argc == 3 ? atoi(argv[1]) : 0, files = argc == 3 ? atoi(argv[2]) : 0;
	int end[2], status, wrong = 0;
	int64_t begin;
	char byte;

	if (pipe(end) < 0 || start(sessions, files, end) < 0) {
		perror("many_sessions");
		return 1;
	}
	printf("ready\n");
	fflush(stdout);
	if (read(STDIN_FILENO, &byte, 1) < 0)
		return 1;
	begin = now_ns();
	close(end[1]);
	while (wait(&status) > 0)
		wrong |= status;
	printf("%" PRId64 " %" PRId64 "\n", begin, now_ns());
	return wrong ? 1 : 0;
}
