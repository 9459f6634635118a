/* SPDX-License-Identifier: MIT */

/* A database in a file, with the settings that sqlite3 has by itself. */

#include "bench/workload_sqlite.h"

#include <limits.h>
#include <stdio.h>

#include "bench/clock.h"
#include "bench/execute.h"
#include "bench/workload_files.h"

#define NAME "database"

/* Rows of some 100 bytes. The number of D. Knuth's multiplicative hash (The Art of Computer
 * Programming, 6.4) makes an order of their own for each column. */
#define FILL                                                                                \
	"CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c INTEGER);"                         \
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %llu)"    \
	" INSERT INTO t SELECT i, printf('%%010d%%070d', i * 2654435761 %% 4294967296, i)," \
	" i * 40503 %% 1000003 FROM n;"                                                     \
	"CREATE INDEX by_c ON t(c);"

#define CACHE 2000     /* KiB, which is what sqlite3 has by itself */
#define CACHE_QUICK 40 /* so that it needs temporary files as well */
#define SORT                                                 \
	"PRAGMA temp_store = FILE; PRAGMA cache_size = -%d;" \
	"SELECT a, b FROM t ORDER BY b;"

static int query(const struct bench_task *task, const char *sql, double *ret_ns)
{
	char path[PATH_MAX];
	int64_t from = bench_now_ns();
	int r;

	snprintf(path, sizeof(path), "%s/" NAME, task->dir);
	r = bench_execute(task, (const char *const[]){"sqlite3", "-batch", "-bail", "-init",
						      "/dev/null", path, sql, NULL});
	*ret_ns = (double)(bench_now_ns() - from);
	return r;
}

int bench_sqlite_run(const struct bench_task *task, double ret_ns[BENCH_FIGURES])
{
	char sql[512];
	int r;

	snprintf(sql, sizeof(sql), FILL, (unsigned long long)task->n);
	r = query(task, sql, &ret_ns[0]);
	snprintf(sql, sizeof(sql), SORT, task->setup->quick ? CACHE_QUICK : CACHE);
	if (r == 0)
		r = query(task, sql, &ret_ns[1]);
	return r == 0 ? bench_files_remove(task, NAME) : r;
}
