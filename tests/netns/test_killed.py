# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Rules whose commands are killed, at random and before each step: nothing is half there."""

import pathlib
import random
import re
import subprocess
import time

import commands
import lab as laboratory
from commands import at_each_step, some_steps
from lab import check, equal, wait_for

TO = "192.0.2.7"
KILLS = 10


def up(host):
    host.veth("eth0")
    host.ifw("up", "eth0")


def generations():
    """Of each pin of a set its generation: of prefixes and rules, and of ranges where there are any."""
    found = (re.search(r"/(?:prefixes|rules|ranges)_(\d)(?:_\d+)?$", pin) for pin in commands.pins())
    return [match[1] for match in found if match]


def one_generation():
    return len(generations()) >= 2 and len(set(generations())) == 1


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
    with commands.Traffic(host, "eth0", [(TO, port) for port in (1000, 1050, 1099)]):
        for _ in range(KILLS):
            listed = host.ifw("rule", "list", "--no-counters")
            other = next(p for text, (p, _) in sets.items() if text != listed)
            apply = subprocess.Popen([host.lab.program("ifw"), "apply", str(other)],
                                     stdout=subprocess.DEVNULL)
            time.sleep(chance.uniform(0, took * 1.1))
            done_before += apply.poll() is not None
            apply.kill()
            apply.wait()
            listed = host.ifw("rule", "list", "--no-counters")
            if listed not in sets:
                wrong.append(f"a list of {len(listed.splitlines())} rules")
                continue
            # The next command that changes something works, and tidies up.
            host.ifw("rule", "add", "pass udp to 203.0.113.0/24 port 5")
            host.ifw("rule", "del", "pass udp to 203.0.113.0/24 port 5")
            if host.ifw("rule", "list", "--no-counters") != listed:
                wrong.append("the next command changed more than asked for")
            if not one_generation():
                left_over.append(generations())
        # On a busy machine each may have been killed before its set was in force.
        for path, action in sets.values():
            host.ifw("apply", path)
            wait_for(lambda action=action: host.reasons("eth0").get(f"rule-{action}", 0) > 100,
                     f"packets under {path}")
    equal(wrong, [], f"apply killed {KILLS} times ({done_before} had ended): the old set or the new is in force")
    equal(left_over, [], "and the pins of the other are gone after the next command")
    reasons = host.reasons("eth0")
    check(reasons.get("rule-pass", 0) > 100 and reasons.get("rule-deny", 0) > 100,
          "packets came all the while, under both sets")
    equal(sorted(reasons), ["rule-deny", "rule-pass"], "and each found a rule")


def expected_reason(listed, port):
    """In the sets below the first rule of a port decides, for all cover the packet that is sent."""
    for rule in listed:
        if f"port {port} " in rule + " ":
            return f"rule-{rule.split()[0]}"
    return "no-rule"


def stepwise(host, change, back, done):
    """Kills change before each of its steps; then it was done or not, and all else is as it was.

    back undoes it; done(rules) is what the rules are afterwards.
    """
    wrong, before = [], host.rules()
    for step in at_each_step(host, *change, **some_steps(host, 1, 1)):
        after = host.rules()
        if after not in (before, done(before)):
            wrong.append((step, after))
        # Packets first: they must not depend on what a later command repairs.
        if [host.reason_of("eth0", TO, port) for port in KEPT] != ["rule-deny"] * len(KEPT):
            wrong.append((step, "other rules were not in force"))
        host.ifw("rule", "add", "pass udp to 203.0.113.0/24 port 5")
        host.ifw("rule", "del", "pass udp to 203.0.113.0/24 port 5")
        if host.rules() != after or not one_generation():
            wrong.append((step, "the next command changed more than asked for", generations()))
        reasons = [host.reason_of("eth0", TO, port) for port in CHANGING]
        if reasons != [expected_reason(after, port) for port in CHANGING]:
            wrong.append((step, "what is listed is not what is in force", after, reasons))
        if after != before:
            host.ifw(*back)
        before = host.rules()
    equal(wrong, [], f"'{' '.join(change)}' killed before some of {step} steps")


KEPT = (1000, 1001, 1002)
CHANGING = (5, 6, 7)


def killed_single(host):
    """Rules one at a time, which leave derived state half done when killed."""
    up(host)
    kept = [f"deny udp to 192.0.2.0/24 port {port}" for port in KEPT]
    from_some = "deny udp to 192.0.2.0/24 port 5 from 198.51.0.0/16"
    passing, denying = (f"{action} udp to 192.0.2.0/24 port 7" for action in ("pass", "deny"))
    host.ifw("apply", "-", input="".join(line + "\n" for line in [passing, *kept, from_some]))
    for rule in ("deny udp to 192.0.2.0/24 port 6",
                 "deny udp to 192.0.2.0/24 port 6 from 198.51.0.0/16",
                 "deny udp to 192.0.2.0/24 port 6 from 198.0.0.0/8 on eth0",
                 "deny udp to 192.0.0.0/16 port 6 from 198.51.0.0/16"):
        stepwise(host, ("rule", "add", rule), ("rule", "del", rule), lambda rules: [*rules, rule])
    stepwise(host, ("rule", "add", "--replace", denying), ("rule", "add", "--replace", passing),
             lambda rules: [denying if rule == passing else rule for rule in rules])
    for gone in (from_some, passing):
        stepwise(host, ("rule", "del", gone), ("rule", "add", gone),
                 lambda rules: [rule for rule in rules if rule != gone])
    before, wrong = host.rules(), []
    for step in at_each_step(host, "rule", "flush", **some_steps(host, 1, 1)):
        if host.rules() not in (before, []):
            wrong.append(step)
        host.ifw("apply", "-", input="".join(line + "\n" for line in before))
    equal(wrong, [], f"so was flush, killed before some of {step} steps")
    for rule in host.rules():
        host.ifw("rule", "del", rule)
    equal((host.rules(), host.reason_of("eth0", TO, 1000)), ([], "no-rule"), "all can be deleted then")
    usage = host.zfw("-L").stdout.splitlines()[-2:]
    check(all(": 0 / " in line for line in usage), "and nothing counts as used")


def killed_growing(host):
    """A rule for which the set is built anew in larger maps; one prefix fewer, and it would fit the first ones."""
    up(host)
    kept = [f"deny udp to 192.0.2.0/24 port {port}" for port in KEPT]
    many = [*kept, *(f"pass udp to 10.0.{i >> 8}.{i & 255}/32 port 5" for i in range(1022))]
    one_more = "deny udp to 192.0.3.0/24 port 5"
    wrong = []

    def anew():
        host.ifw("rule", "flush")
        host.ifw("apply", "-", input="".join(line + "\n" for line in many))

    anew()
    for step in at_each_step(host, "rule", "add", one_more, **some_steps(host, 1, 1)):
        after = host.rules()
        if after not in (many, [*many, one_more]):
            wrong.append((step, f"{len(after)} rules"))
        elif host.reason_of("eth0", "192.0.3.1", 5) != ("no-rule", "rule-deny")[len(after) - len(many)]:
            wrong.append((step, "what is listed is not what is in force"))
        if host.reason_of("eth0", TO, KEPT[0]) != "rule-deny":
            wrong.append((step, "other rules were not in force"))
        anew()
        if host.rules() != many or not one_generation():
            wrong.append((step, "the next commands left something", generations()))
    equal(wrong, [], f"a rule that makes the set outgrow its maps, killed before some of {step} steps")
    host.ifw("rule", "add", one_more)
    for rule in [*kept, one_more]:
        host.ifw("rule", "del", rule)
    equal(host.rules(), many[len(kept):], "and the larger set goes on as any other")


laboratory.main(commands.parts(killed, killed_single, killed_growing))
