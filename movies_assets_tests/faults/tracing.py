"""A process that is killed before its n-th change of a place, by any of its code.

Python's audit hooks do not see what DuckDB, Arrow and deltalake do in native code. The kernel does:
`ptrace` stops a process before each system call, in every thread.
"""

import ctypes
import os
import platform
import signal
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

# System calls that change a file or folder, or send something: their numbers on x86_64 and aarch64,
# and what their arguments are: `p` a path, `d` the folder's descriptor of the path after it, `f` a
# descriptor, `-` anything else.
CALLS = {
    "write": (1, 64, "f"),
    "pwrite64": (18, 68, "f"),
    "writev": (20, 66, "f"),
    "pwritev": (296, 70, "f"),
    "pwritev2": (328, 287, "f"),
    "sendfile": (40, 71, "f"),
    "sendto": (44, 206, "f"),
    "sendmsg": (46, 211, "f"),
    "copy_file_range": (326, 285, "--f"),
    "truncate": (76, 45, "p"),
    "ftruncate": (77, 46, "f"),
    "fallocate": (285, 47, "f"),
    "open": (2, None, "p"),
    "openat": (257, 56, "dp"),
    "creat": (85, None, "p"),
    "mkdir": (83, None, "p"),
    "mkdirat": (258, 34, "dp"),
    "rmdir": (84, None, "p"),
    "unlink": (87, None, "p"),
    "unlinkat": (263, 35, "dp"),
    "rename": (82, None, "pp"),
    "renameat": (264, 38, "dpdp"),
    "renameat2": (316, 276, "dpdp"),
    "link": (86, None, "pp"),
    "linkat": (265, 37, "dpdp"),
    "symlink": (88, None, "-p"),
    "symlinkat": (266, 36, "-dp"),
    "chmod": (90, None, "p"),
    "fchmod": (91, 52, "f"),
    "fchmodat": (268, 53, "dp"),
}
MACHINES = ("x86_64", "aarch64")
CAN_TRACE = platform.system() == "Linux" and platform.machine() in MACHINES
CALL_OF = (
    {numbers[MACHINES.index(platform.machine())]: name for name, (*numbers, _) in CALLS.items()}
    if CAN_TRACE
    else {}
)
# To open a file for reading changes nothing.
FLAGS_OF = {"open": 1, "openat": 2}
CHANGING = os.O_CREAT | os.O_TRUNC

TRACEME, SYSCALL, SETOPTIONS, GET_SYSCALL_INFO = 0, 24, 0x4200, 0x420E
# Calls and signals are reported apart; children and threads are traced; all die with the tracer.
OPTIONS = 0x1 | 0x2 | 0x4 | 0x8 | 0x100000
AT_SYSCALL = signal.SIGTRAP | 0x80
ALL_THREADS = 0x40000000
INFO = struct.Struct("=B3xIQQ7Q")
ENTERED = 1
WORKING_FOLDER = -100
LONGEST_PATH, PAGE = 4096, 4096


def changes_until_killed(
    work: Callable[[], object],
    place: str,
    kill_before: int = 0,
    look: Callable[[], object] = int,
) -> int:
    """Do some work in a fork that is killed before its n-th change of a place.

    To be called in a process without threads, such as by `in_child`.

    Args:
        work: what to do.
        place: a folder's real path: what is in it counts; or `socket:`, all that is sent.
        kill_before: n, counted from 1; 0: the work is done to its end.
        look: what to do before each change, while the fork is stopped.

    Returns:
        How many changes it began; equal to `kill_before` if it was killed.
    """
    child = os.fork()
    if not child:
        _be_traced(work)
    os.waitpid(child, 0)
    _ptrace(SETOPTIONS, child, OPTIONS)
    _ptrace(SYSCALL, child, 0)
    changes = 0
    while True:
        process, status = os.waitpid(-1, ALL_THREADS)
        is_killed = 0 < kill_before == changes
        if not os.WIFSTOPPED(status):
            if process == child:
                assert status == (signal.SIGKILL if is_killed else 0)
                return changes
            continue
        if is_killed:
            continue
        # A thread that stopped is gone when another one has ended the process meanwhile.
        with suppress(ProcessLookupError, FileNotFoundError):
            stopped_at = _changed(process) if os.WSTOPSIG(status) == AT_SYSCALL else ()
            if any(target.startswith(place) for target in stopped_at):
                changes += 1
                look()
            if 0 < kill_before == changes:
                os.kill(child, signal.SIGKILL)
            else:
                _ptrace(SYSCALL, process, _forwarded(os.WSTOPSIG(status)))


def _forwarded(number: int) -> int:
    """Return the signal that a stopped thread is to get; those of tracing itself are none."""
    return 0 if number in (AT_SYSCALL, signal.SIGSTOP, signal.SIGTRAP) else number


def _be_traced(work: Callable[[], object]) -> None:
    code = 1
    try:
        _ptrace(TRACEME, 0, 0)
        os.kill(os.getpid(), signal.SIGSTOP)
        work()
        code = 0
    finally:
        os._exit(code)


def _ptrace(request: int, process: int, data: int, address: int = 0) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    arguments = (ctypes.c_long(request), ctypes.c_long(process), ctypes.c_void_p(address))
    if libc.ptrace(*arguments, ctypes.c_void_p(data)) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request:#x} failed")


def _changed(process: int) -> Iterator[str]:
    """Yield the paths, or sockets, that the system call before which a thread stopped changes."""
    info = ctypes.create_string_buffer(INFO.size)
    _ptrace(GET_SYSCALL_INFO, process, ctypes.addressof(info), INFO.size)
    operation, _, _, _, number, *arguments = INFO.unpack(info.raw)
    call = CALL_OF.get(number)
    if operation != ENTERED or not call:
        return
    if call in FLAGS_OF and not arguments[FLAGS_OF[call]] & CHANGING:
        return
    folder = f"/proc/{process}/cwd"
    for kind, value in zip(CALLS[call][2], arguments, strict=False):
        descriptor = ctypes.c_int(value & 0xFFFFFFFF).value
        if kind == "d" and descriptor != WORKING_FOLDER:
            folder = f"/proc/{process}/fd/{descriptor}"
        elif kind == "p":
            yield str(Path(folder).readlink() / _text_at(process, value))
        elif kind == "f":
            yield str(Path(f"/proc/{process}/fd/{descriptor}").readlink())


def _text_at(process: int, address: int) -> str:
    """Return the text that begins at an address and ends with a zero."""
    memory, text = os.open(f"/proc/{process}/mem", os.O_RDONLY), b""
    try:
        while b"\0" not in text and len(text) < LONGEST_PATH:
            at = address + len(text)
            text += os.pread(memory, PAGE - at % PAGE, at)
    finally:
        os.close(memory)
    return os.fsdecode(text.partition(b"\0")[0])
