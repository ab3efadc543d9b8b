# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Everything at once, and for long: is a verdict ever wrong, does anything grow or stay behind?

Conversations that are intercepted, that the router and who is behind it begin, and
that a rule passes; floods that a rule denies, and packets of nonsense. Meanwhile rules
change 50 times a second, an interface comes and goes, and the proxies are killed and
started again.

IFW_SOAK=SECONDS says how long (10 unless given; the long run takes 600).
"""

import contextlib
import json
import os
import pathlib
import socket
import time

import commands
import lab as laboratory
import soak
from lab import check, equal, wait_for
from network import FAMILIES, IPV4, IPV6, PROXY_PORT, Network, proxy_says

SECONDS = float(os.environ.get("IFW_SOAK", "10"))
LONG = SECONDS >= 60
RATE = 50  # changes of rules a second
PASSED, DENIED, OTHER = range(1000, 1008), 1100, 2000  # UDP ports of the router
TCP_PORTS, UDP_PORTS, ECHO = range(80, 91), (53,), 7000
STAYING = [f"{action} to {where}{via}"
           for family in FAMILIES
           for action, where, via in (
               ("intercept tcp", f"{family.prefix} port 80-90", f" {family.via()}"),
               ("intercept udp", f"{family.prefix} port 53", f" {family.via()}"),
               ("pass udp", f"{family.router} port {PASSED[0]}-{PASSED[-1]}", ""),
               ("deny udp", f"{family.router} port {DENIED}", ""))]
# By what may decide packets of the client, (protocol, port): reasons.
TAKEN = {"intercepted", "established", "tracked", "no-listener"}
RIGHT = {
    **{("tcp", port): TAKEN for port in TCP_PORTS},
    **{("udp", port): TAKEN for port in UDP_PORTS},
    **{("udp", port): {"rule-pass"} for port in PASSED},
    ("udp", DENIED): {"rule-deny"},
    ("udp", OTHER): {"no-rule"},
}
HEADERS_OF_JUNK = "203.0.113.9"  # where nonsense says that it comes from


def right(line):
    event = json.loads(line)
    if event["direction"] != "in" or event["src"] not in (IPV4.client, IPV6.client) or event["src_port"] == ECHO:
        return True
    return event["reason"] in RIGHT.get((event["protocol"], event["dst_port"]), {event["reason"]})


def maps_bytes():
    """What the kernel says that all maps which are pinned take."""
    total = 0
    for pin in commands.pins():
        done = laboratory.subprocess.run(["bpftool", "-j", "map", "show", "pinned", pin], capture_output=True, text=True)
        shown = json.loads(done.stdout) if done.returncode == 0 else {}
        total += int(shown.get("bytes_memlock", 0))
    return total


def resident(pid):
    """Bytes of a process that are in memory."""
    (line,) = [line for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
               if line.startswith("VmRSS:")]
    return int(line.split()[1]) << 10


def sample(net, changes, monitor, talks):
    """(bytes of maps, bytes of the monitor), with the rules that stay alone, and no flow.

    No conversation is under way when the flows are forgotten: who asked then would not
    be answered, as the answer to a question that nobody remembers is dropped.
    """
    with contextlib.ExitStack() as quiet:
        for lock in (changes.lock, *(worker.between for worker in talks.values())):
            quiet.enter_context(lock)
        changes.reset()
        net.lab.ifw("flow", "flush")
        return maps_bytes(), resident(monitor.pid)


def workers_of(net, proxies):
    """By name, what talks."""
    talks = {}
    for family in FAMILIES:
        away = proxies.away[family.loopback]
        for kind, ports in (("tcp", TCP_PORTS), ("udp", UDP_PORTS)):
            talks[f"intercepted {kind}, {family.name}"] = soak.intercepted(net.client, family, kind, ports, away)
            for name, source in (("router", net.lab.router), ("forwarded", net.server)):
                talks[f"{name} asks by {kind}, {family.name}"] = soak.question(source, kind, (family.client, ECHO))
    return talks


def soaked(lab):
    """The whole of it, in a network whose end main() sees."""
    lab.router.run("ip", "link", "add", "watched", "type", "veth", "peer", "name", "watch", "netns", "1")
    for name, value in (("fin_timeout", 1), ("orphan_retries", 1)):  # what nobody owns goes soon
        lab.router.sysctl(f"net.ipv4.tcp_{name}", value)
    net = Network(lab, proxies=())
    lab.ifw("down", "--all")
    before = commands.Host(lab).state()
    lab.ifw("up", "eth0")
    lab.ifw("apply", "-", input="".join(f"{rule}\n" for rule in STAYING))
    lab.ifw("iface", "set", "eth0", "verbose", "on")
    guest = lab.namespace("guest")
    counters = {f: commands.Counter(lab.router, f.router, [*PASSED, DENIED, OTHER]) for f in FAMILIES}
    echoes = [soak.Echo(net.client, (f.client, ECHO)) for f in FAMILIES]
    proxies = soak.Proxies(lab, [f.loopback for f in FAMILIES])
    monitor = soak.Monitor(lab, right)
    changes = soak.Changes(lab, STAYING, RATE)
    destination = ("10.9.1.1", 80)
    flapping = soak.flapping(lab, guest, "flap0", "172.16.241",
                             lambda: soak.ask(guest, "tcp", destination, "hello") == proxy_says(destination))
    talks = workers_of(net, proxies)
    streams = {(f, name): soak.Stream(net.client, f.router, ports, sizes, 0.002)
               for f in FAMILIES
               for name, ports, sizes in (("passed", PASSED, (32, 1400, 4000)), ("denied", [DENIED], (32, 4000)),
                                          ("other", [OTHER], (32,)))}
    mac = pathlib.Path("/sys/class/net/eth0/address").read_text().strip()
    nonsense = soak.junk(net.client, "eth0",
                         commands.frame(mac, HEADERS_OF_JUNK, "172.16.240.77", 9, "udp"), 0.002)

    begun = time.monotonic()
    time.sleep(SECONDS / 5)  # what grows only at first has grown
    first = sample(net, changes, monitor, talks)
    while (left := begun + SECONDS - time.monotonic()) > 0:
        time.sleep(min(30, left))
        print(f"      {time.monotonic() - begun:4.0f} of {SECONDS:.0f} s: {changes.worker.done} changes of rules,"
              f" {flapping.done} of an interface, {proxies.restarts} restarts, {monitor.seen} verdicts seen", flush=True)
    last = sample(net, changes, monitor, talks)

    for name, worker in talks.items():
        worker.end()
        note = f", {worker.missing} while its listener was away" if worker.missing else ""
        check(not worker.wrong and worker.done > worker.missing, f"{name}: {worker.done} conversations{note}; wrong: {worker.wrong[:5]}")
    sent = {key: stream.sent for key, stream in streams.items() if not check_none(stream.end(), f"{key[1]}, {key[0].name}")}
    nonsense.end()
    changes.worker.end()
    flapping.end()
    for text, wrong in (("rules change", changes.worker.wrong), ("an interface comes and goes", flapping.wrong),
                        ("the proxies are started again", proxies.end())):
        check_none(wrong, text)
    check(changes.worker.done >= SECONDS * (0.9 * RATE if LONG else 2),
          f"rules changed {changes.worker.done} times, {changes.worker.done / SECONDS:.0f} a second")
    check(flapping.done and proxies.restarts > 1, f"an interface {flapping.done}, proxies {proxies.restarts} times")
    for family, counter in counters.items():
        arrived = counter.end()
        passed = sent[family, "passed"]
        equal({port: arrived[port] for port in PASSED}, passed,
              f"{family.name}: each of {sum(passed.values())} that a rule passes has arrived, whole ones and fragments")
        equal((arrived[DENIED], arrived[OTHER]), (0, 0),
              f"and none of {sum(sent[family, 'denied'].values())} that a rule denies, {sum(sent[family, 'other'].values())} without a rule")
    monitor.end()
    check(monitor.seen > 10 * SECONDS, f"{monitor.seen} verdicts seen by the monitor")
    check_none(monitor.wrong, "no verdict is wrong")
    for echo in echoes:
        echo.end()
    (maps, process), (maps_then, process_then) = last, first
    check(maps <= maps_then + (64 << 10), f"the maps have not grown: {maps_then >> 10} KiB, then {maps >> 10} KiB")
    check(process <= process_then + (1 << 20), f"nor has the monitor: {process_then >> 10} KiB, then {process >> 10} KiB")
    lab.ifw("down", "--all")
    lab.router.run("ip", "link", "del", "flap0")
    commands.same(before, commands.Host(lab).state(), "nothing is left behind")


def check_none(wrong, text):
    check(not wrong, f"{text}: {len(wrong)} times not, as {wrong[:3]}" if wrong else text)


def main(lab):
    lab.apart(soaked)

    def gone():
        try:
            socket.if_nametoindex("watch")
        except OSError:
            return True

    try:
        wait_for(gone, "the end of the network", 60)
        check(True, "no reference to a socket is left: the network has gone, and its cable with it")
    except AssertionError:
        check(False, "something holds on to a socket: its network has not gone a minute after all had ended")


laboratory.main(main)
