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
    for words in ("-Q", "-X eth0 -O x.o -z ingress", "-T eth0", "-6 eth0", "-q eth0", "-A",
                  "-B 10.0.0.1 -m 32", "-J 10.0.0.1 -m 32", "-F -j", "-L -E", "-P eth0", "-M all", "-H eth0",
                  "-r -I -c 10.0.0.0 -m 8 -l 1 -h 2 -t 0 -p tcp", "--per-interface-rules eth0",
                  "--monitor all", "--route", "--list-diag", "--init-tc"):
        option = next(o for o in words.split() if o.lstrip("-")[0] in "QXT6qABJjEPMHr" or "--" in o)
        refused(host.zfw(*words.split()), 1, f"option {option} is not implemented", f"{words} is refused, by name")
    same(before, host.state(), "and nothing is changed")


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
                   many_ranges, overlapping, not_up)
)
