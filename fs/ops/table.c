/* SPDX-License-Identifier: MIT */
#include "ops/ops_internal.h"

/* The features that we ask the kernel for. We can do without each of them. */
struct wanted {
	unsigned int feature; /* enum spool_feature, 0 = not maskable */
	unsigned int cap;
};

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	static const struct wanted wanted[] = {
		{SPOOL_FEATURE_ASYNC_READ, FUSE_CAP_ASYNC_READ},
		{SPOOL_FEATURE_ATOMIC_O_TRUNC, FUSE_CAP_ATOMIC_O_TRUNC},
		{SPOOL_FEATURE_DONT_MASK, FUSE_CAP_DONT_MASK},
		{SPOOL_FEATURE_IOCTL_DIR, FUSE_CAP_IOCTL_DIR},
		{0, FUSE_CAP_EXPORT_SUPPORT},
		{SPOOL_FEATURE_READDIRPLUS, FUSE_CAP_READDIRPLUS},
		{SPOOL_FEATURE_READDIRPLUS, FUSE_CAP_READDIRPLUS_AUTO},
		{SPOOL_FEATURE_PARALLEL_DIROPS, FUSE_CAP_PARALLEL_DIROPS},
		{SPOOL_FEATURE_POSIX_ACL, FUSE_CAP_POSIX_ACL},
	};
	struct spool_fs *fs = userdata;
	bool shared = fs->options->config.layout == SPOOL_LAYOUT_SHARED;

	/* libfuse turns some on by itself; only those of our table are to be on. Left out are
	 * splice (kernels have races with an abort), AUTO_INVAL_DATA (a GETATTR with each read at
	 * the end of a file), and symlink caching (the self link differs for each caller). */
	conn->want = 0;
	fs->missing = fs->options->mask;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		/* With ACLs the umask is applied after the default ACL of the directory. */
		if (wanted[i].cap == FUSE_CAP_POSIX_ACL &&
		    (!shared || !(conn->capable & FUSE_CAP_DONT_MASK)))
			continue;
		if (conn->capable & wanted[i].cap)
			conn->want |= wanted[i].cap;
		else
			fs->missing |= wanted[i].feature;
	}
	conn->max_write = (unsigned int)fs->max_write; /* libfuse may lower it, see handshake.c */
	conn->max_background = SPOOL_MAX_BACKGROUND;
	conn->congestion_threshold = SPOOL_MAX_BACKGROUND * 3 / 4;
	conn->time_gran = 1;
}

/* Handlers that are missing here are answered ENOSYS once, and the kernel does not ask again:
 * flush, fsync, fsyncdir, and locks (the kernel's own are right). Where it checks permissions it
 * does not ask for access. */
const struct fuse_lowlevel_ops *spool_ops(void)
{
	static const struct fuse_lowlevel_ops ops = {
		.init = op_init,
		.lookup = op_lookup,
		.forget = op_forget,
		.forget_multi = op_forget_multi,
		.getattr = op_getattr,
		.setattr = op_setattr,
		.readlink = op_readlink,
		.mknod = op_mknod,
		.mkdir = op_mkdir,
		.unlink = op_unlink,
		.rmdir = op_rmdir,
		.symlink = op_symlink,
		.rename = op_rename,
		.link = op_link,
		.open = op_open,
		.read = op_read,
		.write = op_write,
		.release = op_release,
		.opendir = op_opendir,
		.readdir = op_readdir,
		.readdirplus = op_readdirplus,
		.releasedir = op_releasedir,
		.access = op_access,
		.statfs = op_statfs,
		.setxattr = op_setxattr,
		.getxattr = op_getxattr,
		.listxattr = op_listxattr,
		.removexattr = op_removexattr,
		.create = op_create,
		.ioctl = op_ioctl,
		.fallocate = op_fallocate,
		.copy_file_range = op_copy_file_range,
		.lseek = op_lseek,
	};

	return &ops;
}

const struct spool_more_ops *spool_more_ops(void)
{
	static const struct spool_more_ops ops = {.statx = reply_fill_statx};

	return &ops;
}
