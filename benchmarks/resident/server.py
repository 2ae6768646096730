"""A server that forks: ``server.py SOCKET PROGRAM MODULE...`` has the modules, and runs the program for each client.

A client sends its descriptors, as many bytes as they are, and its environment; it is told the exit code in one byte.
One client at a time.
"""

import array
import atexit
import importlib
import os
import runpy
import socket
import sys

MOST_BYTES = 1 << 16


def serve(path, program):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    while True:
        connection = listener.accept()[0]
        fds = array.array("i")
        data, ancillary, _, _ = connection.recvmsg(MOST_BYTES, socket.CMSG_LEN(64))
        for _, _, content in ancillary:
            fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
        child = os.fork()
        if child == 0:
            listener.close()
            connection.close()
            run(program, fds, data)
        for descriptor in fds:
            os.close(descriptor)
        status = os.waitpid(child, 0)[1]
        connection.send(bytes([os.WEXITSTATUS(status) if os.WIFEXITED(status) else 255]))
        connection.close()


def run(program, fds, data):
    """As a process of its own would, up to its end, which is a quick one."""
    code = 0
    try:
        for descriptor, number in zip(fds, (0, 1, 2, 20), strict=True):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.environ.clear()
        os.environ.update(line.decode().split("=", 1) for line in data.split(b"\0") if b"=" in line)
        sys.argv[:] = [program]
        sys.path[0] = os.path.dirname(program)
        runpy.run_path(program, run_name="__main__")
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else bool(error.code)
    except BaseException:  # noqa: BLE001 - told as the interpreter tells it
        sys.excepthook(*sys.exc_info())
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    for name in sys.argv[3:]:
        importlib.import_module(name)
    serve(sys.argv[1], sys.argv[2])
