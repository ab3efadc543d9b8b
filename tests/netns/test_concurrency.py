# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Several commands at once: no rule is lost, and who reads meanwhile sees a whole set."""

import json
import pathlib
import subprocess
import time

import commands
import lab as laboratory
from lab import check, equal

TO = "192.0.2.7"
WRITERS, EACH = 8, 50


def up(host):
    host.veth("eth0")
    host.ifw("up", "eth0")


def loop(host, commands_, **options):
    """A process that runs ifw for each, one after the other, and counts those that failed."""
    script = "failed=0\nwhile read -r line; do\n"
    script += f'{host.lab.program("ifw")} $line >/dev/null || failed=$((failed + 1))\n'
    script += "done\nexit $failed\n"
    process = subprocess.Popen(["sh", "-c", script], text=True, stdin=subprocess.PIPE, **options)
    process.stdin.write("".join(line + "\n" for line in commands_))
    process.stdin.close()
    return process


def many_writers(host):
    """Half of them share a prefix, whose run each rewrites; the others make prefixes."""
    up(host)
    # Two numbers make the texts differ from each other in any order.
    rules = [[f"deny udp to 192.0.{2 if i % 2 else 3 + i}.0/24 port {1000 * (i + 1) + n}"
              for n in range(EACH)] for i in range(WRITERS)]
    writers = [loop(host, [f"rule add {rule}" for rule in own]) for own in rules]
    equal([writer.wait(60) for writer in writers], [0] * WRITERS, f"{WRITERS} writers end without errors")
    equal(sorted(host.rules()), sorted(rule for own in rules for rule in own), "no rule is lost")
    for own in rules:
        check([r for r in host.rules() if r in own] == own, "each writer's own stand in order")
    wrong = [(i, n) for i in range(WRITERS) for n in (0, EACH - 1)
             if host.reason_of("eth0", rules[i][n].split()[3].split("/")[0], 1000 * (i + 1) + n)
             != "rule-deny"]
    equal(wrong, [], "and each is in force")
    deleters = [loop(host, [f"rule del {rule}" for rule in own]) for own in rules]
    equal([one.wait(60) for one in deleters], [0] * WRITERS, "so many may delete at once")
    equal((host.rules(), host.reason_of("eth0", TO, 2000)), ([], "no-rule"), "and nothing is left")


def many_rules(host):
    """Sixteen processes, a thousand rules each, of which some on a prefix that all share."""
    up(host)
    writers, each = 16, 1000
    (folder,) = {str(pathlib.Path(pin).parent) for pin in commands.pins() if pin.endswith("/meta")}
    program = host.lab.beside("store_stress")
    begun = time.monotonic()
    running = [subprocess.Popen([program, "add", folder, str(n), str(each)]) for n in range(writers)]
    equal([one.wait(100) for one in running], [0] * writers, f"{writers} processes add {each} rules each")
    wanted = {f"deny udp to {f'10.{n}.{i >> 8}.{i & 255}' if i % 16 else '192.0.2.1'}/32 port {1 + n * each + i}"
              for n in range(writers) for i in range(each)}
    listed = host.rules()
    equal((len(listed), set(listed) == wanted), (writers * each, True),
          f"and none of {writers * each} is lost ({time.monotonic() - begun:.1f} s)")
    wrong = [rule for rule in listed[::2 * each + 1]
             if host.reason_of("eth0", rule.split()[3].split("/")[0], int(rule.split()[-1])) != "rule-deny"]
    equal(wrong, [], "those that were tried are in force")


def packets_beside_changes(host):
    """A rule that stays decides its packets, while its run and the lengths around it change."""
    up(host)
    staying = ["deny udp to 192.0.2.0/24 port 1000-1009", "deny udp to 192.0.0.0/16 port 1020 from 198.51.0.0/16"]
    host.ifw("apply", "-", input="".join(line + "\n" for line in staying))
    coming = ["pass udp to 192.0.2.0/24 port 1005-1012", "pass udp to 192.0.2.0/24 port 900-1000", "pass udp to 192.0.2.0/24 port 5",
              "pass udp to 192.0.2.0/25 port 7", "pass udp to 192.0.2.7/32 port 7 from 198.51.100.0/24",
              "pass udp to 192.0.2.0/24 port 8 from 198.0.0.0/8", "pass udp to 192.0.0.0/16 port 1020",
              "pass udp to 192.0.0.0/16 port 1000-1009 from 198.51.0.0/16", "pass udp to 0.0.0.0/0 port 0-65535"]
    slowly = commands.disturbed(host, DELAY_CHANGES=3000)
    with commands.Traffic(host, "eth0", [(TO, port) for port in (1000, 1005, 1009, 1020)], pause=0) as traffic:
        changing = loop(host, [f"rule {verb} {rule}" for verb in ("add", "del") for rule in coming], env=slowly)
        equal(changing.wait(100), 0, f"{len(coming)} rules come and go, with a pause before each step")
    equal(host.reasons("eth0"), {"rule-deny": traffic.sent}, f"each of {traffic.sent} packets is decided by those that stay")


def add_against_delete(host):
    up(host)
    rule = "deny udp to 192.0.2.0/24 port 9"
    adding = loop(host, [f"rule add {rule}"] * 100)
    program = host.lab.program("ifw")
    said = set()
    while adding.poll() is None:
        done = host.run(program, "rule", "del", rule, ok=False)
        said.add((done.returncode, done.stderr))
    equal(adding.wait(), 0, "adds and deletes of one rule: adding never fails")
    check(said <= {(0, ""), (1, "ifw: no such rule\n")}, f"deleting finds it or not, nothing else")
    there = host.rules()
    check(there in ([], [rule]), "what is listed is one of the two")
    equal(host.reason_of("eth0", TO, 9), "rule-deny" if there else "no-rule", "and what is in force")


def whole_pictures(host):
    """Sets of a hundred rules that are swapped, and readers."""
    up(host)
    sets = {}
    for port in (1, 2):
        path = pathlib.Path(f"/run/set{port}")
        path.write_text("".join(f"deny udp to 192.0.{i}.0/24 port {port}\n" for i in range(100)))
        sets[path.read_text()] = path
    first, second = sets.values()
    host.ifw("apply", first)
    swapping = loop(host, [f"apply {second}", f"apply {first}"] * 25)
    readings = []
    while swapping.poll() is None:
        readings.append(host.ifw("rule", "list"))
    equal(swapping.wait(), 0, "a set is replaced again and again")
    check(len(readings) > 10 and all(reading in sets for reading in readings),
          "and who reads meanwhile always sees one whole set")
    equal(len(set(readings)), 2, "now the one, now the other")

    listed = []
    adding = loop(host, [f"rule {verb} deny udp to 192.0.0.0/24 port {port}"
                         for port in range(100, 400) for verb in ("add", "del")])
    while adding.poll() is None:
        listed.append(host.rules())
    equal(adding.wait(), 0, "rules come and go one by one")
    rest = first.read_text().splitlines()
    check(len(listed) > 10 and all(len(r) <= 101 and r[:100] == rest for r in listed),
          "and who reads meanwhile sees all the others")


def slow_reader(host):
    """Rules of one prefix go, and each time the last one's entry moves into the gap.

    So many that they are read in two batches, between which the reader is made to pause.
    """
    up(host)
    going = [f"deny udp to 192.0.2.0/24 port {port}" for port in range(150)]
    rest = [f"deny udp to 192.0.2.0/24 port {port}" for port in range(1000, 6000)]
    host.ifw("apply", "-", input="".join(line + "\n" for line in going + rest))
    changing = loop(host, [f"rule del {rule}" for rule in going])
    bad, readings = [], 0
    environment = commands.disturbed(host, DELAY_READS=10000)
    while changing.poll() is None:
        done = subprocess.run([host.lab.program("ifw"), "rule", "list"], env=environment,
                              capture_output=True, text=True)
        listed = done.stdout.splitlines()
        readings += 1
        left = len(listed) - len(rest)
        if listed != going[len(going) - left :] + rest:
            bad.append(len(listed))
    equal(changing.wait(), 0, "rules of one prefix go")
    check(readings, f"while somebody reads ({readings} times)")
    equal(bad, [], "and sees all that stay")


def slow_reader_of_interfaces(host):
    """Elements that go while a map is walked over make the walk begin again at its front."""
    first, second = ([f"172.16.{net}.{i}" for i in range(1, 9)] for net in (240, 241))
    host.veth("eth0", *(f"{address}/32" for address in first))
    host.veth("eth1")
    host.ifw("up", "eth0", "eth1")
    program, iproute = host.lab.program("ifw"), []
    for now, then in ((first, second), (second, first)):
        lines = [f"address {verb} {address}/32 dev eth0\n"
                 for verb, addresses in (("add", then), ("del", now)) for address in addresses]
        path = pathlib.Path(f"/run/addresses{len(iproute)}")
        path.write_text("".join(lines))
        iproute.append(f"ip -batch {path} && {program} up eth0 && {program} down eth1 && {program} up eth1")
    script = " && ".join(iproute * 4)
    changing = subprocess.Popen(["sh", "-c", script], stdout=subprocess.DEVNULL)
    bad, readings = [], 0
    environment = commands.disturbed(host, DELAY_READS=2000)
    while changing.poll() is None:
        done = subprocess.run([program, "iface", "show", "-j"], env=environment, capture_output=True, text=True)
        shown = json.loads(done.stdout)["interfaces"]
        readings += 1
        if [one["name"] for one in shown] not in (["eth0"], ["eth0", "eth1"]):
            bad.append([one["name"] for one in shown])
        elif shown[0]["addresses"] not in (first, second):
            bad.append(shown[0]["addresses"])
    equal(changing.wait(), 0, "addresses change, and an interface comes and goes")
    check(readings, f"while somebody reads ({readings} times)")
    equal(bad, [], "and sees each interface and address once, all of the one time or all of the other")


laboratory.main(commands.parts(many_writers, many_rules, packets_beside_changes, add_against_delete, whole_pictures, slow_reader,
                               slow_reader_of_interfaces))
