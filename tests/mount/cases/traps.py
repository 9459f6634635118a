"""The traps T1 to T30: what real programs do that simple designs of a TMPDIR do not survive.

Each case says which design it is there to catch. Traps about what this version does not have yet
(spilling, sessions) are kept in the form that applies to it. T1 to T17 are about what programs do
with their files; traps_system.py has the others.
"""
import fcntl
import mmap
import os
import socket
import stat
import tempfile
from multiprocessing.connection import Client, Listener

from rig import Skip, as_user, bash, case, get, need, pass_time, put, run, wait_until

MASKED = True  # also run without each feature of the kernel
# A design that removes by itself has done so by then: the prototypes took 0.3 s.
REMOVED_BY_S = 0.6


@case()
def t01_python_probes_the_directory(d):
    """Caught: the name goes at last close, so the probe's unlink fails and /tmp is used."""
    code = 'import tempfile; print(tempfile.gettempdir())'
    assert bash(f'/usr/bin/python3 -c "{code}"', d).stdout == f'{d}\n'
    assert os.listdir(d) == []
    # the probe itself: close first, then unlink
    fd = os.open('probe', os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    os.write(fd, b'blat')
    os.close(fd)
    os.unlink('probe')


@case()
def t02_named_files_are_closed_before_they_are_unlinked(d):
    """Caught: removal at last close."""
    tempfile.tempdir = d
    with tempfile.NamedTemporaryFile() as file:
        file.write(b'1')
    fd, name = tempfile.mkstemp()
    os.write(fd, b'2')
    os.close(fd)
    assert get(name) == b'2'
    os.unlink(name)
    with tempfile.TemporaryDirectory() as directory:
        put(f'{directory}/child', b'3')
        assert get(f'{directory}/child') == b'3'
    assert os.listdir(d) == []


@case()
def t03_gcc_closes_empty_files_that_others_open_later(d):
    """Caught: empty and closed is taken for garbage; an inode changes between the openers."""
    for i in range(5):
        os.close(os.open(f'cc{i}.s', os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    inode = os.stat('cc0.s').st_ino
    pass_time(REMOVED_BY_S)
    assert len(os.listdir(d)) == 5
    bash('echo text > cc0.s; exec 3<cc0.s 4<cc0.s; cat <&3; cat <&4', d)
    assert os.stat('cc0.s').st_ino == inode and get('cc0.s') == b'text\n'
    assert stat.S_IMODE(os.stat('cc0.s').st_mode) == 0o600
    for i in range(5):
        os.unlink(f'cc{i}.s')
    need('gcc')
    code = '__attribute__((constructor)) void c(void){} int main(){return 0;}'
    bash(f'mkdir t; echo "{code}" | TMPDIR=$PWD/t gcc -xc - -o prog; ./prog; [ -z "$(ls t)" ]', d)


@case()
def t04_lto_touches_moves_and_maps(d):
    """Caught: no utimens (exit 0, but files are left), RENAME_NOREPLACE, private mappings."""
    put('x.ltrans0.o', b'object' * 1000)
    put('x.ltrans0.o.tem')
    bash('touch -r x.ltrans0.o x.ltrans0.o.tem && mv x.ltrans0.o.tem x.ltrans0.o', d)
    assert os.listdir(d) == ['x.ltrans0.o'] and get('x.ltrans0.o') == b''
    put('m', b'a' * 10000)
    with open('m', 'rb') as file, mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE) as private:
        private[0:1] = b'b'
        assert private[:2] == b'ba' and get('m')[:1] == b'a'
    need('gcc', 'make')
    put('a.c', b'int f(int); int main(void) { return f(0); }')
    put('b.c', b'int f(int x) { return x; }')
    bash('mkdir t; TMPDIR=$PWD/t gcc -O1 -flto=2 -flto-partition=max a.c b.c -o prog; ./prog;'
         '[ -z "$(ls t)" ]', d)


@case(masked=False)
def t05_sort_reopens_hundreds_of_files(d):
    """Caught: removal at last close; a descriptor that is inherited and closed by the parent."""
    bash('mkdir t; seq 300000 | shuf > in; export TMPDIR=$PWD/t;'
         'sort -n -S 64k --parallel=1 in | cmp - <(seq 300000);'
         'sort -n -S 200k --parallel=1 --compress-program=gzip in | cmp - <(seq 300000);'
         '[ -z "$(ls t)" ]', d)


@case()
def t06_the_creator_is_gone_when_others_use_the_name(d):
    """Caught: removal when the creating process exits."""
    name = bash('mktemp', d).stdout.strip()
    assert os.path.dirname(name) == d
    pass_time(REMOVED_BY_S)
    for command in (f'[ -e {name} ]', f'echo text > {name}', f'chmod 640 {name}',
                    f'mv {name} {name}.new', f'[ "$(cat {name}.new)" = text ]', f'rm {name}.new'):
        bash(command, d)
    assert os.listdir(d) == []


@case()
def t07_bash_reopens_unlinks_and_chmods_a_here_document(d):
    """Caught: fchmod, fstat and read of an inode without a name."""
    writer = os.open('sh-thd', os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    os.fchmod(writer, 0o600)
    os.write(writer, b'x' * 200000)
    reader = os.open('sh-thd', os.O_RDONLY)
    os.close(writer)
    os.unlink('sh-thd')
    os.fchmod(reader, 0o400)
    assert len(os.read(reader, 300000)) == 200000
    assert stat.S_IMODE(os.fstat(reader).st_mode) == 0o400
    os.close(reader)
    text = "x$(printf '%0200000d' 0)"
    assert bash(f'cat <<END | wc -c\n{text}\nEND', d).stdout.strip() == '200002'


@case()
def t08_a_file_without_a_name_has_every_function(d):
    """Caught: operations that go by path inside, and .fuse_hidden files."""
    fd = os.open('f', os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    os.unlink('f')
    assert os.listdir(d) == [], 'the file was only renamed'
    os.write(fd, b'a' * 100000)
    os.ftruncate(fd, 50000)
    with mmap.mmap(fd, 50000) as mapping:
        mapping[49999:] = b'z'
    os.fsync(fd)
    os.setxattr(fd, 'user.x', b'1')
    assert os.getxattr(fd, 'user.x') == b'1'
    assert os.pread(fd, 2, 49998) == b'az' and os.fstat(fd).st_nlink == 0
    second = os.open(f'/proc/self/fd/{fd}', os.O_RDWR)
    os.close(fd)
    os.pwrite(second, b'b', 0)
    assert os.pread(second, 2, 0) == b'ba'
    os.close(second)
    bash('seq 100000 | tac | tac | cmp - <(seq 100000)', d)
    assert os.listdir(d) == []


@case()
def t09_programs_from_here_are_run(d):
    """Caught: a forced 0600 that takes the owner's x, and noexec."""
    done = bash('s=$(mktemp); printf "#!/bin/sh\\necho ran\\n" > $s; chmod +x $s; $s;'
                'chmod 755 $s; stat -c %a $s; rm $s', d)
    assert done.stdout == 'ran\n755\n'
    need('git')
    assert bash('git init -q r; git -C r config core.filemode', d).stdout == 'true\n'


@case(needs=['dont_mask'])
def t09_every_umask_leaves_a_usable_file(d):
    """Caught: the umask applied on top, so that umask 777 gives a file nobody can open."""
    old = os.umask(0o777)
    try:
        put('f', b'x')
    finally:
        os.umask(old)
    assert stat.S_IMODE(os.stat('f').st_mode) == 0o600


@case(uid=65534, layout='single')
def t10_git_writes_through_a_descriptor_of_a_0444_file(mount):
    """Caught: the mode is checked again at each write. As an ordinary user: root may anything."""
    if not os.stat('/dev/fuse').st_mode & 0o006 == 0o006:
        raise Skip('an ordinary user may not open /dev/fuse')

    def work():
        os.chdir(mount.path)
        fd = os.open('tmp_obj', os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o444)
        os.write(fd, b'x' * 200000)
        assert os.pread(fd, 1, 199999) == b'x'
        os.ftruncate(fd, 100)
        os.close(fd)
        try:
            os.open('tmp_obj', os.O_WRONLY)
        except PermissionError:
            pass
        else:
            raise AssertionError('opened a 0444 file for writing')
        os.close(os.open('index.lock', os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666))
        os.rename('index.lock', 'index')
        os.symlink('testing', 'tcXXXX')
        assert os.readlink('tcXXXX') == 'testing'
    as_user(65534, work)


@case()
def t11_sqlite_locks_far_away_and_maps_shared(d):
    """Caught: direct I/O (no shared mappings), locks that only one process sees."""
    start = 0x40000000
    fd = os.open('db', os.O_RDWR | os.O_CREAT, 0o644)
    os.fchown(fd, 0, 0)
    fcntl.lockf(fd, fcntl.LOCK_EX, 512, start)

    def other(offset):
        again = os.open('db', os.O_RDWR)
        try:
            fcntl.lockf(again, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, offset)
        except BlockingIOError:
            return 'locked'
        finally:
            os.close(again)
        return 'free'
    assert as_user(0, other, start + 511) == 'locked' and as_user(0, other, start + 512) == 'free'
    shm = os.open('db-shm', os.O_RDWR | os.O_CREAT, 0o644)
    os.ftruncate(shm, 32768)
    with mmap.mmap(shm, 32768) as mapping:
        def write():
            with mmap.mmap(os.open('db-shm', os.O_RDWR), 32768) as theirs:
                theirs[20000:20004] = b'seen'
        as_user(0, write)
        assert mapping[20000:20004] == b'seen'
    directory = os.open('.', os.O_RDONLY)
    for number in (fd, shm, directory):
        os.fdatasync(number)
        os.fsync(number)
        os.close(number)


@case()
def t12_archives_set_owners_times_and_links(d):
    """Caught: no utimens on symlinks, no hard links, O_PATH; removal of files with old mtimes."""
    put('f', b'x')
    os.symlink('f', 's')
    for path in ('f', 's', '.'):
        os.chown(path, os.geteuid(), os.getegid(), follow_symlinks=False)
        os.utime(path, ns=(0, 1), follow_symlinks=False)
        assert os.lstat(path).st_mtime_ns == 1
    os.link('f', 'l')
    os.link('s', 'ls', follow_symlinks=False)
    assert os.readlink('ls') == 'f' and os.lstat('s').st_nlink == 2
    handle = os.open('f', os.O_PATH)
    os.chmod(f'/proc/self/fd/{handle}', 0o700)
    assert stat.S_IMODE(os.fstat(handle).st_mode) == 0o700
    os.close(handle)
    pass_time(REMOVED_BY_S)
    assert sorted(os.listdir(d)) == ['f', 'l', 'ls', 's'], 'a file of 1970 was taken for old'


@case()
def t13_vim_locks_its_directory_and_rewrites_in_place(d):
    """Caught: flock on a directory, copy_file_range, truncation to 0 before a rewrite."""
    os.mkdir('vXXXX')
    directory = os.open('vXXXX', os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(directory, fcntl.LOCK_SH)
    again = os.open('vXXXX', os.O_RDONLY)
    try:
        fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
        raise AssertionError('a locked directory was locked again')
    except BlockingIOError:
        pass
    os.close(again)
    put('vXXXX/0', b'lines\n' * 50000)
    bash('cat vXXXX/0 > vXXXX/1; cmp vXXXX/0 vXXXX/1', d)
    one, two = os.open('vXXXX/0', os.O_RDONLY), os.open('copy', os.O_RDWR | os.O_CREAT)
    copied = 0
    while (n := os.copy_file_range(one, two, 300000)):
        copied += n
    assert copied == 300000 and get('copy') == get('vXXXX/0')
    os.ftruncate(two, 0)
    os.pwrite(two, b'new', 0)
    os.fsync(two)
    assert get('copy') == b'new'
    os.close(one)
    os.close(two)
    os.close(directory)


@case()
def t14_java_creates_0666_and_deletes_while_open(d):
    """Caught: modes taken as asked for (others can read), reopening after the creator's close."""
    os.close(os.open('jar.tmp', os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666))
    assert stat.S_IMODE(os.stat('jar.tmp').st_mode) & 0o077 == 0
    fd = os.open('jar.tmp', os.O_RDWR)
    os.unlink('jar.tmp')
    os.write(fd, b'data')
    assert os.pread(fd, 4, 0) == b'data'
    os.close(fd)


@case(masked=False)
def t14_java_itself(d):
    need('java')
    put('T.java', b'''import java.io.*; import java.nio.file.*;
public class T { public static void main(String[] a) throws Exception {
  File f = File.createTempFile("jav", null); f.deleteOnExit();
  try (FileWriter w = new FileWriter(f)) { w.write("text"); }
  Path p = Files.createTempFile("nio", null);
  try (OutputStream o = Files.newOutputStream(p, StandardOpenOption.DELETE_ON_CLOSE)) {
    o.write(1); }
  System.out.println(f.getParent() + " " + f.length() + " " + Files.exists(p)); } }''')
    done = bash('mkdir t; java -Djava.io.tmpdir=$PWD/t -XX:-UsePerfData T.java; ls t', d,
                check=False)
    if done.returncode != 0 and 'compiler' in done.stderr:
        raise Skip('a Java compiler is not installed')
    assert done.stdout == f'{d}/t 4 false\n', done


@case()
def t15_programs_that_ignore_tmpdir_need_tmp_itself_covered(mount):
    """Caught: a mount that cannot be bound over /tmp for one job, as a namespace does it."""
    place = f'{mount.tmpdir()}/job'
    os.mkdir(place)
    script = f'mount --bind {place} /tmp; mktemp -p /tmp; unset TMPDIR; mktemp; ' \
             'touch /tmp/named; stat -c %n /tmp/named'
    done = run('unshare', '-m', 'bash', '-euc', script)
    assert all(line.startswith('/tmp/') for line in done.stdout.split())
    assert len(os.listdir(place)) == 3, 'they went elsewhere'


@case()
def t16_sockets_and_fifos_are_not_held_open(mount):
    """Caught: zero open descriptors taken for not in use; a path too long for a socket."""
    os.mkdir(f'{mount.tmpdir()}/s')
    os.chdir(f'{mount.tmpdir()}/s')
    os.mkfifo('fifo')
    with socket.socket(socket.AF_UNIX) as server:
        server.bind('sock')
        server.listen()
        pass_time(REMOVED_BY_S)
        assert sorted(os.listdir('.')) == ['fifo', 'sock']
        with socket.socket(socket.AF_UNIX) as client:
            client.connect('sock')
    name = f'{mount.tmpdir()}/s/listener'
    assert len(name) + len('/agent.123456789') < 108
    with Listener(name, 'AF_UNIX') as listener, Client(name) as client:
        with listener.accept() as accepted:
            accepted.send([1, 2])
            assert client.recv() == [1, 2]
    need('ssh-agent')
    done = bash('eval $(ssh-agent -a $TMPDIR/agent) >/dev/null; [ -S $TMPDIR/agent ];'
                'ssh-add -l || true; ssh-agent -k >/dev/null', os.getcwd())
    assert done.stdout == 'The agent has no identities.\n', done.stdout
    wait_until(lambda: sorted(os.listdir('.')) == ['fifo', 'sock'], 'the agent ends')
    os.chdir('/')


@case()
def t17_names_are_used_again_after_close(d):
    """Caught: removal at last close, removal with the process."""
    put('File', b'x')
    os.chmod('File', 0o600)  # perl File::Temp: by name, twice, then unlink
    os.chmod('File', 0o600)
    os.unlink('File')
    need('make')
    assert bash("printf 'all:\\n\\t@echo made\\n' | make -s -f -; ls", d).stdout == 'made\n'
    need('ssh-keygen')
    bash('ssh-keygen -q -t ed25519 -N "" -f id', d)
    pass_time(REMOVED_BY_S)
    assert sorted(os.listdir(d)) == ['id', 'id.pub']
