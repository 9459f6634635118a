/* SPDX-License-Identifier: MIT */
#pragma once

/* How files are shown: their kind, their tier, their names. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/** file_type() - of @mode, as JSON has it: "file", "directory", "symlink", "fifo", "socket",
 * "char", "block"; "unknown". */
const char *file_type(mode_t mode);

/** file_suffix() - what stands behind the name of a file of @mode, as with ls -F; or "". */
const char *file_suffix(mode_t mode);

/** file_lifetime() - by enum spool_lifetime, "session"; "-": it is not known. */
const char *file_lifetime(uint32_t lifetime);

/** file_tier() - where data of so many bytes in RAM and on the disk are: "ram", "disk", "ram+disk";
 * "-": there are none. */
const char *file_tier(uint64_t ram, uint64_t disk);

/**
 * file_name_hex() - the bytes of @name as hexadecimal digits, if JSON cannot have it as it is
 * @ret: room for twice as many bytes, and a NUL. Return: false: it is UTF-8, and *@ret unchanged.
 */
bool file_name_hex(const char *name, char *ret);
