#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Boots a stock kernel of Debian in an emulated machine, and tries everything there.

  run.py NAME BUILD_DIR   one of 5.10, 6.1, 6.12, newest

0: all is well; 1: it is not; 77: the kernel or the emulator cannot be had here.
"""

import os
import pathlib
import resource
import subprocess
import sys
import time

import image
import machine
import packages

SUITES = {"5.10": "bullseye", "6.1": "bookworm", "6.12": "trixie", "newest": "trixie-backports"}
PATIENCE = 420  # seconds from start to power-off
SKIP = 77


def boot(kernel, archive):
    """As machine.boot(), from an archive in memory."""
    with open(os.memfd_create("initrd"), "wb") as held:
        held.write(archive)
        held.flush()
        return machine.boot(kernel, ["-initrd", f"/proc/self/fd/{held.fileno()}"], [held.fileno()], PATIENCE)


def within_budget(name, counts):
    """Whether ci/budget.txt allows so much, and what there is to say of it."""
    done = subprocess.run([image.ROOT / "ci/budget.sh", "compare", name, *map(str, counts)],
                          text=True, capture_output=True)
    return done.returncode == 0, (done.stdout + done.stderr).splitlines()


def share(part):
    if not part:
        return "not reached"
    return f"{part['passed']} checks ok" if not part["failed"] else f"{part['failed']} FAILED"


def processor_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def report(name, kernel, results, seconds, used):
    """Prints the table; whether all is well."""
    counts = results.get("programs", {}).get("value") or [0, 0, 0]
    allowed, budget = within_budget(name, counts)
    run = results.get("scenarios", {}).get("value") or {}
    rows = [("kernel", kernel.release)]
    rows += [("programs" if not number else "", line.partition(": ")[2]) for number, line in enumerate(budget)]
    rows.append(("scenarios", f"{run.get('scenarios', 0) - run.get('no_scenarios', 0)} run,"
                 f" {run.get('packets', 0)} packets, {run.get('differences', 0)} differences"))
    rows += [("", f"not possible: {count} x {why}") for why, count in run.get("why", {}).items()]
    for part in ("interception", "tracking", "devices", "upper", "down"):
        value = results.get(part, {}).get("value")
        rows.append((part, share(results.get(part)) +
                     (f": {', '.join(value) if isinstance(value, list) else value}" if value else "")))
    took = ", ".join(f"{part} {result['seconds']:g}" for part, result in results.items())
    rows.append(("seconds", f"{seconds:.1f}, {used:.1f} of them on a processor ({took})"))
    print()
    for left, right in rows:
        print(f"  {left:14}{right}")
    failed = sum(part["failed"] for part in results.values())
    return bool(results) and allowed and not failed


def main():
    name, build = sys.argv[1], pathlib.Path(sys.argv[2])
    if machine.missing():
        print(f"skipped: {machine.missing()}")
        return SKIP
    try:
        kernel = packages.fetch(SUITES[name])
    except packages.Unavailable as error:
        print(f"skipped: no kernel of {SUITES[name]}: {error}")
        return SKIP
    programs = [build / "bin/ifw", build / "tests/executors/test-run", build / "tests/kernels/verified"]
    try:
        archive = image.build(kernel, programs, build / "fixtures/scenarios")
    except image.Missing as error:
        print(f"skipped: {error}")
        return SKIP
    start, before = time.monotonic(), processor_seconds()
    lines, ended = boot(kernel, archive)
    seconds, used = time.monotonic() - start, processor_seconds() - before
    results = machine.show(lines, ended, PATIENCE)
    return 0 if report(name, kernel, results, seconds, used) and ended else 1


if __name__ == "__main__":
    sys.exit(main())
