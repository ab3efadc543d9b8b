# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Commands that are killed, at random and before each of their steps: nothing is half there."""

import os
import pathlib
import random
import re
import signal
import subprocess
import threading
import time

import commands
import lab as laboratory
from lab import check, equal

TO = "192.0.2.7"
KILLS = 10


def up(host):
    host.veth("eth0")
    host.ifw("up", "eth0")


class Traffic:
    """A stream of packets for as long as it is entered."""

    def __init__(self, host, frames):
        self.raw = host.router.packet_socket("p-eth0")
        self.frames = frames
        self.going = True
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while self.going:
            for one in self.frames:
                self.raw.send(one)
            time.sleep(0.0002)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.going = False
        self.thread.join()


def frames(*ports):
    address = pathlib.Path("/sys/class/net/eth0/address").read_text().strip()
    return [commands.frame(address, "198.51.100.9", "192.0.2.7", port, "udp") for port in ports]


def generations():
    return [p.rsplit("_")[-1] for p in commands.pins() if re.search(r"/(prefixes|ranges|rules)_\d$", p)]


def killed(host):
    """Of two sets of some thousand rules each decides all packets that are sent, each its way."""
    up(host)
    sets = {}
    for action in ("pass", "deny"):
        path = pathlib.Path(f"/run/{action}")
        path.write_text("".join(
            f"{action} udp to {prefix} port {port}\n"
            for prefix in ("192.0.2.0/24", "192.0.0.0/16", *(f"10.{i}.0.0/16" for i in range(40)))
            for port in range(1000, 1100)))
        sets[path.read_text()] = (path, action)
    # As listed: `ifw apply` of it is then known to change nothing.
    path, _ = next(iter(sets.values()))
    begun = time.monotonic()
    host.ifw("apply", path)
    took = time.monotonic() - begun
    chance = random.Random(1)
    wrong, left_over, done_before = [], [], 0
    with Traffic(host, frames(1000, 1050, 1099)):
        for _ in range(KILLS):
            listed = host.ifw("rule", "list")
            other = next(p for text, (p, _) in sets.items() if text != listed)
            apply = subprocess.Popen([host.lab.program("ifw"), "apply", str(other)],
                                     stdout=subprocess.DEVNULL)
            time.sleep(chance.uniform(0, took * 1.1))
            done_before += apply.poll() is not None
            apply.kill()
            apply.wait()
            listed = host.ifw("rule", "list")
            if listed not in sets:
                wrong.append(f"a list of {len(listed.splitlines())} rules")
                continue
            # The next command that changes something works, and tidies up.
            host.ifw("rule", "add", "pass udp to 203.0.113.0/24 port 5")
            host.ifw("rule", "del", "pass udp to 203.0.113.0/24 port 5")
            if host.ifw("rule", "list") != listed:
                wrong.append("the next command changed more than asked for")
            if len(generations()) != 3 or len(set(generations())) != 1:
                left_over.append(generations())
    equal(wrong, [], f"apply killed {KILLS} times ({done_before} had ended): the old set or the new is in force")
    equal(left_over, [], "and the pins of the other are gone after the next command")
    reasons = host.reasons("eth0")
    check(reasons.get("rule-pass", 0) > 100 and reasons.get("rule-deny", 0) > 100,
          "packets came all the while, under both sets")
    equal(sorted(reasons), ["rule-deny", "rule-pass"], "and each found a rule")


def at_each_step(host, *arguments):
    """Runs ifw so often that it is killed before each step that changes something.

    Yields after each; the last time it was not killed.
    """
    beside = pathlib.Path(host.lab.program("ifw")).parents[1] / "tests/netns/libkill_at.so"
    environment = {
        **os.environ,
        "LD_PRELOAD": os.environ.get("KILL_AT_LIBRARY", str(beside)),
        "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0",
    }
    for number in range(1, 500):
        done = subprocess.run([host.lab.program("ifw"), *arguments], env={**environment, "KILL_AT": str(number)},
                              capture_output=True, text=True)
        if done.returncode not in (0, -signal.SIGKILL):
            raise AssertionError(f"{arguments} ended with {done.returncode}: {done.stderr}")
        yield number
        if done.returncode == 0:
            return


def stepwise(host, changes, ports):
    """Each change, killed before each of its steps: then it was done or not, and all others are there."""
    for change in changes:
        wrong, steps = [], 0
        listed = host.rules()
        for steps in at_each_step(host, *change):
            after = host.rules()
            # Packets first: they must not depend on a later command's repair.
            reasons = [host.reason_of("eth0", TO, port) for port in ports]
            if reasons != ["rule-deny"] * len(ports):
                wrong.append((steps, "packets", reasons))
            host.ifw("rule", "add", "pass udp to 203.0.113.0/24 port 5")
            host.ifw("rule", "del", "pass udp to 203.0.113.0/24 port 5")
            if host.rules() != after:
                wrong.append((steps, "the next command changed more than asked for"))
            if len(generations()) != 3:
                wrong.append((steps, generations()))
            host.ifw("apply", "-", input="".join(line + "\n" for line in listed))
            yield change, steps, listed, after
        equal(wrong, [], f"'{' '.join(map(str, change))}' killed before each of {steps} steps: packets are "
                         "decided all the while, and the next command works")


def killed_single(host):
    """Rules one at a time, which leave derived state half done when killed."""
    up(host)
    kept = [f"deny udp to 192.0.2.0/24 port {port}" for port in (1000, 1001, 1002)]
    more = ["deny udp to 192.0.2.0/24 port 5 from 198.51.0.0/16", "pass udp to 192.0.2.0/24 port 7"]
    host.ifw("apply", "-", input="".join(line + "\n" for line in [more[1], *kept, more[0]]))
    changes = (
        ("rule", "add", "deny udp to 192.0.2.0/24 port 6"),
        ("rule", "add", "deny udp to 192.0.2.0/24 port 6 from 198.51.0.0/16"),
        ("rule", "add", "deny udp to 192.0.2.0/24 port 6 from 198.0.0.0/8 on eth7"),
        ("rule", "add", "deny udp to 192.0.0.0/16 port 6 from 198.51.0.0/16"),
        ("rule", "add", "--replace", "deny udp to 192.0.2.0/24 port 7"),
        ("rule", "del", more[0]),
        ("rule", "del", more[1]),
        ("rule", "flush"),
    )
    wrong = []
    for change, steps, before, after in stepwise(host, changes[:-1], (1000, 1001, 1002)):
        rule = change[-1]
        if change[1] == "del":
            done = [line for line in before if line != rule]
        elif "--replace" in change:
            done = [rule if line == more[1] else line for line in before]
        else:
            done = [*before, rule]
        if after not in (before, done):
            wrong.append((change, steps, after))
    equal(wrong, [], "each was done or not, whenever it was killed")
    before, wrong = host.rules(), []
    for steps in at_each_step(host, *changes[-1]):
        if host.rules() not in (before, []):
            wrong.append(steps)
        host.ifw("apply", "-", input="".join(line + "\n" for line in before))
    equal(wrong, [], f"so was flush, killed before each of {steps} steps")
    for rule in host.rules():
        host.ifw("rule", "del", rule)
    equal((host.rules(), host.reason_of("eth0", TO, 1000)), ([], "no-rule"), "all can be deleted then")
    usage = host.zfw("-L").stdout.splitlines()[-2:]
    check(all(": 0 / " in line for line in usage), "and nothing counts as used")


def killed_up_and_down(host, hook):
    host.veth("eth0", "172.16.240.1/24")
    before = host.state()
    whole = ["up", "eth0", "--hook", hook]

    def is_up():
        found = len(host.programs("eth0")), len(host.ours()), host.iface("eth0")["state"]
        return found == (1, 2, "attached")

    bad = []
    for number in at_each_step(host, *whole):
        host.ifw(*whole)
        if not is_up():
            bad.append(number)
        host.ifw("down", "--all")
    equal(bad, [], f"up killed before each of {number} steps: the next up makes it whole")
    commands.same(before, host.state(), "and down --all leaves nothing")

    host.ifw(*whole)
    bad = []
    other = ["up", "eth0", "--mark", "0x40", "--table", "9"]
    for number in at_each_step(host, *other):
        host.ifw(*other)
        if not is_up():
            bad.append(number)
        host.ifw(*whole, "--mark", "0x20", "--table", "7100")
    equal(bad, [], f"up again with other options killed before each of {number} steps")

    for words in (("down", "eth0"), ("down", "--all")):
        bad = []
        for number in at_each_step(host, *words):
            host.ifw("down", "--all")
            if host.state() != before:
                bad.append(number)
            host.ifw(*whole)
        equal(bad, [], f"{' '.join(words)} killed before each of {number} steps: the next one ends it")


def killed_up_by_tcx(host):
    killed_up_and_down(host, "tcx")


def killed_up_by_clsact(host):
    killed_up_and_down(host, "clsact")


laboratory.main(
    commands.parts(killed, killed_single, killed_up_by_tcx, killed_up_by_clsact)
)
