#!/usr/bin/python3
"""C files are as clang-format leaves them."""
import re
import shutil
import subprocess
import sys

import checks
from checks import TOP, Skip, c_files, name_of, run

VERSION = 14  # Debian 12's; others break some lines in other places


def formatter():
    """clang-format of the version that the files are formatted with."""
    for name in (f'clang-format-{VERSION}', 'clang-format'):
        if shutil.which(name):
            found = re.search(r'version (\d+)', run(name, '--version'))
            if found and int(found[1]) == VERSION:
                return name
            raise Skip(f'clang-format {VERSION} is not installed, '
                       f'but {found[1] if found else "another"}')
    raise Skip('clang-format is not installed')


def files_are_formatted():
    name, paths = formatter(), c_files()
    done = subprocess.run([name, '--dry-run', '-Werror', '--style=file', *map(str, paths)],
                          cwd=TOP, capture_output=True, text=True, check=False, timeout=600)
    wrong = sorted({f'{name_of(TOP / match[1])}:{match[2]}: not as clang-format leaves it' for
                    match in re.finditer(r'^(.+?):(\d+):\d+: error:', done.stderr, re.M)})
    assert done.returncode == 0 or wrong, done.stderr
    return f'{len(paths)} files', wrong


if __name__ == '__main__':
    sys.exit(checks.main(files_are_formatted))
