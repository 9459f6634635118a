"""Handles of files, open_by_handle_at(2): what NFS servers and overlays keep instead of a name."""
import ctypes
import os

from rig import syscall


class FileHandle(ctypes.Structure):
    """struct file_handle, open_by_handle_at(2)."""
    _fields_ = [('size', ctypes.c_uint), ('type', ctypes.c_int), ('bytes', ctypes.c_char * 128)]


def handle_of(path):
    handle, mount_id = FileHandle(128), ctypes.c_int()
    syscall('name_to_handle_at', -100, os.fsencode(path), ctypes.byref(handle),
            ctypes.byref(mount_id), 0)
    return handle


def open_by_handle(mount, handle, flags=os.O_RDONLY):
    """@mount: a descriptor of anything on the mount. A new descriptor."""
    return syscall('open_by_handle_at', mount, ctypes.byref(handle), flags)
