# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`ifw doctor` names what is broken of ifw's own and around it, and shows what mends it."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess

import bpfcalls
import commands
import doctor
import lab as laboratory
import network
from doctor import FILTERS, NEVER_WRONG, all_broken, fixed, healthy, in_sources, listed, look, mended, named, wrong
from lab import check, equal
from network import FAMILIES, IPV4, PROXY_PORT, intercepted

RULE = "priority 100 iif eth0 fwmark 0x20/0x20 lookup 7100 protocol 119"
SK_ASSIGN = 124  # BPF_FUNC_sk_assign
ROUTE = "local default dev lo table 7100 proto 119"


def ip(net, words):
    net.lab.router.run("ip", *words.split())


def detach(name):
    """As other software might: the link is there, and leads nowhere."""
    (pin,) = pathlib.Path("/sys/fs/bpf").rglob(name)
    link = bpfcalls.open_pin(pin)
    bpfcalls.call(network.LINK_DETACH, link.to_bytes(4, "little"))
    os.close(link)


def check_policy(net):
    for option in ("-4", "-6"):
        ip(net, f"{option} rule del {RULE}")
        mended(net, f"no policy rule {option}", "policy-rule")
        ip(net, f"{option} route del {ROUTE}")
        fixed(net, f"no policy route {option}", "policy-route")


def check_programs(net, has_tcx):
    if has_tcx:
        ifindex = net.lab.router.ifindex("eth0")
        detach(f"link_{ifindex}")
        mended(net, "program detached", "attached")
        detach(f"link_{ifindex}")
        fixed(net, "program detached", "attached")
        detach(f"egress_{ifindex}")
        fixed(net, "program for what leaves detached", "egress")
    if list(pathlib.Path("/sys/fs/bpf").rglob("lookup")):
        detach("lookup")
        mended(net, "socket lookup detached", "socket-lookup", state="warning")
        network.detach_lookup()
        fixed(net, "socket lookup detached", "socket-lookup", iface="eth0", state="warning")
    ip(net, "address add 172.16.240.77/24 dev eth0")
    mended(net, "an address came", "addresses", state="warning", says="172.16.240.77")
    ip(net, "address del 172.16.240.77/24 dev eth0")
    fixed(net, "an address has gone", "addresses", state="warning", says="172.16.240.77")


def check_link(net):
    router = net.lab.router
    router.sysctl("net.ipv6.conf.eth0.keep_addr_on_down", 1)
    ip(net, "link set eth0 down")
    found = named(net, "interface down", "link", only=False)
    router.run("sh", "-c", found["command"])
    laboratory.wait_for(lambda: "fe80" in router.run("ip", "-6", "address", "show", "eth0").stdout,
                        "the link-local address")
    net.lab.ifw("doctor", "--fix")  # addresses went, and came again
    healthy(net, "interface up again")


def check_before(net, has_tcx):
    if has_tcx:
        program = bpfcalls.CountingProgram(bpfcalls.CONTINUE)
        link = program.attach_tcx(net.lab.router.ifindex("eth0"), bpfcalls.BEFORE)
        mended(net, "another TCX program first", "before", state="warning")
        os.close(link)
    with contextlib.closing(bpfcalls.XdpDropper(net.lab.router.ifindex("eth0"))):
        named(net, "an XDP program", "before", state="warning", says="XDP")
    for kind, broken in (("a filter of tc", check_filter_before), ("a TCX program", check_tcx_before_clsact)):
        if kind != "a TCX program" or has_tcx:
            net.lab.ifw("down", "eth0")
            net.lab.ifw("up", "eth0", "--hook", "clsact")
            healthy(net, f"on clsact, before {kind}")
            broken(net)
    net.lab.ifw("down", "eth0")
    net.lab.ifw("up", "eth0")


def check_filter_before(net):
    bpfcalls.CountingProgram(bpfcalls.CONTINUE).attach_filter(net.lab.router, "eth0", 65000)
    healthy(net, "a filter of tc behind ours")
    bpfcalls.CountingProgram(bpfcalls.CONTINUE).attach_filter(net.lab.router, "eth0", 7)
    mended(net, "a filter of tc first", "before", state="warning", says="tc filter 'bpf theirs_")
    for priority in (7, 65000):
        net.lab.router.run(*f"tc filter del dev eth0 ingress prio {priority}".split())


def check_tcx_before_clsact(net):
    link = bpfcalls.CountingProgram(bpfcalls.CONTINUE).attach_tcx(net.lab.router.ifindex("eth0"))
    mended(net, "a TCX program, and ours on clsact", "before", state="warning", says="TCX program")
    os.close(link)


def check_settings(net):
    router = net.lab.router
    for where in ("eth0", "all"):
        router.sysctl(f"net.ipv4.conf.{where}.rp_filter", 1)
        mended(net, f"strict rp_filter on {where}", "rp_filter", state="warning")
        router.sysctl(f"net.ipv4.conf.{where}.rp_filter", 0)
        router.sysctl("net.ipv4.conf.eth0.rp_filter", 0)
    for rule in ("priority 90 fwmark 0x20/0x20 lookup 7100",
                 "priority 90 iif lo fwmark 0x20/0x20 lookup 7100"):
        router.sysctl("net.ipv4.tcp_fwmark_accept", 1)
        router.sysctl("net.ipv4.conf.eth0.src_valid_mark", 1)
        healthy(net, "settings of marks do no harm alone")
        ip(net, f"rule add {rule}")
        found = named(net, f"src_valid_mark and {rule}", "src_valid_mark", only=False)
        router.run("sh", "-c", found["command"])
        mended(net, f"tcp_fwmark_accept and {rule}", "tcp_fwmark_accept")
        ip(net, f"rule del {rule}")
    net.rule(f"pass tcp to {IPV4.server} port 7000")
    router.sysctl("net.ipv4.ip_forward", 0)
    mended(net, "forwarding off", "forwarding", state="warning", says="IPv4")
    net.rule(f"pass tcp to {network.IPV6.server} port 7000")
    router.sysctl("net.ipv6.conf.all.forwarding", 0)
    mended(net, "IPv6 forwarding off", "forwarding", state="warning", says="IPv6")


def check_ipv6_off(net):
    """Its addresses go with it, and have to be given again."""
    router = net.lab.router
    router.sysctl("net.ipv6.conf.eth0.disable_ipv6", 1)
    found = named(net, "IPv6 switched off", "ipv6", only=False, says="switched off")
    equal(wrong(look(net)[0]) - {("addresses", "eth0")}, {("ipv6", "eth0")}, "IPv6 switched off, and nothing that follows from it")
    router.run("sh", "-c", found["command"])
    family = network.IPV6
    router.configure("eth0", *(f"{one}/{net.length(one)}" for one in (family.router, family.router_too)))
    net.meet()
    net.lab.ifw("doctor", "--fix")
    healthy(net, "IPv6 switched on again")


def check_route(net):
    """Another policy rule, before ours."""
    for family in FAMILIES:
        option = "-6" if family is network.IPV6 else "-4"
        other = f"priority 50 iif eth0 to {family.prefix} lookup 77"
        ip(net, f"{option} route add default via {family.server} dev eth1 table 77")
        ip(net, f"{option} rule add {other}")
        named(net, f"another policy rule first {option}", "route", says="table 77")
        ip(net, f"{option} rule del {other}")
        healthy(net, f"without it {option}")


def check_source(net):
    """The kernel takes the clients for itself, as routes of anycast addresses make it do."""
    route = f"local {IPV4.client}/32 dev lo table local"
    everybody = "local 172.16.240.0/24 dev lo table local"
    ip(net, f"route add {everybody}")
    found = named(net, "neighbours taken for this host", "source", says="(martian)")
    check("local" in net.lab.router.run(*found["command"].split()).stdout, f"`{found['command']}` shows why")
    ip(net, f"route add {route}")
    check(net.tcp((IPV4.far, 80), seconds=network.QUIET) is None, "and no client comes to the proxy")
    ip(net, f"route del {route}")
    ip(net, f"route del {everybody}")
    healthy(net, "neighbours are neighbours again")
    intercepted(net, "and clients come to the proxy", (IPV4.far, 80))


def check_way_back(net):
    """rp_filter where the way back to a neighbour is another one, or there is none."""
    router = net.lab.router
    for value, route, state, says in (
            (1, f"172.16.240.254/32 via {IPV4.server}", ("warning", "failed"), "not by that interface"),
            (2, "unreachable 172.16.240.254/32", "failed", "not there")):
        ip(net, f"route add {route}")
        healthy(net, f"rp_filter off and the route {route}")
        router.sysctl("net.ipv4.conf.eth0.rp_filter", value)
        mended(net, f"rp_filter {value} and the route {route}", "rp_filter", state=state, says=says)
        router.sysctl("net.ipv4.conf.eth0.rp_filter", 0)
        ip(net, f"route del {route}")


def check_listeners(net):
    port = PROXY_PORT + 10
    transparent = [c["found"] for c in look(net)[0] if c["check"] == "transparent"]
    rule = f"intercept tcp to 10.9.0.0/16 port 81 via 127.0.0.1:{port} service web"
    net.rule(rule)
    net.rule(f"intercept udp to 10.9.0.0/16 port 81 via 127.0.0.1:{port}")
    text = "no listener"
    named(net, text, "listener", iface=None)
    checks, status = look(net)
    missing = [c for c in checks if c["check"] == "listener" and c["state"] == "failed"]
    equal(sorted(c["found"].split(",")[0] for c in missing),
          [f"nobody listens on {kind} 127.0.0.1:{port}" for kind in ("tcp", "udp")], text)
    equal(status, 3, f"{text}: the exit status says so")
    equal([c["found"] for c in checks if c["check"] == "transparent"], transparent,
          f"{text}: nor is it counted as transparent")
    check("service web" in missing[0]["found"] + missing[1]["found"], f"{text}: the rule is shown")
    with network.transparent(net.lab.router, IPV4, socket.SOCK_DGRAM, ("127.0.0.1", port)):
        for transparent in (0, 1):
            with net.lab.router.socket(socket.AF_INET, socket.SOCK_STREAM) as made:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                made.setsockopt(socket.SOL_IP, network.IP_TRANSPARENT, transparent)
                made.bind(("127.0.0.1", port))
                made.listen()
                if transparent:
                    healthy(net, "a transparent listener")
                else:
                    found = named(net, "a listener that is not transparent", "transparent",
                                  iface=None)
                    net.lab.router.run("sh", "-c", found["command"])
    net.lab.ifw("rule", "del", rule)
    net.lab.ifw("rule", "del", "intercept", "udp", "to", "10.9.0.0/16", "port", "81", "via",
                f"127.0.0.1:{port}")


def check_upper(net):
    """A bridge or another device is made on top of eth0 after ifw came up there.

    Those that this kernel does not have are tried on others: tests/kernels/devices.py.
    """
    for kind, make, undo in (
            ("bridge", ["link add up0 type bridge", "link set eth0 master up0"], ["link set eth0 nomaster"]),
            ("bond", ["link add up0 type bond mode active-backup", "link set eth0 down",
                      "link set eth0 master up0"], ["link set eth0 nomaster"]),
            ("vlan", ["link add link eth0 name up0 type vlan id 7"], []),
            ("macvlan", ["link add link eth0 name up0 type macvlan"], []),
            ("macvtap", ["link add link eth0 name up0 type macvtap"], []),
            ("ipvlan", ["link add link eth0 name up0 type ipvlan"], [])):
        if net.lab.router.run("ip", *make[0].split(), ok=False).returncode:
            print(f"      (no {kind} here)")
            continue
        for words in (*make[1:], "link set up0 up"):
            ip(net, words)
        found = named(net, f"a {kind} on top", "upper", only=False, says="up0")
        equal(found["command"], "ifw up up0 && ifw down eth0", f"ifw goes to the {kind}")
        for words in (*undo, "link del up0"):
            ip(net, words)
        if kind == "bond":
            ip(net, "link set eth0 up")
            net.meet()
            net.lab.ifw("doctor", "--fix")
        healthy(net, f"no {kind} any more")


def check_names(net):
    """Rules take all names that there are, so that none is left for eth1."""
    names = ",".join(["eth0", *(f"none{i}" for i in range(62))])
    rule = f"pass tcp to {IPV4.router} port 1 on {names}"
    net.rule(rule)
    found = named(net, "no name is left", "names", iface=None, state="warning", says="1 interface is NOT filtered, among them eth1")
    net.lab.router.run(net.lab.program("ifw"), *found["command"].split()[1:])
    net.lab.ifw("rule", "del", rule)
    healthy(net, "names are left again")


def check_kernel(net):
    """One that says it is 2.6, and one that has no bpf_sk_assign()."""
    named(net, "an old kernel", "kernel", iface=None, only=False, says="ifw needs 5.10",
          under=("setarch", "--uname-2.6"))
    named(net, "a kernel without a helper", "helpers", iface=None, says="the kernel has no bpf_sk_assign",
          under=commands.disturbing(net, NO_HELPER=SK_ASSIGN))


def check_capabilities(net):
    """Root, but without one of them. SYS_ADMIN would do for two."""
    for number, name in ((12, "CAP_NET_ADMIN"), (38, "CAP_PERFMON"), (39, "CAP_BPF")):
        found = named(net, f"without {name}", "privilege", iface=None, state="not-seen", only=False,
                      says=f"{name} missing",
                      under=("setpriv", f"--bounding-set=-cap_{number},-cap_21", "--inh-caps=-all"))
        equal(found["command"], "sudo ifw doctor", f"without {name}: somebody else may")


def check_bpffs(net):
    """Where none is mounted, --fix does."""
    script = f"mount -t tmpfs none /sys/fs/bpf; {net.lab.program('ifw')} doctor -j"
    done = net.lab.router.run("unshare", "--mount", "sh", "-c", script, ok=False)
    checks = {c["check"]: c for c in json.loads(done.stdout)["checks"]}
    equal((done.returncode, checks["bpffs"]["state"], checks["bpffs"]["command"]),
          (3, "failed", "mount -t bpf bpf /sys/fs/bpf"), "no BPF file system is named")
    doctor.broken.add("bpffs")
    for mend in (checks["bpffs"]["command"], f"{net.lab.program('ifw')} doctor --fix >/dev/null"):
        done = net.lab.router.run("unshare", "--mount", "sh", "-c",
                                  script.replace("; ", f"; {mend}; "), ok=False)
        checks = {c["check"]: c for c in json.loads(done.stdout)["checks"]}
        equal(checks["bpffs"]["state"], "ok", f"`{mend}` mends it")


def check_lo(net):
    ip(net, "link set lo down")
    found = named(net, "lo down", "lo", iface=None, only=False)
    net.lab.router.run("sh", "-c", found["command"])
    named(net, "lo up again, and its routes gone", "policy-route", only=False)
    net.lab.ifw("doctor", "--fix")
    healthy(net, "and mended")


def check_networkd(net):
    """Its files alone: it says there that it runs, and is told what to leave alone."""
    for where in ("/etc/systemd",):
        pathlib.Path(where).mkdir(parents=True, exist_ok=True)
        net.lab.router.run("mount", "-t", "tmpfs", "none", where)
    pathlib.Path("/run/systemd/netif").mkdir(parents=True)
    healthy(net, "networkd does not run")
    state = pathlib.Path("/run/systemd/netif/state")
    state.write_text("OPER_STATE=routable\n", encoding="utf-8")
    mended(net, "networkd runs", "networkd", iface=None, state="warning", says="policy rules and routes")
    conf = pathlib.Path("/etc/systemd/networkd.conf.d")
    late = conf / "zz.conf"
    late.write_text("[Network]\nManageForeignRoutingPolicyRules = yes\n", encoding="utf-8")
    named(net, "a later file says otherwise", "networkd", iface=None, state="warning",
          says="leave policy rules of")
    late.write_text("[Other]\nManageForeignRoutes=yes\n#[Network]\n# ManageForeignRoutes=yes\n",
                    encoding="utf-8")
    healthy(net, "what is not said in [Network] does not count")
    state.unlink()


def check_abi(net):
    """Pins of a version that ours does not know."""
    meta = next(pathlib.Path("/sys/fs/bpf").rglob("meta"))
    ours = bpfcalls.set_abi(meta, 999)
    found = named(net, "another ABI", "state", iface=None, says="ABI 999")
    equal(found["command"], None, "which only the ifw that made it knows")
    bpfcalls.set_abi(meta, ours)
    healthy(net, "our ABI again")


def check_unprivileged(net):
    done = subprocess.run(
        ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--no-new-privs",
         "--bounding-set=-all", "--inh-caps=-all", net.lab.program("ifw"), "doctor", "-j"],
        capture_output=True, text=True, check=False)
    checks = json.loads(done.stdout)["checks"]
    equal(done.returncode, 2, f"without privilege: could not look {done.stderr}")
    states = {c["check"]: c["state"] for c in checks}
    for name in ("privilege", "helpers", "state", "hook"):
        equal(states[name], "not-seen", f"without privilege '{name}' was not looked at")
    doctor.broken.add("hook")  # and where the kernel tells, there is always one
    equal(states["kernel"], "ok", "and what needs none was")


def check_words(net):
    """What people see, and what they may type."""
    shown = net.lab.ifw("doctor", "eth0").stdout
    check("this host\n" in shown and "\neth0\n" in shown and "\033" not in shown,
          "a part for the host, one for the interface, and no colour in a pipe")
    check(shown.rstrip().splitlines()[-1].endswith(" 0 warning, 0 failed"), "and a sum")
    for words, status in (((), 0), (("eth0",), 0), (("eth1",), 3), (("nonsense0",), 1),
                          (("--nonsense",), 1)):
        done = net.lab.ifw("doctor", *words, ok=False)
        equal(done.returncode, status, f"doctor {' '.join(words)} {done.stderr.strip()}")
    done = net.lab.ifw("doctor", "eth0", "nonsense0", ok=False)
    check(done.stdout == "" and "no interface 'nonsense0'" in done.stderr, "a name that is mistyped is said, and no more")
    ip(net, f"rule del {RULE}")
    shown = net.lab.ifw("doctor", ok=False).stdout
    check("\n  FAILED   policy-rule        IPv4: there is none" in shown and "# ifw up eth0\n" in shown,
          "what failed stands with its command")
    net.lab.ifw("up", "eth0")
    checks, _ = look(net)
    equal(sorted(in_sources() ^ listed()), [], "every check of the sources is in docs/doctor.md, and no other")
    equal(sorted({c["check"] for c in checks} - listed()), [], "and so is every one that is shown")
    equal([c["check"] for c in checks if not c["why"]], [], "and says why it matters")


def check_gone(net):
    """The last: the interface is made anew."""
    ip(net, "link set eth0 name wan0")
    named(net, "renamed", "link", only=False, says="wan0")
    ip(net, "link set wan0 name eth0")
    ip(net, "link del eth0")
    named(net, "gone", "link", only=False, says="no such interface")


def test(lab):
    net = network.Network(lab)
    net.intercept("tcp", 80)
    has_tcx = bool(bpfcalls.tcx_programs(lab.router.ifindex("eth0"), "ingress"))
    healthy(net, "at first")
    check_policy(net)
    check_programs(net, has_tcx)
    check_before(net, has_tcx)
    check_route(net)
    check_source(net)
    check_way_back(net)
    check_ipv6_off(net)
    check_listeners(net)
    check_settings(net)
    check_networkd(net)
    check_words(net)
    check_names(net)
    check_kernel(net)
    check_capabilities(net)
    check_bpffs(net)
    check_abi(net)
    check_unprivileged(net)
    check_upper(net)
    check_link(net)
    check_lo(net)
    check_gone(net)
    lab.ifw("down", "--all")
    equal(wrong(look(net)[0]), {("state", None)}, "where nothing is up, that is said")
    all_broken(listed() - FILTERS - NEVER_WRONG)


laboratory.main(test)
