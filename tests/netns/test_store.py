# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The rules in the kernel's maps answer as a plain list of rules would.

store_model.c does the work; here it gets a network for each seed.
"""

import os
import pathlib

import lab as laboratory
from lab import check

STEPS = 400
SEEDS = (1, 2, 3)


def model():
    beside = pathlib.Path(os.environ.get("IFW_BIN", "build/bin")).parent / "tests/netns/store_model"
    return os.environ.get("STORE_MODEL", str(beside))


def run_with(seed):
    def run(lab):
        lab.router.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "p-eth0")
        lab.router.configure("eth0", "172.16.240.1/24")
        done = lab.router.run(model(), "eth0", STEPS, seed, ok=False, seconds=60)
        return [done.returncode, (done.stdout + done.stderr).strip()]

    return run


def store(lab):
    # Side by side: each is most of the time in the kernel, waiting.
    children = [(seed, laboratory.Child(run_with(seed))) for seed in SEEDS]
    for seed, child in children:
        status, said = child.result()
        check(status == 0, f"seed {seed}: {said}")


laboratory.main(store)
