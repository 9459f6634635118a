"""Many sessions of random programs, which come and go: nobody misses a file, and none is left.

SPOOL_SOAK=N is how many sessions there are for each lifetime (a case has 180 s)."""
import os
import random
import subprocess

from rig import Mount, Skip, as_user, case, need, wait_until

USER, AT_ONCE = 61051, 4
SESSIONS = int(os.environ.get('SPOOL_SOAK', '60'))

# Each looks at its own results, also after a while, and from processes that outlive the first one.
PROGRAMS = {
    'mktemp': '''a=$(mktemp) b=$(mktemp -d)
        echo one >$a; cp $a $b/copy; sleep 0.0$1; cmp $a $b/copy; rm $a; test -e $b/copy''',
    'sort': '''seq 20000 | shuf >in; sort -n -S 64K in >out; seq 20000 | cmp - out''',
    'gcc': '''echo 'int main(void) { return 7; }' >a.c
        gcc -pipe -o a a.c; gcc -c a.c; gcc -o b a.o; ./a && exit 1; ./b && exit 1; test -x a''',
    'git': '''git init -q r; cd r; echo x >f; git add f
        git -c user.name=u -c user.email=e commit -qm m; git gc -q; git fsck
        test "$(git show HEAD:f)" = x''',
    'make': '''printf 'all: a b\\na b:\\n\\tsleep 0.0%s; echo $@ >$@\\n' $1 >Makefile
        make -s -j2; test "$(cat a b | tr -d '\\n')" = ab''',
    'python': '''/usr/bin/python3 -c "
import os, subprocess, tempfile
with tempfile.TemporaryDirectory() as d, tempfile.NamedTemporaryFile() as f:
    f.write(b'x'); f.flush()
    subprocess.run(['cp', f.name, d + '/copy'], check=True)
    assert open(d + '/copy').read() == 'x'
fd, name = tempfile.mkstemp()
os.close(fd)
subprocess.run(['test', '-e', name], check=True)"''',
    'nohup': '''echo x >f
        nohup sh -c "sleep 0.3; test -e f; echo \\$? >f.seen" >/dev/null 2>&1 &
        wait; test "$(cat f.seen)" = 0''',
    'left': '''echo x >f; mkdir d; echo x >d/f; (sleep 0.2; cat f d/f >g || echo lost) &
        exit 0''',
}


def begin(place, name, seed):
    script = f'd=$(mktemp -d) && cd $d && {PROGRAMS[name]}'
    return name, subprocess.Popen(
        ['bash', '-euo', 'pipefail', '-c', script, 'soak', str(seed)], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        user=USER, group=USER, extra_groups=[], cwd=place,
        env={'TMPDIR': place, 'HOME': place, 'PATH': '/usr/sbin:/usr/bin:/sbin:/bin',
             'LC_ALL': 'C.UTF-8'})


def soak(options):
    seed = int(os.environ.get('SPOOL_SEED', random.SystemRandom().randrange(1 << 32)))
    print(f'# seed {seed} (SPOOL_SEED)')
    chance = random.Random(seed)
    need('gcc', 'git', 'make', 'sort', 'shuf', 'mktemp')
    if not os.path.exists('/usr/bin/python3'):
        raise Skip('/usr/bin/python3 is not installed')
    with Mount(options=options) as mount:
        place = mount.tmpdir(USER)
        as_user(USER, os.stat, place)
        running = []
        for _ in range(SESSIONS):
            running.append(begin(place, chance.choice(sorted(PROGRAMS)), chance.randrange(10)))
            if len(running) == AT_ONCE:
                finish(running.pop(chance.randrange(AT_ONCE)))
        for one in running:
            finish(one)
        if 'lifetime=session' in options:
            wait_until(lambda: os.listdir(place) == [], 'all that was left goes')


def finish(one):
    name, process = one
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 0 and 'lost' not in output, (name, process.returncode, output)


@case(mount=False)
def programs_of_many_sessions_miss_nothing():
    soak('lifetime=session,session=sid')


@case(mount=False)
def programs_miss_nothing_where_files_stay():
    soak('lifetime=mount,session=sid')
