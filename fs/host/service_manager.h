/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Tells the service manager that has started us how we are: sd_notify(3). That is a datagram of
 * lines, to the socket that NOTIFY_SOCKET names; so little, and so stable, that it is no reason to
 * load a library with all that it needs into a daemon that keeps other users' files. Nobody waits:
 * what the socket does not take at once is lost. All functions do nothing without such a manager.
 */

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

/** struct spool_service_manager - all zero: there is none */
struct spool_service_manager {
	struct sockaddr_un address;
	socklen_t size;       /* of the address; 0: there is none */
	uint64_t watchdog_ms; /* how often it wants to hear of us; 0: it does not */
	uint64_t next_ms;     /* CLOCK_MONOTONIC */
};

/**
 * spool_service_manager_find() - what the environment says of it, once
 * NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID are removed from there: what we start, fusermount3
 * for example, is not to speak for us. To be called before there are threads. What is no socket's
 * address, or none that the kernel has here, counts as none.
 */
void spool_service_manager_find(struct spool_service_manager *ret);

/** spool_service_manager_tell() - send lines: "READY=1\nSTATUS=serves". At most 1 KiB; cut. */
void spool_service_manager_tell(const struct spool_service_manager *manager, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** spool_service_manager_timeout() - Return: ms until it wants to hear of us; -1: it does not. */
int spool_service_manager_timeout(const struct spool_service_manager *manager);

/** spool_service_manager_look() - say that we are alive, if it is time to; to be called whenever
 * poll(2) has returned, by whoever makes sure of that. */
void spool_service_manager_look(struct spool_service_manager *manager);
