#!/usr/bin/python3
"""What the programs say of themselves, the manual pages and the completion tell the same."""
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import checks
from checks import (TOP, Skip, c_files, files, function_name, is_function, items, markdown, name_of,
                    run)

# The options of the contract; later ones join them here and in the manual page.
CONTRACT = '''ram threshold backing reserve size nr_inodes user_size user_inodes user_ram layout
    modes uid gid mode noexec lifetime linger session grace detach encrypt mlock
    backing_any pressure transport writeback xattr log_level'''.split()
MAN = (TOP / 'fs/spoolfs.8', TOP / 'tools/spoolctl/spoolctl.1',
       TOP / 'tools/mount/mount.spoolfs.8', TOP / 'tools/bench/spoolbench.1',
       TOP / 'tools/pam/pam_spoolfs.8', TOP / 'packaging/systemd/spoolfs.service.8',
       TOP / 'tools/hook/spoolfs-oci-hook.8', TOP / 'tools/volume/spoolfs-volume.8',
       TOP / 'tools/csi/spoolfs-csi.8', TOP / 'tools/slurm/spank_spoolfs.8')
BASH = TOP / 'tools/completion/spoolctl.bash'
ZSH = TOP / 'tools/completion/_spoolctl'
FISH = TOP / 'tools/completion/spoolctl.fish'


def read(path):
    return (TOP / path).read_text(encoding='utf-8')


def program(variable, *args):
    return run(os.environ[variable], *args)


def help_options():
    """{name: values} of spoolfs --help; values is None for a flag."""
    listed = program('SPOOLFS', '--help').split('Options (', 1)[1]
    return {m[1]: m[2] for m in re.finditer(r'^  ([a-z_]+)(?:=(\S+))?', listed, re.M)}


def table_options():
    """{name: has a help text} of fs/options/table.c."""
    table = re.split(r'spool_option_table\[\]\s*=', read('fs/options/table.c'))[1]
    return {m[1]: not re.match(r'(\s*NULL,){3}', m[2]) for m in
            re.finditer(r'\{"(\w+)",([^}]*)\}', table)}


def man_options():
    """{name: paragraph} of spoolfs.8."""
    text = read('fs/spoolfs.8')
    section = text.split('.Sh OPTIONS', 1)[1].split('\n.Sh ', 1)[0].split('.Ss Options of mount')[0]
    parts = re.split(r'^\.It Cm (\w+)', section, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def differences(**sets):
    """What one of the named sets has and another has not."""
    everything = set().union(*sets.values())
    return [f'{name}: lacks {", ".join(sorted(everything - set(one)))}'
            for name, one in sets.items() if everything - set(one)]


def options_are_the_same_everywhere():
    table = table_options()
    shown = {name for name, has_help in table.items() if has_help}
    wrong = differences(help=help_options(), man=man_options(), table=shown)
    wrong += [f'{name}: of the contract, but not in --help'
              for name in CONTRACT if name not in help_options()]
    page = read('fs/spoolfs.8').split('.Ss Options of mount')[1].split('\n.Sh')[0]
    words = set(re.findall(r'\w+', page))
    wrong += [f'{name}: accepted, but not in spoolfs.8, "Options of mount(8)"'
              for name, has_help in table.items() if not has_help and name not in words]
    return f'{len(table)} options, {len(shown)} of them in --help', wrong


def allowed_values_are_in_the_manual():
    wrong, seen = [], 0
    for name, values in help_options().items():
        paragraph = man_options().get(name, '')
        head = paragraph.split('\n')[0]
        for value in re.findall(r'[a-z0-9%]+', re.sub(r'[A-Z]+\S*|\+\.+', ' ', values or '')):
            seen += 1
            if value not in re.findall(r'[\w%]+', head):
                wrong.append(f'{name}={value}: not in spoolfs.8')
        if values is None and '=' in head:
            wrong.append(f'{name}: takes no value, but spoolfs.8 gives it one')
    return f'{seen} values', wrong


def lists_of_names():
    """{list: names} of lib/ctl/names.c."""
    lists = re.findall(r'\[SPOOL_CTL_(\w+)\] = \{(.*?)\}', read('lib/ctl/names.c'), re.S)
    return {name: re.findall(r'"(\w+)"', text) for name, text in lists}


def names_are_the_same_everywhere():
    lists, wrong = lists_of_names(), []
    for option, name in (('layout', 'LAYOUTS'), ('modes', 'MODES'), ('lifetime', 'LIFETIMES'),
                         ('session', 'SESSION_MODES'),
                         ('log_level', 'LOG_LEVELS')):
        wrong += differences(**{'lib/ctl/names.c': lists[name],
                                f'{option}= of --help': help_options()[option].split('|')})
    page = read('tools/spoolctl/spoolctl.1').split('.Ss set')[1].split('.Ss ')[0]
    zsh = read('tools/completion/_spoolctl').split('\tset)')[1].split(';;')[0]
    wrong += differences(**{
        'lib/ctl/names.c': lists['LIVE'],
        'spoolctl set --help': program('SPOOLCTL', 'set', '--help').split('\n')[2].split(', '),
        'spoolctl.1': re.findall(r'\w+', ' '.join(re.findall(r'^\.Cm (.*)', page, re.M))),
        'bash': [word[:-1] for word in completed('spoolctl set ') if word.endswith('=')],
        'zsh': re.findall(r'\b(\w+)=', zsh.split('option\\:(')[1].split(')')[0]),
        'fish': re.findall(r'\b(\w+)=', read(FISH).split("-a 'ram")[1].split("'")[0]) + ['ram']})
    wrong += [f'lib/ctl/names.c: {name}: not an option of spoolfs --help'
              for name in lists['LIVE'] if name not in help_options()]
    return f'{len(lists)} lists', wrong


def switches(text):
    """-x and --long that a help text lists or uses."""
    return set(re.findall(r'(?<![\w-])(--[a-z][a-z-]*|-[a-z])(?![\w])', text, re.I))


def man_switches(text):
    found = set()
    for line in re.findall(r'\bFl\s+(.*)', text):
        for word in re.split(r'\s*,\s*|\s+', line.replace('\\&', '')):
            if re.fullmatch(r'-[a-z-]+', word):
                found.add('-' + word)
            elif re.fullmatch(r'[A-Za-z]+', word) and word not in ('Ar', 'Ns', 'Op', 'Cm', 'Fl'):
                found |= {'-' + letter for letter in word}
    return found


def switches_are_in_the_manuals():
    wrong, seen = [], 0
    helps = {'fs/spoolfs.8': program('SPOOLFS', '--help').split('Options (')[0],
             'tools/mount/mount.spoolfs.8': program('MOUNT_SPOOLFS', '--help').replace(
                 '-sfnv', '-s -f -n -v').replace('mount -t', 'mount'),
             'tools/bench/spoolbench.1': program('SPOOLBENCH', '--help'),
             'tools/spoolctl/spoolctl.1': ' '.join(program('SPOOLCTL', *command, '--help')
                                          for command in [[], *([c] for c in commands())])}
    for page, text in helps.items():
        listed = man_switches(read(page))
        for switch in sorted(switches(text)):
            seen += 1
            if switch not in listed:
                wrong.append(f'{page}: lacks {switch}, which --help has')
    return f'{seen} switches', wrong


def commands():
    """The commands of spoolctl --help."""
    listed = program('SPOOLCTL', '--help').split('Commands:\n')[1].split('\n\n')[0]
    return re.findall(r'^  (\w+)', listed, re.M)


def commands_are_the_same_everywhere():
    page = read('tools/spoolctl/spoolctl.1')
    synopsis = page.split('.Sh SYNOPSIS')[1].split('.Sh')[0]
    bash = read('tools/completion/spoolctl.bash').split('\n_spoolctl() {')[1].split('\n}')[0]
    words = re.search(r'_spool_words "([a-z ]*?) --', bash)[1].split()
    zsh = read('tools/completion/_spoolctl')
    unknown = run_failing('SPOOLCTL', 'nothing-like-it')
    wrong = differences(
        help=commands(), synopsis=re.findall(r'^\.Cm (\w+)', synopsis, re.M),
        description=re.findall(r'^\.Ss (\w+)', page, re.M), bash_words=words,
        bash_cases=' | '.join(re.findall(r'^\t(\w[\w |]*)\)', bash, re.M)).split(' | '),
        zsh_words=re.findall(r'(\w+)\\:', zsh.rsplit("'1:command:((", 1)[1]),
        zsh_cases=re.findall(r'^\t(\w+)\)', zsh, re.M),
        fish=re.findall(r'-n __spoolctl_has_no_command -a (\w+)', read(FISH)),
        error=re.search(r'allowed: ([\w, ]+)', unknown)[1].split(', '))
    return f'{len(commands())} commands of spoolctl', wrong


def run_failing(variable, *args):
    done = subprocess.run([os.environ[variable], *args], capture_output=True, text=True,
                          check=False, timeout=600)
    assert done.returncode == 2, f'{args}: status {done.returncode}'
    return done.stderr


def completed(line):
    """What bash offers for this command line."""
    script = f'''PATH=$(dirname "$SPOOLFS"):$PATH; . "{BASH}"
        COMP_LINE=$1; COMP_POINT=${{#1}}; COMP_WORDBREAKS=$' \\t\\n'
        read -ra COMP_WORDS <<<"$1"; [[ $1 == *" " ]] && COMP_WORDS+=("")
        COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        _${{COMP_WORDS[0]}} 2>/dev/null; printf '%s\\n' "${{COMPREPLY[@]}}"'''
    return run('bash', '-c', script, 'bash', line).split()


def completion_offers_what_there_is():
    names = {name + ('=' if values else '') for name, values in help_options().items()}
    wrong = differences(help=set(commands()) | {'--help', '--version'},
                        completion=completed('spoolctl '))
    for line in ('spoolfs -o ', 'spoolctl run -o '):
        wrong += [f'{line}: {text}' for text in differences(help=names, completion=completed(line))]
    layouts = {f'layout={value}' for value in help_options()['layout'].split('|')}
    wrong += differences(help=layouts, completion=completed('spoolfs -o layout='))
    wrong += differences(help={'ram=1,modes=owner'},
                         completion=completed('spoolfs -o ram=1,modes=o'))
    return f'{len(names)} options, {len(commands())} commands, values', wrong


def completion_offers_switches():
    """Those of each command, and of session what is done but once."""
    wrong, seen = [], 0
    for command in commands():
        listed = {switch for switch in switches(program('SPOOLCTL', command, '--help'))
                  if switch.startswith('--')} | {'--help'}
        seen += len(listed)
        wrong += [f'spoolctl {command}: bash is not offered {switch}'
                  for switch in sorted(listed - set(completed(f'spoolctl {command} -')))]
    verbs = {'list', 'begin', 'end'}
    wrong += differences(help=verbs, completion=completed('spoolctl session '))
    for line in 'list ', 'begin --login 1 ', 'end ', 'end 1 ', 'begin --login ', 'begin --holder ':
        if verbs & set(completed(f'spoolctl session {line}')):
            wrong.append(f'spoolctl session {line}: bash is offered {verbs}')
    return f'{seen} switches', wrong


def fish_completed(line):
    """What fish offers for this command line, but for what it says of it."""
    script = f'set -p PATH (dirname $SPOOLFS); source {FISH}; complete -C $argv[1]'
    return [text.split('\t')[0] for text in run('fish', '-N', '-c', script, line).splitlines()]


def fish_offers_what_bash_does():
    """It offers more: short switches beside long ones, and what is there beside what it knows."""
    if not shutil.which('fish'):
        raise Skip('fish is not installed')
    lines = ['spoolctl ', 'spoolctl --', 'spoolctl run --t', 'spoolctl run -o layout=',
             'spoolctl run --tmp -o ram=1,modes=o', 'spoolctl session ', 'spoolctl set thr',
             'spoolctl lifetime -r ', 'spoolctl top --sort ', 'spoolfs --', 'spoolfs -o ',
             'spoolfs -o ram=1,layout=s', *(f'spoolctl {command} --' for command in commands())]
    wrong = []
    for line in lines:
        listed = set(completed(line)) - {'--'}
        if line == 'spoolctl ':
            listed -= {'--help', '--version'}  # when a dash is typed
        wrong += [f'{line}: fish is not offered {word}'
                  for word in sorted(listed - set(fish_completed(line)))]
    if fish_completed('spoolctl run --wait make --kil') or \
            'spoolfs' not in fish_completed('spoolctl run -o ram=1 -- spoolf'):
        wrong.append('spoolctl run: fish does not see where the command begins')
    return f'{len(lines)} command lines', wrong


def manuals_have_no_faults():
    if not shutil.which('mandoc'):
        raise Skip('mandoc is not installed')
    wrong = []
    for path in MAN:
        done = subprocess.run(['mandoc', '-T', 'lint', '-W', 'warning', path], cwd=TOP, text=True,
                              capture_output=True, check=False, timeout=600)
        if done.returncode:
            wrong += (done.stdout + done.stderr).splitlines()
    return ', '.join(map(name_of, MAN)), wrong


def manuals_are_installed():
    wrong = []
    for path in MAN:
        folder = next(above for above in path.parents if (above / 'meson.build').exists())
        name = str(path.relative_to(folder))
        if not re.search(rf"install_man\([^)]*'{re.escape(name)}'", read(folder / 'meson.build')):
            wrong.append(f'{name_of(folder)}/meson.build: does not install {name}')
    return f'{len(MAN)} pages', wrong


def manuals_name_pages_that_are_there():
    """Ours among themselves: a reference to spoolfs(1) would be wrong."""
    ours = {path.stem: path.suffix[1:] for path in MAN}
    wrong, seen = [], 0
    for path in [*MAN, TOP / 'README.md']:
        for name, number in re.findall(r'(?:\.Xr )?\b([\w.]*spool\w+)[ (](\d)\b', read(path)):
            seen += 1
            if ours.get(name) != number:
                wrong.append(f'{name_of(path)}: {name}({number}): no such page')
    return f'{seen} references', wrong


FILE = re.compile(r'(?<![\w./~<-])(?!sys/|linux/)'
                  r'((?:[\w.-]+/)*[a-z][\w-]*\.(?:c|h|py|sh|md|build|txt|8|1))(?![\w./(])')
FOLDER = re.compile(r'(?<![\w./~-])((?:lib|fs|tools|tests|packaging|unit|model|mount|style)/'
                    r'(?:[\w-]+/)*)(?![\w<*])')
UNIT = re.compile(r'\btest_\w+(?![\w.<])')


def pages_name_files_that_are_there():
    """As seen from the top, or somewhere in the page's own folder or in lib/."""
    known = [name_of(path) for path in TOP.rglob('*') if path.is_file() and
             not re.match(r'build|\.git/', name_of(path))]
    folders = {above for name in known for above in map(str, Path(name).parents)}
    wrong, seen = [], 0
    for page in markdown():
        home, text = name_of(page.parent), page.read_text(encoding='utf-8')
        for name in FILE.findall(text):
            seen += 1
            if name not in known and not any(path.endswith('/' + name) and
                                             (home == '.' or path.startswith((home, 'lib/')))
                                             for path in known):
                wrong.append(f'{name_of(page)}: {name}: there is no such file')
        for name in FOLDER.findall(text):
            seen += 1
            if not folders & {name[:-1], f'{home}/{name[:-1]}'}:
                wrong.append(f'{name_of(page)}: {name}: there is no such folder')
        for name in UNIT.findall(text):
            seen += 1
            if f'tests/unit/{name}.c' not in known:
                wrong.append(f'{name_of(page)}: {name}: there is no such test')
    return f'{seen} names', wrong


NAMES = re.compile(r'((?:`\w+\(\)`(?:,\s+|\s+and\s+|\s*))+)[|(]\s*((?:[\w-]+/)*[\w-]+\.[ch])\b')


def functions():
    """{name: files} of all functions in lib/, fs/ and tools/."""
    found = {}
    for path in c_files('lib fs tools'):
        for _, _, text in items(path):
            if is_function(text):
                found.setdefault(function_name(text), set()).add(name_of(path))
    return found


def pages_name_functions_that_are_there():
    """`name()`, and before "| file.c" or "(file.c" one of that file, seen as in the check above."""
    known, wrong, seen = functions(), [], 0
    for page in markdown():
        home, text = name_of(page.parent), page.read_text(encoding='utf-8')
        if home == 'tests':  # its functions are in Python
            continue
        for name in re.findall(r'`(\w+)\(\)`', text):
            seen += 1
            if name not in known:
                wrong.append(f'{name_of(page)}: {name}(): there is no such function')
        for names, file in NAMES.findall(text):
            for name in re.findall(r'\w+(?=\(\))', names):
                if not any(path in (file, f'{home}/{file}', f'lib/{file}') or
                           path.startswith((f'{home}/', 'lib/')) and path.endswith(f'/{file}')
                           for path in known.get(name, ())):
                    wrong.append(f'{name_of(page)}: {name}() is not in {file}')
    return f'{seen} names', wrong


def section(page, title):
    """The text of a section of a page, without its heading."""
    return re.split(rf'^##+ {title}\n', read(page), flags=re.M)[1].split('\n## ')[0]


def locks_are_in_the_table():
    """The ranks of lock.h are those of lib/README.md, each in one row."""
    ranks = {int(m) for m in re.findall(r'SPOOL_RANK_\w+ = (\d+)', read('lib/util/lock.h'))}
    rows = re.findall(r'^\| ([\d, ]+) \|', section('lib/README.md', 'Lock order'), re.M)
    listed = [int(number) for row in rows for number in row.split(', ')]
    wrong = differences(**{'lib/util/lock.h': {str(rank) for rank in ranks},
                           'lib/README.md': {str(rank) for rank in listed}})
    if listed != sorted(set(listed)):
        wrong.append(f'lib/README.md: Lock order: not one row each, ascending: {listed}')
    return f'{len(ranks)} ranks', wrong


def members_of_status_are_in_the_manual():
    """What status --json can write, by the calls that write it."""
    files = ('cmd_status', 'lives', 'requests', 'tier')
    code = ''.join(read(f'tools/spoolctl/{name}.c') for name in files)
    names = set(re.findall(r'json_\w+\((?:view->)?json, "(\w+)"', code))
    page = read('tools/spoolctl/spoolctl.1').split('.Ss status')[1].split('.Ss set')[0]
    words = set(re.findall(r'\w+', page))
    return f'{len(names)} members', [f'spoolctl.1: status: no {name}' for name in names - words]


def tests_are_registered():
    """A test that meson does not know is one that nobody runs."""
    wrong, seen = [], 0
    for path in files('tests', '.c', '.py'):
        folder = path.parent.name
        if not re.match(r'test_|check_', path.name):
            continue
        seen += 1
        names = re.findall(r"'([^']+)'", read(path.parent / 'meson.build'))
        short = re.sub(r'^(test|check)_', '', path.stem)
        if not {short, path.stem, path.name} & set(names):
            wrong.append(f'{name_of(path)}: not in tests/{folder}/meson.build')
    return f'{seen} tests', wrong


def versions_are_the_same():
    version = re.search(r"version : '([\d.]+)'", read('meson.build'))[1]
    wrong = [f'{name}: {text.strip()} (meson.build: {version})'
             for name in ('SPOOLFS', 'SPOOLCTL', 'SPOOLBENCH')
             if (text := program(name, '--version')).split()[-1] != version]
    return version, wrong


if __name__ == '__main__':
    sys.exit(checks.main(
        options_are_the_same_everywhere, allowed_values_are_in_the_manual,
        names_are_the_same_everywhere,
        switches_are_in_the_manuals, commands_are_the_same_everywhere,
        completion_offers_what_there_is, completion_offers_switches, fish_offers_what_bash_does,
        manuals_have_no_faults,
        manuals_are_installed,
        manuals_name_pages_that_are_there, pages_name_files_that_are_there,
        pages_name_functions_that_are_there, locks_are_in_the_table,
        members_of_status_are_in_the_manual, tests_are_registered, versions_are_the_same))
