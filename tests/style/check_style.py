#!/usr/bin/python3
"""The forms of the C and script files: sizes, first lines, words, calls, docstrings, statics."""
import re
import sys

import checks
from checks import TOP, blank, c_files, files, function_name, is_function, items, markdown, name_of

FUNCTION_LINES = 60
FILE_LINES, FILE_LINES_NOTED = 800, 500
COLUMNS, TAB = 100, 8
SPDX = {'.c': '/* SPDX-License-Identifier: MIT */', '.h': '/* SPDX-License-Identifier: MIT */',
        '.1': '.\\" SPDX-License-Identifier: MIT', '.8': '.\\" SPDX-License-Identifier: MIT'}
# put together, so that this file does not hold them
WORDS = ['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'stu' + 'bs?']
HOST_CALLS = re.compile(r'(?<![\w.>])(malloc|calloc|realloc|reallocarray|strdup|strndup|asprintf|'
                        r'aligned_alloc|posix_memalign|memfd_create|mmap|munmap|clock_gettime|'
                        r'gettimeofday|getrandom|getentropy|rand|random|time)\s*\(')

FILE_CALLS = re.compile(r'(?<![\w.>])(open|openat2?|creat|fopen|fdopen|opendir|p?read(?:v2?)?|'
                        r'p?write(?:v2?)?|f?truncate|(?:posix_)?fallocate|posix_fadvise|fsync|'
                        r'fdatasync|sync_file_range|fcntl|ioctl|[fl]?stat|statx|fstatat|'
                        r'f?statv?fs|f?access|faccessat|unlink(?:at)?|rename(?:at2?)?|'
                        r'link(?:at)?|mkdir(?:at)?)\s*\(')
HOSTS = {'lib/util/host.c': (), 'lib/spill/backing_dir.c': (HOST_CALLS,),
         'lib/spill/backing_check.c': (HOST_CALLS,), 'lib/spill/backing_writers.c': (HOST_CALLS,),
         # interfaces of their own: life/system.h, struct spool_pace_clock
         'lib/life/system_proc.c': (), 'lib/util/pace.c': (),
         # these serve the programs; the engine does not call them
         'lib/util/cgroup.c': (HOST_CALLS,), 'lib/util/descriptors.c': (HOST_CALLS,),
         'lib/util/proc.c': (HOST_CALLS,), 'lib/ctl/client.c': (HOST_CALLS,)}


def functions_are_short():
    seen, wrong = 0, []
    for path in c_files():
        for first, last, text in items(path):
            if not is_function(text):
                continue
            seen += 1
            if last - first + 1 > FUNCTION_LINES:
                wrong.append(f'{name_of(path)}:{first}: {function_name(text)}() has '
                             f'{last - first + 1} lines (allowed: {FUNCTION_LINES})')
    return f'{seen} functions of at most {FUNCTION_LINES} lines', wrong


def files_are_short():
    wrong, paths = [], c_files() + list(files('tests packaging', '.py', '.sh'))
    for path in paths:
        lines = len(path.read_text(encoding='utf-8').splitlines())
        if lines > FILE_LINES:
            wrong.append(f'{name_of(path)}: {lines} lines (allowed: {FILE_LINES})')
        elif lines > FILE_LINES_NOTED:
            print(f'# note: {name_of(path)}: {lines} lines')
    return f'{len(paths)} files of at most {FILE_LINES} lines', wrong


def files_begin_with_their_licence():
    wrong, seen = [], 0
    for path in files('lib fs tools tests', *SPDX):
        seen += 1
        if path.read_text(encoding='utf-8').split('\n')[0] != SPDX[path.suffix]:
            wrong.append(f'{name_of(path)}:1: is not "{SPDX[path.suffix]}"')
    return f'{seen} first lines', wrong


def headers_are_read_once():
    wrong = [f'{name_of(path)}: no #pragma once' for path in c_files()
             if path.suffix == '.h' and '\n#pragma once\n' not in path.read_text(encoding='utf-8')]
    return 'a #pragma once in every header', wrong


def lines_have_their_form():
    """Tabs in C, four blanks in Python and shell; no line too wide; nothing at its end. The same
    for what is to be read without a program for it: Markdown, tables included."""
    wrong, seen = [], 0
    scripts = list(files('tests packaging', '.py', '.sh')) + \
        [TOP / '.ci/run', TOP / 'tools/bench/spoolbench-chart'] + markdown()
    for path in c_files() + scripts:
        text = path.read_text(encoding='utf-8')
        if not text.endswith('\n') or text.endswith('\n\n'):
            wrong.append(f'{name_of(path)}: does not end with one newline')
        for number, line in enumerate(text.splitlines(), 1):
            at = f'{name_of(path)}:{number}'
            seen += 1
            if len(line.expandtabs(TAB)) > COLUMNS:
                wrong.append(f'{at}: {len(line.expandtabs(TAB))} columns (allowed: {COLUMNS})')
            if line != line.rstrip():
                wrong.append(f'{at}: blanks at the end')
            if path in scripts and '\t' in line:
                wrong.append(f'{at}: a tab')
            if path not in scripts and re.match(r' {2,}', line):
                wrong.append(f'{at}: indented with blanks, not tabs')
    return f'{seen} lines of at most {COLUMNS} columns', wrong


def nothing_is_left_for_later():
    """Words that say so. They are whole words, so mktemp's template is none."""
    pattern, wrong, seen = re.compile(r'\b(' + '|'.join(WORDS) + r')\b', re.I), [], 0
    paths = c_files() + list(files('lib fs tools tests packaging', '.py', '.sh', '.md', '.build',
                                   '.1', '.8', '.bash', '.txt'))
    for path in paths + [TOP / 'README.md', TOP / 'meson.build', TOP / '.ci/run']:
        for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
            seen += 1
            if match := pattern.search(line):
                wrong.append(f'{name_of(path)}:{number}: "{match[0]}"')
    return f'{seen} lines', wrong


def lib_asks_only_its_host():
    """Memory, time and randomness come through struct spool_host, files through struct
    spool_backing, so tests can make them fail."""
    wrong, seen = [], 0
    for path in c_files('lib'):
        code = blank(path.read_text(encoding='utf-8'))
        seen += 1
        for calls in HOSTS.get(name_of(path), (HOST_CALLS, FILE_CALLS)):
            for match in calls.finditer(code):
                wrong.append(f'{name_of(path)}:{code.count(chr(10), 0, match.start()) + 1}: '
                             f'{match[1]}() (allowed: through util/host.h, spill/backing.h)')
    return f'{seen} files of lib/', wrong


def is_declaration(text):
    """A function that is only declared."""
    head = text.split('(')[0]
    return '{' not in text and '(' in text and '=' not in head and \
        not re.match(r'(typedef|struct\s+\w+\s*;|_Static_assert|RB_|TAILQ_|LIST_)', text)


def group_is_documented(lines, first):
    """Is there a comment right above line @first, or above those that touch it?"""
    at = first - 2
    while at >= 0 and lines[at].strip():
        if lines[at].rstrip().endswith('*/'):
            return True
        at -= 1
    return False


def lib_prefixes_say_where_functions_are_called():
    """Those with spool_ by other folders, too; those without by their own alone."""
    wrong, seen, outside = [], 0, set()
    for path in c_files('lib fs tools'):
        text = path.read_text(encoding='utf-8')
        outside |= {name for name in re.findall(r'^#include "([^"]+)"', text, re.M)
                    if name.split('/')[0] != path.parent.name}
    for path in c_files('lib'):
        if path.suffix != '.h':
            continue
        for first, _, item in items(path):
            if not is_declaration(item) and not is_function(item):
                continue
            name, seen = function_name(item), seen + 1
            public = name.startswith('spool_')
            if public and path.name.endswith('_internal.h'):
                wrong.append(f'{name_of(path)}:{first}: {name}() (allowed: without spool_)')
            elif not public and str(path.relative_to(TOP / 'lib')) in outside:
                wrong.append(f'{name_of(path)}:{first}: {name}() (allowed: spool_{name}(), as '
                             f'another folder includes it)')
    return f'{seen} functions of lib/\'s headers', wrong


def lib_headers_say_what_functions_do():
    """A comment right above, or above a group of lines without a gap, or one that names it."""
    wrong, seen = [], 0
    for path in c_files('lib'):
        if path.suffix != '.h':
            continue
        text = path.read_text(encoding='utf-8')
        comments = ' '.join(re.findall(r'/\*.*?\*/', text, re.S))
        for first, _, item in items(path):
            name = function_name(item)
            if not is_declaration(item) and not is_function(item):
                continue
            seen += 1
            if group_is_documented(text.splitlines(), first) or \
                    re.search(rf'\b{name}\b', comments):
                continue
            if 'static inline' in item and item.count('\n') <= 4:
                continue  # it says so itself
            wrong.append(f'{name_of(path)}:{first}: {name}() is not described')
    return f'{seen} functions of lib/\'s headers', wrong


def is_variable(text):
    """A variable of file scope that can be written to."""
    head = re.split(r'[={]', text)[0]
    if re.match(r'(extern|typedef|_Static_assert|__thread|_Thread_local)\b', text) or \
            re.search(r'\b(_Thread_local|__thread)\b', head):
        return False
    if is_function(text) or re.match(r'[^(]*\w\s*\((?!\s*\*)', head):
        return False
    if re.match(r'(static\s+)?(struct|union|enum)\b[^={]*\{.*\}\s*;$', text, re.S) or \
            re.match(r'(struct|union|enum)\s+\w+\s*;$', text):
        return False
    # what is const is the variable: the last pointer, or what is no pointer at all
    return not re.search(r'\*\s*const\b[^*]*$', head) and \
        ('*' in head or not re.search(r'\bconst\b', head))


def nothing_is_global():
    """All state hangs on the engine or the daemon. Also inside functions: no writable statics
    but for texts that a foreign interface wants as char *."""
    wrong, seen = [], 0
    for path in c_files('lib fs tools'):
        for first, _, text in items(path):
            seen += 1
            if is_variable(text):
                wrong.append(f'{name_of(path)}:{first}: {text.split(chr(10))[0]}: writable, and '
                             f'of file scope')
            if not is_function(text):
                continue
            for match in re.finditer(r'\n\s+static\s+(?!const\b)(?!inline\b)([^;=]*)', text):
                if re.search(r'\bconst\b|^char \w+\[\]$|_Thread_local', match[1].strip()):
                    continue
                line = first + text.count('\n', 0, match.start() + 1)
                wrong.append(f'{name_of(path)}:{line}: static {match[1].strip()}: writable')
    return f'{seen} declarations and definitions', wrong


if __name__ == '__main__':
    sys.exit(checks.main(
        functions_are_short, files_are_short, files_begin_with_their_licence,
        headers_are_read_once, lines_have_their_form, nothing_is_left_for_later,
        lib_asks_only_its_host, lib_headers_say_what_functions_do,
        lib_prefixes_say_where_functions_are_called, nothing_is_global))
