#!/usr/bin/python3
"""What a Python program does with temporary files: "temporary.py VERB [ARGUMENT]"; languages.py has
the verbs."""
import os
import signal
import sys
import tempfile


def attempt(mode, name):
    """Opens it by hand."""
    try:
        with open(name, mode, encoding='ascii') as file:
            file.write('data' if mode == 'w' else '')
    except OSError as error:
        return error.strerror
    return 'made'


def fill(name):
    try:
        with open(name, 'ab', buffering=0) as file:
            while True:
                file.write(bytes(65536))
    except OSError as error:
        return error.strerror


def anonymous():
    with tempfile.TemporaryFile() as file:
        file.write(b'data')
        file.seek(0)
        return file.read().decode()


def named(verb):
    with tempfile.NamedTemporaryFile(delete=verb == 'scoped') as file:
        file.write(b'data')
        file.flush()
        print(file.name, flush=True)
        if verb == 'killed':
            os.kill(os.getpid(), signal.SIGKILL)


def main():
    verb, name = sys.argv[1], sys.argv[-1]
    if verb in ('left', 'scoped', 'killed'):
        named(verb)
        return
    print({'where': tempfile.gettempdir, 'anonymous': anonymous, 'directory': tempfile.mkdtemp,
           'exclusive': lambda: attempt('x', name), 'plain': lambda: attempt('w', name),
           'fill': lambda: fill(name)}[verb]())


if __name__ == '__main__':
    main()
