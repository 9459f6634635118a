"""Small programs of every kind for the soak (soak.py), and the script in which a member of a
session runs one."""
import shutil

# Each looks at its own results, in a directory of its own, which it leaves to be looked at.
ANY = {
    'mktemp': '''a=$(mktemp) b=$(mktemp -d)
        echo one >$a; cp $a $b/copy; cmp $a $b/copy; rm $a; test -e $b/copy''',
    'sort': 'seq 20000 | shuf >in; sort -n -S 64K in >out; seq 20000 | cmp - out; rm in out',
    'gcc': '''echo 'int main(void) { return 7; }' >a.c
        gcc -pipe -c a.c; gcc -o a a.o; ./a && exit 1; test -x a''',
    'git': '''git init -q r; cd r; echo x >f; git add f
        git -c user.name=u -c user.email=e commit -qm m; git gc -q; git fsck 2>&1
        test "$(git show HEAD:f)" = x''',
    'make': r'''printf 'all: a b\na b:\n\techo $@ >$@\n' >Makefile
        make -s -j2; test "$(cat a b | tr -d '\n')" = ab''',
    'vim': r'''echo one >f
        vim -es -u NONE -i NONE -c 'set backup backupdir=. directory=. backupskip=' \
            -c 's/one/two/' -c wq f
        test "$(cat f f~ | tr -d '\n')" = twoone''',
    'python': '''/usr/bin/python3 -c "
import os, subprocess, tempfile
assert tempfile.gettempdir() == os.environ['TMPDIR']
with tempfile.TemporaryDirectory() as d, tempfile.NamedTemporaryFile() as f:
    f.write(b'x'); f.flush()
    subprocess.run(['cp', f.name, d + '/copy'], check=True)
    assert open(d + '/copy').read() == 'x'
fd, name = tempfile.mkstemp()
os.close(fd)
subprocess.run(['test', '-e', name], check=True)"''',
    'tmpfile': '''/usr/bin/python3 -c "
import os, subprocess
fd = os.open('.', os.O_TMPFILE | os.O_RDWR)
os.write(fd, b'x')
os.link('/proc/self/fd/%d' % fd, 'named', src_dir_fd=0, follow_symlinks=True)
assert open('named').read() == 'x'"''',
    'tree': '''mkdir -p a/b/c; echo y >a/b/c/f; ln a/b/c/f g; ln -s g s; mkfifo p; mv a z
        chmod 0 z/b/c; chmod 700 z/b/c; test "$(cat z/b/c/f g s | tr -d '\\n')" = yyy''',
    'left': '''echo x >f; mkdir d; echo x >d/f
        (until test -e d/go; do sleep 0.01; done; cat f d/f >g) & touch d/go; wait; test -s g''',
    'nohup': '''echo x >f; nohup sh -c 'test -e f; echo $? >f.seen' >/dev/null 2>&1 &
        wait; test "$(cat f.seen)" = 0''',
}

# What lifetime=close is for: files that are kept open, or opened again soon.
CLOSE = {
    'gcc': 'echo "int f(void) { return 7; }" >a.c; gcc -c a.c; nm a.o >/dev/null',
    'python': '''/usr/bin/python3 -c "
import os, subprocess, tempfile
assert tempfile.gettempdir() == os.environ['TMPDIR']
with tempfile.NamedTemporaryFile() as f:
    f.write(b'x' * 10000); f.flush()
    assert subprocess.run(['cat', f.name], check=True, capture_output=True).stdout == b'x' * 10000
fd, name = tempfile.mkstemp()
os.write(fd, b'x')
os.close(fd)
assert open(name).read() == 'x'
os.unlink(name)"''',
    'mktemp': 'a=$(mktemp); echo one >$a; test "$(cat $a)" = one; echo two >>$a; rm $a',
}

# What a member needs of programs beside these; those that are named as their program need it.
NEEDED = 'bash', 'setpriv', 'setsid', 'nohup', 'unshare', 'cksum', 'shuf', 'sort', 'mktemp'

# A member: $1 the number of its session, $2 where it works (that of another session may go before
# it gets there), $3 its own place, $4 what it runs. It looks at all its files when it is done, and
# again when it is told to end; SAY and TOLD are descriptors for what it has to say and for that.
MEMBER = r'''
all() { find . -type f -print0 | sort -z | xargs -0r cksum; find . ! -type f | sort; }
dir=$(mktemp -d -p "$2" "$1.XXXXXX" 2>/dev/null) || dir=$(mktemp -d -p "$3" "$1.XXXXXX")
cd "$dir"
export TMPDIR=$dir HOME=$dir
eval "$4"
cd "$dir"
before=$(all)
echo :soak-ready >&"$SAY"
read -r _ <&"$TOLD"
test "$(all)" = "$before"
echo :soak-done >&"$SAY"
'''

# The same where files go by themselves: the directory is there, and what was running ended well.
CLOSE_MEMBER = MEMBER.replace('all() {', 'all() { true; return; ')


def there(programs):
    """Those of @programs that this machine has."""
    return {name: text for name, text in programs.items()
            if name in ('python', 'tmpfile', 'tree', 'left') or shutil.which(name)}
