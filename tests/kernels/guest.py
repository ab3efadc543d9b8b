# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What is tried on each kernel, inside the virtual machine that runs it.

Loading is by far the slowest there, so that all conversations share one `ifw up`,
and all scenarios one object (tests/executors/). The last line is what run.py
makes a table of.
"""

import json
import re
import socket
import subprocess
import sys
import time

import devices
import lab as laboratory
from lab import check, equal
from network import FAMILIES, IPV4, Network, intercepted, ping, proxy_says, transparent

SCENARIOS = "/ifw/build/fixtures/scenarios"
EXECUTOR = "/ifw/build/bin/test-run"
VERIFIED = "/ifw/build/bin/verified"

PROGRAMS = r"(\d+) verified instructions at ingress, (\d+) at socket lookup, (\d+) at egress"
SUMMARY = (r"(\d+) scenarios, (\d+) packets on kernel \S+ (\d+) differences .*"
           r"not possible here: (\d+) scenarios, (\d+) packets")


def programs(said):
    """Verified instructions at ingress, socket lookup and egress; 0: not loaded."""
    found = re.search(PROGRAMS, said)
    if not found:  # before 5.16 nobody but the verifier's log tells
        without = ["--without-lookup"] if "older than 5.17" in said else []
        found = re.search(PROGRAMS, subprocess.run([VERIFIED, *without], text=True,
                                                   capture_output=True).stdout)
    counts = [int(number) for number in found.groups()] if found else []
    check(counts and counts[0] and counts[2], f"the programs are loaded: {counts}")
    return counts


def interception(net):
    """Of both families and protocols, by what a client is told; and what drops."""
    before = net.reasons()
    for family in FAMILIES:
        intercepted(net, f"{family.name}: TCP reaches the proxy", (family.far, 80))
        intercepted(net, f"{family.name}: UDP, too, and is answered", (family.far, 53), "udp")
        equal([net.tcp((family.far, 81), seconds=devices.SOON),
               net.udp((family.far, 54), seconds=devices.SOON)], [None, None],
              f"{family.name}: neither one port above")
    after = net.reasons()
    for key, least in ((("intercepted", "pass"), 4), (("no-rule", "drop"), 4)):
        check(after.get(key, 0) - before.get(key, 0) >= least, f"'{key[0]}' counts them")
    shared = reuseport(net)
    if "not intercepted" in net.up:
        return f"{shared}, without fragments"
    said, there = "y" * 4000, (IPV4.far, 53)
    equal(net.udp(there, said), (proxy_says(there, said), there), "a fragmented datagram, too")
    return f"{shared}, with fragments"


def reuseport(net):
    """A listener with SO_REUSEPORT, to which a packet can be assigned from 6.6 on."""
    with transparent(net.lab.router, IPV4, socket.SOCK_STREAM, ("127.0.0.1", 0), reuseport=True) as s:
        s.listen()
        net.rule(f"intercept tcp to {IPV4.prefix} port 82 via 127.0.0.1:{s.getsockname()[1]}")
        ok = devices.RUNNING >= (6, 6)
        with net.client.socket(IPV4.af, socket.SOCK_STREAM) as client:
            client.settimeout(laboratory.PATIENCE if ok else devices.SOON)
            before = net.reasons()
            try:
                client.connect((IPV4.far, 82))
                connected = True
            except TimeoutError:
                connected = False
    reason = ("intercepted", "pass") if ok else ("assign-failed", "drop")
    more = net.reasons().get(reason, 0) - before.get(reason, 0)
    check(connected == ok and more, f"a listener with SO_REUSEPORT: '{reason[0]}'")
    return "with SO_REUSEPORT" if ok else "without SO_REUSEPORT"


def tracking(net):
    """What the router asks by itself is answered, though no rule says so."""
    value, more = net.more(lambda: ping(net.lab.router, IPV4.client))
    check(value and more.get(("tracked", "pass")), "an answer to what the router asked comes in")


def scenarios():
    done = subprocess.run([EXECUTOR, SCENARIOS], text=True, capture_output=True)
    print(done.stdout, end="")
    if done.returncode:
        print(done.stderr, end="")
    found = re.search(SUMMARY, done.stdout)
    numbers = [int(number) for number in found.groups()] if found else [0] * 5
    result = dict(zip(("scenarios", "packets", "differences", "no_scenarios", "no_packets"), numbers))
    why = re.findall(r"not possible here: (.+)", done.stdout.rsplit("\n", 2)[0])
    result["why"] = {reason: why.count(reason) for reason in sorted(set(why))}
    check(done.returncode == 0 and result["packets"] and not result["differences"],
          f"{result['scenarios']} scenarios, {result['packets']} packets as expected")
    return result


def part(results, name, function):
    """Notes what function() returns, how many of its checks failed, and how long it took."""
    start, passed, failed = time.monotonic(), laboratory.tally.passed, laboratory.tally.failed
    value = None
    try:
        value = function()
    except Exception as error:  # the other parts are to be seen, too
        check(False, f"{name}: {type(error).__name__}: {error}")
    results[name] = {"value": value, "passed": laboratory.tally.passed - passed,
                     "failed": laboratory.tally.failed - failed,
                     "seconds": round(time.monotonic() - start, 1)}


def everything(lab):
    results = {}
    nets = []

    def load():
        nets.append(Network(lab, devices=devices.make))
        print(nets[0].up, end="")
        lab.ifw("apply", "-", input=devices.rules())
        return programs(nets[0].up)

    part(results, "programs", load)
    if nets:
        part(results, "interception", lambda: interception(nets[0]))
        part(results, "tracking", lambda: tracking(nets[0]))
        part(results, "devices", lambda: devices.check_all(nets[0]))
        part(results, "upper", lambda: devices.check_upper(nets[0]))
        part(results, "down", lambda: devices.check_down(nets[0]))
    part(results, "scenarios", scenarios)
    print("== " + json.dumps(results), flush=True)


if __name__ == "__main__":
    sys.argv = sys.argv[:1]
    laboratory.main(everything)
