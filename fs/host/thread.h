/* SPDX-License-Identifier: MIT */
#pragma once

/* The worker's threads. They differ in nothing but what they run. */

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

/** spool_thread_start() - start a thread with a small stack, and the CPUs and the policy that the
 * first thread of the process has, even if the caller is pinned or runs behind others. @name: at
 * most 15 bytes. Return: 0; -errno. */
int spool_thread_start(pthread_t *ret, const char *name, void *(*run)(void *arg), void *arg);

/**
 * spool_thread_pin() - keep the calling thread on @cpu
 * Return: false when that is not allowed (a cpuset) or the CPU is off; it then runs anywhere.
 */
bool spool_thread_pin(unsigned int cpu);

/** spool_thread_step_back() - from now on the calling thread lets others go first: 10 steps of
 * nice(2) behind those that serve, and at 10 at least. */
void spool_thread_step_back(void);

/**
 * spool_thread_policy_behind() - how a thread can run behind others, sched(7), and be taken back
 * Return: SCHED_IDLE: everybody else goes first; SCHED_BATCH, where RLIMIT_NICE does not let a
 *	thread leave SCHED_IDLE: nobody who runs is interrupted for it; -ENOTSUP somebody has
 *	chosen another policy for this process, which stays.
 */
int spool_thread_policy_behind(void);

/** spool_thread_set_policy() - of the thread @tid of this process, 0: the calling one; to what
 * spool_thread_policy_behind() has said, or SCHED_OTHER. Return: 0; -errno. */
int spool_thread_set_policy(pid_t tid, int policy);

/**
 * spool_thread_interrupt() - interrupt the system calls of @thread until it has ended, and join it
 * A signal that comes just before a read() does not interrupt it, so it is sent again and again.
 * spool_thread_allow_interrupts() must have been called by the process.
 */
void spool_thread_interrupt(pthread_t thread);

/** spool_thread_allow_interrupts() - SIGUSR1 interrupts a system call from now on. Once a process.
 */
void spool_thread_allow_interrupts(void);
