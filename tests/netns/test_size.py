# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What rules cost in memory, and how many of them there may be."""

import json
import os
import pathlib
import time

import commands
import lab as laboratory
from commands import refused
from lab import check, equal

MB = 1 << 20
PREFIXES, RANGES = 100000, 250000


def addresses(count, family="IPv4"):
    """So many different addresses, as text."""
    if family == "IPv6":
        return (f"2001:db8:0:{i // 65000 + 1:x}::{i % 65000 + 1:x}" for i in range(count))
    return (f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}" for i in range(count))


def written(lines, family):
    """As they are listed: with the length of a host."""
    length = {"IPv4": 32, "IPv6": 128}[family]
    return (line.replace(" port", f"/{length} port") for line in lines)


# --- Memory ------------------------------------------------------------------------------


def maps_of(host, iface):
    """What the kernel says of each map: those that are pinned, and those of the programs."""
    found = {}
    for pin in commands.pins():
        done = host.run("bpftool", "-j", "map", "show", "pinned", pin, ok=False)
        if done.returncode == 0:
            one = json.loads(done.stdout)
            found[one["id"]] = one
    for program in host.programs(iface):
        for number in json.loads(host.run("bpftool", "-j", "prog", "show", "id", program).stdout)["map_ids"]:
            found[number] = json.loads(host.run("bpftool", "-j", "map", "show", "id", number).stdout)
    return list(found.values())


def possible_cpus():
    first, _, last = open("/sys/devices/system/cpu/possible").read().strip().rpartition("-")
    return int(last) - int(first or last) + 1


def weigh(host, what, limit):
    """Checks locked memory, without what comes anew with each CPU; that is printed."""
    maps = maps_of(host, "eth0")
    each_cpu = sum(m["bytes_memlock"] for m in maps if m["type"].startswith("percpu"))
    shared = sum(m["bytes_memlock"] for m in maps if not m["type"].startswith("percpu"))
    check(len(maps) > 10 and shared <= limit * MB,
          f"{what}: {shared / MB:.1f} MB of {limit} MB, and {each_cpu / possible_cpus() / 1024:.0f} kB a CPU")
    if shared > limit * MB:
        for m in sorted(maps, key=lambda m: -m["bytes_memlock"])[:5]:
            print(f"      {m['type']} {m['name']}: {m['bytes_memlock'] / MB:.1f} MB")


def memory(host):
    host.veth("eth0")
    host.ifw("up", "eth0", "--track", "off")
    for rules, limit in ((0, 16), (PREFIXES, 64), (0, 16)):
        if rules:
            lines = (f"pass udp to {address} port 7-9\n" for address in addresses(rules))
            host.ifw("apply", "-", input="".join(lines))
        else:
            host.ifw("rule", "flush")
        weigh(host, f"{rules} prefixes of one range each", limit)


def memory_of_flows(host):
    """All of it is taken when tracking begins, so that a flood takes no more."""
    host.veth("eth0")
    host.ifw("up", "eth0")
    weigh(host, "tracking, as it is without being told otherwise", 32)
    host.ifw("down", "--all")
    host.ifw("up", "eth0", "--max-flows", "1000000")
    weigh(host, "tracking, a million flows", 256)


# --- Limits ------------------------------------------------------------------------------


def unchanged(host, arguments, words, text, **options):
    before = host.ifw("rule", "list")
    refused(host.lab.ifw(*arguments, ok=False, **options), 2, words, text)
    equal(host.ifw("rule", "list") == before, True, "and nothing is changed")


def full(host, family):
    """100,000 prefixes with 250,000 ranges, which is all that was asked for at `ifw up`."""
    host.veth("eth0")
    host.ifw("up", "eth0", "--max-ranges", str(RANGES), "--max-prefixes", str(PREFIXES))
    # Two ranges on one, three on the other.
    places = list(addresses(PREFIXES, family))
    lines = [f"deny udp to {place} port {10 * n}-{10 * n + 5}\n"
             for i, place in enumerate(places) for n in range(2 + i % 2)]
    equal(len(lines), RANGES, f"{PREFIXES} {family} prefixes, {RANGES} ranges")
    begun = time.monotonic()
    said = host.ifw("apply", "-", input="".join(lines))
    equal(said, f"{RANGES} rules in force\n", f"are put in force ({time.monotonic() - begun:.2f} s)")
    listed = host.ifw("rule", "list")
    check(listed.splitlines() == [line.rstrip() for line in written(lines, family)], "and listed, in order")
    equal(host.ifw("apply", "-", input=listed), f"{RANGES} rules in force, the same as before\n",
          "the list is the same set again")
    unchanged(host, ("rule", "add", f"deny udp to {places[0]} port 99"), f"limit is {RANGES} port ranges.*--max-ranges",
              "a range more is refused")
    unchanged(host, ("apply", "-"), f"{RANGES + 1} rules.*limit of {RANGES}.*--max-ranges", "by apply, too",
              input=listed + f"deny udp to {places[0]} port 99\n")
    host.ifw("rule", "del", lines[0])
    other = {"IPv4": "192.0.2.1", "IPv6": "2001:db8:1::1"}[family]
    unchanged(host, ("rule", "add", f"deny udp to {other} port 99"), f"{PREFIXES} prefixes.*--max-prefixes",
              "a prefix more is refused")
    unchanged(host, ("apply", "-"), f"{PREFIXES + 1} prefixes.*limit of {PREFIXES}.*--max-prefixes", "by apply, too",
              input="".join(lines[1:]) + f"deny udp to {other} port 99\n")
    host.ifw("rule", "add", f"deny udp to {places[0]} port 99")
    check(host.ifw("rule", "list").endswith(" port 99\n"), "on a prefix that is there it fits")
    if family == "IPv4":
        equal([host.reason_of("eth0", places[i], port) for i, port in ((0, 99), (1, 25), (0, 6), (-1, 0))],
              ["rule-deny", "rule-deny", "no-rule", "rule-deny"], "and packets meet what is listed")


def full_ipv4(host):
    full(host, "IPv4")


def full_ipv6(host):
    full(host, "IPv6")


# --- What a change costs -----------------------------------------------------------------


def installations(host, sets):
    """One for each set of rules, side by side; where they are."""
    folders = []
    for i, rules in enumerate(sets):
        host.veth(f"eth{i}")
        folders.append(f"/sys/fs/bpf/of{i}")
        host.ifw("--pin-dir", folders[-1], "up", f"eth{i}")
        host.ifw("--pin-dir", folders[-1], "apply", "-", input="".join(rules))
    return folders


def costs(host, folders, repeat):
    """[(adding, deleting)] for each, median CPU microseconds."""
    done = host.run(host.lab.beside("store_stress"), "cost", repeat, *folders, seconds=120)
    return [tuple(map(float, line.split())) for line in done.stdout.splitlines()]


def change_on_another_prefix(host):
    counts = 10, 100000
    folders = installations(host, [[f"deny udp to {place} port 7\n" for place in addresses(n)] for n in counts])
    few, many = costs(host, folders, 500)
    for what, a, b in zip(("added", "deleted"), few, many):
        check(b <= 2 * a, f"a rule is {what} beside {counts[0]} rules in {a:.0f} us, beside {counts[1]} in {b:.0f} us: "
                          f"{b / a:.2f} times, at most 2")


def change_on_its_own_prefix(host):
    """Its run is written anew, so this grows with it; said, not bounded."""
    counts = 1, 100, 1000, 10000, 60000
    # The prefix to which store_stress adds first.
    sets = [[f"deny udp to 198.51.100.0/32 port {port}\n" for port in range(10, 10 + n)] for n in counts]
    measured = costs(host, installations(host, sets), 1)
    said = ", ".join(f"{len(rules)} rules {add / 1e3:.1f} ms" for rules, (add, _) in zip(sets, measured))
    check(measured[0][0] < 10000, f"a rule added on a prefix that has others: {said}")


# --- The simulator -----------------------------------------------------------------------


def simulator(host):
    rules, world = pathlib.Path("/run/rules"), pathlib.Path("/run/world")
    rules.write_text("".join(f"deny udp to {place} port {n}-{n + 4}\n"
                             for place in addresses(RANGES // 2) for n in (5, 15)))
    world.write_text("interface eth0 address 172.16.240.1/24\n")
    begun = os.times()
    done = host.run(host.lab.program("ifw-sim"), "explain", "--rules", rules, "--world", world, "--in", "eth0",
                    "--expect", "rule-deny", "udp", "172.16.240.2:4000", f"{list(addresses(RANGES // 2))[-1]}:17", ok=False)
    ended = os.times()
    took = ended.children_user + ended.children_system - begun.children_user - begun.children_system
    equal(done.returncode, 0, f"the simulator finds the last of {RANGES} rules")
    check(took < 2, f"and has loaded them in {took:.2f} s of CPU time, under 2 s")


laboratory.main(
    commands.parts(
        memory, memory_of_flows, full_ipv4, full_ipv6, change_on_another_prefix, change_on_its_own_prefix, simulator
    )
)
