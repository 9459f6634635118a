/* SPDX-License-Identifier: MIT */
#include "channel_rig.h"

#include <fcntl.h>

#include "transport/channel.h"
#include "transport/outgoing.h"
#include "transport/wire.h"

/* libfuse wants it first. */
static void send_init(struct spool_fs *fs)
{
	struct {
		struct fuse_in_header header;
		struct fuse_init_in in;
	} wire = {
		.header = {.len = sizeof(wire), .opcode = FUSE_INIT, .unique = 2},
		.in = {.major = FUSE_KERNEL_VERSION, .minor = 31, .max_readahead = 4096},
	};
	struct fuse_buf buf = {.mem = &wire, .size = sizeof(wire)};

	fuse_session_process_buf(fs->session, &buf);
}

void channel_rig_init(struct spool_fs *fs, struct engine_rig *rig,
		      const struct fuse_lowlevel_ops *ops)
{
	static const struct spool_options options;
	struct fuse_args args = FUSE_ARGS_INIT(1, (char *[]){(char[]){"test"}});

	engine_rig_init(rig, SPOOL_LAYOUT_SHARED, SPOOL_MODES_KEEP);
	*fs = (struct spool_fs){.engine = rig->engine, .options = &options};
	CU_ASSERT_EQUAL_FATAL(pthread_key_create(&fs->current, NULL), 0);
	fs->session = fuse_session_new(&args, ops, sizeof(*ops), fs);
	fuse_opt_free_args(&args); /* libfuse has made a copy of them */
	CU_ASSERT_PTR_NOT_NULL_FATAL(fs->session);
	CU_ASSERT_EQUAL_FATAL(
		spool_outgoing_attach(fs->session, open("/dev/null", O_RDWR | O_CLOEXEC)), 0);
	send_init(fs);
}

void channel_rig_fini(struct spool_fs *fs, struct engine_rig *rig)
{
	fuse_session_destroy(fs->session);
	pthread_key_delete(fs->current);
	engine_rig_fini(rig);
}

void channel_rig_tell_nobody(void *ctx, uint64_t ino, enum spool_tell what, uint64_t off,
			     uint64_t len)
{
	(void)ctx;
	(void)ino;
	(void)what;
	(void)off;
	(void)len;
}
