/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What is left of a worker that was killed. A process has ended when all its threads have. But a
 * user can hold a thread of the worker in the kernel, by a lock that he holds, for as long as he
 * likes, and so can a disk. SIGKILL does not end such a thread, and until it ends the process keeps
 * its memory. So those who outlive it give that back.
 */

/**
 * spool_remains_free() - free the memory of a process that was killed, if it has not ended
 * @worker: its pidfd; -1: not known. What it has for itself, keys and names among it, goes where
 *	the kernel can do that (process_mrelease(2), Linux 5.15); otherwise with its last thread
 * @arena: the file of file data (host/arena.h), all of which go
 * Return: 0, also when there was nothing left; -errno: some of it stays until its last thread ends.
 */
int spool_remains_free(int worker, int arena);
