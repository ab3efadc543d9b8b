# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Port ranges that meet in every way, in the kernel: which rule decides each port, and what is refused."""

import ipaddress

import commands
import lab as laboratory
from commands import refused, same
from lab import check, equal

TO = "192.0.2.7"
PREFIX = "192.0.2.0/24"
REASONS = {"deny": "rule-deny", "pass": "rule-pass", None: "no-rule"}


def up(host):
    host.veth("eth0")
    host.ifw("up", "eth0")


def text(rules):
    return "".join(f"{rule}\n" for rule in rules)


def decided(host, ports):
    return [host.reason_of("eth0", TO, port) for port in ports]


# action, low, high of each rule in order; then ports at which the decision changes.
CASES = {
    "overlapping": ([("deny", 100, 200), ("pass", 150, 250)], (99, 100, 149, 150, 200, 201, 250, 251)),
    "overlapping, the later one below": ([("deny", 100, 200), ("pass", 50, 150)], (49, 50, 99, 100, 150, 200, 201)),
    "nested": ([("deny", 140, 160), ("pass", 100, 200)], (99, 100, 139, 140, 160, 161, 200, 201)),
    "nested, the wider one first": ([("deny", 100, 200), ("pass", 140, 160)], (99, 100, 140, 160, 200, 201)),
    "adjacent": ([("deny", 100, 149), ("pass", 150, 200), ("deny", 201, 201)], (99, 100, 149, 150, 200, 201, 202)),
    "with one port in common": ([("deny", 100, 150), ("pass", 150, 200)], (99, 149, 150, 151, 200, 201)),
    "the lowest and the highest port": ([("deny", 0, 0), ("pass", 65535, 65535)], (0, 1, 65534, 65535)),
    "every port": ([("deny", 0, 65535)], (0, 1, 32768, 65534, 65535)),
    "every port, around one": ([("pass", 80, 80), ("deny", 0, 65535)], (0, 79, 80, 81, 65535)),
}


def expected(rules, port):
    return REASONS[next((action for action, low, high in rules if low <= port <= high), None)]


def ranges_that_meet(host):
    up(host)
    for name, (rules, ports) in CASES.items():
        lines = [f"{action} udp to {PREFIX} port {low}" + (f"-{high}" if high != low else "") for action, low, high in rules]
        equal(host.lab.ifw("check", "-", input=text(lines)).returncode, 0, f"{name}: check takes it")
        host.ifw("apply", "-", input=text(lines))
        whole = decided(host, ports)
        equal(whole, [expected(rules, port) for port in ports], "applied, the first rule of a port decides")
        host.ifw("rule", "flush")
        for line in lines:
            host.ifw("rule", "add", line)
        equal((host.rules(), decided(host, ports)), (lines, whole), "so it does where they are added one by one")
        host.ifw("rule", "del", lines[0])
        equal(decided(host, ports), [expected(rules[1:], port) for port in ports], "and without the first, the next one")


def same_range(host):
    """Identical and contradictory."""
    up(host)
    first = f"deny udp to {PREFIX} port 100-200"
    host.ifw("apply", "-", input=text([first]))
    done = host.lab.ifw("check", "-", input=text([first, first]))
    check(done.stdout == "1 rule, no errors\n" and "warning" in done.stderr, "two identical rules in a file count once, with a warning")
    equal(host.ifw("apply", "-", input=text([first, first])), "1 rule in force, the same as before\n", "apply takes them so")
    equal(host.ifw("rule", "add", first), f"unchanged: {first}\n", "added again it changes nothing")
    before = host.state()
    for other in (first.replace("deny", "pass"), f"{first} service abc", first.replace("deny", "intercept") + " via 40000"):
        for command in ("check", "apply"):
            refused(host.lab.ifw(command, "-", ok=False, input=text([first, other])), 1, "<stdin>:2:.*same match as in line 1",
                    f"{command}: '{other}' contradicts it")
        refused(host.lab.ifw("rule", "add", other, ok=False), 1, "same match.*--replace", "rule add: so it does")
    same(before, host.state(), "nothing is changed by any of them")
    equal(host.reason_of("eth0", TO, 150), "rule-deny", "in force neither")
    host.ifw("apply", "-", input=text([f"{first} on eth0", first.replace("deny", "pass")]))
    equal(decided(host, (150,)), ["rule-deny"], "on different interfaces both may stand")


def every_single_port(host):
    """65,536 ranges on one prefix."""
    up(host)
    rules = [f"{'deny' if port % 2 else 'pass'} udp to {PREFIX} port {port}" for port in range(65536)]
    equal(host.ifw("apply", "-", input=text(rules)), "65536 rules in force\n", "65,536 rules of one port each on one prefix")
    equal(host.ifw("rule", "list") == text(rules), True, "are listed")
    ports = (0, 1, 2, 32767, 32768, 65533, 65534, 65535)
    equal(decided(host, ports), ["rule-deny" if port % 2 else "rule-pass" for port in ports], "and each decides its own port")
    done = host.lab.ifw("rule", "add", f"deny udp to {PREFIX} port 0-65535")
    check("can never match: 'pass udp to 192.0.2.0/24 port 0' and 65535 more" in done.stderr, "one over all of them has nothing left to decide")
    host.ifw("rule", "del", rules[40000])
    equal(decided(host, (39999, 40000, 40001)), ["rule-deny"] * 3, "but what one of them leaves")


def every_length_pair(host):
    """All 33 x 33 of IPv4, of which each matches the packet; deleted, the next shorter one does."""
    up(host)
    lengths = range(32, -1, -1)
    source = "198.51.100.9"

    def network(address, length):
        return ipaddress.ip_network((address, length), strict=False)

    rules = [f"{'pass' if (to + by) % 2 else 'deny'} udp to {network(TO, to)} port 9 from {network(source, by)}"
             for to in lengths for by in lengths]
    equal(host.ifw("apply", "-", input=text(rules)), "1089 rules in force\n", "1,089 pairs of lengths are in use at once")
    places = (0, 1, 32, 33, 34, 500, 1055, 1056, 1087, 1088)
    wrong = []
    for place in places:
        # Without those before, this is the most specific one.
        host.ifw("apply", "-", input=text(rules[place:]))
        found = host.reason_of("eth0", TO, 9, source=source)
        if found != REASONS[rules[place].split()[0]]:
            wrong.append((rules[place], found))
    equal(wrong, [], "the longest destination decides, and of its sources the longest")
    equal(host.reason_of("eth0", "10.1.1.1", 9, source="10.1.1.1"), REASONS[rules[-1].split()[0]], "the shortest decides what no other does")


def long_file(host):
    """250,000 lines, and the mistake in the last."""
    up(host)
    known = f"deny udp to {PREFIX} port 9"
    host.ifw("rule", "add", known)
    lines = [f"pass udp to 10.{i >> 16}.{i >> 8 & 255}.{i & 255} port 7" for i in range(250000)]
    before = host.state()
    for line, said in (("pass udp to 10.0.0.1 port 8-7", "low is above high"),
                       ("deny udp to 10.0.0.0 port 7", "same match as in line 1")):
        for command in ("check", "apply"):
            done = host.lab.ifw(command, "-", ok=False, input=text([*lines[:-1], line]), seconds=120)
            refused(done, 1, rf"^<stdin>:250000:\d+: error: .*{said}", f"{command}: '{line}' as line 250,000")
            equal(done.stdout, "", "and nothing on standard output")
    same(before, host.state(), "nothing is changed by any of them")
    equal(host.reason_of("eth0", TO, 9), "rule-deny", "the rule of before is in force")


laboratory.main(commands.parts(ranges_that_meet, same_range, every_single_port, every_length_pair, long_file))
