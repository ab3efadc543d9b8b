# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""ifw while things move around it: interfaces come and go, packets pour in, a step fails late."""

import json
import signal
import struct
import subprocess
import threading
import time

import bpfcalls
import commands
import lab as laboratory
from commands import refused
from lab import check, equal

NEXT_ORDER, NEXT_ID = 32, 36  # where they are in struct pinned_meta
UPS = 50
FLOOD = 8  # seconds at most, until monitor must have ended


def names_and_addresses(host):
    """What the kernel lists changes while it is listed; it says so, and is asked again."""
    host.veth("eth0", "172.16.240.1/24")
    # So many that a list comes in several messages; one alone is always whole.
    for i in range(60):
        host.run("ip", "link", "add", f"d{i}", "type", "veth", "peer", "name", f"e{i}")
    changes = "link add x0 type veth peer name x1\nlink del x0\n" * 50
    going = True

    def change():
        while going:
            host.run("ip", "-batch", "-", input=changes)

    thread = threading.Thread(target=change, daemon=True)
    thread.start()
    failed = []
    for _ in range(UPS):
        done = host.lab.ifw("up", "eth0", ok=False)
        if done.returncode:
            failed.append(done.stderr.strip())
    going = False
    thread.join()
    equal(failed, [], f"up works {UPS} times while links come and go")


def flood(host):
    """More events than can be written: monitor still ends when it is told to."""
    host.veth("eth0")
    host.ifw("up", "eth0")
    host.ifw("iface", "set", "eth0", "verbose", "on")
    going = True

    def pour():
        while going:
            host.send("eth0", "192.0.2.7", 9, count=2000)

    threads = [threading.Thread(target=pour, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    monitor = subprocess.Popen([host.lab.program("ifw"), "monitor"], stdout=subprocess.PIPE)

    def read_slowly():
        while monitor.stdout.read(4096):
            time.sleep(0.002)

    reader = threading.Thread(target=read_slowly, daemon=True)
    reader.start()
    time.sleep(1)
    begun = time.monotonic()
    monitor.send_signal(signal.SIGINT)
    try:
        status = monitor.wait(FLOOD)
    except subprocess.TimeoutExpired:
        status = "it goes on"
        monitor.kill()
    took = time.monotonic() - begun
    going = False
    for thread in (*threads, reader):
        thread.join()
    check(status == 0, f"monitor under a flood of events ends when interrupted: {status} after {took:.1f} s")


def late_failure(host):
    """up of several: where the last one fails, those that were up keep what they had."""
    host.veth("eth0")
    host.veth("eth1")
    host.ifw("up", "eth0", "eth1", "--mark", "0x100", "--table", "77")
    before = host.state()
    for options in (("--mark", "0x40"), ("--table", "99"), ("--mark", "0x40", "--mask", "0xf0", "--table", "5")):
        done = host.lab.ifw("up", "eth0", "eth1", "nosuch", *options, ok=False)
        equal(done.returncode, 2, f"up of three of which one is not there, with {' '.join(options)}")
    commands.same(without_programs(before), without_programs(host.state()),
                  "mark, mask, table and policy rules are as before")


def renamed(host, hook):
    """What was set for a device goes with it, and the program stays where it is."""
    host.veth("eth0", "172.16.240.1/24")
    host.ifw("up", "eth0", "--hook", hook, "--mark", "0x100", "--table", "77")
    host.ifw("iface", "set", "eth0", "ssh", "off")
    host.ifw("rule", "add", "deny udp to 192.0.2.0/24 port 9 on lan0")
    host.run("ip", "link", "set", "eth0", "name", "lan0")
    equal(host.iface("eth0")["state"], "renamed", "that an interface was renamed shows")
    count = CountingRun(host, "lan0")
    with count:
        host.ifw("up", "lan0")
    shown = host.json("iface", "show")["interfaces"]
    equal([(i["name"], i["state"], i["ssh"], i["mark"], i["table"], i["addresses"]) for i in shown],
          [("lan0", "attached", False, 0x100, 77, ["172.16.240.1"])], "up of its new name keeps what was set")
    equal(count.seen - {1}, set(), "the program was on the hook all the while")
    check(all("lan0" in line for line in host.ours() if "iif" in line), "the policy rule has the new name")
    host.run("ip", "link", "set", "p-eth0", "name", "p-lan0")
    equal(host.reason_of("lan0", "192.0.2.7", 9), "rule-deny", "so do rules")

    host.veth("eth1", "172.16.241.1/24")
    host.ifw("up", "eth1", "--hook", hook)
    for old, new in (("lan0", "x"), ("eth1", "lan0"), ("x", "eth1")):
        host.run("ip", "link", "set", old, "name", new)
    before = [len(host.programs(name)) for name in ("lan0", "eth1")]
    host.ifw("up", "lan0")
    shown = host.json("iface", "show")["interfaces"]
    equal([(i["name"], i["state"], i["ssh"], i["table"], i["addresses"]) for i in shown],
          [("eth1", "attached", False, 77, ["172.16.240.1"]), ("lan0", "attached", True, 7100, ["172.16.241.1"])],
          "two that changed names keep theirs")
    equal([len(host.programs(name)) for name in ("lan0", "eth1")], before, "and none loses its program")
    equal(sorted(line.split("iif ")[1].split(" proto")[0] for line in host.ours() if "iif" in line),
          ["eth1 lookup 77", "lan0 lookup 7100"], "each has its policy rule")
    host.ifw("down", "--all")
    equal((commands.pins(), host.ours()), ([], []), "down --all leaves nothing")


def made_anew(host):
    host.veth("tun0")
    host.ifw("up", "tun0", "--mark", "0x100")
    host.ifw("iface", "set", "tun0", "ssh", "off")
    host.ifw("iface", "set", "tun0", "verbose", "7")
    host.ifw("iface", "set", "tun0", "pass-protocol", "47,50")
    host.ifw("iface", "set", "tun0", "pass-ethertype", "0x88cc")
    host.ifw("iface", "set", "tun0", "geneve", "from", "10.0.0.0/8,2001:db8::/32")
    keys = "geneve geneve_sources pass_protocols pass_ethertypes".split()
    before = {key: host.iface("tun0")[key] for key in keys}
    host.run("ip", "link", "del", "tun0")
    host.veth("tun0")
    host.ifw("up", "tun0")
    now = host.iface("tun0")
    equal((now["ssh"], now["verbose"], now["mark"], now["addresses"]), (False, 7, 0x100, []),
          "an interface that was made anew has the settings of its name")
    equal({key: now[key] for key in keys}, before, "and passes what was set for it, takes GENEVE from where was set")
    check(all(before.values()), "of which there was something")


def netns_exec(host):
    """`ip netns exec` has mounts of its own, so what is pinned there goes with the command."""
    host.run("ip", "netns", "add", "rt")
    for command in ("up lo", "stats", "down --all"):
        done = host.run("ip", "netns", "exec", "rt", host.lab.program("ifw"), *command.split(), ok=False)
        refused(done, 2, "ip netns exec.*nsenter --net=/run/netns/rt ifw", f"{command} says how to enter instead")
    done = host.run("nsenter", "--net=/run/netns/rt", host.lab.program("ifw"), "up", "lo", ok=False)
    equal(done.returncode, 0, "and that works")
    equal(host.run("ip", "netns", "exec", "rt", "ip", "rule").stdout.count("lookup"), 3, "no rule was left")


def numbers_run_out(host):
    """Order numbers and ids are 32 bits, and a router adds and deletes for years."""
    host.veth("eth0")
    host.ifw("up", "eth0")
    rules = [f"deny udp to 192.0.2.0/24 port {port}" for port in (1, 2, 3)]
    for rule in rules:
        host.ifw("rule", "add", rule)
    meta = next(pin for pin in commands.pins() if pin.endswith("/meta"))
    size = json.loads(host.run("bpftool", "-j", "map", "show", "pinned", meta).stdout)["bytes_value"]
    for offset, what in ((NEXT_ORDER, "order numbers"), (NEXT_ID, "ids")):
        value = bytearray(bpfcalls.change_element(bpfcalls.MAP_LOOKUP, meta, size))
        value[offset:offset + 4] = struct.pack("=I", 0xffffffff)
        bpfcalls.change_element(bpfcalls.MAP_UPDATE, meta, size, bytes(value))
        rules.append(f"deny udp to 198.51.{offset}.0/24 port 4 from 203.0.113.0/24")
        host.ifw("rule", "add", rules[-1])
        equal(host.rules(), rules, f"{what} that are used up are given out anew, in the same order")
    for port in (1, 3):
        equal(host.reason_of("eth0", "192.0.2.7", port), "rule-deny", "and the rules hold")
    equal(host.reason_of("eth0", f"198.51.{NEXT_ID}.1", 4, source="203.0.113.5"), "rule-deny", "the new one, too")


def addresses_in_order(host):
    addresses = [f"172.16.{i}.1" for i in range(20)]
    host.veth("eth0", *(f"{address}/24" for address in reversed(addresses)))
    host.ifw("up", "eth0")
    shown = [a for a in host.iface("eth0")["addresses"] if "." in a]
    equal(shown, sorted(addresses, key=lambda a: tuple(map(int, a.split(".")))), "addresses are shown in order")


class CountingRun:
    """How many programs an interface had on its hook, looked at as often as possible."""

    def __init__(self, host, name):
        self.host, self.name, self.seen, self.going = host, name, set(), True

    def _run(self):
        while self.going:
            self.seen.add(len(self.host.programs(self.name)))

    def __enter__(self):
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def __exit__(self, *_):
        self.going = False
        self.thread.join()


def renamed_tcx(host):
    renamed(host, "tcx")


def renamed_clsact(host):
    renamed(host, "clsact")


def without_programs(state):
    """In order, and without ids: a program that is loaded anew in place has another one."""
    return "\n".join(line for line in sorted(state.splitlines()) if not line.startswith(("eth0: ", "eth1: ")))


laboratory.main(commands.parts(names_and_addresses, flood, late_failure,
                               renamed_tcx, renamed_clsact, made_anew, netns_exec, numbers_run_out, addresses_in_order))
