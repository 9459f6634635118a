/* SPDX-License-Identifier: MIT */
#pragma once

/**
 * bench_settle() - wait until the filesystem of @dirfd has freed what was removed
 * Some free space after unlink(2) has returned, and what is measured next must not pay for that.
 * Waits 2 s at most.
 */
void bench_settle(int dirfd);
