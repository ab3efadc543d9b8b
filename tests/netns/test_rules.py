# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Rules as a person types them: added, listed, deleted, applied; and what is said of mistakes."""

import json
import pathlib

import commands
import lab as laboratory
from commands import refused, same
from lab import check, equal

TO = "192.0.2.7"
FILE = pathlib.Path("/run/rules")
MANY = """\
# every word of the grammar
intercept tcp to 10.0.0.0/8 port 80-443 via 127.0.0.1:43321 from 10.1.1.0/24 on eth0,eth1 service 5XzC8m
intercept tcp to 10.0.0.0/8 port 80-443 via 40000
pass udp to 192.168.3.0/24 port 5-7
deny tcp to 0.0.0.0/0 port 65535   # and a comment

deny udp to 10.1.0.0/16 port 1-65535 on eth1
"""


def file_of(text):
    FILE.write_text(text)
    return str(FILE)


def try_ifw(host, *arguments, **options):
    return host.lab.ifw(*arguments, ok=False, **options)


def unchanged(host, arguments, status, words, text, **options):
    """A command that is refused, and changes nothing."""
    before = host.state()
    refused(try_ifw(host, *arguments, **options), status, words, text)
    same(before, host.state(), "and nothing is changed")


# --- One at a time ----------------------------------------------------------------------


def adding(host):
    host.veth("eth0")
    host.ifw("up", "eth0")
    one = "intercept tcp to 10.0.0.0/8 port 80 via 127.0.0.1:43321"
    done = try_ifw(host, "rule", "add", *one.split())
    equal((done.returncode, done.stdout, done.stderr), (0, f"added: {one}\n", ""), "a rule is added")
    equal(host.ifw("rule", "add", one), f"unchanged: {one}\n", "again, quoted as one: unchanged")
    other = one.replace("43321", "43322")
    unchanged(host, ("rule", "add", other), 1, f"same match is there: {one}; use --replace",
              "another listener for the same match is refused")
    equal(host.ifw("rule", "add", "--replace", other), f"replaced: {other}\n", "but for --replace")
    for change in ("deny tcp to 10.0.0.0/8 port 80", f"{other} service abc"):
        unchanged(host, ("rule", "add", change), 1, "same match", "so is another action or label")
    equal(host.rules(), [other], "one rule is there")
    for differing in ("intercept udp to 10.0.0.0/8 port 80 via 40000",
                      "intercept tcp to 10.0.0.0/9 port 80 via 40000",
                      "intercept tcp to 10.0.0.0/8 port 80-81 via 40000",
                      "intercept tcp to 10.0.0.0/8 port 80 via 40000 from 10.0.0.0/8",
                      "intercept tcp to 10.0.0.0/8 port 80 via 40000 on eth0"):
        host.ifw("rule", "add", differing)
    equal(len(host.rules()), 6, "protocol, prefixes, ports and interfaces make another match")

    done = try_ifw(host, "rule", "add", "pass udp to 10.1.2.3/16 port 7 from 10.9.9.9/24")
    equal((done.returncode, done.stdout),
          (0, "added: pass udp to 10.1.0.0/16 port 7 from 10.9.9.0/24\n"), "host bits are masked")
    check(done.stderr.count("note") == 2 and "10.1.0.0/16" in done.stderr, "and each is told")

    host.ifw("rule", "add", "deny udp to 10.7.0.0/16 port 5-9 on eth0")
    host.ifw("rule", "add", "deny udp to 10.7.0.0/16 port 1-100")
    done = try_ifw(host, "rule", "add", "pass udp to 10.7.0.0/16 port 6-7")
    equal(done.returncode, 0, "a rule that can never match is added")
    check("can never match: 'deny udp to 10.7.0.0/16 port 5-9 on eth0' and 1 more" in done.stderr,
          "with a warning that names what is before it")
    check("warning" not in try_ifw(host, "rule", "add", "pass udp to 10.7.1.0/24 port 6-7").stderr,
          "one on a longer prefix gets none")


def named(host):
    host.veth("eth0")
    host.veth("eth1")
    host.ifw("up", "eth0")
    host.ifw("up", "eth1")
    host.ifw("rule", "add", "deny udp to 192.0.2.0/24 port 5-20")
    equal(host.reason_of("eth0", TO, 9), "rule-deny", "a rule that names no interface holds everywhere")
    host.ifw("iface", "set", "eth0", "named-rules", "on")
    equal((host.reason_of("eth0", TO, 9), host.reason_of("eth1", TO, 9)), ("no-rule", "rule-deny"),
          "but where only those hold that name the interface")
    done = try_ifw(host, "rule", "add", "pass udp to 192.0.2.0/24 port 9 on eth0")
    equal((done.returncode, done.stderr), (0, ""), "one that names it is not shadowed there")
    equal(host.reason_of("eth0", TO, 9), "rule-pass", "and decides")
    check("can never match: 'deny udp to 192.0.2.0/24 port 5-20'" in
          try_ifw(host, "rule", "add", "pass udp to 192.0.2.0/24 port 9 on eth1").stderr,
          "elsewhere it is")
    check("named-rules on: only rules that name it (on eth0)" in host.ifw("iface", "show"), "it is shown")
    equal((host.iface("eth0")["named_rules"], host.iface("eth1")["named_rules"]), (True, False),
          "in JSON, too")
    snapshot = {one["name"]: one for one in json.loads(host.ifw("snapshot"))["interfaces"]}
    check(snapshot["eth0"]["settings"]["named_rules"], "and in a snapshot")
    host.ifw("explain", "--in", "eth0", "--expect", "no-rule", "udp", "198.51.100.9:4000", f"{TO}:10")
    host.ifw("explain", "--in", "eth1", "--expect", "rule-deny", "udp", "198.51.100.9:4000", f"{TO}:10")
    host.ifw("iface", "set", "eth0", "named-rules", "off")
    equal(host.reason_of("eth0", TO, 9), "rule-deny", "off again, the first one decides")
    refused(try_ifw(host, "iface", "set", "eth0", "named-rules", "yes"), 1, "named-rules is on or off",
            "there is nothing between")


def deleting(host):
    host.veth("eth0")
    host.ifw("up", "eth0")
    for text in ("deny udp to 192.0.2.0/24 port 9", "deny udp to 192.0.2.0/24 port 9-10",
                 "pass udp to 192.0.2.0/24 port 9 on eth0", "pass udp to 192.0.0.0/16 port 9"):
        host.ifw("rule", "add", text)
    equal(host.reason_of("eth0", TO, 9), "rule-deny", "the first one decides")
    done = try_ifw(host, "rule", "del", "pass udp to 192.0.2.0/24 port 9 via 1")
    equal(done.returncode, 1, "a rule to delete is a whole rule, too")
    equal(host.ifw("rule", "del", "deny udp to 192.0.2.0/24 port 9"), "removed 1 rule\n",
          "the one of the same match is deleted")
    equal(host.reason_of("eth0", TO, 9), "rule-deny", "then the next one decides")
    host.ifw("rule", "del", "deny udp to 192.0.2.0/24 port 9-10")
    equal(host.reason_of("eth0", TO, 9), "rule-pass", "and the next")
    host.ifw("rule", "del", "pass udp to 192.0.2.0/24 port 9 on eth0")
    equal(host.reason_of("eth0", TO, 9), "rule-pass", "and that of a shorter prefix")
    unchanged(host, ("rule", "del", "deny udp to 192.0.2.0/24 port 9"), 1, "no such rule",
              "a rule that is not there")
    host.ifw("rule", "del", "deny udp to 192.0.0.0/16 port 9")
    equal((host.rules(), host.reason_of("eth0", TO, 9)), ([], "no-rule"),
          "action and listener do not matter for deleting")


def not_there_yet(host):
    host.veth("eth0")
    host.ifw("up", "eth0")
    host.ifw("rule", "add", "deny udp to 192.0.2.0/24 port 9 on later0")
    equal(host.reason_of("eth0", TO, 9), "no-rule", "a rule for an interface that is not there")
    host.veth("later0")
    host.ifw("up", "later0")
    equal(host.reason_of("later0", TO, 9), "rule-deny", "holds when it comes")
    equal(host.reason_of("eth0", TO, 9), "no-rule", "and still not elsewhere")


# --- Whole sets -------------------------------------------------------------------------


def applying(host):
    host.veth("eth0")
    host.ifw("up", "eth0")
    equal(host.ifw("check", file_of(MANY)), "5 rules, no errors\n", "check counts the rules")
    equal(host.rules(), [], "and does nothing else")
    equal(host.ifw("apply", file_of(MANY)), "5 rules in force\n", "apply puts them in force")
    listed = host.ifw("rule", "list")
    wanted = [line.split("#")[0].strip() for line in MANY.splitlines() if line and line[0] != "#"]
    equal(listed.splitlines(), [line.replace("via 40000", "via 127.0.0.1:40000") for line in wanted],
          "which are listed in order, in full")
    folder = sorted(p for p in commands.pins() if "_0" in p or "_1" in p)
    for file, input in ((file_of(listed), None), ("-", listed)):
        equal(host.ifw("apply", file, input=input), "5 rules in force, the same as before\n",
              "the list, applied again, changes nothing and says so")
        equal(host.ifw("rule", "list"), listed, "byte for byte")
    equal(sorted(p for p in commands.pins() if "_0" in p or "_1" in p), folder, "not even the pins")

    before = host.state()
    host.ifw("apply", "-", input="deny udp to 192.0.2.0/24 port 9\n")
    equal((host.rules(), host.reason_of("eth0", TO, 9)),
          (["deny udp to 192.0.2.0/24 port 9"], "rule-deny"), "another set is in place of all")
    host.ifw("apply", file_of(listed))
    equal(before.count("\n"), host.state().count("\n"), "and back")
    equal(host.ifw("rule", "flush"), "removed 5 rules\n", "flush removes all")
    equal((host.rules(), host.reason_of("eth0", TO, 9)), ([], "no-rule"), "and none is in force")
    equal(host.ifw("rule", "flush"), "removed 0 rules\n", "twice is harmless")
    equal(host.ifw("apply", file_of("# nothing\n")), "0 rules in force, the same as before\n",
          "a file without rules is a set of none")


def mistakes(host):
    host.veth("eth0")
    host.ifw("up", "eth0")
    host.ifw("apply", file_of(MANY))
    bad = file_of("pass udp to 10.0.0.0/8 port 7\n  pass udp to 10.0.0.0/33 port 7\npass udp port\n")
    for command in ("apply", "check"):
        before = host.state()
        done = try_ifw(host, command, bad)
        lines = done.stderr.splitlines()
        at = [i for i, line in enumerate(lines) if line.startswith(f"{FILE}:2:24: error: ")]
        good = done.returncode == 1 and at and any(l.startswith(f"{FILE}:3:") for l in lines)
        check(good, f"{command}: file, line and column of each mistake, status 1")
        if at:
            shown, caret = lines[at[0] + 1 : at[0] + 3]
            equal((shown[2:], shown[caret.index("^") :].split()[0], caret.strip()),
                  ("  pass udp to 10.0.0.0/33 port 7", "33", "^~"),
                  "the line itself, and a caret below the word")
        same(before, host.state(), "and nothing is changed")
    for words, said in (
        ("forward tcp to 10.0.0.0/8 port 1", "forward"),
        ("pass icmp to 10.0.0.0/8 port 1", "icmp"),
        ("pass tcp to 10.0.0.0/8 port 90-80", "90"),
        ("pass tcp to 10.0.0.0/8 port 65536", "65536"),
        ("pass tcp to 10.0.0.0/8 port 4294967376", "4294967376"),
        ("pass tcp to 10.0.0.256/8 port 1", "10.0.0.256"),
        ("pass tcp to 10.0.0.0/8", "port"),
        ("intercept tcp to 10.0.0.0/8 port 1", "via"),
        ("pass tcp to 10.0.0.0/8 port 1 port 2", "port"),
        ("pass tcp to 10.0.0.0/8 port 1 with 2", "with"),
        ("pass tcp to 10.0.0.0/8 port 1 on waytoolonganame0", "waytoolonganame0"),
    ):
        unchanged(host, ("rule", "add", *words.split()), 1, said, f"'{words}' is refused")
    unchanged(host, ("apply", "/run/none"), 1, "'/run/none': No such file", "a file that is not there")
    unchanged(host, ("apply",), 1, "needs a file", "no file")
    unchanged(host, ("rule",), 1, "add, del, list, flush", "a command without its second word")
    unchanged(host, ("rule", "swap"), 1, "unknown command 'swap'", "an unknown one")
    unchanged(host, ("rules",), 1, "unknown object 'rules'", "an unknown object")
    unchanged(host, ("rule", "list", "all"), 1, "unexpected 'all'", "a word too many")
    unchanged(host, ("apply", "-j", str(FILE)), 1, "JSON|-j", "JSON of a command that has none")
    twice = "pass udp to 10.0.0.0/8 port 7\n"
    refused(try_ifw(host, "apply", "-", input=twice + twice.replace("pass", "deny")), 1, "<stdin>:2:",
            "two rules of one match in a file")
    done = try_ifw(host, "check", file_of(twice + "deny udp to 10.0.0.0/8 port 5-7\n"
                                          + "deny udp to 10.0.0.0/8 port 6\n"))
    check(done.returncode == 0 and "'deny udp to 10.0.0.0/8 port 6' can never match: "
          "'deny udp to 10.0.0.0/8 port 5-7'" in done.stderr, "check warns of rules that never match")


def as_json(host):
    host.veth("eth0")
    host.ifw("up", "eth0")
    equal(json.loads(host.ifw("rule", "list", "-j")), [], "no rules: an empty array")
    host.ifw("apply", file_of(MANY))
    rules = json.loads(host.ifw("-j", "rule", "list"))
    equal(json.loads(host.ifw("rule", "list", "-j", "--no-counters"))[0]["packets"], None,
          "where counters are not wanted they are null")
    equal(rules[0], {
        "order": 1, "rule": host.rules()[0], "action": "intercept", "direction": "in", "protocol": "tcp",
        "destination": "10.0.0.0/8", "source": "10.1.1.0/24", "ports": {"low": 80, "high": 443},
        "interfaces": ["eth0", "eth1"], "listener": "127.0.0.1:43321", "service": "5XzC8m",
        "packets": 0, "bytes": 0,
    }, "a rule with everything")
    equal({k: v for k, v in rules[2].items() if k in ("source", "interfaces", "listener", "service")},
          {"source": None, "interfaces": [], "listener": None, "service": None}, "and one without")
    shown = host.iface("eth0")
    equal(sorted(shown), sorted("name ifindex state hook link ssh echo track ingress_default egress_attached egress_default named_rules tunnel verbose "
                                "geneve geneve_sources pass_protocols pass_ethertypes mark mask table addresses".split()), "the keys of an interface")
    host.send("eth0", TO, 9)
    (stats,) = host.json("stats")["interfaces"]
    equal((sorted(stats), stats["reasons"]),
          (["decisions", "events_lost", "ifindex", "name", "reasons"],
           [{"reason": "no-rule", "verdict": "drop", "packets": 1, "bytes": 42}]), "and of counters")


# --- Limits -----------------------------------------------------------------------------


def limits(host):
    host.veth("eth0")
    refused(try_ifw(host, "up", "eth0", "--max-ranges", str(4 * 1024 * 1024 + 1)), 2, "4194304.*--max-ranges",
            "no more ranges can be asked for than there are chunks")
    host.ifw("up", "eth0", "--max-ranges", "8", "--max-prefixes", "4")
    for i in range(4):
        host.ifw("rule", "add", f"deny udp to 192.0.{i}.0/24 port 9")
    unchanged(host, ("rule", "add", "deny udp to 192.0.9.0/24 port 9"), 2, "limit.*4.*--max-prefixes",
              "a prefix more than the limit")
    for i in range(4):
        host.ifw("rule", "add", f"deny udp to 192.0.2.0/24 port {100 + i}")
    unchanged(host, ("rule", "add", "deny udp to 192.0.2.0/24 port 200"), 2, "limit.*8.*--max-ranges",
              "a range more than the limit")
    equal(host.reason_of("eth0", TO, 103), "rule-deny", "those that are there hold")
    host.ifw("rule", "del", "deny udp to 192.0.2.0/24 port 103")
    host.ifw("rule", "add", "deny udp to 192.0.2.0/24 port 200")
    equal(host.reason_of("eth0", TO, 200), "rule-deny", "what is deleted makes room at once")
    for i in range(12):  # more than ever fit, one after the other
        host.ifw("rule", "del", f"deny udp to 192.0.2.0/24 port {200 + i}")
        host.ifw("rule", "add", f"deny udp to 192.0.2.0/24 port {201 + i}")
    equal((len(host.rules()), host.reason_of("eth0", TO, 212)), (8, "rule-deny"), "again and again")

    def lines(what, count):
        return "".join(what.format(i) + "\n" for i in range(count))

    unchanged(host, ("apply", "-"), 2, "9 rules.*limit of 8.*--max-ranges", "too many rules",
              input=lines("pass tcp to 10.0.0.0/8 port {}", 9))
    unchanged(host, ("apply", "-"), 2, "5 prefixes.*limit of 4.*--max-prefixes", "too many prefixes",
              input=lines("pass tcp to 10.{}.0.0/16 port 1", 5))
    # Eight rules, of which each new one lies in the middle of one that is wider.
    nested = "".join(f"pass tcp to 10.0.0.0/8 port {100 - i}-{100 + i}\n" for i in range(8))
    unchanged(host, ("apply", "-"), 2, "15 port ranges.*limit of 8.*--max-ranges", "too many ranges",
              input=nested)
    equal(host.ifw("apply", "-", input=lines("pass tcp to 10.0.0.0/8 port {}", 8)),
          "8 rules in force\n", "exactly as many as the limit fit")
    unchanged(host, ("up", "eth0", "--max-ranges", "9"), 2, "room for 8 ranges, not 9.*down --all",
              "a limit is not raised in flight")
    refused(try_ifw(host, "up", "eth0", "--max-ranges", "0"), 1, "max-ranges", "nor is it 0")


def names_run_out(host):
    host.veth("eth0")
    host.ifw("up", "eth0")
    for i in range(62):
        host.ifw("rule", "add", f"deny udp to 192.0.2.0/24 port 9 on if{i}")
    unchanged(host, ("rule", "add", "deny udp to 192.0.2.0/24 port 9 on if62"), 2, "63",
              "interface 64 with a name is refused")
    for i in range(30):
        host.ifw("rule", "del", f"deny udp to 192.0.2.0/24 port 9 on if{i}")
    host.ifw("rule", "add", "deny udp to 192.0.2.0/24 port 9 on if62")
    equal(len(host.rules()), 33, "names that no rule uses any more make room")
    check(host.iface("eth0"), "and those of interfaces that are up stay")


def many_names(names):
    return "".join(f"deny udp to 192.0.2.0/24 port 9 on {name}\n" for name in names)


def names_that_nobody_uses(host):
    """A slot is kept for a name as long as there are others, and no longer."""
    host.veth("eth0")
    host.ifw("up", "eth0")
    for i in range(6):
        host.veth(f"v{i}")
    host.ifw("apply", "-", input=many_names(f"old{i}" for i in range(58)))
    host.ifw("rule", "flush")
    host.ifw("up", *(f"v{i}" for i in range(6)))
    check(all(host.iface(f"v{i}") for i in range(6)), "six interfaces come up where names of rules that went hold 58 of 63 slots")
    for i in range(6):
        host.ifw("down", f"v{i}")
    equal(host.ifw("apply", "-", input=many_names(f"new{i}" for i in range(62))), "62 rules in force\n",
          "as many names as there are slots, while names of rules that went and interfaces that are down hold them")
    before = host.state()
    refused(try_ifw(host, "apply", "-", input=many_names(f"more{i}" for i in range(2))), 2, "63",
            "names of rules that are in force do hold theirs")
    refused(try_ifw(host, "up", "v0"), 2, "63", "for interfaces, too")
    same(before, host.state(), "and nothing is changed")
    host.veth("new61")
    host.ifw("up", "new61")
    equal(host.reason_of("new61", TO, 9), "rule-deny", "each name means its own interface")
    equal(host.reason_of("eth0", TO, 9), "no-rule", "and no other")


laboratory.main(
    commands.parts(
        adding, named, deleting, not_there_yet, applying, mistakes, as_json, limits, names_run_out,
        names_that_nobody_uses
    )
)
