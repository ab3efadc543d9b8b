# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""up, apply, add and down, killed with -9 at random moments while packets come: none meets half a rule set.

Each set of rules passes the packets that are counted, by rules that no other set
has, and the host that is down lets them in, too: whatever is killed, each must
arrive. Each set denies others, of which none may arrive as long as the program is
on its hook.

IFW_KILLS=N kills N times (20 unless given), from the seed IFW_SEED on.
"""

import os
import pathlib
import random
import subprocess
import time

import commands
import lab as laboratory
from lab import check, equal

KILLS = int(os.environ.get("IFW_KILLS", "20"))
SEED = int(os.environ.get("IFW_SEED", time.time_ns() % 1000000))
ADDRESS = "172.16.240.1"
PASSED, DENIED = range(1000, 1008), 1100
UP = ("up", "eth0")


def rule_sets():
    """Two sets with no rule in common, each some thousand rules long."""
    sets = []
    for prefix, other in (("172.16.240.0/24", "10.{}.0.0/16"), ("172.16.0.0/16", "10.0.{}.0/24")):
        rules = [f"pass udp to {prefix} port {PASSED[0]}-{PASSED[-1]}", f"deny udp to {prefix} port {DENIED}"]
        rules += [f"deny udp to {other.format(i)} port {port}" for i in range(40) for port in range(100)]
        sets.append(rules)
    return sets


def kill(host, chance, words, longest):
    """Starts a command and kills it; True where it had ended."""
    process = subprocess.Popen([host.lab.program("ifw"), *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(chance.uniform(0, longest))
    ended = process.poll() is not None
    process.kill()
    process.wait()
    return ended


def seconds(host, *words):
    """What a command takes that is left alone."""
    begun = time.monotonic()
    host.ifw(*words)
    return time.monotonic() - begun


def killed_under_traffic(host):
    chance = random.Random(SEED)
    print(f"      seed {SEED}, {KILLS} kills", flush=True)
    host.veth("eth0", f"{ADDRESS}/24")
    files = []
    for number, rules in enumerate(rule_sets()):
        files.append(pathlib.Path(f"/run/rules-{number}"))
        files[-1].write_text("".join(f"{rule}\n" for rule in rules))
    one_more = "deny tcp to 203.0.113.0/24 port 5"
    whole = [path.read_text().splitlines() for path in files]
    whole += [[*rules, one_more] for rules in whole]
    before = host.state()
    host.ifw(*UP, "--rules", files[0])
    took = {"apply": seconds(host, "apply", files[1]), "add": seconds(host, "rule", "add", one_more),
            "up": seconds(host, *UP, "--mark", "0x40"), "down": seconds(host, "down", "--all")}
    host.ifw(*UP, "--rules", files[0])
    wrong, ended = [], 0
    counter = commands.Counter(host.router, ADDRESS, PASSED)
    denied = commands.Counter(host.router, ADDRESS, [DENIED])
    with commands.Traffic(host, "eth0", [(ADDRESS, port) for port in PASSED], pause=0.0005) as traffic:
        for number in range(KILLS):
            what = ("apply", "add", "up", "down")[number % 4]
            words = {
                "apply": ("apply", files[number // 4 % 2]),
                "add": ("rule", "add", one_more),
                "up": (*UP, "--mark", chance.choice(("0x40", "0x20")), "--table", "9"),
                "down": ("down", chance.choice(("eth0", "--all"))),
            }[what]
            ended += kill(host, chance, words, took[what])
            if what == "down":
                host.ifw("down", "--all")
                left = commands.difference(before, host.state())
                if left:
                    wrong.append((number, words, "something is left", left))
                host.ifw(*UP, "--rules", files[chance.randrange(2)])
            # Before anything tidies up: what is listed is one set or another.
            elif host.rules() not in whole:
                wrong.append((number, words, f"a list of {len(host.rules())} rules"))
            host.ifw(*UP)
            if host.rules()[-1] == one_more:
                host.ifw("rule", "del", one_more)
            # It is up, and whole: of what is denied now nothing arrives.
            denials = host.reasons("eth0").get("rule-deny", 0)
            host.send("eth0", ADDRESS, DENIED)
            if host.reasons("eth0").get("rule-deny", 0) != denials + 1:
                wrong.append((number, words, "is not in force"))
    sent = traffic.sent
    counts = counter.end()
    equal(wrong, [], f"killed {KILLS} times ({ended} had ended): the next command works, and what is listed is one set")
    equal(sum(counts.values()), sent, f"each of {sent} packets that any set passes has arrived")
    equal(denied.end()[DENIED], 0, "and none of those that all deny")
    check(sent > 10 * KILLS, "packets came all the while")
    host.ifw("down", "--all")
    commands.same(before, host.state(), "and nothing is left behind")


laboratory.main(commands.parts(killed_under_traffic))
