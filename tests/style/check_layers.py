#!/usr/bin/python3
"""Includes and calls go down only: see ORDER."""
import os
import re
import shlex
import subprocess
import sys

import checks
from checks import TOP, c_files, name_of, run
from layers import Tree, unknown

# The folders from the top down; those in one line do not know each other. What is not named here
# (fs/fs.h) is a place of its own, see place().
ORDER = [
    'tools/spoolctl tools/mount tools/bench tools/pam tools/hook tools/volume '
    'tools/csi tools/slurm', 'tools/doctor',
    'tools/common',
    'fs/main', 'fs/process', 'fs/ops', 'fs/background', 'fs/wait', 'fs/transport', 'fs/fs',
    'fs/options', 'fs/security', 'fs/host',
    'lib/engine', 'lib/life', 'lib/ns', 'lib/store', 'lib/quota lib/spill', 'lib/ctl', 'lib/util',
]
RANK = {folder: -i for i, line in enumerate(ORDER) for folder in line.split()}
FOR_FS = ('lib/engine/engine.h', 'lib/life/sessions.h', 'lib/life/system_proc.h',
          'lib/spill/backing.h', 'lib/spill/backing_dir.h')
# Modules that still go round in a circle, by kind: to be taken apart. The list only gets shorter.
CIRCLES = []
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.M)
FUSE = re.compile(r'^(fuse3?/|fuse|linux/fuse)')


def place(path):
    """Its folder below the top, or tests; of what lies in fs/ itself the module, as fs/main."""
    parts = path.relative_to(TOP).parts
    if parts[0] == 'tests':
        return 'tests'
    return '/'.join(parts[:2] if len(parts) > 2 else (parts[0], path.stem))


def find(path, name):
    """The file of the project that #include "name" in @path means."""
    roots = {'fs': ('fs',), 'tools': ('tools',), 'tests': ('tests/unit', 'fs', 'tools')}
    for folder in [path.parent, TOP / 'lib',
                   *(TOP / root for root in roots.get(place(path).split('/')[0], ()))]:
        if (folder / name).is_file():
            return (folder / name).resolve()
    return None


def allowed(path, target):
    """May this file include that one?"""
    ours, theirs = place(path), place(target)
    if ours == 'tests' or ours == theirs:
        return True
    if ours not in RANK or theirs not in RANK or RANK[ours] <= RANK[theirs]:
        return False
    top, below = ours.split('/')[0], theirs.split('/')[0]
    if top == below:
        return True
    # lib/ is seen from outside through few doors
    return below == 'lib' and (theirs in ('lib/ctl', 'lib/util')
                               or (top == 'fs' and name_of(target) in FOR_FS))


def includes():
    for path in c_files():
        for mark, name in INCLUDE.findall(path.read_text(encoding='utf-8')):
            yield path, mark, name


def includes_follow_the_arrows():
    seen, wrong = 0, []
    for path, mark, name in includes():
        if mark == '<':
            continue
        seen += 1
        target = find(path, name)
        if not target:
            wrong.append(f'{name_of(path)}: "{name}": not a file of this project')
        elif not allowed(path, target):
            wrong.append(f'{name_of(path)} includes {name_of(target)}: against the arrows')
        elif target.name.endswith('_internal.h') and target.parent != path.parent \
                and place(path) != 'tests':
            wrong.append(f'{name_of(path)} includes {name_of(target)}: private to its directory')
    return f'{seen} includes of {len(c_files())} files', wrong


def drawing():
    """The order as the READMEs show it: one line for each of tools, fs and lib."""
    lines = {}
    for line in ORDER:
        top = line.split('/')[0]
        lines.setdefault(top, []).append(line.replace(f'{top}/', '').replace(' ', ' | '))
    return [f'    {top + "/":<8}' + ' > '.join(folders) for top, folders in lines.items()]


def readmes_show_the_order():
    wrong, lines = [], drawing()
    for line in lines:
        print(f'# {line.strip()}')
    for name, shown in (('README.md', lines), ('fs/README.md', lines[1:2]),
                        ('lib/README.md', lines[2:])):
        text = (TOP / name).read_text(encoding='utf-8')
        wrong += [f'{name} does not show: {line}' for line in shown if f'{line}\n' not in text]
    return f'{len(ORDER)} steps', wrong


def only_fs_knows_fuse():
    """linux/magic.h and the like are no concern; the wire format and libfuse are."""
    seen, wrong = 0, []
    for path, mark, name in includes():
        if mark == '"':
            continue
        seen += 1
        if FUSE.match(name) and place(path).split('/')[0] not in ('fs', 'tests'):
            wrong.append(f'{name_of(path)}: <{name}> may be included in fs/ only')
        if name.startswith('CUnit/') and place(path) != 'tests':
            wrong.append(f'{name_of(path)}: <{name}> may be included in tests/ only')
        if (TOP / 'lib' / name).is_file():
            wrong.append(f'{name_of(path)}: <{name}>: our own files are in quotes')
    return f'{seen} includes of the system', wrong


def nothing_includes_in_circles():
    """Headers by their own includes."""
    graph, wrong, done = {}, [], set()
    for path, mark, name in includes():
        target = find(path, name) if mark == '"' else None
        if target and path.suffix == '.h':
            graph.setdefault(path.resolve(), []).append(target)

    def walk(node, trail):
        if node in trail:
            wrong.append(' -> '.join(name_of(step) for step in trail + [node]))
        elif node not in done:
            for target in graph.get(node, []):
                walk(target, trail + [node])
            done.add(node)
    for node in list(graph):
        walk(node, [])
    return f'{len(graph)} headers with includes', wrong


def tree_of_all():
    return Tree(TOP, [path.resolve() for path in c_files('lib fs tools')], ['lib', 'fs', 'tools'])


def calls_follow_the_arrows():
    """Also where the function of another is declared by hand, or by a header below both."""
    def may(module, other):
        ours, theirs = place(TOP / f'{module}.c'), place(TOP / f'{other}.c')
        return ours == theirs or RANK[ours] > RANK[theirs]
    tree = tree_of_all()
    return f'{sum(map(len, tree.calls.values()))} modules that others call', tree.calls_up(may)


def no_modules_go_round_in_a_circle():
    """A module is x.c with x.h; see layers.py."""
    tree = tree_of_all()
    return f'{len(tree.calls)} modules, {len(CIRCLES)} known circles', \
        unknown(tree.circles(), CIRCLES)


def each_header_compiles_alone():
    headers = [path for path in c_files() if path.suffix == '.h']
    flags = shlex.split(run('pkg-config', '--cflags', 'fuse3', 'cunit'))
    wrong = []
    for path in headers:
        # "." and lib/ first; twice, so that a missing #pragma once is seen too
        places = [path.parent, TOP / 'lib', TOP / path.relative_to(TOP).parts[0]]
        if place(path) == 'tests':
            places += [TOP / 'tests/unit', TOP / 'fs', TOP / 'tools']
        command = [*shlex.split(os.environ.get('CC', 'cc')), '-std=gnu17', '-D_GNU_SOURCE',
                   '-fsyntax-only', '-Wall', '-Wextra', '-Werror', '-Wno-unused-function',
                   *(f'-I{place}' for place in places), *flags, '-x', 'c', '-']
        done = subprocess.run(command, input=f'#include "{path}"\n#include "{path}"\n',
                              capture_output=True, text=True, check=False, timeout=600)
        if done.returncode != 0:
            wrong += [f'{name_of(path)}: does not compile alone'] + done.stderr.splitlines()[:5]
    return f'{len(headers)} headers, twice each', wrong


if __name__ == '__main__':
    sys.exit(checks.main(includes_follow_the_arrows, readmes_show_the_order, only_fs_knows_fuse,
                         nothing_includes_in_circles, calls_follow_the_arrows,
                         no_modules_go_round_in_a_circle, each_header_compiles_alone))
