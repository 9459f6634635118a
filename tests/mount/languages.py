"""The same small program in C, shell, Python and Perl, by each language's own means.

Its verbs, and what it prints:
    where            the directory that it takes for temporary files
    left             the name of a file that it has made, written to, and leaves
    scoped           the same, and removes it as it ends
    killed           the same, but it kills itself before it can
    anonymous        what it has read back from a file without a name: data
    directory        the name of a directory that it has made
    exclusive PATH   "made", or why it could not make just that file
    plain PATH       the same, as one does who does not think of others
    fill PATH        why it could not write on
"""
import os
import shutil
import subprocess
from pathlib import Path

from rig import DEADLINE_S, need, run

SOURCES = Path(__file__).resolve().parent / 'languages'
LANGUAGES = {'C': 'c', 'shell': 'sh', 'Python': 'py', 'Perl': 'pl'}


class Programs:
    """Ready to be run by anybody."""

    def __init__(self):
        need('cc', 'perl')
        self.place = Path(os.environ['SPOOL_CASE_DIR'], 'programs')
        shutil.copytree(SOURCES, self.place)
        self.place.chmod(0o755)
        run('cc', '-std=gnu17', '-D_GNU_SOURCE', '-o', f'{self.place}/temporary.c.program',
            f'{self.place}/temporary.c')

    def argv(self, language, *args):
        end = LANGUAGES[language]
        return [f'{self.place}/temporary.{end}' + ('.program' if end == 'c' else ''), *args]

    def run(self, language, *args, tmpdir, umask=0o022, status=0):
        """In a POSIX session of its own. What it prints."""
        done = subprocess.run(
            self.argv(language, *args), capture_output=True, text=True, check=False, umask=umask,
            timeout=DEADLINE_S, start_new_session=True, cwd='/',
            env={'TMPDIR': tmpdir, 'PATH': '/usr/bin:/bin', 'LC_ALL': 'C', 'HOME': '/nonexistent'})
        assert done.returncode == status, (language, args, done)
        return done.stdout.rstrip('\n')

    def each(self, *args, **kwargs):
        """(language, what it prints) of all."""
        for language in LANGUAGES:
            yield language, self.run(language, *args, **kwargs)
