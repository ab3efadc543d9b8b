# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""TCP through interception, beside the same proxy reached directly: connections and bytes a second."""

from engines import ENGINES, Bed
from figures import summary
from rulesets import mixed, one

CONNECTIONS = 400  # a sample
MILLISECONDS = 120  # a sample of one stream
WANTED = ("direct", "none", "ifw", "nft-set", "ipset")


def sample(bed, values):
    to = [str(word) for word in bed.targets("hit")[0]]
    wall, cpu = (int(word) for word in bed.ask("connect", *to, CONNECTIONS))
    values["connections"].append(CONNECTIONS * 1e9 / wall)
    values["microseconds"].append(cpu / CONNECTIONS / 1e3)
    size, wall, cpu = (int(word) for word in bed.ask("stream", *to, MILLISECONDS))
    values["gigabits"].append(size * 8 / wall)
    values["kilobyte"].append(cpu / size * 1e3)


def no_values():
    """A second's connections, CPU microseconds of one; a second's gigabits, CPU ns of 1,000 bytes."""
    return {"connections": [], "microseconds": [], "gigabits": [], "kilobyte": []}


def measure_set(bench, rules):
    beds = []
    for name in WANTED:
        if name not in bench.options.engines:
            continue
        bed = Bed(bench, ENGINES[name], rules)
        beds.append(bed)
        bed.engine.setup(bed)
        bed.engine.load(bed)
        bed.start()
        bed.engine.started(bed)
        sample(bed, no_values())  # warms up
    values = {bed: no_values() for bed in beds}
    for number in range(bench.options.rounds):
        bench.progress(f"TCP, {rules.title}: round {number + 1} of {bench.options.rounds}")
        for bed in beds:
            sample(bed, values[bed])
    answer = {}
    for bed in beds:
        answer[bed.engine.name] = {"title": bed.engine.title}
        for name, samples in values[bed].items():
            answer[bed.engine.name][name] = summary(samples)
        bed.close()
    return {"title": rules.title, "engines": answer}


def measure(bench):
    sets = [one("tcp")]
    if not bench.options.quick:
        sets.append(mixed("mixed10k", 10000, "tcp"))
    return {rules.name: measure_set(bench, rules) for rules in sets}
