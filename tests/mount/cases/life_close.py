"""lifetime=close: the name goes with the last close, but not before the linger is over."""
import os

from rig import Mount, as_user, bash, binary, case, get, need, put, run, wait_until

USER = 61041
LONG = 'lifetime=close,linger=1h'


def goes(*paths):
    for path in paths:
        wait_until(lambda path=path: not os.path.lexists(path), f'{path} goes')


@case(options='lifetime=close,linger=0')
def a_written_file_goes_with_its_last_close(d):
    """All its names; what it holds stays for who has it open, and directories stay."""
    fd = os.open('f', os.O_CREAT | os.O_RDWR)
    os.write(fd, b'data')
    again = os.open('f', os.O_RDONLY)
    os.link('f', 'g')
    os.mkdir('dir')
    os.symlink('f', 's')
    os.mkfifo('fifo')
    os.close(fd)
    assert get_of(again) == b'data' and sorted(os.listdir('.')) == ['dir', 'f', 'fifo', 'g', 's']
    os.close(again)
    goes('f', 'g')
    put('dir/f', b'x')
    goes('dir/f')
    assert sorted(os.listdir('.')) == ['dir', 'fifo', 's']


def get_of(fd):
    return os.pread(fd, 100, 0)


@case(options='lifetime=close,linger=0')
def an_empty_file_stays_until_it_is_written(d):
    """mktemp(1) makes one for the program that comes next."""
    need('mktemp')
    name = run('mktemp', '-p', d).stdout.strip()
    put('witness', b'x')
    goes('witness')
    assert os.stat(name).st_size == 0
    os.close(os.open(name, os.O_RDONLY))
    put('witness', b'x')
    goes('witness')
    assert os.stat(name).st_size == 0
    put(name, b'data')
    goes(name)


@case(options=LONG)
def who_comes_back_within_the_linger_finds_it(d):
    """mkstemp, then another program; a compiler; what removes by itself."""
    need('gcc')
    bash('''name=$(mktemp)
        echo data >$name
        test "$(cat $name)" = data
        echo more >>$name
        test $(wc -l <$name) = 2
        mv $name renamed
        test -s renamed
        rm renamed
        echo 'int main(void) { return 0; }' >a.c
        gcc -c a.c
        gcc -o a a.o
        ./a''', d)
    assert sorted(os.listdir(d)) == ['a', 'a.c', 'a.o']


WORK = r"""git init -q r
    cd r
    printf 'all: a b\na b:\n\techo $@ >$@\n' >Makefile
    make -s
    vim -es -u NONE -i NONE -c 'set directory=.' -c 's/a/c/' -c wq a
    git add .
    git -c user.name=u -c user.email=e commit -qm m
    git gc -q
    git fsck 2>&1
    test "$(git show HEAD:a HEAD:b | tr -d '\n')" = cb"""


@case(options=LONG)
def git_make_and_vim_work_within_the_linger(d):
    need('git', 'make', 'vim')
    bash(WORK, d)
    assert sorted(os.listdir(f'{d}/r')) == ['.git', 'Makefile', 'a', 'b']


@case(options=LONG)
def who_comes_back_later_needs_another_lifetime(mount):
    """As spoolfs(8) says of git. Directories with one are as on any mount."""
    need('git', 'make', 'vim')
    os.chdir(mount.tmpdir(0))
    run('git', 'init', '-q', 'r')
    run(binary('SPOOLCTL'), 'set', 'linger=0', mount.path)
    goes('r/.git/HEAD', 'r/.git/config')
    done = run('git', '-C', 'r', 'status', check=False, env=dict(os.environ, GIT_DIR='.git'))
    assert done.returncode == 128 and 'not a git repository' in done.stderr, done
    os.mkdir('stays')
    os.setxattr('stays', 'user.spoolfs.lifetime', b'session')
    bash(WORK, f'{mount.tmpdir(0)}/stays')
    assert sorted(os.listdir('stays/r')) == ['.git', 'Makefile', 'a', 'b']
    assert get('stays/r/a') == b'c\n'
    os.chdir('/')


@case(options='lifetime=close,linger=1')
def an_open_starts_the_linger_anew(d):
    """What is opened again stays; another file that is not goes meanwhile."""
    put('open', b'x')
    fd = os.open('open', os.O_RDONLY)
    put('closed', b'x')
    goes('closed')
    assert get('open') == b'x'
    os.close(fd)
    goes('open')


@case(options=LONG)
def the_linger_is_changed_on_the_live_mount(mount):
    place = mount.tmpdir(USER)
    as_user(USER, put, f'{place}/f', b'x')
    run(binary('SPOOLCTL'), 'set', 'linger=0', mount.path)
    goes(f'{place}/f')


@case(mount=False)
def a_closed_file_goes_with_its_session_at_the_latest():
    with Mount(options=f'{LONG},session=sid') as mount:
        place = mount.tmpdir(USER)

        def make():
            os.setsid()
            put(f'{place}/f', b'x')
            os.mkdir(f'{place}/dir')
            put(f'{place}/dir/empty')

        as_user(USER, make)
        goes(f'{place}/f', f'{place}/dir')
