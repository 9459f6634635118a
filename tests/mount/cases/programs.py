"""Real programs, unchanged, with TMPDIR on the mount. What they leave behind is looked at too."""
import os
import shutil

from rig import Skip, as_user, bash, case, get, need, put

NOBODY = 65534
MAIN_C = b'''#include <stdio.h>
int twice(int);
__attribute__((constructor)) static void early(void) { puts("early"); }
int main(void) { printf("%d\\n", twice(21)); return 0; }
'''
TWICE_C = b'int twice(int n) { return 2 * n; }\n'
MAKEFILE = b'''prog: main.o twice.o
\tgcc -o $@ $^
%.o: %.c
\tgcc -O2 -c -o $@ $<
'''


def sources(directory):
    """A small C program. Its directory; beside it is the TMPDIR to use."""
    os.makedirs(f'{directory}/src')
    os.mkdir(f'{directory}/tmp')
    put(f'{directory}/src/main.c', MAIN_C)
    put(f'{directory}/src/twice.c', TWICE_C)
    put(f'{directory}/src/Makefile', MAKEFILE)

MASKED = True  # also run without each feature of the kernel


@case()
def gcc(d):
    need('gcc')
    sources(d)
    done = bash('gcc -o ../src/prog ../src/main.c ../src/twice.c; ../src/prog', f'{d}/tmp')
    assert done.stdout == 'early\n42\n'
    assert os.listdir(f'{d}/tmp') == []


@case()
def gcc_flto(d):
    need('gcc')
    sources(d)
    done = bash('gcc -O2 -flto=2 -flto-partition=max -o ../src/prog ../src/main.c ../src/twice.c;'
                '../src/prog', f'{d}/tmp')
    assert done.stdout == 'early\n42\n'
    assert os.listdir(f'{d}/tmp') == []


@case()
def make(d):
    need('make', 'gcc')
    sources(d)
    done = bash('make -s -j4 -C ../src; ../src/prog; make -C ../src', f'{d}/tmp')
    assert done.stdout.startswith('early\n42\n') and 'up to date' in done.stdout
    assert os.listdir(f'{d}/tmp') == []


@case()
def make_output_sync(d):
    need('make')
    put('Makefile', b'all: a b c d\na b c d:\n\t@echo begin $@; seq 20000; echo end $@\n')
    lines = bash('make -s -j4 --output-sync=target', d).stdout.split()
    expected = [str(i) for i in range(1, 20001)]
    for _ in range(4):
        assert lines[0] == 'begin' and lines[2:20002] == expected and lines[20002] == 'end'
        del lines[:20004]
    assert not lines


@case(masked=False)
def sort_with_hundreds_of_temporary_files(d):
    os.mkdir('tmp')
    bash('seq 1200000 | shuf --random-source=<(yes) > in', d)
    done = bash('TMPDIR=$PWD/tmp sort -n -S 128k --parallel=2 in | cmp - <(seq 1200000);'
                'TMPDIR=$PWD/tmp sort -n -S 1M --compress-program=gzip in | cmp - <(seq 1200000);'
                'ls tmp', d)
    assert done.stdout == ''


@case()
def git(d):
    need('git')
    done = bash('''
        git init -q -b main r; cd r
        git config user.email t@example.org; git config user.name t
        git config gc.autoDetach false
        for i in $(seq 40); do seq $i 500 > f$i; git add .; git commit -q -m "$i"; done
        git gc -q --prune=now; git fsck --strict; git status --porcelain
        git clone -q . ../copy; cd ../copy; git log --oneline | wc -l
        git config core.filemode; git config core.symlinks || echo unset''', d)
    assert done.stdout.split() == ['40', 'true', 'unset'], done.stdout


def tree(directory):
    """Something of every kind that an archive holds."""
    os.makedirs(f'{directory}/a/b')
    put(f'{directory}/a/file', b'x' * 100000)
    put(f'{directory}/a/empty')
    put(f'{directory}/a/b/script', b'#!/bin/sh\necho ran\n')
    os.chmod(f'{directory}/a/b/script', 0o700)
    os.link(f'{directory}/a/file', f'{directory}/a/b/hard')
    os.symlink('../file', f'{directory}/a/b/soft')
    os.symlink('nowhere', f'{directory}/dangling')
    os.mkfifo(f'{directory}/fifo')
    with open(f'{directory}/sparse', 'wb') as file:
        file.truncate(10 << 20)
        file.seek(5 << 20)
        file.write(b'middle')
    for name in ('a/file', 'a/b/soft', 'a/b', 'a', 'dangling', 'fifo'):
        os.utime(f'{directory}/{name}', ns=(1_000_000_001, 86_400_000_000_123),
                 follow_symlinks=False)


def seen(directory):
    """What there is to compare about each file."""
    found = {}
    for where, names, files in os.walk(directory):
        for name in names + files:
            path = f'{where}/{name}'
            stat = os.lstat(path)
            key = os.path.relpath(path, directory)
            found[key] = stat.st_mode, stat.st_uid, stat.st_nlink if name in files else 0, \
                stat.st_mtime_ns, os.readlink(path) if os.path.islink(path) else \
                get(path) if os.path.isfile(path) else None
    return found


@case()
def tar(d):
    tree(f'{d}/from')
    os.mkdir('to')
    done = bash('tar -C from -S -cf all.tar . && tar -C to -xpf all.tar && tar -C to -df all.tar',
                d)
    assert done.stderr == '', done.stderr
    there, here = seen('from'), seen('to')
    assert {k: (v[0], v[1], v[2], v[3] // 10 ** 9, v[4]) for k, v in there.items()} == \
        {k: (v[0], v[1], v[2], v[3] // 10 ** 9, v[4]) for k, v in here.items()}
    assert os.stat('to/sparse').st_blocks < 1000


@case()
def rsync_with_links_acls_and_xattrs(d):
    need('rsync')
    tree(f'{d}/from')
    os.setxattr('from/a/file', 'user.note', b'kept')
    done = bash('rsync -aHAXS from/ to/; rsync -aHAXSin from/ to/', d)
    assert done.stdout == '', 'the second run finds differences: ' + done.stdout
    there, here = seen('from'), seen('to')
    assert there == here, [(k, v[:4], here[k][:4]) for k, v in there.items() if v != here[k]]
    assert os.getxattr('to/a/b/hard', 'user.note') == b'kept'


@case(masked=False)
def sqlite_temporary_and_wal(d):
    need('sqlite3')
    os.mkdir('tmp')
    done = bash('''
        cd tmp
        sqlite3 ../db 'PRAGMA journal_mode=WAL; CREATE TABLE t(a INTEGER, b TEXT);
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<60000)
            INSERT INTO t SELECT i, hex(randomblob(40)) FROM n;'
        for k in 1 2 3; do
            sqlite3 -cmd '.timeout 300000' ../db \
                "UPDATE t SET b = b || '$k' WHERE a % 3 = $k - 1" & done; wait
        sqlite3 -cmd 'PRAGMA temp_store=FILE; PRAGMA cache_size=10' ../db '
            CREATE TEMP TABLE s AS SELECT * FROM t ORDER BY b;
            CREATE INDEX temp.x ON s(b); SELECT count(DISTINCT b) FROM s;
            PRAGMA integrity_check; PRAGMA journal_mode=DELETE; VACUUM;'
        ls''', f'{d}')
    assert done.stdout.split() == ['wal', '60000', 'ok', 'delete'], done.stdout


@case()
def perl_file_temp(d):
    need('perl')
    done = bash(r'''perl -MFile::Temp=tempfile,tempdir -e '
        my ($fh, $name) = tempfile(UNLINK => 1); print $fh "text"; close $fh;
        die unless $name =~ /^\Q$ENV{TMPDIR}\E/ and -s $name == 4;
        my $dir = tempdir(CLEANUP => 1); open(my $o, ">", "$dir/x") or die; close $o;
        open(my $anon, "+>", undef) or die; print $anon "anon"; seek $anon, 0, 0;
        die unless <$anon> eq "anon"; my $f = File::Temp->new; print $f "y"; close $f;
        die unless -e $f->filename; print "ok"' ''', d)
    assert done.stdout == 'ok' and os.listdir(d) == []


@case()
def bash_here_documents(d):
    done = bash('''
        text=$(head -c 200000 /dev/zero | tr '\\0' x)
        wc -c <<EOF
$text
EOF
        sum=$(cat <<EOF | md5sum
$text
EOF
        ); [ "$sum" = "$(printf '%s\\n' "$text" | md5sum)" ]
        cat <<< "$text" | wc -c; ls -A $TMPDIR''', d)
    assert done.stdout.split() == ['200001', '200001']


@case()
def ssh_keygen(d):
    need('ssh-keygen')
    done = bash('''
        ssh-keygen -q -t ed25519 -N '' -f key; stat -c %a key
        [ "$(ssh-keygen -y -f key | cut -d' ' -f2)" = "$(cut -d' ' -f2 key.pub)" ]
        echo data > data; ssh-keygen -q -Y sign -f key -n file data 2>/dev/null
        ssh-keygen -q -Y check-novalidate -n file -s data.sig < data; ls''', d)
    assert done.stdout.split()[0] == '600'
    assert done.stdout.split()[-4:] == ['data', 'data.sig', 'key', 'key.pub']


@case()
def vim_edits_and_filters(d):
    need('vim')
    put('text', b'c\nb\na\n')
    bash("vim -es -u NONE -i NONE -N -c 'set directory=. backup backupskip=' -c '%!sort' "
         "-c '$put =\\\"x\\\"' -c 'wq' text", d)
    assert get('text') == b'a\nb\nc\nx\n' and get('text~') == b'c\nb\na\n', get('text')
    assert sorted(os.listdir(d)) == ['text', 'text~']


@case(options='modes=keep')
def dpkg_deb_builds_a_package(d):
    need('dpkg-deb')
    os.makedirs('p/DEBIAN')
    os.makedirs('p/usr/bin')
    put('p/DEBIAN/control', b'Package: x\nVersion: 1\nArchitecture: all\nMaintainer: x <x@x>\n'
                            b'Description: x\n')
    put('p/usr/bin/x', b'#!/bin/sh\n')
    os.chmod('p/usr/bin/x', 0o755)
    os.mkdir('tmp')
    done = bash('TMPDIR=$PWD/tmp dpkg-deb --build p x.deb >/dev/null; dpkg-deb -c x.deb; ls tmp', d)
    assert '-rwxr-xr-x root/root' in done.stdout and done.stdout.endswith('./usr/bin/x\n')


def cpython(directory, *tests):
    probe = bash('/usr/bin/python3 -c "import test.test_tempfile"', directory, check=False)
    if probe.returncode != 0:
        raise Skip('the tests of /usr/bin/python3 are not installed')
    done = bash('/usr/bin/python3 -m test ' + ' '.join(tests), directory, check=False,
                PYTHONDONTWRITEBYTECODE='1')
    assert done.returncode == 0 and 'Tests result: SUCCESS' in done.stdout, \
        done.stdout[-4000:] + done.stderr[-2000:]


@case()
def cpython_test_tempfile(d):
    cpython(d, 'test_tempfile')


@case(masked=False)
def cpython_tests_of_files(d):
    cpython(d, 'test_mmap', 'test_fileio', 'test_shelve', 'test_fcntl',
            'test_posixpath', 'test_tempfile')


@case(layout='shared', masked=False)
def cpython_tests_of_modes_and_owners(d):
    cpython(d, 'test_shutil', 'test_tarfile', 'test_os', 'test_pathlib', 'test_mailbox')


@case(layout='single', uid=NOBODY)
def an_ordinary_users_own_mount_serves_programs(mount):
    if not os.stat('/dev/fuse').st_mode & 0o006 == 0o006:
        raise Skip('an ordinary user may not open /dev/fuse')

    def work():
        shutil.copy('/bin/true', f'{mount.path}/true')
        return bash('''
            ./true; f=$(mktemp); d=$(mktemp -d); seq 200000 | shuf | sort -n -S 1M | md5sum > $f
            mkdir a; echo x > a/f; tar -C a -cf - . | tar -C $d -xf -; cmp a/f $d/f
            stat -c '%U %a' $f; cat $f; seq 200000 | md5sum''', mount.path).stdout
    owner, mode, first, _, second, _ = as_user(NOBODY, work).split()
    assert (owner, mode) == ('nobody', '600') and first == second
