/* SPDX-License-Identifier: MIT */

/* What the witness tells of /etc/subuid, which it has others read, and that these end with it. */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "security/subuid.h"
#include "security/witness.h"
#include "unit.h"
#include "util/macros.h"

/* A limit of time for answers: none, as a busy machine may take any. */
#define FOR_EVER (-1)

static char subuids[] = "/tmp/spool-accounts-XXXXXX";

static void subordinate_uids(void)
{
	struct spool_witness *witness;
	struct spool_subuid_table *table;

	CU_ASSERT_EQUAL_FATAL(spool_witness_start(subuids, -1, -1, FOR_EVER, &witness), 0);
	table = spool_witness_subuids(witness, subuids, FOR_EVER);
	CU_ASSERT_PTR_NOT_NULL_FATAL(table);
	CU_ASSERT_EQUAL_FATAL(table->n, 2);
	CU_ASSERT_EQUAL(table->ranges[0].first, 100000);
	CU_ASSERT_EQUAL(table->ranges[0].last, 165535);
	CU_ASSERT_EQUAL(table->ranges[0].owner, 1000);
	CU_ASSERT_EQUAL(table->ranges[1].owner, 0); /* by its name */
	free(table);
	spool_witness_free(witness);
	CU_ASSERT_TRUE(wait(NULL) > 0);
}

/* Their table is longer than a pipe holds (pipe(7): 64 KiB). */
#define MANY 8000u

static void many_subordinate_uids(void)
{
	struct spool_witness *witness;
	struct spool_subuid_table *table;
	FILE *file = fopen(subuids, "ae");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	for (unsigned int i = 0; i < MANY; i++)
		fprintf(file, "%u:%u:10\n", 2000 + i, 200000 + 10 * i);
	fclose(file);
	CU_ASSERT_EQUAL_FATAL(spool_witness_start(subuids, -1, -1, FOR_EVER, &witness), 0);
	table = spool_witness_subuids(witness, subuids, FOR_EVER);
	CU_ASSERT_PTR_NOT_NULL_FATAL(table);
	CU_ASSERT_EQUAL_FATAL(table->n, MANY + 2);
	CU_ASSERT_EQUAL(table->ranges[MANY + 1].owner, 2000 + MANY - 1);
	free(table);
	spool_witness_free(witness);
	CU_ASSERT_TRUE(wait(NULL) > 0);
}

/* Why not comes from the process that reads it. */
static void a_table_that_cannot_be_read(void)
{
	struct spool_witness *witness;

	CU_ASSERT_EQUAL_FATAL(spool_witness_start("/tmp", -1, -1, FOR_EVER, &witness), 0);
	CU_ASSERT_PTR_NULL(spool_witness_subuids(witness, "/tmp", FOR_EVER));
	CU_ASSERT_EQUAL(errno, EISDIR);
	spool_witness_free(witness);
	CU_ASSERT_TRUE(wait(NULL) > 0);
}

/* A file that hangs its reader stands for a server of accounts that does. */
static void who_reads_accounts_ends_with_it(void)
{
	char path[] = "/tmp/spool-accounts-fifo-XXXXXX", byte;
	struct spool_witness *witness;
	int alive[2];

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(path));
	CU_ASSERT_EQUAL_FATAL(rmdir(path) | mkfifo(path, 0600) | pipe2(alive, O_CLOEXEC), 0);
	CU_ASSERT_EQUAL_FATAL(spool_witness_start(path, alive[1], -1, FOR_EVER, &witness), 0);
	close(alive[1]);
	spool_witness_stop(witness);
	CU_ASSERT_PTR_NULL(spool_witness_subuids(witness, path, FOR_EVER));
	spool_witness_free(witness);
	CU_ASSERT_EQUAL(read(alive[0], &byte, 1), 0); /* all that held the other end have ended */
	close(alive[0]);
	unlink(path);
	CU_ASSERT_TRUE(wait(NULL) > 0);
}

static void *ask_in_vain(void *arg)
{
	struct spool_subuid_table *table = spool_witness_subuids(arg, subuids, FOR_EVER);

	free(table);
	return NULL;
}

/* How many processes has @pid started that live? */
static unsigned int children_of(pid_t pid)
{
	char path[64];
	unsigned int n = 0;
	FILE *file;
	int child;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	file = fopen(path, "re");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	while (fscanf(file, "%d", &child) == 1)
		n++;
	fclose(file);
	return n;
}

/* One who goes on asking, though nobody answers, has no more processes started. */
static void many_readers_of_accounts(void)
{
	char path[] = "/tmp/spool-accounts-fifo-XXXXXX";
	const struct timespec step = {.tv_nsec = 1000 * 1000};
	struct spool_witness *witness;
	pthread_t threads[4];
	pid_t pid;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(path));
	CU_ASSERT_EQUAL_FATAL(rmdir(path) | mkfifo(path, 0600), 0);
	CU_ASSERT_EQUAL_FATAL(spool_witness_start(path, -1, -1, FOR_EVER, &witness), 0);
	pid = spool_witness_pid(witness);
	for (unsigned int i = 0; i < SPOOL_ARRAY_SIZE(threads); i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, ask_in_vain, witness), 0);
	while (children_of(pid) < SPOOL_ARRAY_SIZE(threads))
		nanosleep(&step, NULL);
	CU_ASSERT_PTR_NULL(spool_witness_subuids(witness, path, 1000));
	CU_ASSERT_EQUAL(errno, EIO); /* at once: it has no answer */
	CU_ASSERT_EQUAL(children_of(pid), SPOOL_ARRAY_SIZE(threads));
	spool_witness_stop(witness);
	for (unsigned int i = 0; i < SPOOL_ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	spool_witness_free(witness);
	CU_ASSERT_TRUE(wait(NULL) > 0);
	unlink(path);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"subordinate uids", subordinate_uids},
		{"many subordinate uids", many_subordinate_uids},
		{"a table that cannot be read", a_table_that_cannot_be_read},
		{"who reads accounts ends with it", who_reads_accounts_ends_with_it},
		{"many readers of accounts", many_readers_of_accounts},
	};
	static const char text[] = "1000:100000:65536\nroot:165536:10\n";
	int r, fd = mkstemp(subuids);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return 1;
	close(fd);
	r = unit_run("witness_accounts", tests, SPOOL_ARRAY_SIZE(tests));
	unlink(subuids);
	return r;
}
