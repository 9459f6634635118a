/* SPDX-License-Identifier: MIT */

/* Programs that users run: sort(1) with little memory, and a C compiler. Their input is made once
 * for all places, in the scratch directory; only their temporary files go to the place. */

#include "bench/workload_program.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/execute.h"

#define LINE 100u      /* bytes of one line to be sorted */
#define FUNCTIONS 150u /* of one C file: some 0.3 s to compile */
#define FUNCTIONS_QUICK 5u
#define SORT_MEMORY "64M"
#define SORT_MEMORY_QUICK "1M" /* so that it needs temporary files as well */

static int finish(FILE *file)
{
	int r = ferror(file) ? -EIO : 0;

	if (fclose(file) != 0 && r == 0)
		r = -errno;
	return r;
}

static int make_lines(const char *path, uint64_t bytes)
{
	static const char digits[] = "0123456789abcdef";
	FILE *file = fopen(path, "we");
	uint64_t state = 1;
	char line[LINE];

	if (!file)
		return -errno;
	for (uint64_t at = 0; at < bytes; at += LINE) {
		for (size_t i = 0; i < LINE - 1; i++) {
			/* a linear congruential generator, D. Knuth's MMIX */
			if (i % 8 == 0)
				state = state * 6364136223846793005u + 1442695040888963407u;
			line[i] = digits[state >> (32 + i % 8 * 4) & 0xf];
		}
		line[LINE - 1] = '\n';
		fwrite(line, 1, LINE, file);
	}
	return finish(file);
}

static int make_source(const char *path, unsigned int number, unsigned int functions)
{
	FILE *file = fopen(path, "we");

	if (!file)
		return -errno;
	fputs("#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n", file);
	for (unsigned int i = 0; i < functions; i++) {
		fprintf(file,
			"int f%u_%u(const char *text, int n)\n{\n\tint sum = %u;\n"
			"\tfor (int i = 0; i < n && text[i]; i++) {\n"
			"\t\tif (text[i] == '%c')\n\t\t\tsum += (int)strlen(text) * i;\n"
			"\t\telse\n\t\t\tsum ^= abs(text[i] - i) << (i %% 7);\n\t}\n"
			"\treturn printf(\"%%d\\n\", sum);\n}\n",
			number, i, i * 7, 'a' + (int)(i % 26));
	}
	return finish(file);
}

static void source_path(const struct bench_task *task, unsigned int number, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/source%u.c", task->setup->scratch, number);
}

static void lines_path(const struct bench_task *task, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/lines", task->setup->scratch);
}

int bench_program_prepare(const struct bench_task *task)
{
	char path[PATH_MAX];
	int r = 0;

	if (task->workload->kind == PROGRAM_SORT) {
		lines_path(task, path);
		return access(path, R_OK) == 0 ? 0 : make_lines(path, task->n);
	}
	for (unsigned int i = 0; i < task->n && r == 0; i++) {
		source_path(task, i, path);
		if (access(path, R_OK) < 0)
			r = make_source(path, i, task->setup->quick ? FUNCTIONS_QUICK : FUNCTIONS);
	}
	return r;
}

static int run_sort(const struct bench_task *task)
{
	const char *memory = task->setup->quick ? SORT_MEMORY_QUICK : SORT_MEMORY;
	char path[PATH_MAX];

	lines_path(task, path);
	return bench_execute(task, (const char *const[]){"sort", "--parallel=1", "-S", memory, "-T",
							 task->dir, "-o", "/dev/null", path, NULL});
}

static int run_compiler(const struct bench_task *task)
{
	char path[PATH_MAX], object[PATH_MAX];
	int r = 0;

	snprintf(object, sizeof(object), "%s/object.o", task->setup->scratch);
	for (unsigned int i = 0; i < task->n && r == 0; i++) {
		source_path(task, i, path);
		r = bench_execute(
			task, (const char *const[]){"cc", "-O2", "-c", "-o", object, path, NULL});
	}
	return r;
}

int bench_program_run(const struct bench_task *task, double ret_ns[BENCH_FIGURES])
{
	int64_t from = bench_now_ns();
	int r = task->workload->kind == PROGRAM_SORT ? run_sort(task) : run_compiler(task);

	ret_ns[0] = (double)(bench_now_ns() - from);
	return r;
}
