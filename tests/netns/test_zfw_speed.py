# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A process of an older front end costs little more than one that does nothing.

Callers start one for each rule. They are timed beside `true`, in turn, so that
a busy machine slows both alike. What is judged is the difference of the lower
deciles, in the best of a few rounds: where other work keeps both waiting for a
processor, the medians tell how long, and not what a call takes.
"""

import ipaddress
import os
import statistics
import time

import commands
import lab as laboratory
from lab import check, equal

RULES = 100_000
TURNS = 200
ROUNDS = 3
BOUND = 400  # microseconds above `true`, which takes about 600: 1 ms in all


def spawned(*command):
    """Microseconds from the start of a program to its end."""
    quiet = [(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)]
    start = time.perf_counter_ns()
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=quiet)
    status = os.waitpid(pid, 0)[1]
    took = time.perf_counter_ns() - start
    if status:
        raise AssertionError(f"{command} ended with {os.waitstatus_to_exitcode(status)}")
    return took / 1000


def turns(calls):
    """Lower decile and median of each call, by name; each is made once a turn."""
    took = {name: [] for name in calls}
    for turn in range(TURNS):
        for name, command in calls.items():
            took[name].append(spawned(*(word.format(port=1000 + turn) for word in command)))
    return {name: (statistics.quantiles(t, n=10)[0], statistics.median(t)) for name, t in took.items()}


def beside_true(host):
    zfw, update, delete = map(host.lab.program, ("zfw", "map_update", "map_delete_elem"))
    match = "-c 172.18.0.0 -m 16 -p tcp -l 80 -h 90".split()
    calls = {
        "true": ["/bin/true"],
        "zfw -I of a new rule": [zfw, "-I", *match, "-t", "4000"],
        "zfw -I in the place of another": [zfw, "-I", *match, "-t", "{port}"],
        "zfw -D": [zfw, "-D", *match],
        "map_update": [update, *"172.19.0.0 16 80 90 {port} 17".split()],
        "map_delete_elem": [delete, *"172.19.0.0 16 80 17".split()],
    }
    best = {}
    for _ in range(ROUNDS):
        took = turns(calls)
        least, median = took.pop("true")
        print(f"      true: {least:.0f} us, median {median:.0f}")
        for name, (low, median) in took.items():
            best[name] = min(best.get(name, (low - least, low, median)), (low - least, low, median))
        if all(above <= BOUND for above, _, _ in best.values()):
            break
    for name, (above, low, median) in best.items():
        check(above <= BOUND, f"{name}: {low:.0f} us, median {median:.0f}: "
                              f"{above:+.0f} us to true (at most {BOUND:+d})")


def speed(host):
    host.veth("eth0", "172.16.240.1/24")
    host.ifw("up", "eth0")
    first = int(ipaddress.ip_address("10.0.0.0"))
    host.ifw("apply", "-", input="".join(
        f"intercept tcp to {ipaddress.ip_address(first + i)} port 80 via 4000\n" for i in range(RULES)))
    beside_true(host)
    equal(len(host.rules()), RULES, "and all other rules are there still")


laboratory.main(commands.parts(speed))
