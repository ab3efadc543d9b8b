# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`ifw doctor` names what is broken of ifw's own and around it, and shows what mends it."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess

import bpfcalls
import lab as laboratory
import network
from doctor import fixed, healthy, look, mended, named, wrong
from lab import check, equal
from network import FAMILIES, IPV4, PROXY_PORT

RULE = "priority 100 iif eth0 fwmark 0x20/0x20 lookup 7100 protocol 119"
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


def check_listeners(net):
    port = PROXY_PORT + 10
    transparent = [c["found"] for c in look(net)[0] if c["check"] == "transparent"]
    rule = f"intercept tcp to 10.9.0.0/16 port 81 via 127.0.0.1:{port} service web"
    net.rule(rule)
    net.rule(f"intercept udp to 10.9.0.0/16 port 81 via 127.0.0.1:{port}")
    text = "no listener"
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
    """A bridge is made on top of eth0 after ifw came up there."""
    ip(net, "link add br0 type bridge")
    ip(net, "link set br0 up")
    ip(net, "link set eth0 master br0")
    found = named(net, "a bridge port", "upper", only=False, says="br0")
    equal(found["command"], "ifw up br0 && ifw down eth0", "ifw goes to the bridge")
    ip(net, "link set eth0 nomaster")
    healthy(net, "no bridge port any more")


def check_bpffs(net):
    """Where none is mounted, --fix does."""
    script = f"mount -t tmpfs none /sys/fs/bpf; {net.lab.program('ifw')} doctor -j"
    done = net.lab.router.run("unshare", "--mount", "sh", "-c", script, ok=False)
    checks = {c["check"]: c for c in json.loads(done.stdout)["checks"]}
    equal((done.returncode, checks["bpffs"]["state"], checks["bpffs"]["command"]),
          (3, "failed", "mount -t bpf bpf /sys/fs/bpf"), "no BPF file system is named")
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
    for name in ("privilege", "helpers", "state"):
        equal(states[name], "not-seen", f"without privilege '{name}' was not looked at")
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
    page = pathlib.Path(__file__).resolve().parents[2] / "docs" / "doctor.md"
    checks, _ = look(net)
    missing = {c["check"] for c in checks} - set(
        line.split("`")[1] for line in page.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `"))
    equal(missing, set(), "every check is in docs/doctor.md")
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
    for family in FAMILIES:
        net.rule(f"intercept tcp to {family.prefix} port 80 {family.via()}")
    has_tcx = bool(bpfcalls.tcx_programs(lab.router.ifindex("eth0"), "ingress"))
    healthy(net, "at first")
    check_policy(net)
    check_programs(net, has_tcx)
    check_before(net, has_tcx)
    check_route(net)
    check_ipv6_off(net)
    check_listeners(net)
    check_settings(net)
    check_networkd(net)
    check_words(net)
    check_bpffs(net)
    check_abi(net)
    check_unprivileged(net)
    check_upper(net)
    check_link(net)
    check_lo(net)
    check_gone(net)
    lab.ifw("down", "--all")
    equal(wrong(look(net)[0]), {("state", None)}, "where nothing is up, that is said")


laboratory.main(test)
