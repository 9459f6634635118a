/* SPDX-License-Identifier: MIT */
#pragma once

/* User namespaces of ordinary users, which not every machine allows. */

/**
 * userns_forbidden_by() - which setting of the machine forbids them
 * @ret_value: what it is set to
 * Return: its name, for sysctl(8); NULL: none that is known, which is no promise that they can be
 * had.
 */
const char *userns_forbidden_by(int *ret_value);
