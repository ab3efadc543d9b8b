# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What bash offers for words of ifw, zfw and ifw-sim: from the program itself, names that are there included."""

import os
import pathlib

import commands
import lab as laboratory
from lab import equal

COMPLETION = pathlib.Path(__file__).resolve().parents[2] / "packaging/completion/ifw"
# What bash does at a tab, as far as a function can tell.
ASK = r"""
source "$1"; shift
COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=($1)
[[ $1 == *' ' ]] && COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
function=$(complete -p "${COMP_WORDS[0]}" | sed 's/.* -F \([^ ]*\) .*/\1/')
"$function" "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
[ ${#COMPREPLY[@]} -eq 0 ] || printf '%s\n' "${COMPREPLY[@]}"
"""


def offered(host, line):
    path = f"{pathlib.Path(host.lab.program('ifw')).resolve().parent}:{os.environ['PATH']}"
    return host.run("env", f"PATH={path}", "bash", "-c", ASK, "bash", COMPLETION, line).stdout.split()


def words(host):
    host.veth("eth0", "172.16.240.1/24")
    host.veth("eth1", "172.16.241.1/24")
    host.lab.namespace("away")
    every = {"eth0", "p-eth0", "eth1", "p-eth1", "lo"}

    def has(line, wanted, text):
        equal(sorted(set(wanted) - set(offered(host, line))), [], f"{text}: '{line}'")

    def only(line, wanted, text):
        got = offered(host, line)
        equal((sorted(got), len(set(got))), (sorted(wanted), len(got)), f"{text}: '{line}'")

    topics = [line.split()[1] for line in host.ifw("help").splitlines() if line.startswith("  ifw ")]
    has("ifw ", ["up", "down", "rule", "iface", "help", *topics], "objects")
    only("ifw ru", ["rule", "run"], "those that begin so")
    has("ifw rule ", ["add", "del", "list", "flush"], "commands")
    only("ifw up eth", ["eth0", "eth1"], "interfaces")
    only("ifw up --hook ", ["tcx", "clsact"], "values of an option")
    only("ifw up --ho", ["--hook"], "options")
    only("ifw up --hook tcx p-", ["p-eth0", "p-eth1"], "what comes behind an option")
    raw = host.ifw("complete", "iface", "set", "").split()
    equal(sorted(raw), sorted(set(raw)), "each name once, however many lines of a page have it")
    only("ifw iface set eth0 ss", ["ssh"], "settings")
    only("ifw iface set eth0 ssh ", ["on", "off"], "their values")
    only("ifw -n ", ["away"], "network namespaces")
    only("ifw explain --expect no-l", ["no-listener"], "reasons")
    only("ifw rule add pass tcp to 10.0.0.0/8 p", ["port"], "words of a rule")
    has("ifw rule add pass tcp to 10.0.0.0/8 port 80 on ", every, "interfaces in a rule")
    only("ifw help ru", ["rule", "run"], "topics")
    only("ifw flow flush i", ["icmp", "icmpv6"], "behind an optional word")
    only("ifw nonsense ", [], "nothing where there is nothing")
    only("ifw apply ", [], "files are left to the shell")

    only("ifw down e", ["eth0", "eth1"], "nothing is up: all interfaces")
    host.ifw("up", "eth0")
    only("ifw down ", ["eth0"], "one is up: that one")
    host.ifw("rule", "add", "deny tcp to 2001:db8::/32 port 1 service first")
    host.ifw("rule", "add", "deny tcp to 10.0.0.0/8 port 1 service second")
    host.ifw("rule", "add", "deny tcp to 2001:db8::/32 port 2 service first")
    host.ifw("rule", "add", "deny tcp to 2001:db8::/32 port 3")
    raw = host.ifw("complete", *"rule add deny udp to 2001:db8::/32 port 1 service".split(), "").split()
    equal(raw, ["first", "second"], "labels of rules in force, once each")
    only("ifw rule add deny udp to 2001:db8::/32 port 1 service f", ["first"], "those that begin so")
    host.ifw("down", "--all")

    has("zfw -", ["-I", "-D", "-L"], "options of zfw")
    has("ifw-sim --", ["--help", "--state"], "options of ifw-sim")


laboratory.main(commands.parts(words))
