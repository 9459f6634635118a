/* SPDX-License-Identifier: MIT */
#include "host/service_manager.h"

#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/clock.h"
#include "util/macros.h"
#include "util/parse.h"

#define LINES_MAX 1024 /* a guess: a status with a path in it */
#define US_PER_MS 1000u

/* sd_watchdog_enabled(3): half of the time in which it wants to hear of us. */
static uint64_t watchdog_ms(void)
{
	const char *every = getenv("WATCHDOG_USEC"), *who = getenv("WATCHDOG_PID");
	uint64_t us, pid;

	if (!every || spool_parse_count(every, &us) < 0)
		return 0;
	if (who && (spool_parse_count(who, &pid) < 0 || pid != (uint64_t)getpid()))
		return 0;
	return spool_max_u64(us / US_PER_MS / 2, 1);
}

/* The first byte says of what kind it is: a path, or a name in the abstract namespace, unix(7). */
static void set_address(struct spool_service_manager *manager, const char *name)
{
	size_t len = strlen(name);

	if ((name[0] != '/' && name[0] != '@') || len >= sizeof(manager->address.sun_path))
		return;
	manager->address.sun_family = AF_UNIX;
	memcpy(manager->address.sun_path, name, len);
	if (name[0] == '@')
		manager->address.sun_path[0] = '\0';
	manager->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

void spool_service_manager_find(struct spool_service_manager *ret)
{
	const char *name = getenv("NOTIFY_SOCKET");

	*ret = (struct spool_service_manager){0};
	if (name)
		set_address(ret, name);
	if (ret->size)
		ret->watchdog_ms = watchdog_ms();
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

void spool_service_manager_tell(const struct spool_service_manager *manager, const char *fmt, ...)
{
	spool_cleanup(fd) int fd = -1;
	char text[LINES_MAX];
	va_list args;

	if (!manager->size)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || sendto(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL,
			     (const struct sockaddr *)&manager->address, manager->size) < 0)
		return; /* it has ended, or does not listen: there is nobody to tell */
}

int spool_service_manager_timeout(const struct spool_service_manager *manager)
{
	uint64_t now = spool_clock_ms();

	if (!manager->watchdog_ms)
		return -1;
	return manager->next_ms <= now ? 0 : (int)spool_min_u64(manager->next_ms - now, INT_MAX);
}

void spool_service_manager_look(struct spool_service_manager *manager)
{
	uint64_t now = spool_clock_ms();

	if (!manager->watchdog_ms || now < manager->next_ms)
		return;
	spool_service_manager_tell(manager, "WATCHDOG=1");
	manager->next_ms = now + manager->watchdog_ms;
}
