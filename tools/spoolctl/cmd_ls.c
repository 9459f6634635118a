/* SPDX-License-Identifier: MIT */

/* spoolctl ls: files of a mount, and where their data are. */

#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "common/json.h"
#include "common/reach.h"
#include "common/usage.h"
#include "ctl/client.h"
#include "spoolctl/cmd.h"
#include "spoolctl/file_text.h"
#include "util/macros.h"
#include "util/parse.h"
#include "util/text.h"

static void json_file(struct json *json, const struct spool_ctl_file *file)
{
	char hex[2 * sizeof(file->name)], mode[8];

	json_open(json, NULL, '{');
	json_string(json, "name", file->name);
	if (file_name_hex(file->name, hex))
		json_string(json, "name_hex", hex);
	json_string(json, "type", file_type(file->mode));
	snprintf(mode, sizeof(mode), "%04o", file->mode & 07777);
	json_string(json, "mode", mode);
	json_number(json, "ino", file->ino);
	json_number(json, "uid", file->uid);
	json_number(json, "gid", file->gid);
	json_number(json, "size", file->size);
	json_string(json, "tier", file_tier(file->ram, file->disk));
	json_number(json, "ram", file->ram);
	json_number(json, "disk", file->disk);
	if (file->lifetime != SPOOL_CTL_UNKNOWN) {
		json_string(json, "lifetime", file_lifetime(file->lifetime));
		json_number(json, "session", file->session);
	}
	json_close(json, '}');
}

static void print_file(const struct spool_ctl_file *file)
{
	char size[16], ram[16], disk[16], session[24] = "-";

	spool_format_bytes(file->size, size);
	spool_format_bytes(file->ram, ram);
	spool_format_bytes(file->disk, disk);
	if (file->session)
		snprintf(session, sizeof(session), "%" PRIu64, file->session);
	printf("%10u %8s %-8s %8s %8s %-8s %7s  ", file->uid, size,
	       file_tier(file->ram, file->disk), ram, disk, file_lifetime(file->lifetime), session);
	spool_text_put(stdout, file->name);
	fputs(file_suffix(file->mode), stdout);
	putchar('\n');
}

static void begin(struct json *json)
{
	if (json)
		json_open(json, NULL, '[');
	else
		printf("%10s %8s %-8s %8s %8s %-8s %7s  %s\n", "uid", "size", "tier", "ram", "disk",
		       "lifetime", "session", "name");
}

static void print_files(const struct spool_ctl_files *files, struct json *json)
{
	for (uint32_t i = 0; i < files->count; i++) {
		if (json)
			json_file(json, &files->entries[i]);
		else
			print_file(&files->entries[i]);
	}
}

/* @name: "": all that is in the directory. Return: 0; an errno. */
static int list(int fd, const char *name, struct json *json)
{
	spool_cleanup(free) struct spool_ctl_files *files = calloc(1, sizeof(*files));
	uint64_t cursor, end;

	if (!files)
		return ENOMEM;
	do {
		cursor = files->cursor;
		end = files->end;
		memset(files, 0, sizeof(*files));
		files->version = SPOOL_CTL_VERSION;
		files->cursor = cursor;
		files->end = end;
		strcpy(files->name, name);
		if (ioctl(fd, SPOOL_IOC_LIST, files) < 0)
			return errno;
		if (files->count > SPOOL_CTL_ENTRIES || files->cursor <= cursor)
			return EPROTO; /* it would never end */
		if (cursor == 0)
			begin(json);
		print_files(files, json);
	} while (files->cursor != SPOOL_CTL_END);
	if (json) {
		json_close(json, ']');
		putchar('\n');
	}
	return 0;
}

/* Of a directory what is in it, of anything else the one entry. Return: 0; an errno. */
static int show(const char *path, struct json *json)
{
	spool_cleanup(free) char *for_dir = strdup(path), *for_base = strdup(path);
	spool_cleanup(fd) int fd = reach_directory(path);
	const char *name = "";

	if (!for_dir || !for_base)
		return ENOMEM;
	if (fd == -ENOTDIR || fd == -ENOENT || fd == -ELOOP) { /* a link that leads nowhere, too */
		name = basename(for_base);
		if (strlen(name) >= sizeof(((struct spool_ctl_files *)0)->name))
			return ENAMETOOLONG;
		fd = reach_directory(dirname(for_dir));
	}
	if (fd < 0)
		return -fd;
	return list(fd, name, json);
}

static const struct option long_options[] = {
	{"json", no_argument, NULL, 'j'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static const struct usage usage = {
	.who = "spoolctl: ls",
	.help = "usage: spoolctl ls [--json] [--] [PATH]\n"
		"Files in PATH (a directory on a mount; without PATH the working directory), or "
		"PATH\n"
		"itself if it is something else: whose each is, its size, and how much of its "
		"data\n"
		"is in RAM and on the disk.",
	.allowed = "[--json] [--] [PATH]",
	.short_options = ":",
	.long_options = long_options,
};

int cmd_ls(int argc, char *argv[])
{
	struct json json = {.out = stdout, .first = true}, *to = NULL;
	const char *path;
	int error, option;

	while ((option = usage_next(&usage, argc, argv)) != -1) {
		if (option != 'j')
			return option == 'h' ? EXIT_OK : EXIT_USAGE;
		to = &json;
	}
	if (argc - optind > 1)
		return usage_error(&usage, argv[optind + 1], "not expected");
	path = optind < argc ? argv[optind] : ".";
	error = show(path, to);
	if (!error)
		return EXIT_OK;
	return usage_failed("spoolctl: ls", path, spool_ctl_reason(error));
}
