# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How long one `zfw -I` takes beside `true`, with few rules in force and with many."""

from figures import summary
from rulesets import mixed, one

TURNS = 100


def measure_set(bench, rules):
    lab = bench.lab
    name = f"zfw-{rules.name}"
    router = lab.namespace(name)
    router.run("ip", "link", "add", "e0", "type", "veth", "peer", "name", "e1")
    router.configure("e0", "172.31.1.1/24")
    path = bench.scratch / name
    path.write_text(rules.ifw())
    router.run(bench.ifw, "up", "e0", "--rules", path, seconds=300)
    bench.progress(f"zfw -I, {rules.title}")
    # On a prefix of their own, each another port.
    zfw = [lab.program("zfw"), "-I", "-c", "10.0.0.1", "-m", "32", "-o", "0.0.0.0", "-n", "0",
           "-l", "{}", "-h", "{}", "-t", "43321", "-p", "udp"]
    turns = 10 if bench.options.quick else TURNS
    done = router.run(lab.program("bench_spawn"), turns, 1000, "true", "--", *zfw, seconds=300)
    pairs = [[int(word) / 1e6 for word in line.split()] for line in done.stdout.splitlines()]
    router.run(bench.ifw, "down", "--all")
    lab.router.run("ip", "netns", "delete", name)
    return {"title": rules.title, "true": summary([pair[0] for pair in pairs]),
            "zfw": summary([pair[1] for pair in pairs]),
            "over": summary([pair[1] - pair[0] for pair in pairs])}


def measure(bench):
    sets = [one()]
    if not bench.options.quick:
        sets.append(mixed("mixed100k", 100000))
    return {rules.name: measure_set(bench, rules) for rules in sets}
