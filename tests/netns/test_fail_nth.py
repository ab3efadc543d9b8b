# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every call of BPF and netlink that a command makes fails in turn, for each command that does something.

A command whose Nth call failed has either done all or nothing. In the first case
the call was one that it can do without, or came after all was done; in the second
it says so, with status 2. What it left, the same command takes on and completes. `ifw
down` alone goes as far as it gets.

The ordinary run takes a spread of each command's calls, and all where they are few; the build
with sanitizers takes others, which are between those of the one without. IFW_FAIL_ALL=1 takes each.
"""

import errno
import os
import pathlib
import re
import subprocess

import commands
import lab as laboratory
from commands import difference, disturbed
from lab import check, equal

REPORT = pathlib.Path("/run/failed-call")
EACH = bool(os.environ.get("IFW_FAIL_ALL"))
# Loading takes half a second, and several times as long with a sanitizer.
SPREAD = {True: 6, False: 20}  # calls of a command, by: does it load the program?
SPREAD_SANITIZED = {True: 3, False: 8}
ERRORS = (errno.ENOMEM, errno.EPERM)
DEGRADED = "fragments      not intercepted"  # what `up` says where it goes on without a part

RULES = ("pass udp to 10.0.0.0/8 port 7", "deny tcp to 10.1.0.0/16 port 80-90 from 192.0.2.0/24",
         "egress deny udp to 10.2.0.0/16 port 9", "egress pass tcp to 0.0.0.0/0 port 443")
OTHERS = (*RULES[1:], "intercept tcp to 2001:db8::/32 port 80 via [::1]:8080", "egress deny tcp to ::/0 port 25")


def state(host, deep):
    """All that a command may change, but for the numbers that the kernel gives; deep: on hooks and in routing, too."""
    shown = []
    if deep:
        shown = [host.run(*words.split()).stdout for words in
                 ("ip rule", "ip -6 rule", "ip route show table all", "ip -6 route show table all",
                  "tc qdisc show dev eth0", "bpftool net show dev eth0")]
        # Ids differ each time; what is where tells enough.
        shown[-1] = re.sub(r"\bid \d+|(?<=:\[)\d+(?=\])", "N", shown[-1])
    for words in (("rule", "list", "--no-counters"), ("iface", "show"), ("flow", "show")):
        done = host.lab.ifw(*words, ok=False)
        shown.append(done.stdout + done.stderr)
    # How many rules there are is written down last, and mended by the next change.
    return re.sub(r"(?m)^rules: \d+", "rules: N", "\n".join([*shown, *lasting_pins()]))


def lasting_pins():
    """Those of a set of rules change their names, and the next change tidies up what is left of another."""
    names = (pin for pin in commands.pins() if not re.search(r"/(?:ranges|rules|prefixes)_\d", pin))
    return [re.sub(r"(?<=/ifw-)\d+", "N", pin) for pin in names]


def run(host, words, number, error=errno.ENOMEM, program="ifw"):
    REPORT.unlink(missing_ok=True)
    done = subprocess.run([host.lab.program(program), *words], capture_output=True, text=True, timeout=120,
                          env=disturbed(host, FAIL_CALL=number, FAIL_WITH=error, FAIL_REPORT=REPORT))
    return done, REPORT.read_text().strip() if REPORT.exists() else ""


def chosen(host, count, loads):
    """Which calls fail: all, or the first, the last and a spread of those between; with sanitizers one in each gap."""
    sanitized = host.lab.sanitized()
    spread = (SPREAD_SANITIZED if sanitized else SPREAD)[loads]
    if EACH or count <= spread:
        return range(1, count + 1)
    if sanitized:
        return sorted({1 + (2 * i + 1) * (count - 1) // (2 * spread) for i in range(spread)})
    return sorted({1 + i * (count - 1) // (spread - 1) for i in range(spread)})


def each_fails(host, words, back, *, loads=False, program="ifw", partly=False):
    """Fails the calls of a command in turn. back: commands that undo it, to the state before.

    partly: it goes as far as it gets, and what it could not take away stays for the next one.
    """
    def undo():
        for one in back:
            host.ifw(*one)

    before = state(host, loads)
    host.run(host.lab.program(program), *words)  # makes what is made only once
    undo()
    done, said = run(host, words, 0, program=program)
    if done.returncode or not said.startswith("calls "):
        raise AssertionError(f"{words}: {done.stderr} {said}")
    count, after, shown = int(said.split()[1]), state(host, loads), done.stdout
    undo()
    if state(host, loads) != before:
        commands.same(before, state(host, loads), f"'{' '.join(words)}' is undone")
        return
    wrong, without = [], 0
    numbers = chosen(host, count, loads)
    for number in numbers:
        done, said = run(host, words, number, ERRORS[number % len(ERRORS)], program)
        now = state(host, loads)
        if not said:
            wrong.append((number, "no call failed"))
        elif done.returncode == 0:
            without += 1
            if (now != after or done.stdout != shown and after == before) and DEGRADED not in done.stdout:
                wrong.append((number, said, "not all was done", difference(after, now)))
        elif done.returncode not in (1, 2) or not done.stderr.strip():
            wrong.append((number, said, f"status {done.returncode}, said {done.stderr!r}"))
        elif now not in (before, after) and not partly:
            wrong.append((number, said, done.stderr, "half was done", difference(before, now), difference(after, now)))
        if now != after or after == before:
            done = host.run(host.lab.program(program), *words, ok=False)
            if done.returncode or state(host, loads) != after:
                wrong.append((number, said, "the next one does not work", done.stderr, difference(after, state(host, loads))))
        undo()
        if state(host, loads) != before:
            wrong.append((number, said, "something is left", difference(before, state(host, loads))))
    equal(wrong, [], f"{program} {' '.join(words)}: {len(numbers)} of {count} calls fail in turn"
                     f" ({without} of them it does without)")


def rules_file(rules, name):
    path = pathlib.Path("/run", name)
    path.write_text("".join(f"{rule}\n" for rule in rules))
    return str(path)


UP = ("up", "eth0")
DOWN = ("down", "--all")


def up_and_down(host, hook):
    host.veth("eth0", "172.16.240.1/24")
    # A file system of maps that is there stays there.
    host.ifw(*UP)
    host.ifw(*DOWN)
    whole = (*UP, "--hook", hook, "--rules", rules_file(RULES, "rules"))
    each_fails(host, whole, [DOWN], loads=True)
    host.ifw(*whole)
    if hook == "tcx" or EACH:
        other = (*UP, "--mark", "0x40", "--table", "9")
        each_fails(host, other, [(*UP, "--mark", "0x20", "--table", "7100")], loads=True)
    host.ifw("iface", "set", "eth0", "egress-default", "deny")
    again = [("up", "eth0", "--hook", hook), ("iface", "set", "eth0", "egress-default", "deny")]
    each_fails(host, ("down", "eth0"), again, loads=True, partly=True)
    if hook == "tcx" or EACH:
        again[0] = whole
        each_fails(host, DOWN, again, loads=True, partly=True)


def up_and_down_by_tcx(host):
    up_and_down(host, "tcx")


def up_and_down_by_clsact(host):
    up_and_down(host, "clsact")


def with_flows(host):
    host.veth("eth0", "172.16.240.1/24")
    host.ifw(*UP, "--track", "on", "--rules", rules_file(RULES, "rules"))
    # Nothing that speaks by itself: what is listed must stay as it is.


def settings(host):
    with_flows(host)
    off = [("iface", "set", "eth0", "egress-default", "pass")]
    each_fails(host, ("iface", "set", "eth0", "egress-default", "deny"), off)
    for setting, on, back in (("track", "off", "on"), ("echo", "on", "off"), ("geneve", "from 10.0.0.0/8", "off"),
                              ("pass-protocol", "47,50", "none"), ("pass-ethertype", "0x88cc", "none")):
        words = ("iface", "set", "eth0", setting)
        each_fails(host, (*words, *on.split()), [(*words, *back.split())])
    each_fails(host, ("flow", "set", "timeout", "udp-unreplied", "7"), [("flow", "set", "timeout", "udp-unreplied", "default")])
    each_fails(host, ("flow", "set", "pick-up", "off"), [("flow", "set", "pick-up", "on")])


def rules(host):
    with_flows(host)
    apply = [("apply", rules_file(RULES, "rules"))]
    each_fails(host, ("apply", rules_file(OTHERS, "others")), apply)
    for rule in ("pass udp to 10.0.0.0/8 port 8", "deny tcp to 10.0.0.0/9 port 1-2 from 10.0.0.0/8 on eth0",
                 "egress deny udp to 10.3.0.0/16 port 9"):
        each_fails(host, ("rule", "add", rule), [("rule", "del", rule)])
    # The last in order, which is then again at its end.
    last = RULES[-1]
    each_fails(host, ("rule", "del", last), [("rule", "add", last)])
    each_fails(host, ("rule", "add", "--replace", last.replace("pass", "deny")), [("rule", "add", "--replace", last)])
    each_fails(host, ("rule", "flush"), apply)


def looking(host):
    """What only reads shows all, or says that it could not."""
    with_flows(host)
    for words in (("rule", "list"), ("rule", "list", "-j"), ("iface", "show"), ("stats",), ("flow", "list"),
                  ("flow", "list", "-j"), ("flow", "show"), ("flow", "flush")):
        each_fails(host, words, [])


def older_names(host):
    with_flows(host)
    if not run(host, ("-L",), 0, program="zfw")[1]:
        check(True, "zfw is linked without shared libraries here: the debug build shows this")
        return
    prefix = "-c 10.9.0.0 -m 16 -l 80 -h 90".split()
    other = "-c 10.0.0.1 -m 32 -l 1 -h 2".split()
    listed = ("rule", "del", "deny tcp to 10.0.0.1/32 port 1-2")
    each_fails(host, ("-I", *other, "-t", "0", "-p", "tcp", "-d"), [listed], program="zfw")
    add = ("rule", "add", "pass tcp to 10.9.0.0/16 port 80-90")
    host.ifw(*add)
    each_fails(host, ("-D", *prefix[:6], "-p", "tcp"), [add], program="zfw")
    each_fails(host, ("-L",), [], program="zfw")


laboratory.main(commands.parts(up_and_down_by_tcx, up_and_down_by_clsact, settings, rules, looking, older_names))
