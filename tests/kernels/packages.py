# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Debian's stock kernels, from the mirror that this machine uses itself.

apt is given lists, a status and a cache of its own, so that the system's package
lists stay as they are. What was fetched stays in ~/.cache/ifw-kernels (or under
XDG_CACHE_HOME) and is asked for again after a week; where that fails, what is
there does. Nothing is installed.
"""

import contextlib
import dataclasses
import fcntl
import json
import lzma
import os
import pathlib
import re
import shutil
import subprocess
import time

CLOUD = "cloud-amd64"  # drivers of virtual machines alone; modules for everything else
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
WEEK = 7 * 24 * 3600
FETCHING = 300  # seconds that a call of apt may take


class Unavailable(Exception):
    """A kernel that cannot be had here; the text says why."""


@dataclasses.dataclass
class Kernel:
    release: str
    image: pathlib.Path
    modules: dict  # name: path

    def module(self, name):
        """What insmod takes."""
        path = self.modules[name]
        data = path.read_bytes()
        return lzma.decompress(data) if path.suffix == ".xz" else data

    def in_order(self, names):
        """[(name, data)] of modules, each behind those that it needs."""
        found = {}

        def add(name):
            if name in found or name not in self.modules:  # the latter: built in
                return
            data = self.module(name)
            needed = re.search(rb"\0depends=([^\0]*)\0", data)
            for other in needed[1].decode().split(",") if needed else []:
                add(module_name(other))
            found[name] = data

        for name in names:
            add(name)
        return list(found.items())


def module_name(text):
    return text.replace("-", "_")


def cache_directory():
    home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(home) / "ifw-kernels"


def run(*command, **options):
    try:
        done = subprocess.run(command, text=True, capture_output=True, timeout=FETCHING, **options)
    except FileNotFoundError:
        raise Unavailable(f"the program {command[0]} is missing (kernels are Debian packages)")
    except subprocess.TimeoutExpired:
        raise Unavailable(f"'{command[0]}' took more than {FETCHING} s")
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason said"])[-1]
        raise Unavailable(f"'{' '.join(map(str, command[:1]))}' ended with {done.returncode}: {last}")
    return done.stdout


def mirror():
    """Where this machine has Debian's packages from."""
    fields = "$(REPO_URI) $(LABEL) $(COMPONENT)"
    rows = [line.split() for line in
            run("apt-get", "indextargets", "--format", fields, "Identifier: Packages").splitlines()]
    # Before the first update nothing is known but where the lists would come from.
    found = [row[0] for row in rows if row[1:] == ["Debian", "main"]]
    found += [row[0] for row in rows if row[0].rstrip("/").endswith("/debian")]
    if not found:
        raise Unavailable("apt has no source of Debian packages here")
    return found[0]


class Suite:
    """A folder of the cache, with all that apt needs to know of one suite."""

    def __init__(self, name):
        self.name = name
        self.folder = cache_directory() / name
        for part in ("lists/partial", "archives/partial"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        (self.folder / "status").touch()
        self.note = self.folder / "kernel.json"

    @contextlib.contextmanager
    def locked(self):
        with open(self.folder / "status") as own:
            fcntl.flock(own, fcntl.LOCK_EX)
            yield

    def apt(self, program, *words):
        folder = self.folder
        options = {"Dir::Etc::sourcelist": folder / "sources.list",
                   "Dir::Etc::sourceparts": "/dev/null",
                   "Dir::State::Lists": folder / "lists", "Dir::State::status": folder / "status",
                   "Dir::Cache": folder, "APT::Sandbox::User": "root",
                   "Acquire::Languages": "none", "Acquire::Retries": 2,
                   "APT::Update::Error-Mode": "any"}
        settings = [f"-o{key}={value}" for key, value in options.items()]
        return run(program, *settings, *words, cwd=folder)

    def fetch(self):
        """Has the newest kernel of the suite unpacked in root/."""
        (self.folder / "sources.list").write_text(
            f"deb [arch=amd64 signed-by={KEYRING}] {mirror()} {self.name} main\n")
        self.apt("apt-get", "-q", "update")
        meta = self.apt("apt-cache", "depends", f"linux-image-{CLOUD}")
        image = re.search(rf"Depends: (linux-image-(\d\S*{CLOUD}))", meta)
        if not image:
            raise Unavailable(f"{self.name} has no kernel of its own for {CLOUD}")
        # Later ones are spread over several packages.
        names = self.apt("apt-cache", "pkgnames").split()
        parts = [image[1]] + [name for name in (f"linux-binary-{image[2]}", f"linux-modules-{image[2]}")
                              if name in names]
        if self.noted().get("packages") != parts or not (self.folder / "root").exists():
            self.note.unlink(missing_ok=True)
            for old in self.folder.glob("*.deb"):
                old.unlink()
            shutil.rmtree(self.folder / "root", ignore_errors=True)
            self.apt("apt-get", "-q", "download", *parts)
            for package in self.folder.glob("*.deb"):
                run("dpkg-deb", "-x", package, self.folder / "root")
                package.unlink()  # unpacked it is all there
        self.note.write_text(json.dumps({"packages": parts, "release": image[2],
                                         "asked": time.time()}) + "\n")

    def noted(self):
        try:
            return json.loads(self.note.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}

    def kernel(self):
        with self.locked():
            if time.time() - self.noted().get("asked", 0) > WEEK:
                try:
                    self.fetch()
                except Unavailable:
                    if not self.noted():
                        raise
        release, root = self.noted()["release"], self.folder / "root"
        images = [*root.glob(f"boot/vmlinuz-{release}"), *root.glob(f"usr/lib/modules/{release}/vmlinuz")]
        if not images:
            raise Unavailable(f"the packages in {root} hold no kernel; remove that folder")
        modules = {module_name(path.name.split(".")[0]): path for path in root.rglob("*.ko*")}
        return Kernel(release, images[0], modules)


def fetch(suite):
    return Suite(suite).kernel()
