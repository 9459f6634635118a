/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the object tests share: a pool, a quota and two users on a host that can fail, and an
 * audit that recomputes what a set of objects should be charged and compares it with what is.
 */

#include "fault_host.h"
#include "quota/quota.h"
#include "store/object_internal.h"
#include "unit.h"

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

struct rig {
	struct fault_host host;
	struct spool_pool *pool;
	struct spool_quota *quota;
	struct spool_quota_user *user;
	struct spool_quota_user *other;
	uint64_t outside; /* bytes of slots that the test took itself */
};

/** rig_init() - no limits; the users are 1000 and 1001. */
void rig_init(struct rig *rig);

/** rig_fini() - fails the test when anything is still charged, allocated or mapped. */
void rig_fini(struct rig *rig);

/** rig_limit() - limits of the mount for SIZE and RAM; those of a user stay at none. */
void rig_limit(struct rig *rig, uint64_t size, uint64_t ram);

struct spool_object *rig_object(struct rig *rig);

uint64_t rig_used(struct rig *rig, enum spool_resource resource);

/**
 * rig_audit() - recompute the charges of @objects, all that there are, and their invariants
 * Return: number of things that are wrong; each is printed.
 */
unsigned int rig_audit(struct rig *rig, struct spool_object *const *objects, size_t n);

/** rig_poison() - fill all memory that is free in the pool with a pattern, at least @bytes of it.
 */
void rig_poison(struct rig *rig, uint64_t bytes);

/** rig_is() - whether @len bytes at @off read as @expect all over. */
bool rig_is(const struct spool_object *object, uint64_t off, uint64_t len, unsigned char expect);

/** One file of the first user. @pattern: what is written to it, all 'x' */
struct object_rig {
	struct rig rig;
	struct spool_object *object;
	unsigned char pattern[2 << 20];
};

/** object_rig_init() - 8 MiB of the pool's memory are poisoned. */
void object_rig_init(struct object_rig *file);

/** object_rig_fini() - audits it first. */
void object_rig_fini(struct object_rig *file);

/** object_rig_put() - writes @len bytes. Return: as spool_object_write(). */
ssize_t object_rig_put(struct object_rig *file, uint64_t off, size_t len);

/** object_rig_allocate() - spool_object_fallocate() */
int object_rig_allocate(struct object_rig *file, int mode, uint64_t off, uint64_t len);

/** object_rig_truncate() - spool_object_truncate() */
int object_rig_truncate(struct object_rig *file, uint64_t size);
