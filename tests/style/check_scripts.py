#!/usr/bin/python3
"""Scripts: shellcheck has nothing to say, and every one can be run and read."""
import ast
import os
import shutil
import subprocess
import sys

import checks
from checks import TOP, Skip, files, name_of

SHELL = [*sorted((TOP / 'packaging').rglob('*.sh')), TOP / '.ci/run']
PYTHON = [*files("tests packaging", ".py"), TOP / "tools/bench/spoolbench-chart"]
COMPLETION = TOP / 'tools/completion/spoolctl.bash'


def said(*argv):
    """What a program says of a file that it does not like, by line."""
    done = subprocess.run([str(arg) for arg in argv], capture_output=True, text=True, check=False,
                          timeout=600, cwd=TOP)
    return (done.stdout + done.stderr).splitlines() if done.returncode else []


def shellcheck_is_content():
    if not shutil.which('shellcheck'):
        raise Skip('shellcheck is not installed')
    paths = [*SHELL, COMPLETION]
    return ', '.join(map(name_of, paths)), said('shellcheck', '-f', 'gcc', *paths)


def bash_can_read_them():
    wrong = [line for path in [*SHELL, COMPLETION] for line in said('bash', '-n', path)]
    return f'{len(SHELL) + 1} files', wrong


def zsh_can_read_its_completion():
    if not shutil.which('zsh'):
        raise Skip('zsh is not installed')
    path = TOP / 'tools/completion/_spoolctl'
    return name_of(path), said('zsh', '-n', path)


def fish_can_read_its_completion():
    if not shutil.which('fish'):
        raise Skip('fish is not installed')
    path = TOP / 'tools/completion/spoolctl.fish'
    return name_of(path), said('fish', '-n', path) + said('fish_indent', '--check', path)


def shell_scripts_stop_at_errors():
    wrong = []
    for path in SHELL:
        text = path.read_text(encoding='utf-8')
        if not text.startswith('#!/bin/bash\n'):
            wrong.append(f'{name_of(path)}:1: not #!/bin/bash')
        if '\nset -euo pipefail\n' not in text:
            wrong.append(f'{name_of(path)}: no "set -euo pipefail"')
        if not os.access(path, os.X_OK):
            wrong.append(f'{name_of(path)}: not executable')
    return f'{len(SHELL)} files', wrong


def python_can_read_them():
    wrong = []
    for path in PYTHON:
        text = path.read_text(encoding='utf-8')
        try:
            tree = ast.parse(text, str(path))
        except SyntaxError as error:
            wrong.append(f'{name_of(path)}:{error.lineno}: {error.msg}')
            continue
        if not ast.get_docstring(tree):
            wrong.append(f'{name_of(path)}:1: does not say what it is for')
        if text.startswith('#!') != os.access(path, os.X_OK):
            wrong.append(f'{name_of(path)}: executable, or begins with #!, but not both')
    return f'{len(PYTHON)} files', wrong


if __name__ == '__main__':
    sys.exit(checks.main(shellcheck_is_content, bash_can_read_them, zsh_can_read_its_completion,
                         fish_can_read_its_completion, shell_scripts_stop_at_errors,
                         python_can_read_them))
