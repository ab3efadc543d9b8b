# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Several commands at once, and commands that are killed: no rule is lost, none is half there."""

import pathlib
import random
import re
import subprocess
import threading
import time

import commands
import lab as laboratory
from lab import check, equal

TO = "192.0.2.7"
WRITERS, EACH = 8, 50
KILLS = 10


def up(host):
    host.veth("eth0")
    host.ifw("up", "eth0")


def loop(host, commands_):
    """A process that runs ifw for each, one after the other, and counts those that failed."""
    script = "failed=0\nwhile read -r line; do\n"
    script += f'{host.lab.program("ifw")} $line >/dev/null || failed=$((failed + 1))\n'
    script += "done\nexit $failed\n"
    process = subprocess.Popen(["sh", "-c", script], text=True, stdin=subprocess.PIPE)
    process.stdin.write("".join(line + "\n" for line in commands_))
    process.stdin.close()
    return process


def many_writers(host):
    """Half of them share a prefix, whose run each rewrites; the others make prefixes."""
    up(host)
    # Two numbers make the texts differ from each other in any order.
    rules = [[f"deny udp to 192.0.{2 if i % 2 else 3 + i}.0/24 port {1000 * (i + 1) + n}"
              for n in range(EACH)] for i in range(WRITERS)]
    writers = [loop(host, [f"rule add {rule}" for rule in own]) for own in rules]
    equal([writer.wait(60) for writer in writers], [0] * WRITERS, f"{WRITERS} writers end without errors")
    equal(sorted(host.rules()), sorted(rule for own in rules for rule in own), "no rule is lost")
    for own in rules:
        check([r for r in host.rules() if r in own] == own, "each writer's own stand in order")
    wrong = [(i, n) for i in range(WRITERS) for n in (0, EACH - 1)
             if host.reason_of("eth0", rules[i][n].split()[3].split("/")[0], 1000 * (i + 1) + n)
             != "rule-deny"]
    equal(wrong, [], "and each is in force")
    deleters = [loop(host, [f"rule del {rule}" for rule in own]) for own in rules]
    equal([one.wait(60) for one in deleters], [0] * WRITERS, "so many may delete at once")
    equal((host.rules(), host.reason_of("eth0", TO, 2000)), ([], "no-rule"), "and nothing is left")


def add_against_delete(host):
    up(host)
    rule = "deny udp to 192.0.2.0/24 port 9"
    adding = loop(host, [f"rule add {rule}"] * 100)
    program = host.lab.program("ifw")
    said = set()
    while adding.poll() is None:
        done = host.run(program, "rule", "del", rule, ok=False)
        said.add((done.returncode, done.stderr))
    equal(adding.wait(), 0, "adds and deletes of one rule: adding never fails")
    check(said <= {(0, ""), (1, "ifw: no such rule\n")}, f"deleting finds it or not, nothing else")
    there = host.rules()
    check(there in ([], [rule]), "what is listed is one of the two")
    equal(host.reason_of("eth0", TO, 9), "rule-deny" if there else "no-rule", "and what is in force")


def whole_pictures(host):
    """Sets of a hundred rules that are swapped, and readers."""
    up(host)
    sets = {}
    for port in (1, 2):
        path = pathlib.Path(f"/run/set{port}")
        path.write_text("".join(f"deny udp to 192.0.{i}.0/24 port {port}\n" for i in range(100)))
        sets[path.read_text()] = path
    first, second = sets.values()
    host.ifw("apply", first)
    swapping = loop(host, [f"apply {second}", f"apply {first}"] * 25)
    readings = []
    while swapping.poll() is None:
        readings.append(host.ifw("rule", "list"))
    equal(swapping.wait(), 0, "a set is replaced again and again")
    check(len(readings) > 10 and all(reading in sets for reading in readings),
          "and who reads meanwhile always sees one whole set")
    equal(len(set(readings)), 2, "now the one, now the other")

    listed = []
    adding = loop(host, [f"rule {verb} deny udp to 192.0.0.0/24 port {port}"
                         for port in range(100, 140) for verb in ("add", "del")])
    while adding.poll() is None:
        listed.append(host.rules())
    equal(adding.wait(), 0, "rules come and go one by one")
    rest = first.read_text().splitlines()
    check(len(listed) > 10 and all(len(r) <= 101 and r[:100] == rest for r in listed),
          "and who reads meanwhile sees all the others")


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


def killed_single(host):
    """The same for rules one at a time, which leave derived state half done when killed."""
    up(host)
    host.ifw("apply", "-", input="".join(f"deny udp to 192.0.2.0/24 port {p}\n" for p in range(1000, 1100)))
    chance = random.Random(2)
    program = host.lab.program("ifw")
    begun = time.monotonic()
    host.ifw("rule", "list")
    took = time.monotonic() - begun
    expected, wrong = set(host.rules()), []
    with Traffic(host, frames(1000, 1099)):
        for i in range(40):
            rule = f"deny udp to 192.0.{2 + i % 3}.0/24 port {5 + i // 6} from 198.51.0.0/16"
            verb = "add" if rule not in expected else "del"
            one = subprocess.Popen([program, "rule", verb, rule], stdout=subprocess.DEVNULL)
            time.sleep(chance.uniform(0, took * 2))
            one.kill()
            one.wait()
            there = set(host.rules())
            if there not in (expected, expected ^ {rule}):
                wrong.append((verb, rule, there ^ expected))
            expected = there
    equal(wrong, [], "rule add and del killed 40 times: each was done or not")
    equal(sorted(host.reasons("eth0")), ["rule-deny"], "packets found their rules all the while")
    host.ifw("rule", "add", "pass udp to 192.0.2.0/24 port 9")
    for rule in host.rules():
        host.ifw("rule", "del", rule)
    equal((host.rules(), host.reason_of("eth0", TO, 1000)), ([], "no-rule"), "all can be deleted then")
    usage = host.zfw("-L").stdout.splitlines()[-2:]
    check(all(": 0 / " in line for line in usage), "and nothing counts as used")


def killed_up(host):
    """Killed while it makes the state: the next one makes it."""
    host.veth("eth0")
    before = host.state()
    begun = time.monotonic()
    host.ifw("up", "eth0")
    took = time.monotonic() - begun
    host.ifw("down", "--all")
    chance = random.Random(3)
    bad = []
    for _ in range(KILLS):
        one = subprocess.Popen([host.lab.program("ifw"), "up", "eth0"], stdout=subprocess.DEVNULL)
        time.sleep(chance.uniform(0, took))
        one.kill()
        one.wait()
        host.ifw("up", "eth0")
        equal_now = (len(host.programs("eth0")), len(host.ours()), host.iface("eth0")["state"])
        if equal_now != (1, 2, "attached"):
            bad.append(equal_now)
        host.ifw("down", "--all")
    equal(bad, [], f"up killed {KILLS} times: the next up works, with one program on the hook")
    commands.same(before, host.state(), "and down --all leaves nothing")


laboratory.main(
    commands.parts(many_writers, add_against_delete, whole_pictures, killed, killed_single, killed_up)
)
