# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The package's service under a systemd that is the first process of a Debian machine.

    test_service.py PACKAGE NEXT BASE

NEXT is a later version, with another ABI number; BASE prints the folder of a clean
Debian (base.sh), which becomes the disk of an emulated machine with Debian's own
kernel. It is started twice, and guest.py says what it sees there.

0: all is well; 1: it is not; 77: the machine cannot be had here.
"""

import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "kernels"))

import machine  # noqa: E402
import packages  # noqa: E402

SUITE = "bookworm"
# Two cards; what attaching and looking ask the kernel for, which loads it by itself.
MODULES = ("virtio_pci", "virtio_net", "sch_ingress", "cls_bpf", "tcp_diag", "udp_diag", "nf_tables", "autofs4")
STARTS = {1: "installed, configured, restarted, killed, stopped", 2: "after a reboot; upgraded, removed, purged"}
PATIENCE = 300  # seconds for each
APPEND = "root=/dev/nvme0n1 rw init=/lib/systemd/systemd net.ifnames=0 systemd.show_status=0 systemd.getty_auto=0"
SKIP = 77
TRIES = 3  # now and then the emulated disk fails, which is not the service's fault
DISK_FAILED = "I/O error, dev nvme0n1"


class Missing(Exception):
    """Something without which there is no machine; the text says what."""


def base(program):
    done = subprocess.run([program], stdout=subprocess.PIPE, text=True)
    if done.returncode == SKIP:
        raise Missing("no clean Debian")
    done.check_returncode()
    return done.stdout.strip()


@contextlib.contextmanager
def made_disk(kernel, folder, this, following):
    """An open file that has no name, so that nothing is left of it however this ends."""
    beside = pathlib.Path(this).resolve().parent
    with tempfile.TemporaryFile(dir=beside) as disk:
        fd = disk.fileno()
        room = beside / "room"
        shutil.rmtree(room, ignore_errors=True)  # of one that was killed
        try:
            for name in ("modules", "disk"):
                (room / name).mkdir(parents=True)
            for name, data in kernel.in_order(MODULES):
                (room / "modules" / f"{name}.ko").write_bytes(data)
            for path, name in ((this, "this.deb"), (following, "next.deb")):
                shutil.copy(path, room / name)
            subprocess.run(["unshare", "--mount", HERE / "disk.sh", f"/proc/self/fd/{fd}", folder, kernel.release, room],
                           check=True, pass_fds=[fd], preexec_fn=machine.die_with_parent)
        finally:
            shutil.rmtree(room, ignore_errors=True)
        yield fd


def options(fd):
    """A disk whose driver needs no initial file system, and two cards on one cable."""
    found = ["-drive", f"if=none,id=disk,format=raw,cache=unsafe,file=/proc/self/fd/{fd}", "-device", "nvme,drive=disk,serial=1"]
    for number in (0, 1):
        found += ["-netdev", f"hubport,id=port{number},hubid=0",
                  "-device", f"virtio-net-pci,netdev=port{number},mac=02:00:00:00:00:0{number + 1},romfile="]
    return found


def start(kernel, fd, number):
    """Whether all checks of this start of the machine hold; DISK_FAILED: it could not be told."""
    print(f"      {STARTS[number]}:", flush=True)
    begun = time.monotonic()
    lines, ended = machine.boot(kernel, options(fd), [fd], PATIENCE, f"{APPEND} ifw-test={number}")
    result = machine.show(lines, ended, PATIENCE, ("hub 0 is not connected",))  # nor is it to be
    print(f"      {time.monotonic() - begun:.1f} s, {result.get('passed', 0)} checks ok, {result.get('failed', 'all')} failed")
    if any(DISK_FAILED in line for line in lines):
        return DISK_FAILED
    return ended and result.get("passed") and result["failed"] == 0


def starts(kernel, folder, this, following):
    """One start after the other, of one disk; 0 or 1, or DISK_FAILED."""
    with made_disk(kernel, folder, this, following) as fd:
        outcomes = [start(kernel, fd, number) for number in STARTS]
    return DISK_FAILED if DISK_FAILED in outcomes else 0 if all(outcomes) else 1


def main(this, following, base_program):
    if os.geteuid() != 0:
        raise Missing("not root (debootstrap and mounts need it)")
    for program, package in (("mke2fs", "e2fsprogs"), ("depmod", "kmod")):
        if not shutil.which(program):
            raise Missing(f"the program {program} is missing ({package})")
    if subprocess.run(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL).returncode:
        raise Missing("no private mounts here")
    if machine.missing():
        raise Missing(machine.missing())
    try:
        kernel = packages.fetch(SUITE)
    except packages.Unavailable as error:
        raise Missing(f"no kernel of {SUITE}: {error}")
    folder = base(base_program)
    for _ in range(TRIES):
        outcome = starts(kernel, folder, this, following)
        if outcome != DISK_FAILED:
            return outcome
        print("the emulated machine's disk failed, so nothing is known; once more, with a new one", flush=True)
    print(f"its disk failed {TRIES} times")
    return 1


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except Missing as error:
        print(f"skipped: {error}")
        sys.exit(SKIP)
