/* SPDX-License-Identifier: MIT */
#include "engine_dump.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void dump_xattrs(struct engine_rig *rig, FILE *out, uint64_t ino)
{
	char names[1024], value[1024];
	ssize_t len = spool_engine_listxattr(rig->engine, ino, names, sizeof(names), NULL);

	for (const char *name = names; name < names + len; name += strlen(name) + 1) {
		ssize_t size = spool_engine_getxattr(rig->engine, ino, name, value, sizeof(value));

		fprintf(out, " %s=", name);
		for (ssize_t i = 0; i < size; i++)
			fprintf(out, "%02x", (unsigned char)value[i]);
	}
}

static void dump_life(struct engine_rig *rig, FILE *out, uint64_t ino)
{
	struct spool_life life = {0};

	CU_ASSERT_EQUAL(spool_engine_life(rig->engine, ino, &life), 0);
	fprintf(out, " lifetime %d session %llu ended %d bound %llu lingers %llu waits for \"%s\"",
		life.lifetime, (unsigned long long)life.session, life.ended,
		(unsigned long long)life.bound, (unsigned long long)life.linger_ms, life.waits_for);
}

static void dump_node(struct engine_rig *rig, FILE *out, uint64_t ino)
{
	static char data[400000];
	struct spool_attr a = rig_attr(rig, ino);
	struct spool_node *node = spool_table_get(&rig->engine->table, ino);
	uint64_t sum = 0;

	fprintf(out, "%llu %o %u:%u size %llu blocks %llu links %u refs %llu lookups %llu opens %u",
		(unsigned long long)ino, a.mode, a.uid, a.gid, (unsigned long long)a.size,
		(unsigned long long)a.blocks, a.nlink, (unsigned long long)node->refs,
		(unsigned long long)node->n_lookup, node->n_open);
	fprintf(out, " times %lld %lld %lld flags %u", (long long)a.atime.tv_sec,
		(long long)a.mtime.tv_sec, (long long)a.ctime.tv_sec, node->flags);
	if (S_ISREG(a.mode)) {
		ssize_t n = spool_engine_read(rig->engine, ino, data, sizeof(data), 0, 0);

		for (ssize_t i = 0; i < n; i++)
			sum = sum * 31 + (unsigned char)data[i];
		fprintf(out, " data %zd %llx", n, (unsigned long long)sum);
	}
	dump_xattrs(rig, out, ino);
	dump_life(rig, out, ino);
	fputc('\n', out);
	engine_put(rig->engine, node);
}

static bool dump_entry(void *arg, const char *name, size_t len, const struct spool_attr *entry,
		       uint64_t cookie)
{
	(void)len;
	fprintf(arg, "%llu=%s@%llu ", (unsigned long long)entry->ino, name,
		(unsigned long long)cookie);
	return true;
}

char *engine_dump(struct engine_rig *rig)
{
	const struct spool_cred root = {.uid = 0};
	struct spool_life_stat life;
	struct spool_usage usage;
	struct spool_attr attr;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	uid_t uid;

	for (uint64_t ino = 1; ino < 64; ino++) {
		if (spool_engine_getattr(rig->engine, ino, &attr) < 0)
			continue;
		if (S_ISDIR(attr.mode))
			spool_engine_readdir(rig->engine, &root, ino, 0, NULL, false, dump_entry,
					     out);
		dump_node(rig, out, ino);
	}
	spool_engine_life_stat(rig->engine, &life);
	fprintf(out, "removed %llu waiting %llu lingering %llu sessions %llu ended %llu\n",
		(unsigned long long)life.removed, (unsigned long long)life.waiting,
		(unsigned long long)life.lingering, (unsigned long long)life.sessions,
		(unsigned long long)life.ended);
	for (uint64_t from = 0; spool_engine_next_user(rig->engine, from, &uid, &usage);
	     from = (uint64_t)uid + 1)
		fprintf(out, "user %u: %llu %llu %llu\n", uid,
			(unsigned long long)usage.used[SPOOL_RES_SIZE],
			(unsigned long long)usage.used[SPOOL_RES_RAM],
			(unsigned long long)usage.used[SPOOL_RES_INODES]);
	fclose(out);
	return text;
}
