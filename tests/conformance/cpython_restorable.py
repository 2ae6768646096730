"""cpython_worker with much of the standard library imported before: the program that is restored.

Copied into the installation under test beside the worker, and started with the same arguments. Plain runs, which it
is compared with, import the same.
"""

import importlib
from contextlib import suppress

import cpython_worker  # type: ignore[import-not-found]  # beside this file in the installation

IMPORTED = """
    _testbuffer _testcapi _testinternalcapi argparse array ast asyncio base64 bdb binascii bisect bz2 calendar cmath
    cmd code codecs collections.abc concurrent.futures concurrent.futures.process concurrent.futures.thread
    configparser contextvars copy cProfile csv ctypes ctypes.util dataclasses datetime decimal difflib dis doctest
    email.message email.parser email.policy enum faulthandler fcntl fileinput fnmatch fractions ftplib functools
    getopt gettext glob graphlib grp gzip hashlib heapq hmac html.parser http.client http.cookiejar http.server
    imaplib importlib.metadata importlib.resources inspect io ipaddress itertools json linecache locale logging.config
    logging.handlers lzma mailbox marshal math mimetypes mmap multiprocessing.connection multiprocessing.managers
    multiprocessing.pool multiprocessing.shared_memory multiprocessing.sharedctypes netrc numbers opcode operator
    optparse pathlib pdb pickle pickletools pkgutil platform plistlib poplib posixpath pprint profile pstats pty pwd
    py_compile pyclbr pydoc pyexpat queue quopri random re readline reprlib resource rlcompleter runpy sched secrets
    select selectors shelve shlex shutil signal smtplib socket socketserver sqlite3 ssl stat statistics string
    stringprep struct subprocess symtable sysconfig syslog tabnanny tarfile tempfile termios textwrap
    threading time timeit tokenize trace traceback tracemalloc tty types typing unicodedata unittest.mock
    urllib.request urllib.robotparser uuid venv warnings wave weakref webbrowser wsgiref.simple_server xml.dom.minidom
    xml.etree.ElementTree xml.sax xmlrpc.client xmlrpc.server zipapp zipfile zipimport zlib zoneinfo
""".split()  # noqa: SIM905 - a list of so many strings is harder to read
"""What can be there before a checkpoint; not every version has, or is built with, all of it."""

if not __name__.startswith("__mp_"):  # children of multiprocessing import this file as well
    for _name in IMPORTED:
        with suppress(ImportError):
            importlib.import_module(_name)

if __name__ == "__main__":
    cpython_worker.main()
