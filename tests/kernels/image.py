# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The file system of the virtual machine: an archive for the kernel to unpack.

Programs with their libraries, Python with the modules that the guest imports,
tests and scenarios of this repository. It never lies on a disk.
"""

import io
import modulefinder
import os
import pathlib
import py_compile
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PROGRAMS = {"busybox": "busybox-static", "ip": "iproute2", "tc": "iproute2",
            "nsenter": "util-linux", "wg": "wireguard-tools"}  # and the package that has it
SCRIPTS = ("tests/kernels/guest.py", "tests/netns/transparent_proxy.py")
SCENARIO_FILES = ("world", "rules", "packets.pcap", "expect")
MODULES = ("veth", "tun", "dummy", "sch_ingress", "cls_bpf", "8021q", "wireguard", "vxlan", "geneve",
           "ip_gre", "ipip", "sit", "bonding", "bridge", "macvlan", "inet_diag", "tcp_diag", "udp_diag")
# Python finds these only when it runs; what it could import and never does is left out.
ENCODINGS = ("__init__", "aliases", "ascii", "idna", "latin_1", "utf_8")
UNUSED = ("scapy", "test", "unittest", "tkinter", "pydoc", "asyncio", "multiprocessing", "email",
          "http", "xml", "ssl", "_ssl", "hashlib", "_hashlib", "doctest", "pdb", "lzma", "bz2", "zipfile",
          "tarfile", "decimal", "_decimal", "curses", "readline", "ctypes.macholib", "random")
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/usr/sbin:/usr/bin:/sbin:/bin PYTHONPATH=/ifw/tests/netns:/ifw/tests/kernels
export IFW_BIN=/ifw/build/bin IFW_LAB=1 IFW_PATIENCE=30
mkdir -p /proc /sys /dev /run /tmp
mount -t proc proc /proc; mount -t devtmpfs dev /dev; mount -t tmpfs tmp /tmp
for module in /modules/*.ko; do insmod $module; done
echo 1 >/proc/sys/net/core/fb_tunnels_only_for_init_net # else they take the numbers of others
ln -s /proc/self/fd /dev/fd; ln -s /proc/self/fd/0 /dev/stdin
echo "-- $(uname -r), up after $(cut -d' ' -f1 /proc/uptime) s"
python3 -B -m guest 2>&1
poweroff -f
"""


class Missing(Exception):
    """Something that the guest needs and that is not installed."""


class Archive:
    """In cpio's "newc" format (Documentation/driver-api/early-userspace/buffer-format.rst)."""

    def __init__(self):
        self.out = io.BytesIO()
        self.seen = set()

    def _entry(self, name, mode, data=b""):
        # Inode, mode, owner, group, links, time, size, 4 of devices, length of the name, sum.
        head = [0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name.encode()) + 1, 0]
        self.out.write(b"070701" + b"".join(b"%08X" % value for value in head))
        self.out.write(name.encode() + b"\0")
        self._pad()
        self.out.write(data)
        self._pad()

    def _pad(self):
        self.out.write(bytes(-self.out.tell() % 4))

    def folder(self, name):
        if name and name not in self.seen:
            self.folder(os.path.dirname(name))
            self.seen.add(name)
            self._entry(name, 0o040755)

    def add(self, name, data, mode=0o644):
        name = str(name).lstrip("/")
        if name not in self.seen:
            self.folder(os.path.dirname(name))
            self.seen.add(name)
            self._entry(name, 0o100000 | mode, data)

    def program(self, path, name=None):
        """With the libraries that it says it needs."""
        self.add(name or path, pathlib.Path(path).read_bytes(), 0o755)
        said = subprocess.run(["ldd", str(path)], text=True, capture_output=True).stdout
        for library in re.findall(r"(/\S+)(?: \(0x|$)", said):
            self.add(library, pathlib.Path(library).read_bytes(), 0o755)

    def bytes(self):
        self._entry("TRAILER!!!", 0)
        return self.out.getvalue()


def add_python(archive, scripts):
    """The interpreter, those scripts, and what they may import."""
    archive.program(os.path.realpath(sys.executable), "usr/bin/python3")
    folders = sorted({str(script.parent) for script in scripts})
    finder = modulefinder.ModuleFinder(path=[*folders, *sys.path], excludes=UNUSED)
    for script in scripts:
        finder.run_script(str(script))
    found = {module.__file__ for module in finder.modules.values() if module.__file__}
    encodings = pathlib.Path(os.__file__).parent / "encodings"
    found |= {*map(str, scripts), *(str(encodings / f"{name}.py") for name in ENCODINGS)}
    for path in map(pathlib.Path, sorted(found)):
        if path.suffix == ".py":
            add_compiled(archive, path)
        else:
            archive.program(path)


def add_compiled(archive, path):
    """With its bytecode, for compiling takes long in an emulated machine."""
    name = f"ifw/{path.relative_to(ROOT)}" if path.is_relative_to(ROOT) else str(path).lstrip("/")
    archive.add(name, path.read_bytes())
    with tempfile.NamedTemporaryFile(suffix=".pyc") as compiled:
        py_compile.compile(str(path), compiled.name, dfile=f"/{name}", doraise=True,
                           invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
        folder, stem = os.path.split(name)
        archive.add(f"{folder}/__pycache__/{stem[:-3]}.{sys.implementation.cache_tag}.pyc",
                    pathlib.Path(compiled.name).read_bytes())


def build(kernel, programs, scenarios):
    """The archive's bytes. programs: paths of what was built, all to be in one folder there."""
    archive = Archive()
    for name, package in PROGRAMS.items():
        path = shutil.which(name)
        if not path:
            raise Missing(f"the program {name} is missing ({package})")
        archive.program(path, f"bin/{name}")
    for program in programs:
        archive.program(program, f"ifw/build/bin/{program.name}")
    add_python(archive, [ROOT / script for script in SCRIPTS])
    for folder in sorted(path.parent for path in scenarios.glob("*/expect.json")):
        for name in SCENARIO_FILES:
            archive.add(f"ifw/build/fixtures/scenarios/{folder.name}/{name}",
                        (folder / name).read_bytes())
    for number, (name, data) in enumerate(kernel.in_order(MODULES)):
        archive.add(f"modules/{number:02}-{name}.ko", data)
    archive.add("init", INIT.encode(), 0o755)
    return archive.bytes()
