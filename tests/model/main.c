/* SPDX-License-Identifier: MIT */

/*
 * Random operations on an engine and on a naive model of it, compared after each.
 *
 *	model [--layout private|single|shared] [--seed S] [--steps N] [--oom] [--tier]
 *
 * The seed determines everything, the layout as well unless it is given; without a seed it is
 * SPOOL_SEED or the time. The same seed with fewer steps does the same up to there.
 */

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run.h"
#include "util/macros.h"

#define CROWDED 140u /* nodes; from here on more goes than comes */
#define EVERY_ALL 256u
#define EVERY_AUDIT 4096u

const uid_t run_uids[RUN_UIDS] = {0, 1000, 1001, 70000};

static const char *const layouts[] = {"private", "single", "shared"};
static struct run run;
static struct model model;
static uint64_t host_rng; /* what the engine takes for randomness */
static enum spool_layout layout;
static bool seeded, wants_oom, wants_tier, any_layout = true;
static uint64_t steps = 20000;

static const struct {
	run_op op;
	unsigned int weight;
} ops[] = {
	{op_create, 16},      {op_lookup, 6},      {op_forget, 10},     {op_link, 5},
	{op_unlink, 7},       {op_rmdir, 3},       {op_rename, 9},      {op_readlink, 1},
	{op_readdir, 6},      {op_setattr, 9},     {op_open, 4},        {op_release, 5},
	{op_setxattr, 5},     {op_getxattr, 2},    {op_removexattr, 3}, {op_statfs, 1},
	{op_drop_orphans, 1}, {op_limits, 1},      {op_read, 4},        {op_write, 18},
	{op_fallocate, 10},   {op_seek, 4},        {op_copy, 6},        {op_reap, 8},
	{op_work, 5},         {op_session_end, 3}, {op_linger, 1},      {op_wipe, 1},
};
static const run_op removing[] = {op_forget, op_unlink, op_unlink, op_rmdir, op_release};

static void print_replay(void)
{
	printf("%s --layout %s --seed %llu --steps %llu%s%s\n", run.program, run.layout,
	       (unsigned long long)run.seed, (unsigned long long)run.step + 1,
	       wants_oom ? " --oom" : "", wants_tier ? " --tier" : "");
}

void run_fail(struct run *failed, const char *format, ...)
{
	va_list args;

	printf("\nmodel: the last operations, with what the engine answered:\n");
	for (uint64_t i = 0; i < RUN_LOG; i++) {
		const char *line = failed->log[(failed->step + 1 + i) % RUN_LOG];

		if (*line)
			printf("  %s\n", line);
	}
	printf("model: step %llu: ", (unsigned long long)failed->step);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\nmodel: again: ");
	print_replay();
	fflush(stdout);
	_exit(EXIT_FAILURE); /* what is still allocated is not the point */
}

void run_begin(struct run *r, const char *format, ...)
{
	va_list args;
	int n;

	r->line = r->log[r->step % RUN_LOG];
	n = snprintf(r->line, sizeof(r->log[0]), "%llu: ", (unsigned long long)r->step);
	va_start(args, format);
	vsnprintf(r->line + n, sizeof(r->log[0]) - (size_t)n, format, args);
	va_end(args);
	r->in_operation = true;
	if (r->oom && run_random(r, 3) == 0)
		fault_host_arm(&r->rig.host, 1 + (long)run_random(r, 4), run_random(r, 2));
}

static bool is_near(const uint64_t *used, const uint64_t *limit, const uint64_t *amount)
{
	for (int res = 0; res < SPOOL_RES_N; res++) {
		uint64_t sum;

		if (amount[res] > 0 &&
		    (spool_add_overflows(used[res], amount[res], &sum) || sum > limit[res]))
			return true;
	}
	return false;
}

/* With a disk, a block may have to come back into RAM first, for both files of a copy. */
static struct run_need with_loads(const struct run *r, const struct run_need *need)
{
	struct run_need all = *need;

	if (r->tier)
		all.amount[SPOOL_RES_RAM] += 4 * MODEL_BLOCK;
	return all;
}

static bool mount_is_near(const struct run *r, const struct run_need *given)
{
	struct run_need need;

	if (!given)
		return false;
	need = with_loads(r, given);
	return is_near(r->before.mount, r->limits.mount, need.amount);
}

static bool user_is_near(const struct run *r, const struct run_need *given)
{
	struct run_need need;

	if (given)
		need = with_loads(r, given);
	for (size_t i = 0; given && i < RUN_UIDS; i++) {
		if ((need.payers[0] == run_uids[i] || need.payers[1] == run_uids[i]) &&
		    is_near(r->before.users[i], r->limits.user, need.amount))
			return true;
	}
	return false;
}

bool run_excusable(const struct run *r, const struct run_need *need)
{
	return r->fired || mount_is_near(r, need) || user_is_near(r, need);
}

bool run_settle(struct run *r, int64_t result, const struct run_need *need)
{
	char *line = r->line;
	size_t len;

	r->result = result;
	if (!r->in_operation) /* a listing of check_all() */
		return true;
	len = strlen(line);
	r->in_operation = r->may_meet = false;
	r->fired = r->rig.host.fired;
	if (r->tier && result == -EAGAIN)
		result = -ENOSPC;
	if (r->tier && tier_fired()) {
		r->fired = true;
		if (result == -EIO)
			result = -ENOMEM;
	}
	fault_host_arm(&r->rig.host, 0, false);
	snprintf(line + len, sizeof(r->log[0]) - len, " = %lld%s", (long long)result,
		 r->fired ? " (an allocation failed)" : "");
	if ((r->fired && (result == -ENOMEM || result == -ENOSPC)) ||
	    (result == -ENOSPC && mount_is_near(r, need)) ||
	    (result == -ENOSPC && r->tier && user_is_near(r, need)) ||
	    (result == -EDQUOT && user_is_near(r, need))) {
		r->n_excused++;
		return false;
	}
	if (result < 0)
		r->n_refused++;
	else
		r->n_ok++;
	return true;
}

void run_same(struct run *r, int64_t want)
{
	if (r->result != want)
		run_fail(r, "the engine answers %lld, the model %lld (%s)", (long long)r->result,
			 (long long)want, want < 0 ? strerror((int)-want) : "no error");
}

static int host_random(void *ctx, void *buf, size_t len)
{
	(void)ctx;
	for (size_t i = 0; i < len; i++)
		((unsigned char *)buf)[i] = (unsigned char)rig_random(&host_rng, 256);
	return 0;
}

static void set_up(void)
{
	static const mode_t root_modes[] = {0755, 0700, 01777};
	struct spool_config config = {
		.layout = layout,
		.modes = (enum spool_modes)run_random(&run, 4),
		.root_uid = layout == SPOOL_LAYOUT_SINGLE ? 1000 : 0,
		.root_gid = layout == SPOOL_LAYOUT_SINGLE ? 1000 : 0,
		.root_mode = root_modes[layout],
		.acl = layout == SPOOL_LAYOUT_SHARED && run_random(&run, 2),
	};
	struct spool_tier_config tier;
	struct spool_attr self = {0};

	if (layout == SPOOL_LAYOUT_SHARED)
		config.modes = SPOOL_MODES_KEEP;
	life_config(&run, &config);
	memset(&run.limits, 0xff, sizeof(run.limits));
	run.limits.pageout_reserve = 0;
	config.limits = run.limits;
	if (run.tier) {
		tier_config(&run, &tier);
		config.tier = &tier;
	}
	fault_host_init(&run.rig.host);
	run.rig.host.host.random = host_random;
	run.rig.host.clock.tv_sec = 1700000000;
	CU_ASSERT_EQUAL_FATAL(spool_engine_new(&config, &run.rig.host.host, NULL, &run.rig.engine),
			      0);
	run.engine = run.rig.engine;
	if (run.tier)
		tier_start(&run);
	if (layout == SPOOL_LAYOUT_PRIVATE) {
		const struct spool_cred root = {0};

		spool_engine_lookup(run.engine, &root, SPOOL_INO_ROOT, "self", &self);
		spool_engine_forget(run.engine, self.ino, 1);
	}
	model_init(&model, &config, &run.rig.host.clock, self.ino);
	run.model = &model;
	run.noise = malloc(MODEL_DATA);
	run.buf = malloc(MODEL_DATA);
	run.model_buf = malloc(MODEL_DATA);
	run.other_buf = malloc(MODEL_DATA);
	run.other_model_buf = malloc(MODEL_DATA);
	for (size_t i = 0; i < MODEL_DATA; i++)
		run.noise[i] = (unsigned char)run_random(&run, 256);
}

/* In private every uid gets its directory first, as these can never be removed again. */
static void make_tops(void)
{
	struct spool_attr attr;

	for (size_t i = 0; layout == SPOOL_LAYOUT_PRIVATE && i < RUN_UIDS; i++) {
		const struct spool_cred cred = {.uid = run_uids[i], .gid = run_uids[i]};
		char name[16];

		snprintf(name, sizeof(name), "%u", cred.uid);
		run_begin(&run, "lookup of %s", name);
		run_settle(&run,
			   spool_engine_lookup(run.engine, &cred, SPOOL_INO_ROOT, name, &attr),
			   NULL);
		run_same(&run, model_lookup(&model, &cred, SPOOL_INO_ROOT, name, attr.ino));
	}
}

static void let_time_pass(void)
{
	struct timespec *clock = &run.rig.host.clock;

	clock->tv_sec += run_random(&run, 200) ? 1 : 100000;
	clock->tv_nsec = (long)run_random(&run, 1000000000);
	model.now = *clock;
	run.rig.host.monotonic_ns += run_random(&run, 4) * 300000000 + run_random(&run, 1000);
	model.now_ns = run.rig.host.monotonic_ns;
}

static run_op choose(void)
{
	unsigned int total = 0, at;

	if (model.n_nodes > CROWDED && run_random(&run, 4))
		return removing[run_random(&run, SPOOL_ARRAY_SIZE(removing))];
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(ops); i++)
		total += ops[i].weight;
	at = (unsigned int)run_random(&run, total);
	for (size_t i = 0;; i++) {
		if (at < ops[i].weight)
			return ops[i].op;
		at -= ops[i].weight;
	}
}

static void audit(void)
{
	if (engine_rig_audit(&run.rig) != 0)
		run_fail(&run, "the audit of references and charges fails");
}

/* Whether what is done every @every steps has become due since step @began. */
static bool is_due(uint64_t began, uint64_t every)
{
	return (run.step + 1) / every != began / every;
}

static void one_step(void)
{
	uint64_t began = run.step;

	let_time_pass();
	if (run.tier)
		tier_turn(&run);
	if (run.step != began)
		run.step++; /* others have operated */
	run.touched[0] = run.touched[1] = 0;
	run.result = 0;
	run.fired = run.may_use_reserve = false;
	run.log[run.step % RUN_LOG][0] = '\0';
	choose()(&run);
	if (run.tier)
		tier_fired();
	check_step(&run);
	life_check(&run);
	if (is_due(began, EVERY_ALL))
		check_all(&run);
	if (is_due(began, EVERY_AUDIT))
		audit();
}

/* Takes away what @node has besides its data. */
static void strip(struct model_node *node)
{
	const struct spool_cred root = {0};
	struct spool_attr attr = {.uid = node->uid, .gid = node->gid};

	while (node->n_xattrs > 0) {
		const char *name = node->xattrs[0].name;

		if (spool_engine_removexattr(run.engine, &root, node->ino, name) < 0)
			run_fail(&run, "cannot remove %.20s", name);
		model_removexattr(&model, node->ino, name);
	}
	if (node->ino == SPOOL_INO_ROOT && layout == SPOOL_LAYOUT_SHARED) {
		attr.uid = 0;
		spool_engine_setattr(run.engine, &root, node->ino, SPOOL_SET_UID, &attr, &attr);
		model_setattr(&model, &root, node->ino, SPOOL_SET_UID, &attr);
	}
}

static void let_go(struct model_node *node)
{
	while (node->n_open > 0) {
		spool_engine_release(run.engine, node->ino);
		node->n_open--;
	}
	spool_engine_forget(run.engine, node->ino, node->n_lookup);
	node->n_lookup = 0;
}

static bool remove_one(struct model_entry *entry)
{
	bool want_dir = model_is_dir(model_find(&model, entry->ino));
	const struct spool_cred root = {0};
	struct model_entry gone = *entry;

	if (layout == SPOOL_LAYOUT_PRIVATE && entry->dir == SPOOL_INO_ROOT)
		return false;
	if (model_remove(&model, gone.dir, gone.name, want_dir) < 0)
		return false; /* a directory that is not empty yet */
	if ((want_dir ? spool_engine_rmdir : spool_engine_unlink)(run.engine, &root, gone.dir,
								  gone.name) < 0)
		run_fail(&run, "cannot remove \"%.60s\" in %llu", gone.name,
			 (unsigned long long)gone.dir);
	return true;
}

/* Removes everything; then as much must be used as in the beginning, and at last nothing. */
static void tear_down(void)
{
	struct run_usage end;
	bool again;

	run.step = steps - 1;
	run.result = 0;
	run.fired = false;
	memset(&run.limits, 0xff, sizeof(run.limits)); /* giving an inode back to root needs room */
	run.limits.pageout_reserve = 0;
	spool_quota_set_limits(run.rig.engine->quota, &run.limits);
	life_finish(&run);
	for (size_t i = 0; i < model.n_nodes; i++)
		strip(&model.nodes[i]);
	for (size_t i = 0; i < model.n_nodes; i++)
		let_go(&model.nodes[i]);
	do {
		again = false;
		for (size_t i = 0; i < model.n_entries; i++) {
			if (remove_one(&model.entries[i])) {
				again = true;
				i--; /* another has taken its place */
			}
		}
	} while (again);
	check_step(&run);
	audit();
	check_usage_take(&run, &end);
	if (memcmp(&end, &run.baseline, sizeof(end)) != 0)
		run_fail(&run, "everything is removed, but more is used than at the start");
	if (run.tier)
		tier_stop(&run);
	if (!spool_engine_free(run.engine) || run.rig.host.live != 0)
		run_fail(&run, "something was leaked");
	if (run.tier)
		tier_end();
	model_fini(&model);
	free(run.noise);
	free(run.buf);
	free(run.model_buf);
	free(run.other_buf);
	free(run.other_model_buf);
}

static void random_run(void)
{
	if (!seeded)
		run.seed = rig_seed();
	if (any_layout)
		layout = (enum spool_layout)(run.seed % 3);
	run.layout = layouts[layout];
	run.step = steps - 1;
	printf("replay: ");
	print_replay();
	run.rng = run.seed;
	run.tier = wants_tier;
	run.flags = wants_tier ? SPOOL_LAST_TRY : 0;
	host_rng = ~run.seed;
	run.step = 0;
	set_up();
	make_tops();
	run.oom = wants_oom;
	check_usage_take(&run, &run.before);
	run.baseline = run.before;
	for (; run.step < steps; run.step++)
		one_step();
	tear_down();
	CU_ASSERT_EQUAL(run.n_ok + run.n_refused + run.n_excused > 0, true);
	printf("    %llu done, %llu refused, %llu without memory or space, %llu names reaped, "
	       "%llu while the disk was at work: ",
	       (unsigned long long)run.n_ok, (unsigned long long)run.n_refused,
	       (unsigned long long)run.n_excused, (unsigned long long)run.n_reaped,
	       (unsigned long long)run.n_met);
}

static int usage(const char *program)
{
	fprintf(stderr,
		"usage: %s [--layout private|single|shared] [--seed S] [--steps N] "
		"[--oom] [--tier]\n",
		program);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"layout", required_argument, NULL, 'l'}, {"seed", required_argument, NULL, 's'},
		{"steps", required_argument, NULL, 'n'},  {"oom", no_argument, NULL, 'o'},
		{"tier", no_argument, NULL, 't'},         {0}};
	static const struct unit_test tests[] = {{"random operations", random_run}};
	unsigned int i = 0;

	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (c == 'l') {
			for (i = 0; i < 3 && strcmp(optarg, layouts[i]) != 0; i++)
				;
			if (i == 3)
				return usage(argv[0]);
			layout = (enum spool_layout)i;
			any_layout = false;
		} else if (c == 's') {
			run.seed = strtoull(optarg, NULL, 0);
			seeded = true;
		} else if (c == 'n') {
			steps = strtoull(optarg, NULL, 0);
		} else if (c == 'o') {
			wants_oom = true;
		} else if (c == 't') {
			wants_tier = true;
		} else {
			return usage(argv[0]);
		}
	}
	if (optind != argc || steps == 0)
		return usage(argv[0]);
	run.program = argv[0];
	setvbuf(stdout, NULL, _IOLBF, 0); /* the seed is out, whatever happens then */
	return unit_run("model", tests, 1);
}
