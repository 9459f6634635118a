/* SPDX-License-Identifier: MIT */

/*
 * For many_ends.py: the least that any FUSE daemon does. One directory with at most one file in it,
 * of which nothing is kept but that it is there: each request is answered at once, by one thread,
 * without locks or memory, and all that the kernel may cache it may keep for an hour. The kernel
 * checks permissions, as it does for ours: for that it asks for the directory's attributes after
 * each change there.
 */

#define FUSE_USE_VERSION 34

#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define CACHED_S 3600
#define FILE_INO 2
#define SIZE 4096

/* The state of a session: whether the file is there. */
static bool *is_there(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static void fill(struct stat *st, fuse_ino_t ino)
{
	*st = (struct stat){.st_ino = ino, .st_nlink = 1};
	st->st_mode = ino == FUSE_ROOT_ID ? S_IFDIR | 0777 : S_IFREG | 0666;
	st->st_size = ino == FUSE_ROOT_ID ? 0 : SIZE;
}

static void fill_entry(struct fuse_entry_param *entry)
{
	*entry = (struct fuse_entry_param){
		.ino = FILE_INO, .attr_timeout = CACHED_S, .entry_timeout = CACHED_S};
	fill(&entry->attr, FILE_INO);
}

static void do_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param entry;

	(void)parent;
	(void)name;
	fill_entry(&entry);
	if (*is_there(req))
		fuse_reply_entry(req, &entry);
	else
		fuse_reply_err(req, ENOENT);
}

static void do_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *file)
{
	struct stat st;

	(void)file;
	fill(&st, ino);
	fuse_reply_attr(req, &st, CACHED_S);
}

static void do_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *file)
{
	struct fuse_entry_param entry;

	(void)parent;
	(void)name;
	(void)mode;
	*is_there(req) = true;
	fill_entry(&entry);
	fuse_reply_create(req, &entry, file);
}

static void do_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *file)
{
	(void)ino;
	file->keep_cache = 1;
	fuse_reply_open(req, file);
}

static void do_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *file)
{
	(void)ino;
	(void)file;
	fuse_reply_err(req, 0);
}

static void do_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *file)
{
	static const char zeros[SIZE];
	size_t left = off < SIZE ? SIZE - (size_t)off : 0;

	(void)ino;
	(void)file;
	fuse_reply_buf(req, zeros, size < left ? size : left);
}

static void do_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
		     struct fuse_file_info *file)
{
	(void)ino;
	(void)buf;
	(void)off;
	(void)file;
	fuse_reply_write(req, size);
}

static void do_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	(void)parent;
	(void)name;
	*is_there(req) = false;
	fuse_reply_err(req, 0);
}

static const struct fuse_lowlevel_ops ops = {
	.lookup = do_lookup,
	.getattr = do_getattr,
	.create = do_create,
	.open = do_open,
	.release = do_release,
	.read = do_read,
	.write = do_write,
	.unlink = do_unlink,
};

/* Prints "ready" when it is mounted, and ends when it is unmounted. */
int main(int argc, char *argv[])
{
	char *options[] = {argv[0], "-o", "allow_other,default_permissions"};
	struct fuse_args args = FUSE_ARGS_INIT(3, options);
	bool there = false;
	struct fuse_session *session = fuse_session_new(&args, &ops, sizeof(ops), &there);

	if (argc != 2 || !session || fuse_session_mount(session, argv[1]) < 0)
		return 1;
	printf("ready\n");
	fflush(stdout);
	fuse_session_loop(session);
	fuse_session_unmount(session);
	fuse_session_destroy(session);
	fuse_opt_free_args(&args);
	return 0;
}
