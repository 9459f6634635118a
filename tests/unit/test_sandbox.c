/* SPDX-License-Identifier: MIT */

/* What the worker gives up: everything that is forbidden is tried, each in a process of its own
 * that has entered the sandbox, and so is what it must still be able to do. */

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "security/sandbox.h"
#include "host/thread.h"
#include "unit.h"

static char dir[] = "/tmp/spool-sandbox-XXXXXX";
static char other[sizeof(dir) + 8], new_one[sizeof(dir) + 8]; /* beside it: there, not there */
static int backing = -1;
static struct spool_sandbox sandbox;

/* Runs @fn in the sandbox. Return: what it returns, as a status of exit(3). */
static int inside(int (*fn)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		const struct spool_sandbox_needs needs = {
			.backing_fd = backing, .proc_fd = -1, .cgroup_fd = -1};

		if (spool_sandbox_enter(&needs, &sandbox) < 0)
			_exit(200);
		_exit(fn());
	}
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_TRUE(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* The errno of a call that failed, 0 of one that did not. */
static int error_of(long r)
{
	return r < 0 ? errno : 0;
}

static bool is_on(const char *why)
{
	return strncmp(why, "on", 2) == 0;
}

static int tell_landlock(void)
{
	return is_on(sandbox.landlock);
}

static int tell_seccomp(void)
{
	return is_on(sandbox.seccomp);
}

static int capabilities(void)
{
	unsigned long long value, all = 0, no_new_privs = 0;
	char line[256], name[32];
	FILE *file = fopen("/proc/self/status", "re");

	/* closed by Landlock where there is that: ask the kernel in another way */
	if (!file)
		return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%31[^:]: %llx", name, &value) != 2)
			continue;
		if (strcmp(name, "CapEff") == 0 || strcmp(name, "CapPrm") == 0 ||
		    strcmp(name, "CapInh") == 0 || strcmp(name, "CapAmb") == 0)
			all |= value;
		else if (strcmp(name, "NoNewPrivs") == 0)
			no_new_privs = value;
	}
	fclose(file);
	return all != 0 || no_new_privs != 1;
}

/* All that root may do by a capability alone. */
static int use_capabilities(void)
{
	int n = 0;

	n += chown(dir, 1, 1) == 0;
	n += mount("none", dir, "tmpfs", 0, NULL) == 0;
	/* not setuid(3): it is for all threads, and a sanitizer has one that began before */
	n += syscall(SYS_setuid, 1) == 0 && getuid() == 1;
	n += mknodat(backing, "device", S_IFCHR | 0600, 0x103) == 0;
	n += chroot(dir) == 0;
	n += setpriority(PRIO_PROCESS, 0, -20) == 0;
	n += sethostname("x", 1) == 0;
	return n;
}

static int run_a_program(void)
{
	static char name[] = "true";
	char *argv[] = {name, NULL};
	pid_t pid;

	execv("/bin/true", argv);
	if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, argv + 1) == 0 || fork() >= 0 ||
	    syscall(SYS_vfork) >= 0)
		return 1;
	return error_of(syscall(SYS_execveat, backing, "true", argv, argv + 1, 0));
}

static int trace(void)
{
	return error_of(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int open_sockets(void)
{
	if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || socket(AF_INET6, SOCK_DGRAM, 0) >= 0 ||
	    socket(AF_NETLINK, SOCK_RAW, 0) >= 0 || socket(AF_UNIX, SOCK_STREAM, 0) >= 0)
		return 0;
	return error_of(socket(AF_PACKET, SOCK_DGRAM, 0));
}

static int kill_others(void)
{
	return error_of(kill(getppid(), 0));
}

static int make_code(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED || mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0)
		return 0;
	page = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return page == MAP_FAILED ? errno : 0;
}

static int look_into_memory(void)
{
	char byte;
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};

	return error_of(syscall(SYS_process_vm_readv, getppid(), &iov, 1, &iov, 1, 0));
}

static int make_namespaces(void)
{
	return error_of(unshare(0x10000000)); /* CLONE_NEWUSER, which asks for no privilege */
}

static int load_programs(void)
{
	return error_of(syscall(SYS_bpf, 0, NULL, 0)) ? ENOSYS : 0;
}

static int make_a_ring(void)
{
	struct io_uring ring;

	spool_sandbox_seal(&sandbox);
	return -io_uring_queue_init(2, &ring, 0);
}

/* Before it is sealed the daemon makes its own. */
static int make_a_ring_in_time(void)
{
	struct io_uring ring;
	int r = io_uring_queue_init(2, &ring, 0);

	return r == -EPERM ? 0 : -r; /* turned off in this kernel, or by a container */
}

static int open_other_files(void)
{
	static const char *const others[] = {"/etc/shadow",    "/etc/passwd", "/proc/1/environ",
					     "/proc/self/mem", "/dev/mem",    "/root/.bashrc"};
	char from_backing[sizeof(new_one)] = "..";
	int n = 0;

	strcat(from_backing, new_one + strlen("/tmp"));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		n += open(others[i], O_RDONLY) >= 0;
		n += open(others[i], O_WRONLY) >= 0;
	}
	n += open("/tmp", O_TMPFILE | O_RDWR, 0600) >= 0;
	n += open(new_one, O_CREAT | O_RDWR, 0600) >= 0;
	n += openat(backing, from_backing, O_CREAT | O_RDWR, 0600) >= 0;
	n += open("/", O_RDONLY | O_DIRECTORY) >= 0;
	n += unlinkat(AT_FDCWD, other, 0) == 0;
	n += mkdirat(backing, "dir", 0700) == 0;
	n += symlinkat("/", backing, "link") == 0;
	n += linkat(AT_FDCWD, "/etc/passwd", backing, "passwd", 0) == 0;
	n += renameat(AT_FDCWD, other, backing, "other") == 0;
	return n;
}

static void *in_thread(void *arg)
{
	eventfd_write(*(int *)arg, 1);
	return NULL;
}

static int serve(void)
{
	char page[4096] = "x";
	const struct timespec soon = {.tv_nsec = 1000};
	int fd = openat(backing, ".", O_TMPFILE | O_EXCL | O_RDWR, 0600), named;
	int event = eventfd(0, EFD_CLOEXEC);
	pthread_t thread;
	eventfd_t count;
	void *memory =
		mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (fd < 0 || pwrite(fd, page, sizeof(page), 8192) != sizeof(page) ||
	    pread(fd, page, sizeof(page), 8192) != sizeof(page) ||
	    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 8192, 4096) < 0 ||
	    ftruncate(fd, 0) < 0 || sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE) < 0)
		return 1;
	named = openat(backing, "named", O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR, 0600);
	if (named < 0 || unlinkat(backing, "named", 0) < 0)
		return 2;
	if (event < 0 || spool_thread_start(&thread, "test", in_thread, &event) < 0 ||
	    eventfd_read(event, &count) < 0 || pthread_join(thread, NULL) != 0)
		return 3;
	if (memory == MAP_FAILED || madvise(memory, 1 << 20, MADV_DONTNEED) < 0 ||
	    munmap(memory, 1 << 20) < 0)
		return 4;
	nanosleep(&soon, NULL);
	if (open("/dev/null", O_RDWR) < 0 || sysconf(_SC_NPROCESSORS_ONLN) < 1)
		return 5;
	return 0;
}

/* syslogd may have started again since. */
static int log_on(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return 1;
	return connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 && errno != ENOENT &&
	       errno != ECONNREFUSED;
}

static void privileges(void)
{
	CU_ASSERT_EQUAL(inside(capabilities), 0);
	CU_ASSERT_EQUAL(inside(use_capabilities), 0);
}

static void system_calls(void)
{
	static int (*const tries[])(void) = {run_a_program,   trace,         open_sockets,
					     kill_others,     make_code,     look_into_memory,
					     make_namespaces, load_programs, make_a_ring};

	if (!inside(tell_seccomp)) {
		CU_PASS("no seccomp in this kernel or this build");
		return;
	}
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++)
		CU_ASSERT_EQUAL(inside(tries[i]), ENOSYS);
	CU_ASSERT_EQUAL(inside(make_a_ring_in_time), 0);
}

static void files(void)
{
	if (!inside(tell_landlock)) {
		CU_PASS("no Landlock in this kernel or this build");
		return;
	}
	CU_ASSERT_EQUAL(inside(open_other_files), 0);
}

static void what_serving_needs(void)
{
	CU_ASSERT_EQUAL(inside(serve), 0);
	CU_ASSERT_EQUAL(inside(log_on), 0);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"privileges", privileges},
		{"system calls", system_calls},
		{"files", files},
		{"what serving needs", what_serving_needs},
	};
	int r;

	if (!mkdtemp(dir))
		return 1;
	snprintf(other, sizeof(other), "%s-other", dir);
	snprintf(new_one, sizeof(new_one), "%s-new", dir);
	backing = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (backing < 0 || close(creat(other, 0600)) < 0)
		return 1;
	r = unit_run("sandbox", tests, sizeof(tests) / sizeof(tests[0]));
	unlink(other);
	close(backing);
	rmdir(dir);
	return r;
}
