/* SPDX-License-Identifier: MIT */
#include "host/journal.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "util/macros.h"

struct datagram {
	char *data; /* SPOOL_JOURNAL_MAX bytes */
	size_t size;
};

bool spool_journal_is(const char *stream, int fd)
{
	uintmax_t device, inode;
	struct stat attr;
	int end = 0;

	return stream && sscanf(stream, "%ju:%ju%n", &device, &inode, &end) == 2 && !stream[end] &&
	       fstat(fd, &attr) == 0 && attr.st_dev == (dev_t)device && attr.st_ino == (ino_t)inode;
}

static void add_bytes(struct datagram *datagram, const void *data, size_t size)
{
	memcpy(datagram->data + datagram->size, data, size);
	datagram->size += size;
}

static void add(struct datagram *datagram, const char *name, const char *value)
{
	size_t len = strlen(value), names = strlen(name);
	uint64_t size = htole64(len);

	if (names + len + sizeof(size) + 3 > SPOOL_JOURNAL_MAX - datagram->size)
		return;
	add_bytes(datagram, name, names);
	if (strchr(value, '\n')) {
		add_bytes(datagram, "\n", 1);
		add_bytes(datagram, &size, sizeof(size));
	} else {
		add_bytes(datagram, "=", 1);
	}
	add_bytes(datagram, value, len);
	add_bytes(datagram, "\n", 1);
}

size_t spool_journal_encode(const struct spool_log_line *line, const char *mount,
			    char ret[static SPOOL_JOURNAL_MAX])
{
	static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};
	struct datagram datagram = {.data = ret};
	char number[24];

	assert(line->level < SPOOL_ARRAY_SIZE(priorities));
	add(&datagram, "MESSAGE", line->text);
	snprintf(number, sizeof(number), "%d", priorities[line->level]);
	add(&datagram, "PRIORITY", number);
	add(&datagram, "SYSLOG_IDENTIFIER", "spoolfs");
	for (size_t i = 0; i < line->n_fields; i++) {
		snprintf(number, sizeof(number), "%" PRIu64, line->fields[i].number);
		add(&datagram, line->fields[i].name,
		    line->fields[i].text ? line->fields[i].text : number);
	}
	if (mount)
		add(&datagram, "SPOOLFS_MOUNT", mount);
	return datagram.size;
}

int spool_journal_send(const char *path, const struct spool_log_line *line, const char *mount)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	spool_cleanup(fd) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char data[SPOOL_JOURNAL_MAX];
	size_t size;

	if (fd < 0)
		return -errno;
	size = spool_journal_encode(line, mount, data);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (sendto(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&address,
		   sizeof(address)) < 0)
		return -errno;
	return 0;
}
