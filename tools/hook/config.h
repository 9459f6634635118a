/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The configuration of a container (config.json of the OCI runtime specification), which a hook of
 * stage precreate may change.
 */

#include <stdio.h>

#include "hook/input.h"

/**
 * config_annotation() - the value of an annotation
 * @object: a configuration, or the state of a container
 * @ret: the object's; NULL: it has none
 * Return: 0; -1 after a line to @errors: it is there, but is no text.
 */
int config_annotation(json_object *object, const char *name, const char **ret, FILE *errors);

/**
 * config_set_tmpdir() - have the programs of the container use this directory
 * TMPDIR, TMP and TEMP of its environment are set; other settings of these go.
 * Return: 0; -1 after a line to @errors, with @config perhaps half changed.
 */
int config_set_tmpdir(json_object *config, const char *path, FILE *errors);

/**
 * config_keep_errors() - have crun(1) show what hooks say on standard error
 * It is thrown away unless an annotation says where it is to go; one that is there stays.
 * Return: 0; -1 after a line to @errors.
 */
int config_keep_errors(json_object *config, FILE *errors);
