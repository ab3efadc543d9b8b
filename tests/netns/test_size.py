# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What rules cost in memory, and how many of them there may be."""

import json

import commands
import lab as laboratory
from lab import check, equal

MB = 1 << 20
PREFIXES = 100000


def addresses(count):
    """So many different IPv4 addresses, as text."""
    return (f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}" for i in range(count))


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


def memory(host):
    """Locked memory, without what comes anew with each CPU; that is printed."""
    host.veth("eth0")
    host.ifw("up", "eth0")
    for rules, limit in ((0, 16 * MB), (PREFIXES, 64 * MB), (0, 16 * MB)):
        if rules:
            lines = (f"pass udp to {address} port 7-9\n" for address in addresses(rules))
            host.ifw("apply", "-", input="".join(lines))
        else:
            host.ifw("rule", "flush")
        maps = maps_of(host, "eth0")
        each_cpu = sum(m["bytes_memlock"] for m in maps if m["type"].startswith("percpu"))
        shared = sum(m["bytes_memlock"] for m in maps if not m["type"].startswith("percpu"))
        check(len(maps) > 10 and shared <= limit,
              f"{rules} prefixes of one range each: {shared / MB:.1f} MB of {limit / MB:.0f} MB, "
              f"and {each_cpu / possible_cpus() / 1024:.0f} kB a CPU")
        if shared > limit:
            for m in sorted(maps, key=lambda m: -m["bytes_memlock"])[:5]:
                print(f"      {m['type']} {m['name']}: {m['bytes_memlock'] / MB:.1f} MB")


laboratory.main(commands.parts(memory))
