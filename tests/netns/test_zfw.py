# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The older names, zfw, map_update and map_delete_elem: the calls that others make, word for word.

The OpenZiti router looks at the exit status alone, logs and scripts at the lines.
"""

import pathlib
import re

import commands
import lab as laboratory
from commands import refused, same
from lab import check, equal

GONE = "Last Element: Hash Entry Deleted"
MISSING = "MAP_LOOKUP_v4_DEL_ELEM: No such file or directory"
NOT_UP = "Not enough privileges or ebpf not enabled!"


def up(host):
    host.veth("eth0", "172.16.240.1/24")
    host.ifw("up", "eth0")


def added(protocol, found=False):
    return [f"Adding {protocol} mapping"] + ["lookup success"] * found


def removed(protocol, *lows, last=False):
    lines = ["lookup success", f"Attempting to remove {protocol} mapping"]
    return lines + [f"mapping[{low}] removed" for low in lows] + [GONE] * last


def says(host, words, lines, status=0, program="zfw"):
    """A call that prints these lines and ends so."""
    done = host.zfw(*words.split(), program=program)
    equal((done.returncode, done.stdout.splitlines()), (status, lines), f"{program} {words}")
    return done


def router_calls(host):
    """As the OpenZiti router calls it, host bits and all."""
    up(host)
    done = host.zfw("-V")
    check(done.returncode == 0 and re.fullmatch(r"v?\d+\.\d+\.\d+\n", done.stdout), "-V says a version")
    tail = "-m 16 -p tcp -o 0.0.0.0 -n 0 -l 80 -h 443"
    says(host, f"-I -c 10.0.0.1 {tail} -t 43321 -s 5XzC8m", added("TCP"))
    equal(host.rules(), ["intercept tcp to 10.0.0.0/16 port 80-443 via 127.0.0.1:43321 service 5XzC8m"],
          "host bits are masked, the listener is on 127.0.0.1")
    says(host, f"-I -c 10.0.0.1 {tail} -t 43399 -s 5XzC8m", added("TCP", True))
    equal(host.rules(), ["intercept tcp to 10.0.0.0/16 port 80-443 via 127.0.0.1:43399 service 5XzC8m"],
          "another listener port replaces the former")
    says(host, "-I -c 10.0.0.1 -m 16 -p udp -o 10.1.1.1 -n 24 -l 5 -h 5 -t 43321 -s x", added("UDP"))
    says(host, f"-D -c 10.0.0.1 {tail}", removed("TCP", 80, last=True))
    says(host, f"-D -c 10.0.0.1 {tail}", [MISSING], 1)
    says(host, "-D -c 10.0.0.1 -m 16 -p udp -o 10.1.1.1 -n 24 -l 5 -h 5", removed("UDP", 5, last=True))
    equal(host.rules(), [], "nothing is left")

    common = "-c 10.9.0.0 -m 24 -p tcp -o 0.0.0.0 -n 0 -l 80 -h 80"
    says(host, f"-I {common} -t 43321 -s a -N eth0", added("TCP"))
    says(host, f"-I {common} -t 43321 -s a -N eth1", added("TCP", True))
    equal([rule.split(" on ")[1] for rule in host.rules()],
          ["eth0 service a", "eth1 service a"], "two adds with one -N each both hold")
    equal(host.reason_of("eth0", "10.9.0.9", 80, "tcp"), "no-listener", "in force on the first")
    says(host, f"-D {common} -N eth0", removed("TCP", 80))
    equal(host.reason_of("eth0", "10.9.0.9", 80, "tcp"), "no-rule", "until it is deleted")
    says(host, f"-D {common} -N eth0", ["lookup success", "Attempting to remove TCP mapping"], 1)
    says(host, f"-D {common} -N eth1", removed("TCP", 80, last=True))


def tunnel_calls(host):
    """As ziti-edge-tunnel does: no -o, and -t and -s on -D as well."""
    up(host)
    says(host, "-I -c 100.64.0.2 -m 32 -l 1 -h 65535 -t 43321 -p tcp -s svc", added("TCP"))
    says(host, "-D -c 100.64.0.2 -m 32 -l 1 -h 65535 -t 43321 -p tcp -s svc",
         removed("TCP", 1, last=True))
    host.zfw(*"-I -c 100.64.0.2 -m 32 -l 1 -h 2 -t 43321 -p tcp".split())
    says(host, "-F -z ingress", [])
    equal(host.rules(), [], "-F -z ingress removes all rules")
    before = host.state()
    for words in ("-R eth0", "-k eth0", "--masquerade"):
        option = words.split()[0]
        refused(host.zfw(*words.split()), 1, f"option {option} is not implemented", f"{words} is refused, by name")
    same(before, host.state(), "and nothing is changed")


def interfaces(host):
    """-P, -q and -6, and how -L -E shows them."""
    up(host)
    host.veth("eth1")
    host.ifw("up", "eth1")

    def shown(name):
        blocks = dict(block.split(": ", 1) for block in host.zfw("-L", "-E").stdout.split("\n\n") if block)
        return {line[:24].strip(): line[25:] for line in blocks[name].splitlines() if line[24:25] == ":"}

    equal(host.zfw("--list", "--list-diag").returncode, 0, "-L -E lists")
    equal(shown("eth0"), {
        "icmp echo": "0", "pass non tuple": "0", "ipv6 enable": "1", "verbose": "0", "ssh disable": "0",
        "outbound_filter": "0", "per interface": "0", "tc ingress filter": "1", "tc egress filter": "1",
        "tun mode intercept": "0", "vrrp enable": "0", "eapol enable": "0", "ddos filtering": "0",
        "masquerade": "0"}, "an interface with what the older tool says of one")
    for name in ("eth0", "eth1"):
        host.router.sysctl(f"net.ipv4.conf.{name}.forwarding", 1)
    for option, key in (("-P", "per interface"), ("-T", "tun mode intercept"), ("-q", "pass non tuple"), ("-e", "icmp echo"),
                        ("-v", "verbose"), ("-x", "ssh disable"), ("-b", "outbound_filter")):
        says(host, f"{option} eth0", [])
        equal((shown("eth0")[key], shown("eth1")[key]), ("1", "0"), f"{option} eth0: {key}, there alone")
        says(host, f"{option} all", [])
        equal((shown("eth0")[key], shown("eth1")[key]), ("1", "1"), f"{option} all: everywhere")
        says(host, f"{option} all -d", [])
        equal((shown("eth0")[key], shown("eth1")[key]), ("0", "0"), "and -d undoes it")
    host.ifw("iface", "set", "eth0", "pass-protocol", "112")
    host.ifw("iface", "set", "eth0", "pass-ethertype", "0x888e")
    equal([shown("eth0")[key] for key in ("vrrp enable", "eapol enable", "pass non tuple")], ["1", "1", "0"],
          "what ifw alone can set is shown, too")
    says(host, "-q eth0", [])
    check("eth0: pass-protocol all" in host.ifw("iface", "show"), "-q passes all protocols")

    says(host, "-I -c 192.0.2.0 -m 24 -p udp -l 9 -h 9 -t 0", added("UDP"))
    says(host, "-P eth0", [])
    equal((host.reason_of("eth0", "192.0.2.7", 9), host.reason_of("eth1", "192.0.2.7", 9)),
          ("no-rule", "rule-pass"), "-P: a rule without -N does not hold there")
    says(host, "-I -c 192.0.2.0 -m 24 -p udp -l 9 -h 9 -t 0 -N eth0", added("UDP", True))
    equal(host.reason_of("eth0", "192.0.2.7", 9), "rule-pass", "one that names it does")

    says(host, "-6 eth0", [])
    says(host, "--ipv6-enable all", [])
    before = host.state()
    refused(host.zfw("-6", "eth0", "-d"), 1, "IPv6 is always decided", "-6 cannot be undone, and says so")
    for option in "Pq6":
        refused(host.zfw(f"-{option}", "eth7"), 1, "'eth7' is not up", f"-{option} of what is not up")
    same(before, host.state(), "and nothing is changed")


def attaching(host):
    """-X, -H and -Q, as the start scripts call them."""
    host.veth("eth0", "172.16.240.1/24")
    host.veth("eth1")
    host.run("tc", "qdisc", "add", "dev", "eth1", "clsact")
    before = host.state()
    says(host, "-Q", [NOT_UP], 1)
    attach = "-X eth0 -O /opt/openziti/bin/zfw_tc_ingress.o"
    refused(host.zfw(*f"{attach} -z egress".split()), 1, "", "what leaves alone is not taken up")
    same(before, host.state(), "and nothing is changed")
    done = host.zfw(*f"{attach} -z ingress".split())
    equal(done.returncode, 0, "-X -z ingress attaches")
    check("programs of its own, and does not read '/opt/openziti/bin/zfw_tc_ingress.o'" in done.stderr,
          "what it attaches is said")
    equal((host.iface("eth0")["state"], host.iface("eth0")["track"], host.programs("eth0", "egress")),
          ("attached", False, []), "for what comes in")
    equal(host.zfw(*f"{attach} -z egress".split()).returncode, 0, "-X -z egress attaches, too")
    equal((host.iface("eth0")["track"], len(host.programs("eth0", "egress"))), (True, 1),
          "so that what leaves is tracked")
    equal((host.zfw(*f"{attach} -z ingress".split()).returncode, host.iface("eth0")["track"]), (0, True),
          "again, and nothing is lost")
    equal((host.zfw(*"-X eth0 -z egress -d".split()).returncode, host.iface("eth0")["track"]), (0, False),
          "-X -z egress -d: no longer")
    equal((host.zfw(*"-X eth0 -z ingress -d".split()).returncode, host.iface("eth0")), (0, None),
          "-X -z ingress -d takes it off")
    equal((host.zfw("-H", "eth0").returncode, host.iface("eth0")["track"]), (0, True), "-H: both at once")
    for words, said in (("-H all", "-H all would"), ("-X all -O x.o -z ingress", "-X all would"),
                        ("-H eth7", "eth7"), ("-X eth7 -O x.o -z ingress", "eth7"),
                        ("-X eth1 -z ingress -d", "eth1"), ("-M eth7", "eth7")):
        refused(host.zfw(*words.split()), 1, said, f"'zfw {words}' is refused")
    says(host, "-I -c 10.0.0.0 -m 8 -p tcp -l 80 -h 90 -t 0 -r", added("TCP"))
    equal(host.zfw("-Q").returncode, 0, "-Q takes off")
    same(before, host.state(), "all that is ours, and nothing else")


def routes(host):
    """-r: the destination is the host's own from now on."""
    host.router.enable_ipv6()
    up(host)

    def made():
        shown = host.run("ip", "route", "show", "table", "local", "proto", "119").stdout
        shown += host.run("ip", "-6", "route", "show", "table", "local", "proto", "119").stdout
        return [line.split()[1] for line in shown.splitlines()]

    host.run("ip", "route", "add", "local", "10.99.0.0/16", "dev", "lo")
    match = "-c 100.127.255.254 -m 32 -p udp -l 53 -h 53"
    says(host, f"-I {match} -t 0 -r", added("UDP"))
    equal(made(), ["100.127.255.254"], "-I -r makes a local route")
    says(host, f"-I {match} -t 0 -r", added("UDP", True))
    says(host, "-I -c 2001:db8:7::1 -m 48 -p udp -l 53 -h 53 -t 0 --route", added("UDP"))
    equal(made(), ["100.127.255.254", "2001:db8:7::/48"], "once; of IPv6, too")
    says(host, f"-D {match} -r", removed("UDP", 53, last=True))
    equal(made(), ["2001:db8:7::/48"], "-D -r removes it")
    refused(host.zfw(*f"-D {match} -r".split()), 1, "", "what is not there is not removed")
    says(host, "-I -c 10.98.0.0 -m 16 -p udp -l 53 -h 53 -t 0 -r", added("UDP"))
    says(host, "-F -z ingress -r", [])
    equal((host.rules(), made()), ([], []), "-F -r removes all of them")
    check("10.99.0.0/16" in host.run("ip", "route", "show", "table", "local").stdout, "and no others")
    done = host.run("env", "PATH=/nowhere", host.lab.program("zfw"), *f"-I {match} -t 0 -r".split(), ok=False)
    refused(done, 1, "the rule is in force, but there is no local route", "a part that fails is told")
    equal(len(host.rules()), 1, "and so is the part that was done")


def monitoring(host):
    up(host)
    says(host, "-v eth0", [])
    for target in ("all", "eth0"):
        watching = host.router.start(host.lab.program("zfw"), "-M", target)
        sending = commands.Traffic(host, "eth0", [("192.0.2.7", 9)], pause=0.05)
        with sending:
            check("192.0.2.7:9" in watching.wait_line("no-rule"), f"-M {target} shows decisions, a line each")
        watching.stop()


def examples(host):
    """Those of the specification."""
    up(host)
    one = "-c 172.16.240.1 -m 32 -o 10.1.1.1 -n 32 -p tcp -l 22"
    says(host, f"-I {one} -h 22 -t 0", added("TCP"))
    equal(host.rules(), ["pass tcp to 172.16.240.1/32 port 22 from 10.1.1.1/32"], "-t 0 passes")
    says(host, f"-D {one}", removed("TCP", 22, last=True))
    says(host, "172.16.240.0 24 5060 5060 58997 17", added("UDP"), program="map_update")
    equal(host.rules(), ["intercept udp to 172.16.240.0/24 port 5060 via 127.0.0.1:58997"],
          "map_update's rule")
    says(host, "172.16.240.9 24 5060 5070 58998 17", added("UDP", True), program="map_update")
    says(host, "172.16.240.0 24 80 80 0 6", added("TCP"), program="map_update")
    says(host, "172.16.240.0 24 5060 17", removed("UDP", 5060, 5060, last=True),
         program="map_delete_elem")
    says(host, "172.16.240.0 24 80 6", removed("TCP", 80, last=True), program="map_delete_elem")
    says(host, "172.16.240.0 24 80 6", [MISSING], 1, program="map_delete_elem")
    equal(host.rules(), [], "nothing is left")
    for program, words, said in (
        ("map_update", "172.16.240.0 24 5060 5060 58997", "^usage: map_update"),
        ("map_delete_elem", "172.16.240.0 24 5060", "^usage: map_delete_elem"),
        ("map_update", "", "^usage"),
        ("map_update", "172.16.240.0 24 5060 5060 58997 1", "protocol '1'"),
        ("map_update", "172.16.240.0 24 5061 5060 58997 17", "5061 is above"),
        ("map_delete_elem", "172.16.240.300 24 5060 17", "172.16.240.300"),
    ):
        done = host.zfw(*words.split(), program=program)
        refused(done, 1, said, f"{program} {words}: is refused")
        equal(done.stdout, "", "with nothing on stdout")


def deleting(host):
    up(host)
    common = "-c 10.9.0.0 -m 24 -p tcp"
    for high in (443, 8443):
        host.zfw(*f"-I {common} -l 443 -h {high} -t 4000".split())
    host.zfw(*f"-I {common} -l 443 -h 443 -t 4000 -N eth0".split())
    host.zfw(*f"-I {common} -l 444 -h 450 -t 4000".split())
    equal(len(host.rules()), 4, "443-443, 443-8443 and 443-443 on eth0 are beside each other")
    says(host, f"-D {common} -l 443 -h 8443", removed("TCP", 443))
    equal(len(host.rules()), 3, "-D with -h removes the range that ends there")
    says(host, f"-D {common} -l 443 -N eth0", removed("TCP", 443))
    equal(host.rules()[0], "intercept tcp to 10.9.0.0/24 port 443 via 127.0.0.1:4000",
          "-D with -N removes the one of that list")
    host.zfw(*f"-I {common} -l 443 -h 8443 -t 4000 -N eth0".split())
    says(host, f"-D {common} -l 443", removed("TCP", 443, 443))
    equal(host.rules(), ["intercept tcp to 10.9.0.0/24 port 444-450 via 127.0.0.1:4000"],
          "-D without -h and -N removes every range from that port")
    says(host, f"-D {common} -l 445", ["lookup success", "Attempting to remove TCP mapping"], 1)
    says(host, f"-D {common} -l 444 -h 451", ["lookup success", "Attempting to remove TCP mapping"], 1)
    says(host, "-D -c 10.9.0.0 -m 25 -p tcp -l 444", [MISSING], 1)
    says(host, "-D -c 10.9.0.0 -m 24 -p udp -l 444", [MISSING], 1)
    says(host, "-D -c 10.9.0.0 -m 24 -o 10.0.0.0 -n 8 -p tcp -l 444", [MISSING], 1)
    equal(len(host.rules()), 1, "what does not match stays")


def spellings(host):
    """Long forms, any order, both cases of the protocol."""
    up(host)
    says(host, "--service-id a --tproxy-port=43321 --protocol TCP --high-port 90 --low-port 80 "
               "--oprefix-len 24 --ocidr-block 10.1.1.0 --dprefix-len 24 --dcidr-block 10.2.2.0 "
               "--interface eth0 --interface eth1 --insert", added("TCP"))
    equal(host.rules(), ["intercept tcp to 10.2.2.0/24 port 80-90 via 127.0.0.1:43321 "
                         "from 10.1.1.0/24 on eth0,eth1 service a"], "what it says")
    says(host, "-l 80 -p TCP -n 24 -o 10.1.1.0 -m 24 -c 10.2.2.0 --delete -N eth1 -N eth0",
         removed("TCP", 80, last=True))
    says(host, "-I -c 10.2.2.0 -m 24 -p UDP -l 7 -h 7 -t 0 -d", added("UDP"))
    equal(host.rules(), ["deny udp to 10.2.2.0/24 port 7"], "-d denies")
    host.zfw(*"-I -c 10.2.2.0 -m 24 -p udp -l 8 -h 8 -t 0 -d -N eth0".split())
    equal(host.rules()[1], "deny udp to 10.2.2.0/24 port 8 on eth0", "and heeds -N")
    equal(host.zfw("--flush").returncode, 0, "--flush")
    equal(host.rules(), [], "removes all")
    for option, key, on in (("x", "ssh", False), ("e", "echo", True), ("v", "verbose", 1)):
        for target in ("eth0", "all"):
            says(host, f"-{option} {target}", [])
            equal(host.iface("eth0")[key], on, f"-{option} {target}: {key}")
            says(host, f"-{option} {target} -d", [])
            check(host.iface("eth0")[key] != on, "and -d undoes it")
    refused(host.zfw("-x", "eth7"), 1, "'eth7' is not up", "an interface that is not up")
    host.ifw("down", "eth0")
    refused(host.zfw("-x", "all"), 1, "no interface is up", "all, where none is up")


def listing(host):
    up(host)
    for words in ("-I -c 10.0.0.0 -m 8 -p tcp -l 80 -h 443 -t 43321 -s 5XzC8m -N eth0 -N eth1",
                  "-I -c 172.16.240.1 -m 32 -o 10.1.1.1 -n 32 -p udp -l 22 -h 22 -t 0",
                  "-I -c 10.0.0.0 -m 8 -p udp -l 9 -h 9 -d -t 0",
                  "-I -c 10.0.0.0 -m 8 -p tcp -l 9 -h 9 -d -t 0"):
        host.zfw(*words.split())
    done = host.zfw("-L")
    lines = done.stdout.splitlines()
    equal((done.returncode, lines[0].split()[:6]),
          (0, ["type", "service", "id", "proto", "origin", "destination"]), "-L has titles")
    equal([line.split() for line in lines[2:6]], [
        "accept 5XzC8m tcp 0.0.0.0/0 10.0.0.0/8 dpts=80:443 TPROXY redirect 127.0.0.1:43321 [eth0,eth1]".split(),
        "accept - udp 10.1.1.1/32 172.16.240.1/32 dpts=22:22 PASSTHRU to 172.16.240.1/32 []".split(),
        "deny - udp 0.0.0.0/0 10.0.0.0/8 dpts=9:9 PASSTHRU to 10.0.0.0/8 []".split(),
        "deny - tcp 0.0.0.0/0 10.0.0.0/8 dpts=9:9 PASSTHRU to 10.0.0.0/8 []".split(),
    ], "a line a rule, with all columns")
    equal(lines[6:], ["Rule Count: 4 / 262144", "prefix_tuple_count: 3 / 131072"], "and the trailer")

    def count(words):
        return len([l for l in host.zfw(*words.split()).stdout.splitlines() if "dpts" in l])

    equal([count(f"-L -c 10.0.0.0 -m 8{more}") for more in ("", " -p tcp", " -p udp")], [3, 2, 1],
          "-L of one prefix, and of one protocol")
    equal(count("-L -c 10.0.0.0 -m 9"), 0, "another length is another prefix")


def refusals(host):
    up(host)
    host.zfw(*"-I -c 10.0.0.0 -m 8 -p tcp -l 80 -h 90 -t 1".split())
    before = host.state()
    good = {"c": "10.2.0.0", "m": "16", "p": "tcp", "l": "80", "h": "80", "t": "4000"}
    for option, value, said in (
        ("l", "4294967376", "4294967376"), ("l", "65536", "65536"), ("l", "-1", "-1"), ("l", "8x", "8x"),
        ("l", "81", "81 is above"), ("h", "65616", "65616"), ("t", "70000", "70000"), ("m", "33", "33"),
        ("m", "", "''"), ("c", "10.2.0", "10.2.0"), ("c", "fe80:::1", "IPv6"), ("c", "host", "host"),
        ("p", "icmp", "icmp"), ("N", "waytoolonganame0", "waytoolonganame0"), ("o", "10.0.0.0", "-n"),
        ("s", "x" * 200, "characters"),
    ):
        words = [w for o, v in {**good, option: value}.items() for w in (f"-{o}", v)]
        refused(host.zfw("-I", *words), 1, re.escape(said), f"-{option} {value[:20]} is refused")
    for missing in good:
        words = [w for o, v in good.items() if o != missing for w in (f"-{o}", v)]
        refused(host.zfw("-I", *words), 1, f"-{missing}", f"so is -I without -{missing}")
    for words, said in (("", "usage"), ("-I -D", "together"), ("-L extra", "extra"), ("-k", "-k"),
                        ("-y", "-y"), ("-F -c 10.0.0.0 -m 8", "-c"), ("--what", "--what"),
                        ("-c 10.0.0.0", "-I"), ("-L -z sideways", "sideways"), ("-I -c", "-c")):
        refused(host.zfw(*words.split()), 1, said, f"'zfw {words}' is refused")
    same(before, host.state(), "nothing is changed by any of them")


def many_ranges(host):
    """The older tool had room for 100 ranges a prefix."""
    up(host)
    host.ifw("apply", "-", input="".join(
        f"intercept tcp to 10.9.0.0/24 port {port} via 4000\n" for port in range(1000, 3000, 2)))
    says(host, "-I -c 10.9.0.0 -m 24 -p tcp -l 3000 -h 3000 -t 4000", added("TCP", True))
    says(host, "-I -c 10.9.0.0 -m 24 -p tcp -l 1 -h 1 -t 4000", added("TCP", True))
    equal(len(host.rules()), 1002, "the 1,002nd range of a prefix is there")
    equal([host.reason_of("eth0", "10.9.0.1", port, "tcp") for port in (1, 2, 1000, 1001, 2998, 3000)],
          ["no-listener", "no-rule"] * 2 + ["no-listener"] * 2, "and each is in force")


def overlapping(host):
    up(host)
    program = host.lab.program("zfw")
    running = [
        host.router.start(program, *f"-I -c 10.9.{i % 2}.0 -m 24 -p tcp -l {100 + i} -h {100 + i} "
                                    f"-t 4000".split())
        for i in range(16)
    ]
    equal([one.popen.wait(laboratory.PATIENCE) for one in running], [0] * 16, "16 calls at once end with 0")
    equal(sorted(int(rule.split(" port ")[1].split()[0]) for rule in host.rules()),
          list(range(100, 116)), "and none is lost")


def not_up(host):
    host.veth("eth0")
    add = "-I -c 10.0.0.0 -m 8 -p tcp -l 80 -h 90 -t 1"
    for words in (add, "-D -c 10.0.0.0 -m 8 -p tcp -l 80", "-L", "-F", "-x eth0"):
        says(host, words, [NOT_UP], 1)
    says(host, "10.0.0.0 8 1 1 1 6", [NOT_UP], 1, "map_update")
    says(host, "10.0.0.0 8 1 6", [NOT_UP], 1, "map_delete_elem")
    equal((host.zfw("-V").returncode, commands.pins()), (0, []), "-V works all the same")
    host.ifw("up", "eth0")
    zfw = pathlib.Path("/run/zfw")  # where nobody can read it
    zfw.write_bytes(pathlib.Path(host.lab.program("zfw")).read_bytes())
    zfw.chmod(0o755)
    nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups".split()
    done = host.run(*nobody, zfw, *add.split(), ok=False)
    equal((done.returncode, done.stdout.strip()), (1, NOT_UP), "nor has it privileges for nobody")
    equal(host.rules(), [], "and adds nothing")


def outward(host):
    """-z egress: rules for what leaves, beside the same ones for what comes in; -b: what no rule passes stays."""
    up(host)
    match = "-c 203.0.113.0 -m 24 -o 0.0.0.0 -n 0 -p udp -l 9 -h 9"
    says(host, f"-I {match} -t 43321 -s in", added("UDP"))
    says(host, f"-I {match} -t 0 -s out -z egress", added("UDP"))
    both = ["intercept udp to 203.0.113.0/24 port 9 via 127.0.0.1:43321 service in",
            "egress pass udp to 203.0.113.0/24 port 9 service out"]
    equal(host.rules(), both, "two rules of one match, for either direction")
    says(host, f"-I {match} -t 0 -s out -d -z egress", added("UDP", True))
    equal(host.rules()[1], "egress deny udp to 203.0.113.0/24 port 9 service out", "-d denies")
    for words, one in (("-L", "in"), ("-L -z egress", "out")):
        listed = [line.split()[1] for line in host.zfw(*words.split()).stdout.splitlines() if "dpts" in line]
        equal(listed, [one], f"zfw {words} lists that direction")
    refused(host.zfw(*f"-I {match} -t 43321 -s x -z egress".split()), 1, "no listener", "what leaves has no listener")
    says(host, f"-D {match} -z egress", removed("UDP", 9, last=True))
    equal(host.rules(), both[:1], "-D -z egress removes that one")
    says(host, f"-I {match} -t 0 -s out -z egress", added("UDP"))
    host.zfw("-F", "-z", "egress")
    equal(host.rules(), both[:1], "-F -z egress leaves the others")

    equal(host.iface("eth0")["egress_default"], "pass", "everything leaves")
    equal(host.zfw("-b", "eth0").returncode, 0, "-b eth0")
    equal(host.iface("eth0")["egress_default"], "deny", "then only what a rule passes")
    equal(host.zfw("-b", "all", "-d").returncode, 0, "-b all -d")
    equal(host.iface("eth0")["egress_default"], "pass", "then everything again")
    refused(host.zfw("-b", "eth7"), 1, "eth7", "an interface that is not up")

    host.ifw("iface", "set", "eth0", "track", "off")
    for words in (f"-I {match} -t 0 -s out -z egress", "-b eth0"):
        refused(host.zfw(*words.split()), 1, "ifw ", f"zfw {words} where nothing is attached for it")
    equal((host.rules(), host.iface("eth0")["egress_default"]), (both[:1], "pass"), "and nothing is changed")


laboratory.main(
    commands.parts(router_calls, outward, tunnel_calls, examples, deleting, spellings, listing, refusals,
                   many_ranges, overlapping, not_up, interfaces, attaching, routes, monitoring)
)
