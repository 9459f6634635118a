/* SPDX-License-Identifier: MIT */
#include "security/sandbox_internal.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/macros.h"

/*
 * A system call that is not on the list does not kill the worker: a later C library may make calls
 * that are not known here, and all users would lose their files. The call fails with ENOSYS, as on
 * a kernel that does not have it, and libraries then go without. EPERM would make them give up. The
 * kernel logs each such call (audit, type 1326), so that one that is missing here is noticed.
 */
#define NOT_ALLOWED SCMP_ACT_ERRNO(ENOSYS)

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41 /* linux/prctl.h: later C libraries name areas */
#endif

/* clone(2): "the order of the arguments differs on s390" (CONFIG_CLONE_BACKWARDS2). */
#ifdef __s390__
#define CLONE_FLAGS_ARG 1
#else
#define CLONE_FLAGS_ARG 0
#endif

/* Allowed with any arguments. They stand here by name; those that an architecture or libseccomp
 * does not know are left out. */
static const char *const allowed[] = {
	/* on descriptors that we have */
	"read",
	"readv",
	"pread64",
	"preadv",
	"preadv2",
	"write",
	"writev",
	"pwrite64",
	"pwritev",
	"pwritev2",
	"close",
	"close_range",
	"dup",
	"dup2",
	"dup3",
	"fcntl",
	"fcntl64",
	"lseek",
	"_llseek",
	"fstat",
	"fstat64",
	"fstatfs",
	"fstatfs64",
	"fsync",
	"fdatasync",
	"sync_file_range",
	"sync_file_range2",
	"arm_sync_file_range",
	"fallocate",
	"ftruncate",
	"ftruncate64",
	"fadvise64",
	"fadvise64_64",
	"arm_fadvise64_64",
	"poll",
	"ppoll",
	"ppoll_time64",
	"select",
	"_newselect",
	"pselect6",
	"pselect6_time64",
	"epoll_create1",
	"epoll_ctl",
	"epoll_wait",
	"epoll_pwait",
	"epoll_pwait2",
	"eventfd2",
	"pipe2",
	"timerfd_create",
	"timerfd_settime",
	"timerfd_settime64",
	"timerfd_gettime",
	/* files; Landlock restricts which */
	"open",
	"openat",
	"unlinkat",
	"stat",
	"stat64",
	"newfstatat",
	"fstatat64",
	"statx",
	"statfs",
	"statfs64",
	/* processes: what of them is shown, and when they end */
	"getdents64",
	"pidfd_open",
	"getsid",
	/* the supervisor, the witness, syslogd */
	"sendto",
	"sendmsg",
	"recvfrom",
	"recvmsg",
	"connect",
	"shutdown",
	/* callers of the socket for administration */
	"accept4",
	/* rings; forbidden when the transport has its own */
	"io_uring_setup",
	"io_uring_register",
	"io_uring_enter",
	/* memory */
	"brk",
	"munmap",
	"mremap",
	"madvise",
	"mlock",
	"mlock2",
	"munlock",
	"membarrier",
	/* threads, time */
	"futex",
	"futex_time64",
	"futex_waitv",
	"futex_wait",
	"futex_wake",
	"futex_requeue",
	"set_robust_list",
	"get_robust_list",
	"set_tid_address",
	"rseq",
	"sched_yield",
	"sched_getaffinity",
	"sched_setaffinity",
	"sched_getparam",
	"sched_getscheduler",
	"sched_get_priority_max",
	"sched_get_priority_min",
	"gettid",
	"getcpu",
	"exit",
	"exit_group",
	"clock_gettime",
	"clock_gettime64",
	"clock_getres",
	"clock_getres_time64",
	"clock_nanosleep",
	"clock_nanosleep_time64",
	"nanosleep",
	"gettimeofday",
	"time",
	/* signals to ourselves */
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"sigreturn",
	"sigaltstack",
	"restart_syscall",
	/* who we are */
	"getpid",
	"getppid",
	"getuid",
	"getuid32",
	"geteuid",
	"geteuid32",
	"getgid",
	"getgid32",
	"getegid",
	"getegid32",
	"getrlimit",
	"ugetrlimit",
	"getrusage",
	"getpriority",
	"sysinfo",
	"uname",
	"getrandom",
	"capget",
	/* to load another filter, which can only forbid more */
	"seccomp",
};

/* Allowed with these arguments only. Where a call has several lines, one of them must fit. */
static int add_conditional(scmp_filter_ctx filter)
{
	const struct {
		const char *name;
		unsigned int n;
		struct scmp_arg_cmp args[2];
	} rules[] = {
		/* no executable memory */
		{"mmap", 1, {SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)}},
		{"mmap2", 1, {SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)}},
		{"mprotect", 1, {SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)}},
		/* threads, but no processes */
		{"clone",
		 1,
		 {SCMP_CMP(CLONE_FLAGS_ARG, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)}},
		{"tgkill", 1, {SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0)}},
		/* of the calling thread */
		{"setpriority",
		 2,
		 {SCMP_A0(SCMP_CMP_EQ, PRIO_PROCESS, 0), SCMP_A1(SCMP_CMP_EQ, 0, 0)}},
		/* how threads run that nobody waits for; the kernel asks for no right */
		{"sched_setscheduler", 1, {SCMP_A1(SCMP_CMP_EQ, SCHED_OTHER, 0)}},
		{"sched_setscheduler", 1, {SCMP_A1(SCMP_CMP_EQ, SCHED_BATCH, 0)}},
		{"sched_setscheduler", 1, {SCMP_A1(SCMP_CMP_EQ, SCHED_IDLE, 0)}},
		/* for log lines */
		{"socket",
		 2,
		 {SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0), SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, SOCK_DGRAM)}},
		/* who calls */
		{"getsockopt",
		 2,
		 {SCMP_A1(SCMP_CMP_EQ, SOL_SOCKET, 0), SCMP_A2(SCMP_CMP_EQ, SO_PEERCRED, 0)}},
		{"prctl", 1, {SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME, 0)}},
		{"prctl", 1, {SCMP_A0(SCMP_CMP_EQ, PR_SET_VMA, 0)}},
		{"prctl", 1, {SCMP_A0(SCMP_CMP_EQ, PR_SET_NO_NEW_PRIVS, 0)}},
		{"prlimit64", 2, {SCMP_A0(SCMP_CMP_EQ, 0, 0), SCMP_A2(SCMP_CMP_EQ, 0, 0)}},
	};
	int r = 0;

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(rules) && r == 0; i++) {
		int number = seccomp_syscall_resolve_name(rules[i].name);

		if (number != __NR_SCMP_ERROR)
			r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, rules[i].n,
						   rules[i].args);
	}
	return r;
}

static int fill(scmp_filter_ctx filter)
{
	int r = 0;

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(allowed) && r == 0; i++) {
		int number = seccomp_syscall_resolve_name(allowed[i]);

		if (number != __NR_SCMP_ERROR)
			r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
	}
	if (r == 0)
		r = add_conditional(filter);
	if (r == 0)
		r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, NOT_ALLOWED);
	/* a tree instead of a list; the kernel caches the result for most calls, and skips it */
	if (r == 0)
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0 && seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1) < 0)
		r = 0; /* before Linux 4.14 nothing is logged */
	return r;
}

/* clone3(2) has its flags in memory, which a filter cannot read. Libraries try it for each thread,
 * and use clone(2) when there is none. This filter forbids it without a line in the log each time:
 * when two filters have the same action, the one that was loaded last counts. */
static int refuse_clone3(void)
{
	int number = seccomp_syscall_resolve_name("clone3");
	scmp_filter_ctx filter;
	int r = -ENOMEM;

	if (number == __NR_SCMP_ERROR)
		return 0;
	filter = seccomp_init(SCMP_ACT_ALLOW);
	if (!filter)
		return r;
	r = seccomp_rule_add(filter, NOT_ALLOWED, number, 0);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}

int sandbox_seccomp(char *why, size_t size)
{
	scmp_filter_ctx filter;
	int r = -ENOMEM;

	if (!SANDBOX_IS_BUILT) {
		snprintf(why, size, "off: built with a sanitizer, which needs more");
		return -ENOTSUP;
	}
	filter = seccomp_init(NOT_ALLOWED);
	if (filter) {
		r = fill(filter);
		if (r == 0)
			r = seccomp_load(filter);
		seccomp_release(filter);
	}
	if (r == 0)
		r = refuse_clone3();
	if (r < 0)
		snprintf(why, size, "off: %s", strerror(-r));
	else
		snprintf(why, size, "on");
	return r;
}

int sandbox_seccomp_seal(void)
{
	static const char *const over[] = {"io_uring_setup", "io_uring_register", "seccomp"};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int r = filter ? 0 : -ENOMEM;

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(over) && r == 0; i++)
		r = seccomp_rule_add(filter, NOT_ALLOWED, seccomp_syscall_resolve_name(over[i]), 0);
	if (r == 0)
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}
