"""What sessions of processes are made of, for cases about those of a mount."""
import os

UNIFIED = [path for path in ('/sys/fs/cgroup/unified', '/sys/fs/cgroup')
           if os.path.exists(f'{path}/cgroup.procs')]


def log_in():
    """From here on this process has an audit session of its own, as after pam_loginuid(8)."""
    with open('/proc/self/loginuid', 'w', encoding='ascii') as file:
        file.write('0')


def can_log_in():
    """Logs in. Whether that is a session here."""
    log_in()
    with open('/proc/self/sessionid', encoding='ascii') as file:
        return int(file.read()) != 0xffffffff


def has_cgroups():
    """Whether control groups of version 2 can be made."""
    return bool(UNIFIED) and os.access(UNIFIED[0], os.W_OK)
