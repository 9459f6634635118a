/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Red-black trees: libbsd's <sys/tree.h> (headers only). Its RB_GENERATE_STATIC needs a macro that
 * systems with glibc do not define.
 */

#include <bsd/sys/tree.h>

/** SPOOL_RB_GENERATE() - the functions of tree @name over @type, private to the file */
#define SPOOL_RB_GENERATE(name, type, field, compare) \
	RB_GENERATE_INTERNAL(name, type, field, compare, static __attribute__((unused)))
