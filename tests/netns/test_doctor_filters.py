# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`ifw doctor` names rules of nftables and iptables that defeat interception, and only those.

Each is put in force, really keeps a client from the proxy, is named, and is mended by the command
that is shown: then the client comes to the proxy, with the rule still there.
"""

import socket

import lab as laboratory
import network
from doctor import FILTERS, all_broken, healthy, look, mended, named, shell
from lab import check, equal
from network import IPV4, IPV6, QUIET


def nft(net, rules):
    net.lab.router.run("nft", "-f", "-", input=rules)


def base(hook, rules, kind="filter", family="inet", priority="mangle", policy="accept", more=""):
    more = more.replace("} chain", "}\nchain")
    return f"""table {family} others {{
        {more}
        chain base {{ type {kind} hook {hook} priority {priority}; policy {policy}; {rules} }}
    }}"""


def works(net, seconds=laboratory.PATIENCE, address=(IPV4.far, 80)):
    with net.client.socket(network.family_of(address[0]).af, socket.SOCK_STREAM) as s:
        s.settimeout(seconds)
        try:
            s.connect(address)
            s.sendall(b"hello")
            return s.recv(4096).decode() == network.proxy_says(address)
        except OSError:  # no answer in time, among others
            return False


def defeated(net, text, rules, name, says="others", address=(IPV4.far, 80), **expected):
    """With these rules nothing is intercepted, and doctor says which and how to mend it."""
    nft(net, rules)
    check(not works(net, QUIET, address), f"{text}: no client comes to the proxy")
    mended(net, text, name, says=says, **expected)
    check(works(net, address=address), f"{text}: mended, clients come to the proxy")
    nft(net, "flush ruleset")


def harmless(net, text, rules, expected=frozenset()):
    nft(net, rules)
    check(works(net), f"{text}: clients come to the proxy")
    healthy(net, text, expected)
    nft(net, "flush ruleset")


def check_marks(net):
    for text, rules in (
            ("the connection's mark", base("prerouting", "meta mark set ct mark;")),
            ("a value", base("prerouting", "meta mark set 0x1;")),
            ("our bit cleared", base("prerouting", "meta mark set meta mark and 0xffffffdf;")),
            ("a chain of IPv4", base("prerouting", "meta mark set ct mark;", family="ip")),
            ("late", base("prerouting", "meta mark set 7;", priority="dstnat - 1")),
            ("at ingress", base("ingress device eth0", "meta mark set 7;", family="netdev",
                                priority="0")),
            *((f"at ingress of {one} and {other}",
               base(f"ingress devices = {{ {one}, {other} }}", "meta mark set 7;", family="netdev", priority="0"))
              for one, other in (("eth0", "eth1"), ("eth1", "eth0"), ("lo", "eth0"), ("eth0", "lo"))),
            ("in another chain", base("prerouting", "jump more;", more="chain more { iifname eth0 "
                                      "meta l4proto tcp goto most; } chain most { meta mark set 7; }")),
            ("by a verdict map", base("prerouting", "iifname vmap { lo : accept, eth0 : jump more };",
                                      more="chain more { meta mark set 7; }")),
            ("of what is under way", base("prerouting", "ct state established meta mark set ct mark;")),
    ):
        defeated(net, f"mark written: {text}", rules, "mark-rules")
    defeated(net, "mark written: a chain of IPv6",
             base("prerouting", "meta mark set 7;", family="ip6"), "mark-rules",
             address=(IPV6.far, 80))
    for text, rules in (
            ("another bit", base("prerouting", "meta mark set meta mark or 0x100;")),
            ("our bit, which is there", base("prerouting", "meta mark set meta mark or 0x20;")),
            ("of another interface", base("prerouting", "iifname eth1 meta mark set 7;")),
            ("of another device", base("ingress device eth1", "meta mark set 7;", family="netdev",
                                       priority="0")),
            ("of UDP", base("prerouting", "meta l4proto udp meta mark set 7;")),
            ("of another port", base("prerouting", "tcp dport { 22, 443 } meta mark set 7;")),
            ("of another destination", base("prerouting", "ip daddr 10.8.0.0/16 meta mark set 7;")),
            ("where none is", base("prerouting", "meta mark 0 meta mark set ct mark;")),
            ("behind routing", base("input", "meta mark set 7;")),
            ("kept for later", base("prerouting", "ct mark set meta mark;")),
            ("in a chain that nobody calls", base("prerouting", "", more="chain more { meta mark set 7; }")),
            ("of others, by a verdict map", base("prerouting", "iifname vmap { eth1 : jump more };",
                                                 more="chain more { meta mark set 7; }")),
    ):
        harmless(net, f"mark written: {text}", rules)
    nft(net, base("prerouting", "ip saddr 192.168.0.0/16 meta mark set ct mark;"))
    mended(net, "mark of some sources written", "mark-rules", state="warning", says="not each")
    nft(net, "flush ruleset")


def check_input(net):
    for text, rules in (
            ("by policy", base("input", "iif lo accept; ct state established accept; "
                               "tcp dport 22 accept;", policy="drop")),
            ("at the end", base("input", "ct state vmap { established : accept, invalid : drop }; "
                                "tcp dport { 22, 8443 } accept; reject;")),
            ("in the zone of the interface", base(
                "input", "ct state established,related accept; iifname lo accept; jump zones; accept;",
                more="chain zones { iifname eth0 goto public; goto trusted; } "
                "chain public { tcp dport 22 accept; reject; } chain trusted { accept; }")),
            ("before routing", base("prerouting", "iifname eth0 drop;")),
            ("of one protocol", base("input", "meta l4proto { tcp, udp } drop;")),
    ):
        defeated(net, f"dropped {text}", rules, "input-rules")
    for text, rules in (
            ("of another interface", base("input", "iifname eth1 drop;")),
            ("by the port", base("input", "tcp dport 80 accept;", policy="drop")),
            ("by the mark", base("input", "meta mark and 0x20 == 0x20 accept;", policy="drop")),
            ("what is invalid", base("input", "ct state invalid drop; meta l4proto icmp drop;")),
            ("elsewhere", base("forward", "", policy="drop")),
    ):
        harmless(net, f"dropped {text}", rules)
    nft(net, base("input", "meta pkttype multicast accept;", policy="drop"))
    mended(net, "dropped but for some", "input-rules", state="warning")
    nft(net, "flush ruleset")


def check_forward(net):
    """Docker's, as it makes them; and others."""
    net.rule(f"pass tcp to {IPV4.server} port 7000")
    router = net.lab.router
    for command in ("-N DOCKER-USER", "-A DOCKER-USER -j RETURN", "-N DOCKER", "-P FORWARD DROP",
                    "-A FORWARD -j DOCKER-USER", "-A FORWARD -o docker0 -j DOCKER"):
        router.run("iptables-nft", *command.split())
    found = named(net, "docker's policy", "forward-rules", state="warning", says="ip filter FORWARD")
    check("DOCKER-USER" in found["command"], "docker's chain for the administrator is taken")
    shell(net, found["command"])
    healthy(net, "mended there")
    nft(net, "flush ruleset")
    nft(net, base("forward", "", policy="drop", priority="filter"))
    mended(net, "a policy of nftables", "forward-rules", state="warning", says="inet others base")
    nft(net, "flush ruleset")
    net.lab.ifw("rule", "del", f"pass tcp to {IPV4.server} port 7000")


def check_firewalld(net):
    """The chains that it makes, with its reverse path filter."""
    nft(net, """table inet firewalld {
        chain mangle_PREROUTING { type filter hook prerouting priority mangle + 10; policy accept;
          jump mangle_PREROUTING_ZONES;
        }
        chain mangle_PREROUTING_ZONES { iifname "eth0" goto mangle_PRE_public;
        }
        chain mangle_PRE_public { return;
        }
        chain filter_PREROUTING { type filter hook prerouting priority filter + 10; policy accept;
          icmpv6 type { nd-router-advert, nd-neighbor-solicit } accept
          meta nfproto ipv6 fib saddr . mark . iif oif missing drop
        }
        chain filter_INPUT { type filter hook input priority filter + 10; policy accept;
          ct state { established, related } accept
          ct status dnat accept
          iifname "lo" accept
          ct state invalid drop
          jump filter_INPUT_ZONES
          reject with icmpx admin-prohibited
        }
        chain filter_INPUT_ZONES { iifname "eth0" goto filter_IN_public; goto filter_IN_public;
        }
        chain filter_IN_public { jump filter_IN_public_allow
          meta l4proto { icmp, ipv6-icmp } accept
          reject with icmpx admin-prohibited
        }
        chain filter_IN_public_allow { tcp dport 22 accept;
        }
    }""")
    check(not works(net, QUIET), "firewalld: no client comes to the proxy")
    checks, status = look(net)
    found = {(c["state"], c["found"].split(",")[0]): c for c in checks
             if c["check"] == "input-rules" and c["state"] != "ok"}
    equal(sorted(found), [("failed", "chain inet firewalld filter_IN_public"),
                          ("warning", "chain inet firewalld filter_PREROUTING")],
          "firewalld: the zone drops, and the reverse path filter may")
    equal(status, 3, "firewalld: the exit status says so")
    check("firewall-cmd" in found["failed", "chain inet firewalld filter_IN_public"]["found"],
          "firewalld: its own command is named")
    for one in found.values():
        shell(net, one["command"])
    healthy(net, "firewalld: mended")
    check(works(net), "firewalld: mended, clients come to the proxy")
    nft(net, "flush ruleset")


def check_iptables(net):
    run = net.lab.router.run
    for tool, family in (("iptables-nft", IPV4), ("ip6tables-nft", IPV6)):
        address = (family.far, 80)
        for chain, words, name in (
                ("PREROUTING", "-t mangle -A PREROUTING -i eth0 -j MARK --set-mark 1", "mark-rules"),
                ("PREROUTING", "-t mangle -A PREROUTING -j CONNMARK --restore-mark", "mark-rules"),
                ("PREROUTING", "-t raw -A PREROUTING -i eth+ -p tcp -j DROP", "input-rules"),
                ("INPUT", "-P INPUT DROP", "input-rules"),
                ("INPUT", "-A INPUT -m conntrack --ctstate NEW -j REJECT", "input-rules"),
        ):
            text = f"{tool} {words}"
            run(tool, *"-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT".split())
            run(tool, *"-A INPUT -p tcp --dport 22 -j ACCEPT".split())
            run(tool, *words.split())
            check(not works(net, QUIET, address), f"{text}: no client comes to the proxy")
            mended(net, text, name, says=chain)
            check(works(net, address=address), f"{text}: mended, clients come to the proxy")
            nft(net, "flush ruleset")
        run(tool, *"-t mangle -A PREROUTING -j MARK --set-xmark 0x1/0x1".split())
        run(tool, *"-t mangle -A PREROUTING -j CONNMARK --restore-mark --mask 0xff00".split())
        run(tool, *"-A INPUT -p tcp --dport 22 -j DROP".split())
        healthy(net, f"{tool}: other bits, other ports")
        check(works(net, address=address), f"{tool}: other bits, other ports: works")
        nft(net, "flush ruleset")


def check_legacy(net):
    done = net.lab.router.run("iptables-legacy", "-t", "mangle", "-L", ok=False)
    if done.returncode:
        return print(f"      iptables-legacy: {done.stderr.strip()}")
    named(net, "tables of iptables-legacy", "iptables-legacy", iface=None, state="warning",
          says="mangle")


def test(lab):
    net = network.Network(lab)
    net.intercept("tcp", 80)
    healthy(net, "at first")
    check_marks(net)
    check_input(net)
    check_forward(net)
    check_firewalld(net)
    check_iptables(net)
    check_legacy(net)
    all_broken(FILTERS)


laboratory.main(test)
