# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a datagram costs under each engine and rule set, and what loading the set takes.

All engines of a set stand side by side and are measured by turns, a sample of
each a round, in another order each round.
"""

from engines import ENGINES, KINDS, Bed, Failed
from figures import over, summary
from rulesets import SETS

SAMPLE = 12e6  # ns that a sample should take
BURST = 1024  # packets; traffic.h
PACKETS = 16 * BURST  # at most in a sample
FEW = 32  # to find out how long one takes


def expect_delivery(bed):
    """A hit reaches the proxy with its destination, what is no hit does not."""
    for kind in bed.engine.kinds:
        expected = ["-"] if kind == "miss" else [str(word) for word in bed.targets(kind)[0]]
        got = bed.ask("where", kind)
        if got != expected:
            raise Failed(f"{bed.name}: of a {kind} the proxy should get {' '.join(expected)} "
                         f"and got {' '.join(got)}")


def send(bed, kind, count):
    """Nanoseconds a packet. Every packet is accounted for: received by the proxy, or by nobody."""
    nanoseconds, sent, received, dropped = (int(word) for word in bed.ask("send", kind, count))
    expected = 0 if kind == "miss" else count
    if (sent, received, dropped) != (count, expected, 0):
        raise Failed(f"{bed.name}: of {count} packets ({kind}) {sent} were sent, {received} reached "
                     f"the proxy and {dropped} its full buffer; {expected} should have reached it")
    return nanoseconds / sent


def calibrate(bed):
    for kind in bed.engine.kinds:
        cost = send(bed, kind, FEW)
        count = int(SAMPLE / max(cost, 1))
        bed.counts[kind] = min(PACKETS, max(count - count % BURST, min(count, BURST), FEW))
        send(bed, kind, bed.counts[kind])  # warms up


def stand_up(bench, rules):
    beds, left_out = [], {}
    for name in bench.options.engines:
        engine = ENGINES[name]
        reason = engine.refuses(rules)
        if reason:
            left_out[name] = reason
            continue
        bench.progress(f"{rules.title}: {engine.title} is loaded")
        bed = Bed(bench, engine, rules)
        beds.append(bed)
        engine.setup(bed)
        engine.load(bed)
        bed.start()
        engine.started(bed)
        expect_delivery(bed)
        calibrate(bed)
    return beds, left_out


def rounds(bench, beds):
    samples = {bed: {kind: [] for kind in bed.engine.kinds} for bed in beds}
    for number in range(bench.options.rounds):
        bench.progress(f"{beds[0].rules.title}: packets, round {number + 1} of {bench.options.rounds}")
        start = number % len(beds)
        for kind in KINDS:
            for bed in beds[start:] + beds[:start]:
                if kind in bed.engine.kinds:
                    samples[bed][kind].append(send(bed, kind, bed.counts[kind]))
    return samples


def own_time(bed):
    """Nanoseconds a run of the BPF program, after the timed samples: to count costs, too."""
    times = {}
    for kind in bed.engine.kinds:
        nanoseconds, runs = (int(word) for word in bed.ask("runtime", kind, bed.counts[kind]))
        if runs < bed.counts[kind]:
            raise Failed(f"{bed.name}: {bed.counts[kind]} packets made {runs} runs of the program")
        times[kind] = nanoseconds / runs
    return times


def load_times(bench, beds):
    """Seconds from no rules to these; by turns, too."""
    beds = [bed for bed in beds if bed.engine.loads]
    times = {bed: [] for bed in beds}
    for number in range(bench.options.loads):
        bench.progress(f"{beds[0].rules.title}: loading, {number + 1} of {bench.options.loads}")
        for bed in beds:
            bed.engine.unload(bed)
            times[bed].append(bed.engine.load(bed))
    return {bed.engine.name: summary(seconds) for bed, seconds in times.items()}


def measure_set(bench, rules):
    beds, left_out = stand_up(bench, rules)
    samples = rounds(bench, beds)
    floors = {}
    for bed in beds:
        if bed.engine.name == "none":
            floors["hit"], floors["many"] = samples[bed]["hit"], samples[bed]["many"]
        if bed.engine.name == "drop":
            floors["miss"] = samples[bed]["miss"]
    engines = {}
    for bed in beds:
        engine = engines[bed.engine.name] = {"title": bed.engine.title}
        for kind, costs in samples[bed].items():
            engine[kind] = {"cost": summary(costs), "packets": bed.counts[kind]}
            if kind in floors:
                engine[kind]["over"] = over(costs, floors[kind])
        if bed.engine.name in ("drop", "bare", "ifw", "ifw-uncounted", "ifw-tracking"):
            engine["program"] = own_time(bed)
    for name, seconds in (load_times(bench, beds) if any(b.engine.loads for b in beds) else {}).items():
        engines[name]["load"] = seconds
    for bed in beds:
        bed.close()
    return {"title": rules.title, "rules": len(rules.rules), "pairs": rules.pairs,
            "gated": rules.gated, "engines": engines, "left_out": left_out}


def measure(bench):
    return {name: measure_set(bench, SETS[name]()) for name in bench.options.sets}
