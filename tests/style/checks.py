"""What the checks of forms and texts share: the files, a simple reader of C, and TAP output."""
import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]


class Skip(Exception):
    """This machine lacks what the check needs; the text says what."""


def files(folders, *suffixes):
    """The files below these folders of the source tree, by name; no build trees."""
    for folder in folders.split():
        for path in sorted((TOP / folder).rglob('*')):
            if path.suffix in suffixes and path.is_file() and '__pycache__' not in path.parts:
                yield path


def c_files(folders='lib fs tools tests'):
    return list(files(folders, '.c', '.h'))


def markdown():
    """Every page of it in the source tree."""
    return [*sorted(TOP.glob('*.md')), *files('lib fs tools tests packaging', '.md')]


def name_of(path):
    return str(path.relative_to(TOP))


def run(*argv, **kwargs):
    """A program's output; the check fails when the program does."""
    done = subprocess.run([str(arg) for arg in argv], capture_output=True, text=True, check=False,
                          timeout=600, **kwargs)
    assert done.returncode == 0, \
        f'{argv[0]}: status {done.returncode}\n{done.stdout}{done.stderr}'
    return done.stdout


LITERAL = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def blank(text, keep_comments=False):
    """C without comments, and with empty strings; every line stays where it is."""
    def replace(match):
        found = match[0]
        if found[0] in '"\'':
            return found[0] * 2
        return found if keep_comments else ' ' + '\n' * found.count('\n')
    return LITERAL.sub(replace, text)


def without_macros(code):
    """Blanks preprocessor lines, with those that continue them."""
    return re.sub(r'^[ \t]*#(?:[^\n]*\\\n)*[^\n]*', lambda m: '\n' * m[0].count('\n'), code,
                  flags=re.M)


def items(path):
    """(first line, last line, text) of all that stands outside of braces, from blanked C.

    An item ends at a semicolon or, when it is a function, at its closing brace."""
    code = without_macros(blank(path.read_text(encoding='utf-8')))
    depth, start = 0, None
    for i, char in enumerate(code):
        if start is None:
            if char.isspace():
                continue
            start = i
        if char in '{(':
            depth += 1
        elif char in '})':
            depth -= 1
        text = code[start:i + 1]
        if depth == 0 and (char == ';' or char == '}' and is_function(text)):
            yield code.count('\n', 0, start) + 1, code.count('\n', 0, i) + 1, text
            start = None


# Behind the head of a function: which locks its caller holds (lib/util/lock.h).
LOCKS = re.compile(r'\s*SPOOL_(?:UNCHECKED|REQUIRES\([^{]*\))\s*$')


def is_function(text):
    """Is this item the definition of a function? Its head ends with a parenthesis."""
    head = LOCKS.sub('', text.split('{')[0]).rstrip()
    return '{' in text and (head.endswith(')') or head in ('', ';')) and '=' not in head


def function_name(text):
    head = re.sub(r'__attribute__\s*\(\(.*?\)\)', '', text.split('{')[0], flags=re.S)
    match = re.search(r'(\w+)\s*\(', head)
    return match[1] if match else '?'


def main(*checks):
    """Runs the checks. Each returns what it has looked at, and a list of what is wrong.

    Return: the exit status. A skip is told in words only: TAP has no status for it."""
    failed = 0
    print(f'1..{len(checks)}')
    for number, check in enumerate(checks, 1):
        title = check.__name__.replace('_', ' ')
        try:
            seen, wrong = check()
        except Skip as reason:
            print(f'ok {number} {title} # SKIP {reason}')
            continue
        except AssertionError as error:
            seen, wrong = 'an unexpected result', str(error).splitlines()
        failed += bool(wrong)
        print(f'{"not ok" if wrong else "ok"} {number} {title} - {seen}')
        for line in wrong:
            print(f'# {line}')
            print(line, file=sys.stderr)  # which meson's summary shows
        sys.stdout.flush()
    return 1 if failed else 0
