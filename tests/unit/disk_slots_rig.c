/* SPDX-License-Identifier: MIT */
#include "disk_slots_rig.h"

#include <string.h>

#include "unit.h"

struct fault_host host;
struct fault_backing disk;
struct spool_disk_slots *slots;

void set_up_with(unsigned int max_files, uint64_t max_file)
{
	fault_host_init(&host);
	fault_backing_init(&disk);
	disk.backing.max_file = max_file;
	CU_ASSERT_EQUAL_FATAL(spool_disk_slots_new(&host.host, &disk.backing, max_files, &slots),
			      0);
}

void set_up(unsigned int max_files)
{
	set_up_with(max_files, (uint64_t)1 << 40);
}

void tear_down(void)
{
	spool_disk_slots_free(slots);
	slots = NULL;
	CU_ASSERT_EQUAL(disk.live, 0);
	CU_ASSERT_EQUAL(disk.bytes, 0);
	CU_ASSERT_EQUAL(host.live, 0);
	fault_backing_fini(&disk);
}

struct spool_disk_slots_stat stat_now(void)
{
	struct spool_disk_slots_stat stat;

	spool_disk_slots_stat(slots, &stat);
	return stat;
}

void reclaim_all(void)
{
	while (spool_disk_slots_reclaim(slots))
		;
}

spool_disk_slot_t take(int segment, unsigned int n, int expected)
{
	spool_disk_slot_t first = 0;

	CU_ASSERT_EQUAL(spool_disk_slots_take(slots, segment, n, &first), expected);
	CU_ASSERT_NOT_EQUAL(first, 0);
	return first;
}

void give(spool_disk_slot_t first, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		spool_disk_slots_give(slots, first + i);
}

int own(void)
{
	int segment = spool_disk_slots_own(slots);

	CU_ASSERT_TRUE(segment > 0);
	return segment;
}

unsigned int segment_of(spool_disk_slot_t slot)
{
	return (unsigned int)(slot >> 48);
}

void fill(unsigned char *page, spool_disk_slot_t slot, unsigned int at, unsigned int salt)
{
	uint64_t mark = (slot * 16 + at) * 0x9e3779b97f4a7c15u + salt;

	for (size_t i = 0; i < PAGE; i += sizeof(mark))
		memcpy(page + i, &mark, sizeof(mark));
}

int put(spool_disk_slot_t slot, unsigned int at, unsigned int salt)
{
	_Alignas(PAGE) unsigned char page[PAGE];
	struct iovec iov = {.iov_base = page, .iov_len = PAGE};

	fill(page, slot, at, salt);
	return spool_disk_slots_write(slots, slot, at * PAGE, &iov, 1);
}

int look(spool_disk_slot_t slot, unsigned int at, unsigned int salt)
{
	_Alignas(PAGE) unsigned char page[PAGE], wanted[PAGE];
	struct iovec iov = {.iov_base = page, .iov_len = PAGE};
	int r = spool_disk_slots_read(slots, slot, at * PAGE, &iov, 1);

	fill(wanted, slot, at, salt);
	return r < 0 ? r : memcmp(page, wanted, PAGE) != 0;
}
