#!/usr/bin/python3
"""Includes follow the arrows: fs, tools, tests -> engine -> ns -> store -> quota, spill -> util."""
import os
import re
import shlex
import subprocess
import sys

import checks
from checks import TOP, c_files, name_of, run
from layers import Tree, unknown

RANK = {'util': 0, 'quota': 1, 'spill': 1, 'store': 2, 'ns': 3, 'engine': 4}
# of tools/: what each folder may include besides itself
TOOLS = {'common': (), 'doctor': ('common',), 'mount': ('common',), 'bench': ('common',),
         'spoolctl': ('doctor', 'common')}
FOR_FS = 'engine.h', 'backing.h', 'backing_dir.h'
# Modules that still go round in a circle, by kind: to be taken apart. The list only gets shorter.
CIRCLES = [
    ('includes', 'fs/asked fs/channel fs/dev fs/disk fs/init fs/notify fs/park fs/reply fs/ring '
                 'fs/room fs/turn fs/waiting'),
    ('calls', 'fs/asked fs/channel fs/dev fs/init fs/park fs/reply fs/ring fs/ring_loop fs/room'),
    ('calls', 'lib/engine lib/engine_ask lib/engine_attr lib/engine_data lib/engine_name '
              'lib/engine_policy lib/engine_space lib/engine_spill lib/engine_tier'),
]
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.M)
FUSE = re.compile(r'^(fuse3?/|fuse|linux/fuse)')


def layer(path):
    """util, quota, spill, store, ns, engine, proto; or fs, tools, tests."""
    parts = path.relative_to(TOP).parts
    if parts[0] != 'lib':
        return parts[0]
    if len(parts) > 2:
        return parts[1]
    return 'proto' if parts[1].startswith('ctl_') else 'engine'


def find(path, name):
    """The file of the project that #include "name" in @path means."""
    places = [path.parent, TOP / 'lib']
    if layer(path) == 'tools':
        places += [TOP / 'tools']
    if layer(path) == 'tests':
        places += [TOP / 'tests/unit', TOP / 'fs', TOP / 'tools']
    for place in places:
        if (place / name).is_file():
            return (place / name).resolve()
    return None


def allowed(path, target):
    """May this file include that one?"""
    ours, theirs = layer(path), layer(target)
    if ours == 'proto':
        return theirs in ('proto', 'util')
    if ours == 'fs':
        return theirs in ('fs', 'util', 'proto') or target.name in FOR_FS
    if ours == theirs == 'tools':
        folder, below = path.parent.name, target.parent.name
        return folder == below or below in TOOLS[folder]
    if ours == 'tools':
        return theirs in ('util', 'proto')
    if ours == 'tests':
        return True
    return theirs in RANK and (ours == theirs or RANK[theirs] < RANK[ours])


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
            wrong.append(f'{name_of(path)} ({layer(path)}) includes {name_of(target)} '
                         f'({layer(target)}): against the arrows')
        elif target.name.endswith('_internal.h') and target.parent != path.parent \
                and layer(path) != 'tests':
            wrong.append(f'{name_of(path)} includes {name_of(target)}: private to its directory')
    return f'{seen} includes of {len(c_files())} files', wrong


def only_fs_knows_fuse():
    """linux/magic.h and the like are no concern; the wire format and libfuse are."""
    seen, wrong = 0, []
    for path, mark, name in includes():
        if mark == '"':
            continue
        seen += 1
        if FUSE.match(name) and layer(path) not in ('fs', 'tests'):
            wrong.append(f'{name_of(path)}: <{name}> may be included in fs/ only')
        if name.startswith('CUnit/') and layer(path) != 'tests':
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


def no_modules_go_round_in_a_circle():
    """A module is x.c with x.h; see layers.py."""
    tree = Tree(TOP, [path.resolve() for path in c_files('lib fs tools')], ['lib', 'fs', 'tools'])
    return f'{len(tree.calls)} modules, {len(CIRCLES)} known circles', \
        unknown(tree.circles(), CIRCLES)


def each_header_compiles_alone():
    headers = [path for path in c_files() if path.suffix == '.h']
    flags = shlex.split(run('pkg-config', '--cflags', 'fuse3', 'cunit'))
    wrong = []
    for path in headers:
        # "." and lib/ first; twice, so that a missing #pragma once is seen too
        places = [path.parent, TOP / 'lib', TOP / 'tools']
        if layer(path) == 'tests':
            places += [TOP / 'tests/unit', TOP / 'fs']
        command = [*shlex.split(os.environ.get('CC', 'cc')), '-std=gnu17', '-D_GNU_SOURCE',
                   '-fsyntax-only', '-Wall', '-Wextra', '-Werror', '-Wno-unused-function',
                   *(f'-I{place}' for place in places), *flags, '-x', 'c', '-']
        done = subprocess.run(command, input=f'#include "{path}"\n#include "{path}"\n',
                              capture_output=True, text=True, check=False, timeout=60)
        if done.returncode != 0:
            wrong += [f'{name_of(path)}: does not compile alone'] + done.stderr.splitlines()[:5]
    return f'{len(headers)} headers, twice each', wrong


if __name__ == '__main__':
    sys.exit(checks.main(includes_follow_the_arrows, only_fs_knows_fuse,
                         nothing_includes_in_circles, no_modules_go_round_in_a_circle,
                         each_header_compiles_alone))
