# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""An emulated machine with a kernel of packages.py: QEMU without KVM, one processor, a CPU with little to emulate."""

import ctypes
import json
import re
import shutil
import signal
import subprocess

EMULATOR = "qemu-system-x86_64"
MACHINE = [
    EMULATOR, "-M", "q35", "-accel", "tcg",  # KVM within a virtual machine hangs where this is built
    # The simpler it is the faster it is emulated; and CMPXCHG16B spoils the flags in QEMU 7.2.
    "-cpu", "Nehalem,-cx16,+rdrand", "-smp", "1", "-m", "768",
    "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio",
]
# Without the mitigations every entry of the emulated kernel is a lot shorter; the rest spares it work.
APPEND = ("console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on "
          "nokaslr cryptomgr.notests audit=0 security=none")
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def missing():
    """Why there can be none, or None."""
    if shutil.which(EMULATOR):
        return None
    return f"the program {EMULATOR} is missing (qemu-system-x86)"


def die_with_parent():
    """However a test ends, no machine stays behind."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def boot(kernel, options, fds, seconds, append=""):
    """What the machine says until it is off or starts anew, and whether that was within so many seconds.

    fds: open files that options name as /proc/self/fd/N; append: to the kernel's command line.
    """
    command = [*MACHINE, *options, "-kernel", str(kernel.image), "-append", f"{APPEND} {append}"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, pass_fds=fds, preexec_fn=die_with_parent) as machine:
        try:
            said, _ = machine.communicate(timeout=seconds)
            return readable(said), True
        except subprocess.TimeoutExpired:
            machine.kill()
            said, _ = machine.communicate()
            return readable(said), False


def show(lines, ended, seconds, idle=()):
    """Prints what the guest said, but for lines that hold words of idle; returns its results: "== " and JSON."""
    results = {}
    for line in lines:
        if line.startswith("== "):
            results = json.loads(line[3:])
        elif not any(words in line for words in idle):
            print(line)
    if not ended:
        print(f"the machine was not off after {seconds} s")
    return results


def readable(said):
    """Its lines, without what the firmware does to a terminal."""
    said = re.sub(r"\x1b(?:\[[0-9;?]*[A-Za-z]|c)", "", said.decode(errors="replace"))
    return [line.rstrip() for line in said.splitlines() if line.strip()]
