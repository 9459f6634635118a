"""spoolfs-volume: when a volume is there, and when it is wiped, whoever is killed."""
import os
import shutil
import signal
import subprocess

from rig import (alive, binary, case, fails, get, gone, is_mounted, pass_time, put, run, wait_until)
from volumes import (ID, OTHER_ID, Container, Plugin, daemons_end, wrong_options)


def created(plugin, **options):
    """An engine, which has made volume v."""
    engine = plugin.engine()
    engine.good('Create', Name='v', Opts=options)
    return engine


@case(mount=False)
def a_volume_lives_until_it_is_removed():
    with Plugin() as plugin:
        engine = plugin.engine()
        assert engine.call('Plugin.Activate') == {'Implements': ['VolumeDriver'], 'Err': ''}
        scope = engine.good('Capabilities')['Capabilities']
        assert scope == {'Scope': 'local'}, scope
        engine.good('Create', Name='v', Opts={'size': '8m', 'noexec': ''})
        engine.good('Create', Name='v', Opts={'size': '8m', 'noexec': ''})  # once more
        assert 'other options' in engine.refused('Create', Name='v', Opts={})
        engine.good('Create', Name='w', Opts=None)
        assert engine.names() == ['v', 'w']
        found = engine.get()
        assert found['Mountpoint'] == '' and found['Status']['Options'] == 'size=8m,noexec', found
        assert engine.good('Path', Name='v')['Mountpoint'] == ''
        path = engine.mount()
        assert path == plugin.path() == engine.get()['Mountpoint'] and is_mounted(path)
        assert engine.good('Path', Name='v')['Mountpoint'] == path
        assert os.statvfs(path).f_blocks * os.statvfs(path).f_frsize == 8 << 20
        assert os.stat(path).st_mode & 0o7777 == 0o1777
        container = Container(path)
        put(f'{container.root}/f', b'x')
        wait_until(plugin.sees, 'the container is seen')
        container.kill()
        pass_time(0.2)
        assert is_mounted(path)  # the engine lives, and has not said Unmount
        engine.unmount()
        plugin.is_wiped()
        assert engine.names() == ['v', 'w'] and engine.get()['Mountpoint'] == ''
        assert os.listdir(engine.mount()) == []
        engine.unmount()
        for name in 'v', 'w', 'v':
            engine.good('Remove', Name=name)
        plugin.is_wiped()
        assert engine.names() == [] and not os.listdir(f'{plugin.dir}/state')


@case(mount=False)
def files_of_the_image_are_there_at_the_start():
    """docker create: Mount, a copy, Unmount; docker start, at any time: Mount again."""
    with Plugin() as plugin:
        engine = created(plugin)
        put(f'{engine.mount()}/seed', b'of the image')
        engine.unmount()
        pass_time(0.5)
        put(f'{engine.mount(ident=OTHER_ID)}/more', b'docker cp')
        engine.unmount(ident=OTHER_ID)
        plugin.kill()
        plugin.start()
        engine = plugin.engine()
        path = engine.mount()
        container = Container(path)
        assert get(f'{container.root}/seed') == b'of the image'
        assert get(f'{container.root}/more') == b'docker cp'
        wait_until(plugin.sees, 'the container is seen')
        container.kill()
        engine.unmount()
        plugin.is_wiped()


@case(mount=False)
def the_copy_is_no_use():
    """What copies is a child of the engine, with a mount namespace of its own."""
    with Plugin() as plugin:
        created(plugin)
        script = f"""
import sys; sys.path[:0] = {list(map(str, __import__('sys').path))!r}
from volumes import post, Container
import json, time, os
body = json.dumps({{'Name': 'v', 'ID': 'x'}})
status, answer = post('{plugin.socket}', 'VolumeDriver.Mount', body)
copier = Container(answer['Mountpoint'])
open(copier.root + '/seed', 'w').close()
time.sleep(1)
copier.kill()
post('{plugin.socket}', 'VolumeDriver.Unmount', body)
"""
        run('python3', '-c', script)
        assert not plugin.sees() and os.listdir(plugin.path()) == ['seed']
        plugin.engine().good('Remove', Name='v')
        plugin.is_wiped()


@case(mount=False)
def mounts_are_counted():
    """docker cp comes with the id of the running container."""
    with Plugin() as plugin:
        engine = created(plugin)
        path = engine.mount()
        container = Container(path)
        wait_until(plugin.sees, 'the container is seen')
        for _ in range(3):
            assert engine.mount() == path
        assert engine.get()['Status']['Held'] == 4
        container.kill()
        for _ in range(3):
            engine.unmount()
        engine.unmount(ident=OTHER_ID)
        engine.unmount(name='unknown')
        assert is_mounted(path) and engine.get()['Status']['Held'] == 1
        engine.unmount()
        plugin.is_wiped()
        engine.unmount()
        engine.good('Remove', Name='unknown')
        assert engine.refused('Get', Name='unknown') == 'no such volume'
        assert engine.refused('Mount', Name='unknown', ID=ID) == 'no such volume'
        assert engine.refused('Path', Name='unknown') == 'no such volume'
        engine.good('Remove', Name='v')


@case(mount=False)
def the_last_of_two_users_counts():
    with Plugin() as plugin:
        engine = created(plugin)
        first, second = Container(engine.mount()), Container(engine.mount(ident=OTHER_ID))
        put(f'{first.root}/f', b'shared')
        first.kill()
        engine.unmount()
        pass_time(0.2)
        assert get(f'{second.root}/f') == b'shared'
        second.kill()
        engine.unmount(ident=OTHER_ID)
        plugin.is_wiped()
        engine.good('Remove', Name='v')


@case(mount=False)
def an_engine_that_was_killed_holds_nothing():
    """It never says Unmount. What runs keeps its volume, and takes it with it."""
    with Plugin() as plugin:
        engine = created(plugin)
        container = Container(engine.mount())
        engine.kill()
        put(f'{container.root}/f', b'x')
        engine = plugin.engine()
        engine.call('Plugin.Activate')
        wait_until(plugin.sees, 'the container is seen')
        assert get(f'{container.root}/f') == b'x' and engine.get()['Status']['Held'] == 0
        container.kill()
        plugin.is_wiped()
        engine.unmount()
        engine.good('Remove', Name='v')


@case(mount=False)
def an_engine_that_is_killed_later_holds_nothing():
    with Plugin() as plugin:
        engine = created(plugin)
        container = Container(engine.mount())
        wait_until(plugin.sees, 'the container is seen')
        container.kill()
        pass_time(0.2)
        assert is_mounted(plugin.path())
        engine.kill()
        plugin.is_wiped()
        plugin.engine().good('Remove', Name='v')


@case(mount=False)
def a_plugin_that_was_killed_goes_on():
    with Plugin() as plugin:
        engine = created(plugin, size='8m')
        container = Container(engine.mount())
        put(f'{container.root}/f', b'x')
        wait_until(plugin.sees, 'the container is seen')
        plugin.kill()
        assert get(f'{container.root}/f') == b'x'
        plugin.start()
        assert engine.get()['Status'] == {'Options': 'size=8m', 'Mounted': True, 'Held': 1}
        assert get(f'{container.root}/f') == b'x' and engine.mount() == plugin.path()
        engine.unmount()
        plugin.stop()  # in good order, now
        container.kill()
        assert is_mounted(plugin.path())
        plugin.start()
        assert is_mounted(plugin.path())  # the engine lives
        engine.unmount()
        plugin.is_wiped()
        container = Container(engine.mount())
        wait_until(plugin.sees, 'the container is seen')
        plugin.kill()
        container.kill()
        engine.kill()
        plugin.start()
        plugin.is_wiped()
        plugin.engine().good('Remove', Name='v')


@case(mount=False)
def a_plugin_that_was_killed_as_it_mounted_goes_on():
    """The daemon that it had started mounts later. The next plugin waits for that, and so knows
    what is to be unmounted."""
    with Plugin() as plugin:
        bin_dir = f'{os.environ["SPOOL_CASE_DIR"]}/bin'
        os.mkdir(bin_dir)
        plugin.program = shutil.copy(plugin.program, bin_dir)
        for name in 'started', 'go':
            os.mkfifo(f'{bin_dir}/{name}')
        put(f'{bin_dir}/spoolfs', '#!/bin/sh\ncase "$*" in *--check*) ;; *) '
            f'echo >{bin_dir}/started; read -r _ <{bin_dir}/go ;; esac\n'
            f'exec {binary("SPOOLFS")} "$@"\n'.encode(), 0o755)
        plugin.stop()
        plugin.start()
        engine = created(plugin, size='8m')
        engine.ask('VolumeDriver.Mount', Name='v', ID=ID)
        get(f'{bin_dir}/started')
        engine.kill()
        plugin.kill()
        plugin.spawn()
        wait_until(lambda: 'waits for a daemon' in plugin.read_log() or plugin.listens(),
                   'the next plugin starts')
        put(f'{bin_dir}/go', b'\n')
        wait_until(plugin.listens, 'it serves')
        engine = plugin.engine()
        assert engine.get()['Mountpoint'] == plugin.path()
        engine.good('Remove', Name='v')
        plugin.is_wiped()


@case(mount=False)
def a_daemon_that_was_killed_is_replaced():
    with Plugin() as plugin:
        engine = created(plugin)
        for first, last in (0, 0), (1, 1), (0, 1), (0, 2):
            container = Container(engine.mount())
            pids = plugin.daemon()
            for pid in pids[first:last + 1]:
                os.kill(pid, signal.SIGKILL)
            daemons_end(pids[first:last + 1])
            path = engine.mount(ident=OTHER_ID)
            assert os.listdir(path) == []
            fresh = plugin.daemon()
            put(f'{path}/f', b'fresh')
            gone(os.listdir, container.root)
            other = Container(path)
            wait_until(plugin.sees, 'the container is seen')
            container.kill()
            assert get(f'{other.root}/f') == b'fresh'
            other.kill()
            engine.unmount()
            engine.unmount(ident=OTHER_ID)
            plugin.is_wiped()
            daemons_end(pids + fresh)
        engine.good('Remove', Name='v')


@case(mount=False)
def a_daemon_that_was_killed_leaves_no_mount():
    """All of its processes at once: nobody is left to unmount."""
    with Plugin() as plugin:
        engine = created(plugin)
        engine.mount()
        for pid in plugin.daemon():
            os.kill(pid, signal.SIGKILL)
        engine.call('Plugin.Activate')
        plugin.is_wiped()
        assert engine.get()['Mountpoint'] == ''
        engine.good('Remove', Name='v')


@case(mount=False)
def a_volume_in_use_goes_with_its_user():
    with Plugin() as plugin:
        engine = created(plugin)
        container = Container(engine.mount())
        put(f'{container.root}/f', b'x')
        engine.good('Remove', Name='v')
        assert engine.names() == [] and engine.refused('Get', Name='v') == 'no such volume'
        assert 'still in use' in engine.refused('Create', Name='v', Opts={})
        assert get(f'{container.root}/f') == b'x'
        plugin.kill()
        plugin.start()
        assert engine.names() == [] and get(f'{container.root}/f') == b'x'
        container.kill()
        plugin.is_wiped()
        engine.good('Create', Name='v', Opts={})
        engine.good('Remove', Name='v')


@case(mount=False)
def an_open_file_is_a_use():
    """A file that is open on the host, or was passed on by a container."""
    with Plugin() as plugin:
        engine = created(plugin)
        container = Container(engine.mount())
        with open(f'{container.root}/f', 'w+b') as file:
            file.write(b'x')
            file.flush()
            wait_until(plugin.sees, 'the container is seen')
            container.kill()
            engine.unmount()
            pass_time(1)
            assert os.pread(file.fileno(), 1, 0) == b'x'
        plugin.is_wiped()
        engine.good('Remove', Name='v')


@case(mount=False)
def a_copy_of_all_mounts_is_no_use():
    """As of a service with PrivateTmp=, which runs for ever."""
    with Plugin() as plugin:
        engine = created(plugin)
        path = engine.mount()
        service = subprocess.Popen(['unshare', '-m', 'sh', '-c', 'echo; exec sleep 1000'],
                                   stdout=subprocess.PIPE)
        service.stdout.readline()
        container = Container(path)
        pids = plugin.daemon()
        wait_until(plugin.sees, 'the container is seen')
        container.kill()
        engine.unmount()
        plugin.is_wiped()
        daemons_end(pids)  # by detach=
        assert alive(service.pid)
        service.kill()
        service.communicate()
        engine.good('Remove', Name='v')


@case(mount=False)
def owner_and_mode_are_as_wanted():
    with Plugin('-o', 'mode=711,size=16m') as plugin:
        engine = created(plugin, uid='1000', gid='100', size='8m')
        path = engine.mount()
        attr = os.stat(path)
        assert (attr.st_uid, attr.st_gid, attr.st_mode & 0o7777) == (1000, 100, 0o711)
        assert os.statvfs(path).f_blocks * os.statvfs(path).f_frsize == 8 << 20
        assert os.stat(plugin.dir).st_mode & 0o7777 == 0o700
        engine.good('Remove', Name='v')
        plugin.is_wiped()


@case(mount=False)
def wrong_options_are_said_in_the_daemons_words():
    with Plugin() as plugin:
        engine = plugin.engine()
        for options in ({'size': '8x'}, {'unknown': '1'}, {'noexec': '1'}, {'mode': '9'},
                        {'size': '8m', 'lifetime': 'long'}, {'backing': '/proc'}, {'size': ''}):
            text = ','.join(f'{key}={value}' if value else key for key, value in options.items())
            assert engine.refused('Create', Name='v', Opts=options) == wrong_options(text)
        for options, text in (({'layout': 'private'}, 'layout=private: not for a volume'),
                              ({'remount': ''}, 'remount: not for a volume'),
                              ({'size': '1m,layout=single'}, 'not one value'),
                              ({'size,x': '1'}, 'not the name of an option'),
                              ({'': '1'}, 'not the name of an option'),
                              ({'fsname': 'a\nb'}, 'not one value'),
                              ({'fsname': 'x' * 6000}, 'too many options')):
            said = engine.refused('Create', Name='v', Opts=options)
            assert text in said and 'allowed: ' in said, said
        for name in ('', '.', '..', 'a/b', '../v', '-v', '.v', 'ä', 'v ', 'v\n', 'x' * 256):
            assert 'allowed: ' in engine.refused('Create', Name=name, Opts={}), name
        assert engine.names() == [] and not os.listdir(f'{plugin.dir}/state')
        for name in 'x' * 255, 'a..b', '0':
            engine.good('Create', Name=name, Opts={})
            assert engine.mount(name) == plugin.path(name)
            engine.good('Remove', Name=name)
            plugin.is_wiped(name)


@case(mount=False)
def ordinary_users_do_not_reach_it():
    """But as a container's, by what the engine gives that."""
    with Plugin() as plugin:
        os.chmod(os.environ['SPOOL_CASE_DIR'], 0o755)
        engine = created(plugin)
        path = engine.mount()
        for argv in (['ls', path], ['umount', '-l', path], ['fusermount3', '-u', path],
                     [binary('SPOOLCTL'), 'wipe', path],
                     [binary('SPOOLFS'), f'--unmount-dead={path}'],
                     [binary('SPOOLFS'), '-o', 'remount,size=1G', path]):
            done = run('setpriv', '--reuid=1000', '--regid=1000', '--clear-groups', *argv,
                       check=False)
            assert done.returncode and 'Permission denied' in done.stderr, done
            assert done.stderr.count('\n') == 1 and is_mounted(path), done
        engine.good('Unmount', Name='v', ID=ID)
        engine.good('Remove', Name='v')
        plugin.is_wiped()


@case(mount=False)
def a_mount_that_fails_leaves_nothing():
    """The backing directory was there when the volume was made."""
    with Plugin() as plugin:
        backing = f'{os.environ["SPOOL_CASE_DIR"]}/backing'
        os.mkdir(backing)
        engine = created(plugin, backing=backing, backing_any='on')
        os.rmdir(backing)
        said = engine.refused('Mount', Name='v', ID=ID)
        assert said.startswith(f'spoolfs: backing={backing}: '), said
        assert not is_mounted(plugin.path()) and not os.path.exists(plugin.path())
        assert engine.get()['Status']['Held'] == 0
        os.mkdir(backing)
        engine.mount()
        engine.good('Remove', Name='v')
        plugin.is_wiped()


@case(mount=False)
def wrong_use_is_said_in_one_line():
    with Plugin() as plugin:
        for args, text in ((['x'], 'x: not expected'), (['--socket=x'], 'not an absolute path'),
                           (['--directory=x'], 'not an absolute path'), (['--no'], '--no'),
                           (['-o'], '-o: needs a value')):
            done = run(plugin.program, *args, check=False)
            assert done.returncode == 2 and text in done.stderr, done
            assert len(done.stderr.splitlines()) == 1, done
        done = run(plugin.program, '-o', 'size=x', f'--directory={plugin.dir}2', check=False)
        assert done.returncode == 2 and done.stderr.rstrip('\n') == wrong_options('size=x')
        for args, text in (([f'--directory={plugin.dir}'], 'another spoolfs-volume has it'),
                           ([f'--directory={plugin.dir}2', f'--socket={plugin.socket}'],
                            'Address already in use')):
            done = run(plugin.program, *args, check=False)
            assert done.returncode == 1 and text in done.stderr, done
        done = run('setpriv', '--bounding-set=-sys_ptrace', plugin.program, check=False)
        assert done.returncode == 1 and 'cannot see who uses volumes' in done.stderr, done
        assert plugin.engine().names() == []
        assert run(plugin.program, '--version').stdout.startswith('spoolfs-volume ')
    fails(2, os.stat, plugin.socket)
    assert binary('SPOOLFS')
