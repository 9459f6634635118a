/* SPDX-License-Identifier: MIT */

/* What a service manager of our own hears: one that listens, one that does not, and none. */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/service_manager.h"
#include "unit.h"

static uint64_t now_ms;

uint64_t __wrap_spool_clock_ms(void);
uint64_t __wrap_spool_clock_ms(void)
{
	return now_ms;
}

static char dir[] = "/tmp/spool-manager-XXXXXX";
static char path[sizeof(dir) + 8];

static int listens_at(const char *name, size_t len)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, name, len);
	CU_ASSERT_EQUAL_FATAL(bind(fd, (const struct sockaddr *)&address,
				   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
			      0);
	return fd;
}

static bool next_is(int fd, const char *want)
{
	char got[2048] = "";

	return recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT) >= 0 && strcmp(got, want) == 0;
}

static bool is_silent(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static void find(struct spool_service_manager *manager, const char *name, const char *us,
		 const char *pid)
{
	if (name)
		setenv("NOTIFY_SOCKET", name, 1);
	if (us)
		setenv("WATCHDOG_USEC", us, 1);
	if (pid)
		setenv("WATCHDOG_PID", pid, 1);
	spool_service_manager_find(manager);
	CU_ASSERT_PTR_NULL(getenv("NOTIFY_SOCKET"));
	CU_ASSERT_PTR_NULL(getenv("WATCHDOG_USEC"));
	CU_ASSERT_PTR_NULL(getenv("WATCHDOG_PID"));
}

static void what_it_hears(void)
{
	struct spool_service_manager manager;
	int fd = listens_at(path, strlen(path));
	char abstract[64];

	find(&manager, path, NULL, NULL);
	spool_service_manager_tell(&manager, "READY=1\nMAINPID=%d", 7);
	CU_ASSERT_TRUE(next_is(fd, "READY=1\nMAINPID=7"));
	close(fd);
	unlink(path);
	spool_service_manager_tell(&manager, "STOPPING=1"); /* to nobody */
	abstract[0] = '\0';
	snprintf(abstract + 1, sizeof(abstract) - 1, "spoolfs-test-%d", (int)getpid());
	fd = listens_at(abstract, 1 + strlen(abstract + 1));
	abstract[0] = '@';
	find(&manager, abstract, NULL, NULL);
	spool_service_manager_tell(&manager, "STOPPING=1");
	CU_ASSERT_TRUE(next_is(fd, "STOPPING=1"));
	close(fd);
}

/* It waits for nobody, and says nothing where there is none. */
static void what_it_does_not_hear(void)
{
	struct spool_service_manager manager;
	int fd = listens_at(path, strlen(path)), size = 1;
	char name[256];

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	find(&manager, path, NULL, NULL);
	for (int i = 0; i < 10000; i++)
		spool_service_manager_tell(&manager, "STATUS=%d", i);
	CU_ASSERT_TRUE(next_is(fd, "STATUS=0"));
	close(fd);
	unlink(path);
	memset(name, 'x', sizeof(name) - 1);
	name[0] = '/';
	name[sizeof(name) - 1] = '\0';
	find(&manager, name, NULL, NULL);
	CU_ASSERT_EQUAL(manager.size, 0);
	find(&manager, "vsock:2:1", "1000", NULL);
	CU_ASSERT_EQUAL(manager.size, 0);
	CU_ASSERT_EQUAL(spool_service_manager_timeout(&manager), -1);
	find(&manager, NULL, "1000", NULL);
	spool_service_manager_tell(&manager, "READY=1");
	spool_service_manager_look(&manager);
	CU_ASSERT_EQUAL(spool_service_manager_timeout(&manager), -1);
}

static void its_watchdog(void)
{
	struct spool_service_manager manager;
	int fd = listens_at(path, strlen(path));
	char pid[16];

	now_ms = 5000;
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	find(&manager, path, "3000000", pid);
	CU_ASSERT_EQUAL(spool_service_manager_timeout(&manager), 0);
	spool_service_manager_look(&manager);
	CU_ASSERT_TRUE(next_is(fd, "WATCHDOG=1"));
	CU_ASSERT_EQUAL(spool_service_manager_timeout(&manager), 1500);
	now_ms += 1499;
	spool_service_manager_look(&manager);
	CU_ASSERT_TRUE(is_silent(fd));
	CU_ASSERT_EQUAL(spool_service_manager_timeout(&manager), 1);
	now_ms += 10;
	CU_ASSERT_EQUAL(spool_service_manager_timeout(&manager), 0);
	spool_service_manager_look(&manager);
	CU_ASSERT_TRUE(next_is(fd, "WATCHDOG=1"));
	/* for another process, or no number */
	find(&manager, path, "3000000", "1");
	CU_ASSERT_EQUAL(spool_service_manager_timeout(&manager), -1);
	find(&manager, path, "often", NULL);
	CU_ASSERT_EQUAL(spool_service_manager_timeout(&manager), -1);
	close(fd);
	unlink(path);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"what it hears", what_it_hears},
		{"what it does not hear", what_it_does_not_hear},
		{"its watchdog", its_watchdog},
	};
	int r;

	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/notify", dir);
	r = unit_run("service_manager", tests, sizeof(tests) / sizeof(tests[0]));
	rmdir(dir);
	return r;
}
