/* SPDX-License-Identifier: MIT */
#pragma once

/* Where filesystems are mounted in this mount namespace: /proc/self/mountinfo, read by libmount. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

/** struct spool_place - where a filesystem is mounted */
struct spool_place {
	int id;       /* of the mount; the kernel uses it again when the mount has gone */
	char *path;   /* of the mount point */
	bool covered; /* another mount is on top: unmounting the path would unmount that */
};

/**
 * spool_mount_table_find() - all places of a filesystem, in the order of the table
 * @ret: for spool_mount_table_free()
 * Return: how many; -errno: the table cannot be read.
 */
int spool_mount_table_find(dev_t device, struct spool_place **ret);

/** spool_mount_table_free() - the @n places of spool_mount_table_find(). NULL with 0 is allowed. */
void spool_mount_table_free(struct spool_place *places, int n);

/**
 * spool_mount_table_has() - is a filesystem mounted anywhere?
 * @mountinfo: from its beginning, in the format of proc_pid_mountinfo(5)
 * Cheap, as the table may have thousands of lines: no path is looked at.
 * Return: 1; 0; -ENODATA: there is no line at all, so that nothing can be told; -errno of reading.
 */
int spool_mount_table_has(FILE *mountinfo, dev_t device);

/**
 * spool_mount_table_option() - has the filesystem of the uppermost mount on @path option @name?
 * @path: "/proc"; @name: "hidepid", whatever its value
 * Return: 1; 0: no, or there is no mount; -errno: the table cannot be read.
 */
int spool_mount_table_option(const char *path, const char *name);

/** spool_mount_table_is() - Return: whether the uppermost mount on @path is of @type,
 * "fuse.spoolfs"; false, too, when the table cannot be read. */
bool spool_mount_table_is(const char *path, const char *type);

/** spool_mount_table_device() - Return: the device of the uppermost mount on @path; 0: there is no
 * mount, or the table cannot be read. */
dev_t spool_mount_table_device(const char *path);
