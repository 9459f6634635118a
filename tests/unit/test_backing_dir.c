/* SPDX-License-Identifier: MIT */

/*
 * The backing directory: which ones are refused and with what words; files without names, their
 * data, their holes, the page cache, and the limits of the system. Works below $TMPDIR or, where
 * that does not do, /var/tmp; with and without O_TMPFILE and O_DIRECT.
 */

#include "spill/backing_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fault_host.h"
#include "unit.h"
#include "util/macros.h"

#define PAGE SPOOL_BACKING_ALIGN
#define MIB ((size_t)1 << 20)
#define NOBODY 65534

static char base[PATH_MAX];
static struct fault_host host;
static struct spool_backing *backing;
static struct spool_backing_info info;

static int check(const char *path, bool any, const char *expected)
{
	char why[200] = "";
	int r = spool_backing_dir_check(path, any, why, sizeof(why));

	if (!strstr(why, expected))
		printf("\n    %s: \"%s\", not \"%s\"", path, why, expected);
	CU_ASSERT_TRUE(strstr(why, expected) != NULL);
	CU_ASSERT_EQUAL(r >= 0, why[0] == '\0');
	CU_ASSERT_PTR_NULL(strchr(why, '\n'));
	CU_ASSERT_EQUAL(r < 0, strstr(why, "allowed: ") != NULL);
	CU_ASSERT_TRUE(strlen(why) < 120);
	if (r >= 0) {
		CU_ASSERT_TRUE(fcntl(r, F_GETFD) & FD_CLOEXEC);
		spool_close(r);
	}
	return r < 0 ? r : 0;
}

/* A directory of our own in @parent. Return: false when there can be none that does. */
static bool make_base(const char *parent)
{
	char why[200];
	int fd;

	if (!parent || snprintf(base, sizeof(base), "%s/spoolfs-unit-XXXXXX", parent) >= 4000 ||
	    !mkdtemp(base))
		return false;
	fd = spool_backing_dir_check(base, true, why, sizeof(why));
	if (fd >= 0) {
		spool_close(fd);
		return true;
	}
	rmdir(base);
	printf("# note: %s: %s\n", parent, why);
	return false;
}

static const char *in_base(const char *name)
{
	static char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", base, name);
	return path;
}

static unsigned int count_names(void)
{
	DIR *dir = opendir(base);
	unsigned int n = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

static int open_base(void)
{
	char why[200];
	int fd = spool_backing_dir_check(base, true, why, sizeof(why));

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	return fd;
}

static void set_up(unsigned int mask)
{
	fault_host_init(&host);
	CU_ASSERT_EQUAL_FATAL(
		spool_backing_dir_new(&host.host, open_base(), mask & 1, mask & 2, &backing, &info),
		0);
	CU_ASSERT_FALSE((mask & 1) && info.tmpfile);
	CU_ASSERT_FALSE((mask & 2) && info.direct);
	CU_ASSERT_EQUAL(count_names(), 0);
}

static void tear_down(void)
{
	backing->ops->free(backing);
	CU_ASSERT_EQUAL(host.live, 0);
	CU_ASSERT_EQUAL(count_names(), 0);
}

static int open_file(void)
{
	int file = backing->ops->open(backing);

	CU_ASSERT_TRUE_FATAL(file >= 0);
	CU_ASSERT_EQUAL(count_names(), 0);
	return file;
}

static unsigned char *pages(size_t n)
{
	void *memory = aligned_alloc(PAGE, n * PAGE);

	CU_ASSERT_PTR_NOT_NULL_FATAL(memory);
	memset(memory, 0, n * PAGE);
	return memory;
}

static void fill(unsigned char *bytes, size_t size, uint64_t salt)
{
	for (size_t i = 0; i < size; i += sizeof(salt)) {
		uint64_t word = (salt + i) * 0x9e3779b97f4a7c15u;

		memcpy(bytes + i, &word, sizeof(word));
	}
}

static int put(int file, void *bytes, size_t size, uint64_t off)
{
	struct iovec iov = {.iov_base = bytes, .iov_len = size};

	return backing->ops->write(backing, file, &iov, 1, off);
}

static int get(int file, void *bytes, size_t size, uint64_t off)
{
	struct iovec iov = {.iov_base = bytes, .iov_len = size};

	return backing->ops->read(backing, file, &iov, 1, off);
}

static void test_refused(void)
{
	static char longer[PATH_MAX + 10];
	char path[PATH_MAX + 64], why[4] = "???";
	int fd;

	CU_ASSERT_EQUAL(check(in_base("missing"), true, "does not exist"), -ENOENT);
	CU_ASSERT_EQUAL(check("", true, "does not exist"), -ENOENT);
	fd = open(in_base("file"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	CU_ASSERT_TRUE(fd >= 0);
	spool_close(fd);
	CU_ASSERT_EQUAL(check(in_base("file"), true, "is not a directory"), -ENOTDIR);
	CU_ASSERT_EQUAL(check(in_base("file/"), true, "is not a directory"), -ENOTDIR);
	CU_ASSERT_EQUAL(check(in_base("file/below"), true, "is not a directory"), -ENOTDIR);
	CU_ASSERT_EQUAL(mkfifo(in_base("fifo"), 0600), 0);
	CU_ASSERT_EQUAL(check(in_base("fifo"), true, "is not a directory"), -ENOTDIR);
	CU_ASSERT_EQUAL(mkdir(in_base("dir"), 0700), 0);
	CU_ASSERT_EQUAL(symlink("dir", in_base("link")), 0);
	CU_ASSERT_EQUAL(check(in_base("dir"), true, ""), 0);
	CU_ASSERT_EQUAL(check(in_base("dir//"), true, ""), 0);
	CU_ASSERT_EQUAL(check(in_base("link"), true, "is a symbolic link"), -ENOTDIR);
	CU_ASSERT_EQUAL(check(in_base("link/"), true, "is a symbolic link"), -ENOTDIR);
	CU_ASSERT_EQUAL(check(in_base("link/."), true, "is a symbolic link"), -ENOTDIR);
	CU_ASSERT_EQUAL(check(in_base(".//link//././"), true, "is a symbolic link"), -ENOTDIR);
	CU_ASSERT_EQUAL(check(in_base("./dir/./"), true, ""), 0);
	CU_ASSERT_EQUAL(check(in_base("dir/.."), true, "leads upwards"), -EINVAL);
	CU_ASSERT_EQUAL(check(in_base("link/../dir"), true, "leads upwards"), -EINVAL);
	CU_ASSERT_EQUAL(check(in_base("..dir"), true, "does not exist"), -ENOENT);
	snprintf(path, sizeof(path), "%s", in_base("link/below")); /* on the way there it may be */
	CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
	CU_ASSERT_EQUAL(check(path, true, ""), 0);
	memset(longer, 'x', sizeof(longer) - 1);
	CU_ASSERT_EQUAL(check(longer, true, "name too long"), -ENAMETOOLONG);
	CU_ASSERT_EQUAL(spool_backing_dir_check(in_base("file"), true, why, sizeof(why)), -ENOTDIR);
	CU_ASSERT_STRING_EQUAL(why, "is ");
	rmdir(path);
	unlink(in_base("link"));
	unlink(in_base("file"));
	unlink(in_base("fifo"));
	rmdir(in_base("dir"));
}

static void test_who_may(void)
{
	const char *path = in_base("dir");

	CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
	CU_ASSERT_EQUAL(chmod(path, 0777), 0);
	CU_ASSERT_EQUAL(check(path, true, "others may write to it"), -EPERM);
	CU_ASSERT_EQUAL(chmod(path, 0703), 0);
	CU_ASSERT_EQUAL(check(path, true, "others may write to it"), -EPERM);
	CU_ASSERT_EQUAL(chmod(path, 01777), 0);
	CU_ASSERT_EQUAL(check(path, true, ""), 0);
	CU_ASSERT_EQUAL(chmod(path, 0775), 0);
	CU_ASSERT_EQUAL(check(path, true, ""), 0);
	if (geteuid() != 0) {
		CU_ASSERT_EQUAL(chmod(path, 0500), 0);
		CU_ASSERT_EQUAL(check(path, true, "denied"), -EACCES);
		printf("\n# note: not root: nothing about others' directories");
		rmdir(path);
		return;
	}
	CU_ASSERT_EQUAL(chown(path, NOBODY, 0), 0);
	CU_ASSERT_EQUAL(check(path, true, "belongs to uid 65534 (allowed: a directory of uid 0)"),
			-EPERM);
	CU_ASSERT_EQUAL(chmod(base, 0711), 0);
	CU_ASSERT_EQUAL(seteuid(NOBODY), 0);
	if (access(base, F_OK) < 0 && errno == EACCES) {
		printf("\n# note: %s: another uid cannot get there", base);
		goto out;
	}
	CU_ASSERT_EQUAL(check(path, true, ""), 0);
	CU_ASSERT_EQUAL(chmod(path, 0500), 0);
	CU_ASSERT_EQUAL(check(path, true, "denied"), -EACCES);
	CU_ASSERT_EQUAL(chmod(path, 0300), 0);
	CU_ASSERT_EQUAL(check(path, true, "denied"), -EACCES);
	CU_ASSERT_EQUAL(check(base, true, "denied"), -EACCES); /* root's, but not for us */
	CU_ASSERT_EQUAL(seteuid(0), 0);
	CU_ASSERT_EQUAL(chown(path, 1, 1), 0);
	CU_ASSERT_EQUAL(chmod(path, 0755), 0);
	CU_ASSERT_EQUAL(seteuid(NOBODY), 0);
	CU_ASSERT_EQUAL(check(path, true, "a directory of uid 0 or 65534"), -EPERM);
	CU_ASSERT_EQUAL(seteuid(0), 0);
	CU_ASSERT_EQUAL(chown(path, 0, 0), 0);
	CU_ASSERT_EQUAL(chmod(path, 01777), 0);
	CU_ASSERT_EQUAL(seteuid(NOBODY), 0);
	CU_ASSERT_EQUAL(check(path, true, ""), 0); /* root's, for all, as /var/tmp is */
out:
	CU_ASSERT_EQUAL(seteuid(0), 0);
	rmdir(path);
	CU_ASSERT_EQUAL(chmod(base, 0700), 0);
}

/* Writes an ACL of three entries, the mask and one more. Return: false when there is none here. */
static bool set_acl(const char *path, unsigned int tag, uint32_t id, unsigned int mask)
{
	const struct {
		uint32_t version;
		struct {
			uint16_t tag, perm;
			uint32_t id;
		} entries[5];
	} acl = {2, /* POSIX_ACL_XATTR_VERSION; entries in the order of their tags */
		 {{0x01, 7, ~0U},
		  {(uint16_t)(tag == 0x02 ? tag : 0x04), 7, tag == 0x02 ? id : ~0U},
		  {(uint16_t)(tag == 0x02 ? 0x04 : tag), 7, tag == 0x02 ? ~0U : id},
		  {0x10, (uint16_t)mask, ~0U},
		  {0x20, 5, ~0U}}};

	if (setxattr(path, "system.posix_acl_access", &acl, sizeof(acl), 0) == 0)
		return true;
	CU_ASSERT_EQUAL(errno, EOPNOTSUPP);
	return false;
}

static void test_groups_and_acls(void)
{
	const char *path = in_base("dir");
	static const char *const refusal = "by its ACL others may write to it";
	const uint32_t other = geteuid() == NOBODY ? NOBODY - 1 : NOBODY;

	CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
	if (geteuid() != 0)
		printf("\n# note: not root: nothing about groups");
	if (geteuid() == 0) {
		CU_ASSERT_EQUAL(chown(path, 0, NOBODY), 0);
		CU_ASSERT_EQUAL(chmod(path, 0755), 0);
		CU_ASSERT_EQUAL(check(path, true, ""), 0);
		CU_ASSERT_EQUAL(chmod(path, 0775), 0);
		CU_ASSERT_EQUAL(check(path, true, "group 65534 may write to it"), -EPERM);
		CU_ASSERT_EQUAL(chmod(path, 01775), 0);
		CU_ASSERT_EQUAL(check(path, true, ""), 0);
		CU_ASSERT_EQUAL(chown(path, 0, 0), 0);
		CU_ASSERT_EQUAL(chmod(path, 0775), 0);
		CU_ASSERT_EQUAL(check(path, true, ""), 0);
	}
	if (set_acl(path, 0x02, other, 7)) { /* ACL_USER */
		CU_ASSERT_EQUAL(check(path, true, refusal), -EPERM);
		CU_ASSERT_TRUE(set_acl(path, 0x02, other, 5));
		CU_ASSERT_EQUAL(check(path, true, ""), 0);
		CU_ASSERT_TRUE(set_acl(path, 0x02, geteuid(), 7));
		CU_ASSERT_EQUAL(check(path, true, ""), 0);
		CU_ASSERT_TRUE(set_acl(path, 0x08, other, 7)); /* ACL_GROUP */
		CU_ASSERT_EQUAL(check(path, true, refusal), -EPERM);
		CU_ASSERT_EQUAL(chmod(path, 01770), 0);
		CU_ASSERT_EQUAL(check(path, true, ""), 0);
	}
	rmdir(path);
}

/* Who owns or may write to what is above it could put another in its place. */
static void test_above(void)
{
	char path[PATH_MAX + 64], link[PATH_MAX + 64];

	if (geteuid() != 0) {
		CU_PASS("not root: there are no directories of others to be had");
		return;
	}
	CU_ASSERT_EQUAL(mkdir(in_base("up"), 0755), 0);
	snprintf(path, sizeof(path), "%s", in_base("up/dir"));
	CU_ASSERT_EQUAL(mkdir(path, 0755), 0);
	CU_ASSERT_EQUAL(check(path, true, ""), 0);
	CU_ASSERT_EQUAL(chmod(in_base("up"), 0777), 0);
	CU_ASSERT_EQUAL(check(path, true, "/up above it: others own it or may write to it"),
			-EPERM);
	CU_ASSERT_EQUAL(chmod(in_base("up"), 01777), 0);
	CU_ASSERT_EQUAL(check(path, true, ""), 0);
	CU_ASSERT_EQUAL(chown(in_base("up"), NOBODY, 0), 0);
	CU_ASSERT_EQUAL(check(path, true, "/up above it: others own it"), -EPERM);
	CU_ASSERT_EQUAL(chown(in_base("up"), 0, 0), 0);
	snprintf(link, sizeof(link), "%s", in_base("way"));
	CU_ASSERT_EQUAL(symlink("up", link), 0);
	CU_ASSERT_EQUAL(check(in_base("way/dir"), true, ""), 0);
	CU_ASSERT_EQUAL(lchown(link, NOBODY, NOBODY), 0);
	CU_ASSERT_EQUAL(check(in_base("way/dir"), true, "a symbolic link of uid 65534"), -EPERM);
	unlink(link);
	rmdir(path);
	rmdir(in_base("up"));
}

static void test_in_memory(void)
{
	char saved[PATH_MAX];
	struct spool_space space;
	unsigned char *bytes;
	int file;

	memcpy(saved, base, sizeof(saved));
	if (!make_base("/dev/shm") || check(base, false, "") != -EOPNOTSUPP) {
		printf("\n# note: /dev/shm: no tmpfs");
		CU_PASS("no tmpfs here");
		goto out;
	}
	CU_ASSERT_EQUAL(check(base, false, "is on a filesystem in memory"), -EOPNOTSUPP);
	CU_ASSERT_EQUAL(check(base, false, "any with backing_any=on"), -EOPNOTSUPP);
	CU_ASSERT_EQUAL(check(base, true, ""), 0);
	bytes = pages(1);
	for (unsigned int mask = 0; mask < 4; mask++) {
		set_up(mask);
		file = open_file();
		CU_ASSERT_EQUAL(put(file, bytes, PAGE, 0), 0);
		CU_ASSERT_EQUAL(get(file, bytes, PAGE, 0), 0);
		CU_ASSERT_EQUAL(backing->ops->space(backing, &space), 0);
		backing->ops->close(backing, file);
		tear_down();
	}
	free(bytes);
	rmdir(base);
out:
	memcpy(base, saved, sizeof(base));
}

/* In many ranges, at once and in the middle, beyond the end, in holes. */
static void round_trip(void)
{
	enum { N = 150 };
	unsigned char *data = pages(2 * N), *back = pages(2 * N), *zeros = pages(2);
	struct iovec iov[N], into[3];
	int file = open_file();
	uint64_t off = spool_min_u64((uint64_t)5 << 32, backing->max_file / 2);

	fill(data, (size_t)2 * N * PAGE, off);
	for (size_t i = 0; i < N; i++) /* every second page, the last first */
		iov[i] = (struct iovec){.iov_base = data + (2 * (N - i) - 1) * PAGE,
					.iov_len = PAGE};
	CU_ASSERT_EQUAL(backing->ops->write(backing, file, iov, N, off), 0);
	into[0] = (struct iovec){.iov_base = back, .iov_len = 7 * PAGE};
	into[1] = (struct iovec){.iov_base = back + (size_t)7 * PAGE, .iov_len = 0};
	into[2] = (struct iovec){.iov_base = back + (size_t)7 * PAGE,
				 .iov_len = (size_t)(N - 7) * PAGE};
	CU_ASSERT_EQUAL(backing->ops->read(backing, file, into, 3, off), 0);
	for (size_t i = 0; i < N; i++)
		CU_ASSERT_EQUAL(memcmp(back + i * PAGE, iov[i].iov_base, PAGE), 0);
	CU_ASSERT_EQUAL(put(file, data, PAGE, off + (uint64_t)3 * PAGE), 0);
	CU_ASSERT_EQUAL(get(file, back, (size_t)2 * PAGE, off + (uint64_t)3 * PAGE), 0);
	CU_ASSERT_EQUAL(memcmp(back, data, PAGE), 0);
	CU_ASSERT_EQUAL(memcmp(back + PAGE, iov[4].iov_base, PAGE), 0);
	CU_ASSERT_EQUAL(get(file, back, (size_t)2 * PAGE, off + (uint64_t)(N - 1) * PAGE), -EIO);
	CU_ASSERT_EQUAL(get(file, back, PAGE, off + (uint64_t)N * PAGE), -EIO);
	CU_ASSERT_EQUAL(get(file, back, (size_t)2 * PAGE, off - (uint64_t)2 * PAGE), 0);
	CU_ASSERT_EQUAL(memcmp(back, zeros, (size_t)2 * PAGE), 0); /* never written */
	backing->ops->close(backing, file);
	free(data);
	free(back);
	free(zeros);
}

/* Punched space comes back. */
static void holes(void)
{
	unsigned char *bytes = pages(2 * MIB / PAGE);
	int file = open_file();
	struct stat before, after;

	fill(bytes, 2 * MIB, 1);
	CU_ASSERT_EQUAL(put(file, bytes, 2 * MIB, 0), 0);
	CU_ASSERT_EQUAL(fdatasync(file), 0); /* for filesystems that allocate late */
	CU_ASSERT_EQUAL(fstat(file, &before), 0);
	if (info.punch) {
		CU_ASSERT_TRUE((uint64_t)before.st_blocks * 512 >= 2 * MIB);
		CU_ASSERT_EQUAL(backing->ops->punch(backing, file, 65536, MIB), 0);
		CU_ASSERT_EQUAL(fstat(file, &after), 0);
		CU_ASSERT_TRUE((uint64_t)(before.st_blocks - after.st_blocks) * 512 >= MIB);
		CU_ASSERT_EQUAL(after.st_size, before.st_size);
		CU_ASSERT_EQUAL(get(file, bytes, PAGE, 65536), 0);
		CU_ASSERT_EQUAL(bytes[0] | bytes[PAGE - 1], 0);
		CU_ASSERT_EQUAL(get(file, bytes, PAGE, 65536 - PAGE), 0);
		CU_ASSERT_NOT_EQUAL(memcmp(bytes, bytes + PAGE, PAGE), 0);
		CU_ASSERT_EQUAL(put(file, bytes, PAGE, 65536), 0);
		CU_ASSERT_EQUAL(get(file, bytes + PAGE, PAGE, 65536), 0);
		CU_ASSERT_EQUAL(memcmp(bytes, bytes + PAGE, PAGE), 0);
	} else {
		CU_ASSERT_EQUAL(backing->ops->punch(backing, file, 65536, MIB), -EOPNOTSUPP);
	}
	backing->ops->close(backing, file);
	free(bytes);
}

static void is_private(void)
{
	int first, file, saved = fcntl(0, F_DUPFD_CLOEXEC, 3);
	mode_t mask = umask(0);
	struct stat stat;

	spool_close(0);
	first = open_file(); /* would get 0 */
	CU_ASSERT_TRUE(first > 2);
	CU_ASSERT_TRUE(fcntl(0, F_GETFD) < 0);
	if (saved >= 0)
		CU_ASSERT_EQUAL(dup2(saved, 0), 0);
	spool_close(saved);
	file = open_file();
	CU_ASSERT_NOT_EQUAL(file, first);
	umask(mask);
	CU_ASSERT_TRUE(fcntl(file, F_GETFD) & FD_CLOEXEC);
	CU_ASSERT_TRUE(fcntl(first, F_GETFD) & FD_CLOEXEC);
	CU_ASSERT_EQUAL(!!(fcntl(file, F_GETFL) & O_DIRECT), info.direct);
	CU_ASSERT_EQUAL(fstat(file, &stat), 0);
	CU_ASSERT_EQUAL(stat.st_nlink, 0);
	CU_ASSERT_EQUAL(stat.st_mode, S_IFREG | 0600);
	CU_ASSERT_EQUAL(stat.st_size, 0);
	if (info.tmpfile) { /* nobody can give it a name */
		char path[64];

		snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
		CU_ASSERT_TRUE(
			linkat(AT_FDCWD, path, AT_FDCWD, in_base("named"), AT_SYMLINK_FOLLOW) < 0);
	}
	CU_ASSERT_EQUAL(count_names(), 0);
	backing->ops->close(backing, file);
	backing->ops->close(backing, first);
	CU_ASSERT_TRUE(fcntl(file, F_GETFD) < 0);
}

/* What max_file is with files of at most @size bytes. Return: 0 when that is too little. */
static uint64_t new_with_limit(rlim_t size)
{
	struct spool_backing *limited = NULL;
	struct spool_backing_info ignored;
	struct rlimit limit;
	uint64_t max = 0;
	int r;

	CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = size;
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &limit), 0);
	r = spool_backing_dir_new(&host.host, open_base(), false, false, &limited, &ignored);
	if (r == 0) {
		max = limited->max_file;
		limited->ops->free(limited);
	} else {
		CU_ASSERT_EQUAL(r, -ENOSPC);
	}
	return max;
}

/* What the system refuses: no room (a limit stands for a full disk), no such thing. */
static void limits(void)
{
	unsigned char *bytes = pages(4);
	struct rlimit saved, limit;
	int file = open_file();
	struct spool_space space;
	struct statvfs stat;
	int r;

	CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &saved), 0);
	limit = saved;
	limit.rlim_cur = MIB;
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &limit), 0);
	CU_ASSERT_EQUAL(put(file, bytes, PAGE, MIB), -ENOSPC);
	CU_ASSERT_EQUAL(put(file, bytes, (size_t)4 * PAGE, MIB - PAGE), -ENOSPC);
	CU_ASSERT_EQUAL(put(file, bytes, PAGE, MIB - PAGE), 0);
	CU_ASSERT_EQUAL(new_with_limit(SPOOL_BACKING_FILE_MIN - 1), 0);
	CU_ASSERT_EQUAL(new_with_limit(SPOOL_BACKING_FILE_MIN), SPOOL_BACKING_FILE_MIN);
	CU_ASSERT_EQUAL(new_with_limit(3 * SPOOL_BACKING_FILE_MIN), 2 * SPOOL_BACKING_FILE_MIN);
	CU_ASSERT_EQUAL(put(file, bytes, PAGE, backing->max_file - PAGE), -ENOSPC);
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &saved), 0);
	CU_ASSERT_EQUAL(put(file, bytes, PAGE, MIB), 0);
	CU_ASSERT_EQUAL(put(file, bytes, PAGE, backing->max_file - PAGE), 0);
	CU_ASSERT_TRUE(backing->max_file <= (uint64_t)1 << 40);
	r = put(file, bytes, PAGE, (uint64_t)1 << 62); /* EFBIG, but tmpfs goes so far */
	CU_ASSERT_TRUE(r == -ENOSPC || r == 0);
	CU_ASSERT_EQUAL(backing->ops->space(backing, &space), 0);
	CU_ASSERT_EQUAL(statvfs(base, &stat), 0);
	CU_ASSERT_EQUAL(space.total, (uint64_t)stat.f_blocks * stat.f_frsize);
	CU_ASSERT_TRUE(space.free <= space.total);
	backing->ops->close(backing, file);
	free(bytes);
}

/* What the machine says itself, asked in other words. */
static void probed(void)
{
	void *bytes = pages(1);
	int fd = open(base, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	CU_ASSERT_EQUAL(info.tmpfile, fd >= 0);
	spool_close(fd);
	fd = open(base, O_TMPFILE | O_RDWR | O_CLOEXEC | O_DIRECT, 0600);
	if (fd >= 0) {
		CU_ASSERT_EQUAL(info.direct, pwrite(fd, bytes, PAGE, 0) == PAGE);
		CU_ASSERT_EQUAL(
			info.punch,
			fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE) == 0);
	}
	spool_close(fd);
	free(bytes);
	printf("\n# note: %s: tmpfile %d, direct %d, punch %d", base, info.tmpfile, info.direct,
	       info.punch);
}

static void test_all_ways(void)
{
	for (unsigned int mask = 0; mask < 4; mask++) {
		set_up(mask);
		if (mask == 0)
			probed();
		round_trip();
		holes();
		is_private();
		limits();
		tear_down();
	}
}

static size_t cached(int file, size_t size)
{
	unsigned char *resident = malloc(size / PAGE);
	size_t n = 0, page = (size_t)sysconf(_SC_PAGESIZE);
	void *at = mmap(NULL, size, PROT_READ, MAP_SHARED, file, 0);

	CU_ASSERT_NOT_EQUAL_FATAL(at, MAP_FAILED);
	CU_ASSERT_EQUAL(mincore(at, size, resident), 0);
	for (size_t i = 0; i < size / page; i++)
		n += resident[i] & 1;
	munmap(at, size);
	free(resident);
	return n * page;
}

/* Without direct I/O at most 8 MiB and what is on its way stay in the page cache. */
static void test_page_cache(void)
{
	unsigned char *bytes = pages(MIB / PAGE);
	int file, closed;
	struct statfs stat;

	CU_ASSERT_EQUAL(statfs(base, &stat), 0);
	if (stat.f_type == TMPFS_MAGIC || stat.f_type == RAMFS_MAGIC ||
	    stat.f_type == OVERLAYFS_SUPER_MAGIC) {
		printf("\n# note: %s: nothing but cache, or an overlay, which does not pass on "
		       "sync_file_range",
		       base);
		free(bytes);
		return;
	}
	set_up(2);
	fill(bytes, MIB, 3);
	closed = open_file();
	for (uint64_t off = 0; off < MIB; off += 8 * PAGE)
		CU_ASSERT_EQUAL(put(closed, bytes, PAGE, off), 0);
	file = open_file();
	for (uint64_t off = 0; off < 24 * MIB; off += MIB)
		CU_ASSERT_EQUAL(put(file, bytes, MIB, off), 0);
	CU_ASSERT_TRUE(cached(file, 24 * MIB) <= 10 * MIB);
	for (uint64_t off = 0; off < 24 * MIB; off += MIB) {
		CU_ASSERT_EQUAL(put(closed, bytes, PAGE, off), 0); /* as reads of one go on */
		CU_ASSERT_EQUAL(get(file, bytes, MIB, off), 0);
	}
	CU_ASSERT_TRUE(cached(file, 24 * MIB) <= 10 * MIB);
	backing->ops->close(backing, closed);
	for (unsigned int i = 0; i < 1500; i++) /* more ranges than are remembered */
		CU_ASSERT_EQUAL(put(file, bytes, (size_t)4 * PAGE, (uint64_t)i * 4 * PAGE), 0);
	CU_ASSERT_TRUE(cached(file, 24 * MIB) <= 10 * MIB);
	backing->ops->close(backing, file);
	tear_down();
	free(bytes);
}

struct worker {
	pthread_t thread;
	int own, common;
	uint64_t at; /* in the common file */
	unsigned int bad;
};

static void *work(void *arg)
{
	enum { ROUNDS = 60, SIZE = 4 * PAGE };
	struct worker *worker = arg;
	unsigned char *data = pages(4), *back = pages(4);

	for (unsigned int i = 0; i < ROUNDS; i++) {
		uint64_t off = (uint64_t)(i * 7 % ROUNDS) * SIZE;

		fill(data, SIZE, worker->at + i);
		worker->bad += put(worker->own, data, SIZE, off) != 0;
		worker->bad += put(worker->common, data, SIZE, 2 * off + worker->at * SIZE) != 0;
		worker->bad += get(worker->own, back, SIZE, off) != 0;
		worker->bad += memcmp(data, back, SIZE) != 0;
		worker->bad += get(worker->common, back, SIZE, 2 * off + worker->at * SIZE) != 0;
		worker->bad += memcmp(data, back, SIZE) != 0;
		if (i % 20 == 19) {
			backing->ops->close(backing, worker->own);
			worker->own = backing->ops->open(backing);
			worker->bad += worker->own < 0;
		}
	}
	backing->ops->close(backing, worker->own);
	free(data);
	free(back);
	return NULL;
}

static void test_threads(void)
{
	struct worker workers[2];
	int common;

	for (unsigned int mask = 0; mask < 4; mask++) {
		set_up(mask);
		common = open_file();
		for (unsigned int i = 0; i < 2; i++) {
			workers[i] = (struct worker){.own = open_file(), .common = common, .at = i};
			CU_ASSERT_EQUAL(pthread_create(&workers[i].thread, NULL, work, &workers[i]),
					0);
		}
		for (unsigned int i = 0; i < 2; i++) {
			CU_ASSERT_EQUAL(pthread_join(workers[i].thread, NULL), 0);
			CU_ASSERT_EQUAL(workers[i].bad, 0);
		}
		backing->ops->close(backing, common);
		tear_down();
	}
}

/* The descriptor goes in any case, and nothing stays. */
static void test_new_fails(void)
{
	long nth;
	int fd, r;

	fault_host_init(&host);
	for (nth = 1; nth < 10; nth++) {
		fault_host_arm(&host, nth, false);
		fd = open_base();
		r = spool_backing_dir_new(&host.host, fd, false, false, &backing, &info);
		if (!host.fired)
			break;
		CU_ASSERT_EQUAL(r, -ENOMEM);
		CU_ASSERT_EQUAL(host.live, 0);
		CU_ASSERT_TRUE(fcntl(fd, F_GETFD) < 0);
	}
	CU_ASSERT_TRUE(nth > 2);
	CU_ASSERT_EQUAL_FATAL(r, 0);
	backing->ops->free(backing);
	CU_ASSERT_TRUE(fcntl(fd, F_GETFD) < 0);
	fault_host_arm(&host, 0, false);
	fd = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* takes no files */
	CU_ASSERT_TRUE(fd >= 0);
	CU_ASSERT_TRUE(spool_backing_dir_new(&host.host, fd, false, false, &backing, &info) < 0);
	CU_ASSERT_TRUE(fcntl(fd, F_GETFD) < 0);
	CU_ASSERT_EQUAL(host.live, 0);
	CU_ASSERT_EQUAL(count_names(), 0);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"refused", test_refused},
		{"who may", test_who_may},
		{"groups and acls", test_groups_and_acls},
		{"above", test_above},
		{"in memory", test_in_memory},
		{"all ways", test_all_ways},
		{"page cache", test_page_cache},
		{"threads", test_threads},
		{"no backing", test_new_fails},
	};
	int r;

	signal(SIGXFSZ, SIG_IGN); /* as the daemon does */
	if (!make_base(getenv("TMPDIR")) && !make_base("/var/tmp")) {
		fputs("backing_dir: no directory to work in\n", stderr);
		return EXIT_FAILURE;
	}
	r = unit_run("backing_dir", tests, SPOOL_ARRAY_SIZE(tests));
	if (rmdir(base) < 0) {
		perror(base);
		return EXIT_FAILURE;
	}
	return r;
}
