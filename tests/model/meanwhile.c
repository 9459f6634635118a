/* SPDX-License-Identifier: MIT */

/*
 * The disk is at work, and no lock is held: others change the very data that are on their way. With
 * write-back they come at any time. An operation that waits for the disk allows it (may_meet) where
 * the model can tell what must come out: once, before it.
 */

#include "run.h"
#include "util/macros.h"

static const run_op ops[] = {op_write, op_write,     op_write,     op_read,
			     op_seek,  op_fallocate, op_fallocate, op_copy};

static void operate(struct run *run, bool with_owner)
{
	run->step++;
	run->n_met++;
	run->touched[0] = run->touched[1] = 0;
	run->result = 0;
	run->fired = run->may_use_reserve = false;
	run->log[run->step % RUN_LOG][0] = '\0';
	check_usage_take(run, &run->before);
	if (with_owner && run_random(run, 8) == 0)
		op_setattr(run);
	else
		ops[run_random(run, SPOOL_ARRAY_SIZE(ops))](run);
	tier_fired();
	check_step(run);
}

static void swap_buffers(struct run *run)
{
	unsigned char *buf = run->buf, *model_buf = run->model_buf;

	run->buf = run->other_buf;
	run->model_buf = run->other_model_buf;
	run->other_buf = buf;
	run->other_model_buf = model_buf;
}

void meanwhile(struct run *run)
{
	const uint64_t touched[] = {run->touched[0], run->touched[1]};
	bool in_operation = run->in_operation, uses_reserve = run->may_use_reserve;
	bool fired = run->rig.host.fired;
	char *line = run->line;

	if (run->meets || !run->may_meet || run_random(run, 4))
		return;
	run->meets = true;
	swap_buffers(run);
	/* who pays must not change where it was said before who may be refused */
	for (uint64_t n = 1 + run_random(run, 3); n > 0; n--)
		operate(run, !in_operation);
	swap_buffers(run);
	run->meets = false;
	run->may_meet = !in_operation;
	run->touched[0] = touched[0];
	run->touched[1] = touched[1];
	run->result = 0;
	run->fired = false;
	run->in_operation = in_operation;
	run->may_use_reserve = uses_reserve;
	run->line = line;
	run->rig.host.fired = fired;
}
