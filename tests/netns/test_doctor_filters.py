# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`ifw doctor` names rules of nftables and iptables that defeat interception, and only those.

Each is put in force, really keeps a client from the proxy, is named, and is mended by the command
that is shown: then the client comes to the proxy, with the rule still there.
"""

import socket

import lab as laboratory
import network
from doctor import FILTERS, all_broken, broken, healthy, look, mended, named, shell
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
    check_iptables_forward(net, "nft")
    net.rule(f"pass tcp to {IPV4.server} port 7000")
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


def clear(net, tool):
    """iptables' own is not part of nftables' ruleset."""
    nft(net, "flush ruleset")
    if tool.endswith("-legacy"):
        for table in ("raw", "mangle", "filter"):
            for words in ("-F", "-X"):
                net.lab.router.run(tool, "-t", table, words)
        for chain in ("INPUT", "FORWARD"):
            net.lab.router.run(tool, "-P", chain, "ACCEPT")


def check_iptables(net, kind):
    run = net.lab.router.run
    for tool, family in ((f"iptables-{kind}", IPV4), (f"ip6tables-{kind}", IPV6)):
        address = (family.far, 80)
        for chain, words, name in (
                ("PREROUTING", "-t mangle -A PREROUTING -i eth0 -j MARK --set-mark 1", "mark-rules"),
                ("PREROUTING", "-t mangle -A PREROUTING -j CONNMARK --restore-mark", "mark-rules"),
                ("PREROUTING", "-t raw -A PREROUTING -i eth+ -p tcp -j DROP", "input-rules"),
                ("PREROUTING", "-t raw -A PREROUTING ! -i lo ! -p udp -j DROP", "input-rules"),
                ("INPUT", f"-A INPUT -d {family.prefix} -p tcp -m tcp --dport 79:81 -j DROP", "input-rules"),
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
            clear(net, tool)
        for words in ("-t mangle -A PREROUTING -j MARK --set-xmark 0x1/0x1",
                      "-t mangle -A PREROUTING -j CONNMARK --restore-mark --mask 0xff00",
                      "-t mangle -A PREROUTING -i eth1 -j MARK --set-mark 1",
                      "-t mangle -A PREROUTING ! -i eth+ -j MARK --set-mark 1",
                      f"-A INPUT ! -d {family.prefix} -j DROP", "-A INPUT ! -p tcp -j DROP",
                      "-A INPUT -p tcp --dport 22 -j DROP", "-P FORWARD DROP"):
            run(tool, *words.split())
        healthy(net, f"{tool}: other bits, ports, interfaces, destinations, protocols")
        check(works(net, address=address), f"{tool}: which works")
        clear(net, tool)
        check_iptables_chains(net, tool, address)


def check_iptables_chains(net, tool, address):
    """Its own chains: jumps and gotos, into one of several, and back."""
    run = net.lab.router.run
    early = ("-N early", "-N zone", "-N late", "-A early -p tcp --dport 22 -j ACCEPT", "-A early -j RETURN",
             "-A early -j DROP", "-A INPUT -j early", "-A zone -p udp -j ACCEPT", "-A INPUT -i eth0 -j zone")
    for text, says, words in (
            ("a jump", " late", ("-A zone -j late", "-A late -m comment --comment here -j DROP", "-A INPUT -j ACCEPT")),
            ("a goto, and back to who jumped", "by its policy", ("-A zone -g late", "-A zone -j ACCEPT",
                                                                 "-A late -p udp -j DROP", "-P INPUT DROP"))):
        for command in (*early, *words):
            run(tool, *command.split())
        text = f"{tool}, chains of its own, {text}"
        check(not works(net, QUIET, address), f"{text}: no client comes to the proxy")
        mended(net, text, "input-rules", says=says)
        check(works(net, address=address), f"{text}: mended, clients come to the proxy")
        clear(net, tool)
    for words in ("-A INPUT -s 203.0.113.0/24 -j DROP" if tool.startswith("iptables") else "-A INPUT -s 2001:db8:77::/48 -j DROP",
                  "-A INPUT -m limit --limit 1/minute -j LOG", "-A INPUT -p tcp -m multiport --dports 22,25 -j DROP"):
        run(tool, *words.split())
    healthy(net, f"{tool}: what drops some packets is not named")
    run(tool, "-A", "INPUT", "-m", "pkttype", "--pkt-type", "unicast", "-j", "ACCEPT")
    run(tool, "-P", "INPUT", "DROP")
    mended(net, f"{tool}: dropped but for some", "input-rules", state="warning", says="not each")
    clear(net, tool)


def check_iptables_forward(net, kind):
    """Docker's policy, as it was made in its former days, too."""
    net.rule(f"pass tcp to {IPV4.server} port 7000")
    router, tool = net.lab.router, f"iptables-{kind}"
    for command in ("-N DOCKER-USER", "-A DOCKER-USER -j RETURN", "-N DOCKER", "-P FORWARD DROP",
                    "-A FORWARD -j DOCKER-USER", "-A FORWARD -o docker0 -j DOCKER"):
        router.run(tool, *command.split())
    found = named(net, f"docker's policy, {kind}", "forward-rules", state="warning", says="ip filter FORWARD")
    check(f"{tool} -t filter -I DOCKER-USER" in found["command"], "docker's chain for the administrator is taken")
    shell(net, found["command"])
    healthy(net, f"mended there, {kind}")
    clear(net, tool)
    net.lab.ifw("rule", "del", f"pass tcp to {IPV4.server} port 7000")


def check_legacy(net):
    """The same again, and that its rules were read at all."""
    done = net.lab.router.run("iptables-legacy", "-t", "mangle", "-L", ok=False)
    if done.returncode:
        broken.add("iptables-legacy")
        return print(f"      iptables-legacy: {done.stderr.strip()}")
    check_iptables(net, "legacy")
    check_iptables_forward(net, "legacy")
    run = net.lab.router.run
    for command in ("iptables-nft -N late", "iptables-legacy -N late", "iptables-legacy -A late -i eth0 -j DROP",
                    "iptables-legacy -A INPUT -j late"):
        run(*command.split())
    check(not works(net, QUIET), "a chain of the same name of iptables-nft: no client comes to the proxy")
    mended(net, "a chain of the same name of iptables-nft", "input-rules", says="late of iptables-legacy, rule 1,")
    clear(net, "iptables-legacy")
    run("iptables-legacy", "-A", "INPUT", "-i", "eth1", "-j", "DROP")
    (found,) = [c["found"] for c in look(net)[0] if c["check"] == "iptables-legacy"]
    check("tables, whose rules are looked at" in found, f"what was read is said: {found}")
    named(net, "iptables-legacy, without privilege", "iptables-legacy", iface=None, state="not-seen", only=False,
          says="not permitted", under=("setpriv", "--bounding-set=-cap_12", "--inh-caps=-all"))


def test(lab):
    net = network.Network(lab)
    net.intercept("tcp", 80)
    healthy(net, "at first")
    check_marks(net)
    check_input(net)
    check_forward(net)
    check_firewalld(net)
    check_iptables(net, "nft")
    check_legacy(net)
    all_broken(FILTERS)


laboratory.main(test)
