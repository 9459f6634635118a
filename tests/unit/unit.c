/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <CUnit/Basic.h>
#include <limits.h>
#include <stdarg.h>

/* Read by TSan's run time. Its own check of the lock order knows no gate: that two directories are
 * only ever locked together under the rename lock. SPOOL_LOCK_CHECK checks the order instead. */
const char *__tsan_default_options(void);
__attribute__((visibility("default"), used)) const char *__tsan_default_options(void)
{
	return "detect_deadlocks=0";
}

static void fatal(const char *what, const char *name)
{
	fprintf(stderr, "unit: %s: %s: %s\n", what, name, CU_get_error_msg());
	exit(EXIT_FAILURE);
}

/* Tests whose run made no assertion, told by CUnit's running count. */
static unsigned int n_silent;
static unsigned int asserts_before;

static void count_before(const CU_pTest test, const CU_pSuite suite)
{
	(void)test;
	(void)suite;
	asserts_before = CU_get_number_of_asserts();
	printf("  %s: ", test->pName);
	fflush(stdout);
}

static void count_after(const CU_pTest test, const CU_pSuite suite, const CU_pFailureRecord failure)
{
	(void)suite;
	for (CU_pFailureRecord f = failure; f; f = f->pNext)
		printf("\n    %s:%u: %s", f->strFileName, f->uiLineNumber, f->strCondition);
	if (CU_get_number_of_asserts() == asserts_before) {
		printf("no assertion was made\n");
		n_silent++;
		return;
	}
	printf("%s\n", failure ? "\n    FAILED" : "passed");
	(void)test;
}

int unit_run(const char *name, const struct unit_test *tests, size_t n)
{
	unsigned int failed;
	CU_pSuite suite;

	if (CU_initialize_registry() != CUE_SUCCESS)
		fatal("no registry", name);
	suite = CU_add_suite(name, NULL, NULL);
	if (!suite)
		fatal("no suite", name);
	for (size_t i = 0; i < n; i++) {
		if (!CU_add_test(suite, tests[i].name, tests[i].fn) ||
		    CU_get_error() != CUE_SUCCESS)
			fatal("cannot add a test", tests[i].name);
	}
	CU_set_test_start_handler(count_before);
	CU_set_test_complete_handler(count_after);
	printf("%s\n", name);
	if (CU_run_all_tests() != CUE_SUCCESS)
		fatal("cannot run", name);
	failed = CU_get_number_of_tests_failed() + n_silent;
	printf("%s: %zu tests, %u assertions, %u failed\n", name, n, CU_get_number_of_asserts(),
	       failed);
	if (CU_get_number_of_tests_run() != n)
		failed++;
	CU_cleanup_registry();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

void unit_make_file(const char *top, const char *name, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list args;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", top, name);
	file = fopen(path, "we");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	va_start(args, fmt);
	vfprintf(file, fmt, args);
	va_end(args);
	fclose(file);
}
