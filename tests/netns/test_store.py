# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The rules in the kernel's maps answer as a plain list of rules would.

store_model.c does the work; here it gets a network for each seed.
"""

import json
import re
import struct
import time

import commands
import lab as laboratory
from lab import check, equal

STEPS = 400
SEEDS = (1, 2, 3)


def run_with(seed):
    def run(lab):
        lab.router.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "p-eth0")
        lab.router.configure("eth0", "172.16.240.1/24")
        done = lab.router.run(lab.beside("store_model"), "eth0", STEPS, seed, ok=False, seconds=60)
        return [done.returncode, (done.stdout + done.stderr).strip()]

    return run


def store(lab):
    # Side by side: each is most of the time in the kernel, waiting.
    children = [(seed, laboratory.Child(run_with(seed))) for seed in SEEDS]
    for seed, child in children:
        status, said = child.result()
        check(status == 0, f"seed {seed}: {said}")


def runs(lab):
    """Where the run of each prefix lies: {address: index of its first range}, of elements that have one."""
    (pin,) = [p for p in commands.pins() if re.search(r"/prefixes_\d$", p)]
    found = {}
    for element in json.loads(lab.router.run("bpftool", "-j", "map", "dump", "pinned", pin).stdout):
        value = bytes(int(byte, 16) for byte in element["value"])
        at, count = struct.unpack_from("=II", value, 28)  # run_at, run_count of struct ifw_prefix
        if count:
            found[".".join(str(byte) for byte in value[7:3:-1])] = at
    return found


def grace(lab):
    """Ranges that a packet may still be reading are not given to another prefix at once."""
    lab.router.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "p-eth0")
    lab.router.configure("eth0", "172.16.240.1/24")
    lab.ifw("up", "eth0")

    def change(verb, address):
        """Two ranges: a single one lies with its prefix."""
        for ports in ("5-9", "11"):
            lab.ifw("rule", verb, f"deny udp to {address} port {ports}")

    change("add", "192.0.2.1")
    first = runs(lab)["192.0.2.1"]
    change("del", "192.0.2.1")
    change("add", "192.0.2.2")
    check(runs(lab)["192.0.2.2"] != first, "ranges that were freed just now are not used again")
    time.sleep(1.1)
    change("add", "192.0.2.3")
    equal(runs(lab)["192.0.2.3"], first, "but after a while")


laboratory.main(store, grace)
