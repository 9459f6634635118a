#!/usr/bin/python3
"""Runs every command of README.md, in a copy of the source tree and in namespaces of its own.

A command that PLAN does not have is a failure, and so is one of PLAN that README.md has no more.
What the build installs goes to a directory that lies over /usr/local, so that "Using it" runs what
a user would have after "Building". Nothing of it is seen outside.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from checks import TOP

UID = 65534  # nobody: fusermount3 wants a user with a name
PROGRAMS = 'spoolfs', 'spoolctl', 'spoolbench', 'meson', 'ninja', 'mount', 'umount', 'packaging/'
COMMAND_SECTIONS = 'Using it', 'Building', 'Measuring', 'Changing it'
FSTAB = re.compile(r'\S+\s+/\S+\s+spoolfs\s+\S+\s+\d\s+\d')
PAM = re.compile(r'session\s+\w+\s+pam_\w+\.so.*')
MOUNTED = 'grep -q " $1 .* fuse.spoolfs spoolfs " /proc/self/mountinfo'
GONE = '[ ! -e /run/spoolfs/self ] && [ -z "$(ls -A /run/spoolfs)" ]'

# What is run, in this order: the shell of a group keeps its variables. Each command has what is
# done before, what must be true afterwards, and what must have been printed.
PLAN = [
    ('demo', [
        ('packaging/demo.sh', '', 'packaging/demo.sh',  # again, as it promises
         'nothing: no mount, no process, no file'),
    ]),
    ('building', [
        ('packaging/install-deps.sh', '', '', ''),
        ('meson setup build --buildtype=release', '', '[ -f build/build.ninja ]', ''),
        ('ninja -C build', '', 'build/fs/spoolfs --version', 'spoolfs 0'),
        ('meson install -C build', 'export DESTDIR=$WORK/installed', 'install_over_the_system', ''),
    ]),
    ('changing: by an ordinary user', [
        ('packaging/test.sh --fast', 'as_user; cp -R . ~/source && cd ~/source', '', ' 0 failed, '),
    ]),
    ('changing', [
        ('tests/mount/run.py --filter data/inodes_are_limited', 'cd "$WORK/home/source"', '',
         'ok 1 data/inodes_are_limited'),
    ]),
    ('using: run', [
        ('spoolctl run -- make -j8', 'job "$WORK/job"',
         '[ "$(cat where)" != "" ] && [ ! -e "$(cat where)" ]',
         'the job has run'),
        ('spoolctl run --tmp -- make -j8', 'job /srv/job', '[ "$(cat where)" = /tmp ]',
         'the job has run'),
    ]),
    ('using: for all', [
        ('mkdir -p /run/spoolfs', '', '[ -d /run/spoolfs ]', ''),
        ('spoolfs /run/spoolfs', '', 'mounted /run/spoolfs', ''),
        ('export TMPDIR=/run/spoolfs/self', '', '[[ $(mktemp) = /run/spoolfs/self/* ]] && '
         '[ "$(ls /run/spoolfs/0 | wc -l)" = 1 ]', ''),
        ('session required pam_spoolfs.so', '',
         f'[ "$(su -s /bin/sh nobody -c \'echo $TMPDIR\')" = /run/spoolfs/{UID} ] && umount /etc',
         ''),
        ('spoolctl status /run/spoolfs', '', '', '/run/spoolfs'),
        ('spoolctl ls /run/spoolfs/self', '', '', 'tmp.'),
        ('spoolctl why /run/spoolfs/self/report', 'echo x > /run/spoolfs/0/report', '',
         'stays until the mount ends'),
        ('spoolctl keep /run/spoolfs/self/report', '',
         'spoolctl why /run/spoolfs/0/report | grep -q "lifetime mount"', ''),
        ('spoolctl expire /run/spoolfs/self/report', '', '[ ! -e /run/spoolfs/0/report ]', ''),
        ('mkdir /run/spoolfs/self/job', '', '', ''),
        ('job=$(spoolctl session begin --dir /run/spoolfs/self/job)', '',
         'echo x > /run/spoolfs/0/job/f', ''),
        ('spoolctl session list /run/spoolfs', '', '', 'explicit directory'),
        ('spoolctl session end $job /run/spoolfs', '', '[ -z "$(ls -A /run/spoolfs/0/job)" ]', ''),
        ('spoolctl lifetime close /run/spoolfs/self/draft', 'echo x > /run/spoolfs/0/draft',
         'spoolctl why /run/spoolfs/0/draft | grep -q "lifetime close"', ''),
        ('spoolctl debug /run/spoolfs', '', '', 'queue release: 0 wait'),
        ('spoolctl doctor', '', '', 'kernel'),
        ('spoolctl metrics', '', '', 'spoolfs_up{mountpoint="/run/spoolfs"} 1'),
        ('spoolctl set ram=3G threshold=4M /run/spoolfs', '',
         "spoolctl status --json /run/spoolfs | grep -q '\"threshold\": 4194304'", ''),
        ('mount -o remount,ram=3G /run/spoolfs', '',
         "spoolctl status --json /run/spoolfs | grep -q '\"ram_limit\": 3221225472'", ''),
        ('spoolctl wipe /run/spoolfs', '', '[ -z "$(ls -A /run/spoolfs/0)" ]', ''),
        ('spoolbench --quick now=/var/tmp then=/run/spoolfs/self', '', '', 'life-4k'),
        ('umount /run/spoolfs', '', GONE, ''),
    ]),
    ('using: fstab', [
        ('spoolfs  /run/spoolfs  spoolfs  ram=25%,user_size=80%  0  0', 'mkdir -p /run/spoolfs',
         'mounted /run/spoolfs && umount /run/spoolfs && ' + GONE, ''),
    ]),
    ('using: by an ordinary user', [
        ('spoolfs ~/scratch', 'as_user; mkdir ~/scratch',
         'mounted ~/scratch && echo x > ~/scratch/f && [ "$(stat -c %a-%u ~/scratch/f)" = '
         f'600-{UID} ] && fusermount3 -u ~/scratch && [ -z "$(ls -A ~/scratch)" ]', ''),
    ]),
    ('using: shared', [
        ('spoolfs -o layout=shared,ram=2G /srv/scratch', 'mkdir /srv/scratch',
         'mounted /srv/scratch && [ "$(stat -c %a /srv/scratch)" = 1777 ] && umount /srv/scratch',
         ''),
        ('spoolfs --help', '', '', 'usage: spoolfs'),
    ]),
]
# Those that take more than this test may need: which case runs them. IMAGE and DIRECTORY stand for
# what the reader has.
ELSEWHERE = {
    'packaging/test.sh': '',  # it runs this test
    'packaging/deb.sh DIRECTORY': 'packages/are_built',
    'docker volume create -d spoolfs -o size=8g -o ram=1g scratch': 'docker/a_volume_is_a_mount',
    'podman volume create --driver spoolfs -o size=8g scratch': 'podman/a_volume_is_a_mount',
    'podman run --annotation spoolfs.scratch=10G IMAGE': 'hook/podman_with_runc_gives_it',
    'sbatch --spool=10G job': 'slurm/steps_of_a_job_share_it',
}

SHELL = f'''set -euo pipefail
mounted() {{ {MOUNTED}; }}
# These files in that directory, whose own must stay.
lay_into() {{
    local directory
    directory=$(realpath "$1")
    mkdir -p "$WORK/new$directory" "$WORK/old$directory"
    mount --bind "$directory" "$WORK/old$directory"
    ln -s "$WORK/old$directory"/* "$WORK/new$directory/"
    ln -sf "${{@:2}}" "$WORK/new$directory/"
    mount --bind "$WORK/new$directory" "$directory"
}}
# What meson install has made, over the system, as if DESTDIR had been /. mount(8) looks for its
# helper in /sbin, libpam for modules where its own are.
install_over_the_system() {{
    local module
    mount --bind "$DESTDIR/usr/local" /usr/local
    lay_into /sbin "$DESTDIR/sbin/mount.spoolfs"
    module=$(find "$DESTDIR" -name pam_spoolfs.so)
    lay_into "$(dirname "${{module#"$DESTDIR"}}")" "$module"
    [ -x /sbin/mount.spoolfs ]
    [ -s /usr/local/share/man/man8/spoolfs.8 ]
    [ -s /usr/local/share/man/man8/mount.spoolfs.8 ]
    [ -s /usr/local/share/man/man1/spoolctl.1 ]
}}
# A line in su's file, in an /etc of our own.
pam_line() {{
    cp -a /etc "$WORK/etc"
    mount --bind "$WORK/etc" /etc
    printf '%s\\n' 'auth sufficient pam_rootok.so' 'account sufficient pam_permit.so' \\
        "$1" > /etc/pam.d/su
}}
job() {{
    mkdir "$1"
    cd "$1"
    printf 'all: a b\\n\\techo the job has run\\na b:\\n\\tmktemp -d && pwd\\n' > Makefile
    printf '\\techo $$TMPDIR > where\\n' >> Makefile
}}
'''


def readme_commands():
    """(section, command) of all that README.md tells to run."""
    text = (TOP / 'README.md').read_text(encoding='utf-8')
    for block in re.findall(r'^```sh\n(.*?)^```', text, re.S | re.M):
        yield from (('sh', line) for line in block.splitlines() if line.strip())
    indented = []
    for section in re.split(r'^## ', text, flags=re.M)[1:]:
        title, _, body = section.partition('\n')
        if title in COMMAND_SECTIONS:
            indented += [line.strip() for line in re.findall(r'^ {4}(\S.*)$', body, re.M)]
    yield from (('indented', line) for line in indented)
    prose = re.sub(r'^(```.*?^```| {4}.*?$)', '', text, flags=re.S | re.M)
    for code in re.findall(r'`([^`]+)`', prose):
        code = ' '.join(code.split())
        # "`meson install`" in a sentence means a command that is there in full
        if code.startswith(PROGRAMS) and ' ' in code and \
                not any(line.startswith(code) for line in indented):
            yield 'text', code


def planned():
    return [command for _, steps in PLAN for command, *_ in steps]


def missing():
    """What is wrong with PLAN."""
    found = [command for _, command in readme_commands()]
    cases = [case.split('/') for case in filter(None, ELSEWHERE.values())]
    known = planned() + list(ELSEWHERE)
    return [f'README.md has a command that no test runs: {line}'
            for line in found if line not in known] + \
        [f'README.md has no more: {line}' for line in known if line not in found] + \
        [f'no such case: {area}/{name}' for area, name in cases if f'\ndef {name}(' not in
         (TOP / f'tests/integration/{area}.py').read_text(encoding='utf-8')]


def statements(after):
    """One on each line: bash's -e does not see a failure in the middle of "a && b"."""
    return after.replace(' && ', '\n')


def script_of(steps):
    """The shell script of a group. It prints a mark before each command and one at its end."""
    script = SHELL
    for number, (command, before, after, _) in enumerate(steps):
        script += f'echo "@begin {number}"\n'
        if before.startswith('as_user'):
            return script  # the rest is for as_user()
        if FSTAB.fullmatch(command):
            action = f"echo '{command}' > $WORK/fstab; mount -T $WORK/fstab {command.split()[1]}"
        elif PAM.fullmatch(command):
            action = f"pam_line '{command}'"
        else:
            action = command
        script += '\n'.join(filter(None, [before, action, statements(after)]))
        script += f'\necho "@end {number}"\n'
    return script


def script_of_user(steps):
    """As script_of(), in the order that a user without rights needs. The home is his."""
    (command, before, after, _), = steps
    make = before.partition('; ')[2]
    return SHELL + f'echo "@begin 0"\n{make}\n{command}\n{statements(after)}\necho "@end 0"\n'


def run_group(work, steps):
    """Runs the commands. Returns the output of each; the last one is of the one that failed."""
    env = {name: value for name, value in os.environ.items() if name in ('LANG', 'TERM')}
    env.update(WORK=work, HOME='/root', LC_ALL='C.UTF-8', PATH=f'{work}/bin:/usr/local/sbin:'
               '/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin')
    script, user = script_of(steps), {}
    if steps[0][1].startswith('as_user'):
        # where cc is ccache, its directory may be root's
        env.update(HOME=f'{work}/home', CCACHE_DISABLE='1')
        os.makedirs(env['HOME'], exist_ok=True)
        os.chown(env['HOME'], UID, UID)
        script, user = script_of_user(steps), {'user': UID, 'group': UID, 'extra_groups': []}
    done = subprocess.run(['bash', '-c', script], env=env, cwd=f'{work}/source', text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, timeout=3000, **user)
    return re.split(r'^@begin \d+\n', done.stdout, flags=re.M)[1:]


def prepare(work):
    """A copy of the source tree, and an apt-get that must not be needed."""
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', work], check=True)
    for folder in ('/run', '/srv'):
        if os.path.isdir(folder):
            subprocess.run(['mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', folder], check=True)
    shutil.copytree(TOP, f'{work}/source', symlinks=True,
                    ignore=lambda folder, names: [name for name in names if name == '__pycache__' or
                                                  Path(folder) == TOP and
                                                  (name.startswith('build') or name == '.git')])
    os.mkdir(f'{work}/bin')
    shim = Path(work, 'bin/apt-get')
    shim.write_text('#!/bin/sh\necho "apt-get $*: called, though all should be there"\nexit 1\n',
                    encoding='ascii')
    shim.chmod(0o755)


def inside(work):
    """The test itself, in its namespaces."""
    prepare(work)
    number, failed = 1, False

    def say(ok, text, output=''):
        nonlocal number, failed
        number, failed = number + 1, failed or not ok
        print(f'{"ok" if ok else "not ok"} {number} {text}')
        for line in [] if ok else output.splitlines()[-25:]:
            print(f'# {line}')
            print(line, file=sys.stderr)  # which meson's summary shows
        sys.stdout.flush()

    for _, steps in PLAN:
        if steps[0][0].startswith('spoolfs ~') and os.stat('/dev/fuse').st_mode & 0o006 != 0o006:
            number += 1
            print(f'ok {number} {steps[0][0]} # SKIP an ordinary user may not open /dev/fuse')
            continue
        outputs = run_group(work, steps)
        for at, (command, _, _, wanted) in enumerate(steps):
            output = outputs[at] if at < len(outputs) else 'not run: the one before has failed'
            ok = f'@end {at}\n' in output and wanted in output
            say(ok, command, output + ('' if wanted in output else f'\n(without "{wanted}")'))
    return 1 if failed else 0


def main():
    if sys.argv[1:2] == ['--inside']:
        return inside(sys.argv[2])
    if os.geteuid() != 0 or not os.path.exists('/dev/fuse'):
        print('1..0 # SKIP this test needs root and /dev/fuse')
        return 0
    print(f'1..{len(planned()) + 1}')
    wrong = missing()
    print(f'{"not ok" if wrong else "ok"} 1 every command of README.md is run - '
          f'{len(list(readme_commands()))} commands', *(f'# {line}' for line in wrong), sep='\n')
    print(*wrong, sep='\n', file=sys.stderr)
    sys.stdout.flush()
    work = tempfile.mkdtemp(prefix='spool-readme-', dir='/tmp')
    try:
        done = subprocess.run(
            ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc',
             '--propagation', 'private', sys.executable, os.path.abspath(__file__), '--inside',
             work], check=False)
    finally:
        os.rmdir(work)
    return 1 if wrong or done.returncode else 0


if __name__ == '__main__':
    sys.exit(main())
