# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Random worlds and rules, as text.

Addresses, ports and prefixes come from short lists, so that rules overlap,
packets hit them, and each list holds the values on both sides of a boundary.
"""

import ipaddress

from flows import TIMEOUTS

OWN = {4: ["172.16.240.1", "172.16.240.9", "10.7.0.1"], 6: ["2001:db8:f0::1", "2001:db8:f0::9", "fe80::1"]}
LENGTHS = {4: [24, 28, 31, 32, 16], 6: [64, 128, 127, 48]}
FAR = {
    4: ["10.7.0.9", "10.7.0.10", "10.8.0.9", "172.16.240.50", "192.168.5.77", "10.7.255.255"],
    6: ["2001:db8:7::9", "2001:db8:7::a", "2001:db8:8::9", "2001:db8:f0::50", "fe80::50"],
}
ODD = {
    4: ["172.16.240.255", "255.255.255.255", "224.0.0.1", "239.255.255.255", "240.0.0.0"]
    + ["0.0.0.0", "0.0.0.1", "0.255.255.255", "1.0.0.0", "126.255.255.255", "127.0.0.1"]
    + ["127.255.255.255", "128.0.0.0", "223.255.255.255", "255.255.255.254", "172.16.240.15"],
    6: ["ff02::1", "ff0e::fb", "::", "::1", "::2", "::ffff:10.7.0.9", "::fffe:a07:9", "feff::1"]
    + ["ff02::1:ff00:1", "fe7f::1", "febf:ffff::1", "fec0::1", "0:0:0:1::1", "2001:db8:7::"],
}
PORTS = [80, 81, 443, 22, 53, 5000, 6081, 68, 546, 8080, 65535, 40000, 1]
LISTENER_PORTS = [43321, 43322, 80]
LOOPBACKS = {4: "127.0.0.1", 6: "::1"}
ANY = {4: "0.0.0.0", 6: "::"}
PROTOCOLS = [50, 47, 1, 58, 51, 2, 132, 255, 4]
ETHERTYPES = ["0x88cc", "0x888e", "0x8863", "0x8847"]
OTHER = "eth9"  # the second interface of every world

READ = {
    name: {version: [ipaddress.ip_address(text) for text in texts] for version, texts in one.items()}
    for name, one in (("far", FAR), ("own", OWN), ("odd", ODD))
}


def at(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def network(address, length):
    return str(ipaddress.ip_network(f"{address}/{length}", strict=False))


def family(c):
    return c.pick([4, 6])


def _interface(c, name):
    words = [f"interface {name} index {1 if name == 'lo' else 9 if name == OTHER else 2}"]
    kind = c.number(10)
    if kind == 9 and name not in ("tun0", OTHER):
        return words[0] + " no settings", False
    if kind == 8:
        words.append("addresses unknown")
    elif kind != 7:
        usual = ["172.16.249.1"] if name == OTHER else [OWN[4][0], OWN[6][0]]
        wanted = [usual, *([] for _ in range(3))][c.number(2)]
        for address in wanted or c.some(OWN[4] + OWN[6], 4):
            words.append(f"address {address}/{c.pick(LENGTHS[6 if ':' in address else 4])}")
    if name == "tun0" or (name == OTHER and c.rarely(6)):
        words.append("link raw")
    return " ".join(words), True


def _prefix(c, version):
    if c.rarely(16):
        return f"{ANY[version]}/0"
    address = c.pick(FAR[version] + OWN[version] + ODD[version][:5])
    full = 32 if version == 4 else 128
    lengths = [full, 8, 16, full - 1, full - 8, 1, 9, 15, 17, 24, 31, 25]
    lengths += [] if version == 4 else [32, 33, 63, 64, 65, 127, 48]
    return network(address, min(c.pick(lengths), full))


def _settings(c, name):
    lines = []
    if c.rarely(4):
        lines.append(f"set {name} ssh off")
    if c.number(2):
        lines.append(f"set {name} echo on")
    geneve = c.number(4)
    if geneve in (1, 2):
        lines.append(f"set {name} geneve on")
    elif geneve == 3:
        sources = list(dict.fromkeys(_prefix(c, family(c)) for _ in range(1 + c.number(3))))
        lines.append(f"set {name} geneve from {','.join(sources)}")
    for setting, values in (("pass-protocol", PROTOCOLS), ("pass-ethertype", ETHERTYPES)):
        chosen = c.some(values, 3)
        if chosen:
            lines.append(f"set {name} {setting} {','.join(str(value) for value in chosen)}")
    if c.number(6):
        lines.append(f"set {name} track on")
    if c.rarely(4):
        lines.append(f"set {name} egress-default deny")
    if c.rarely(4):
        lines.append(f"set {name} named-rules on")
    if c.rarely(4):
        mark, mask = c.pick([(0x20, 0xFF), (0, 1), (0x80000000, 0x80000001), (7, 0xFFFFFFFF)])
        lines.append(f"set {name} mark {mark:#x} mask {mask:#x}")
    return lines


def _tracking(c):
    """Settings of tracking, and flows that are known already."""
    lines = []
    if c.rarely(4):
        lines.append("track pick-up off")
    if c.rarely(6):
        lines.append("track liberal on")
    lines += [f"track timeout {state} {c.pick([5, 1, 40])}" for state in c.some(list(TIMEOUTS), 3)]
    flows = {}
    for _ in range(c.number(4)):
        version, kind = family(c), c.pick(["tcp", "udp", "icmp"])
        near, far = c.pick(OWN[version] + FAR[version][2:]), c.pick(FAR[version][:2])
        ports = c.pick(PORTS), c.pick(PORTS)
        ends = f"{at(near, ports[0])} {at(far, ports[1])}"
        if kind == "icmp":
            ends = f"{near} {far} id {c.pick([7, 0, 65535])}"
        words = ["flow", kind, ends]
        states = [s for s in TIMEOUTS if s.startswith(kind)] or list(TIMEOUTS)[:10]
        words += ["state " + c.pick(states)] if c.rarely(3) else []
        words += [f"idle {c.pick([1, 29, 30, 119])}"] if c.rarely(3) else []
        words += [c.pick(["forwarded", "came-in", "no-peer"])] if c.number(2) else []
        flows.setdefault((kind, near, far), " ".join(words))
    return lines + list(flows.values())


def _sockets(c, shared_in):
    """Lines by what may exist once only: two sockets cannot have one address and port."""
    sockets = {}
    for _ in range(c.pick([10, 16, 5, 0])):
        version, protocol = family(c), c.pick(["tcp", "udp"])
        shared = " reuseport" if c.rarely(shared_in) else ""
        if c.number(2):
            local = at(c.pick(OWN[version] + FAR[version][:3]), c.pick(PORTS))
            remote = at(c.pick(FAR[version]), c.pick(PORTS))
            states = ["established"] * 3 + ["syn-sent", "syn-recv", "time-wait"]
            state = c.pick(states) if protocol == "tcp" else "connected"
            if state not in ("established", "connected"):
                shared = ""
            sockets[protocol, local, remote] = f"socket {protocol} {state} {local} {remote}{shared}"
        else:
            address = c.pick([LOOPBACKS[version]] * 3 + [ANY[version]] * 2 + [OWN[version][0]])
            port = c.pick(LISTENER_PORTS + LISTENER_PORTS[:2] + [5000])
            state = "listen" if protocol == "tcp" else "bound"
            only = " v6only" if address == "::" and c.number(2) else ""
            line = f"socket {protocol} {state} {at(address, port)}{shared}{only}"
            if not any(key[:2] == (protocol, port) for key in sockets):
                sockets[protocol, port, address] = line
            elif not any(key == (protocol, port, address) for key in sockets):
                # A second address of one port: both exact, so that neither shuts the other out.
                others = [key[2] for key in sockets if key[:2] == (protocol, port)]
                if ANY[4] not in (address, *others) and ANY[6] not in (address, *others):
                    sockets[protocol, port, address] = line
    return list(sockets.values())


def world(c):
    """Name of the interface that most packets meet, and the world's lines."""
    name = c.pick(["eth0"] * 5 + ["tun0", "lo"])
    line, settings = _interface(c, name)
    lines = [line, _interface(c, OTHER)[0]]
    if settings:
        lines += _settings(c, name)
    lines += _settings(c, OTHER) + _tracking(c)
    old = c.rarely(3)
    lines += _sockets(c, 2 if old else 8)  # old kernels refuse to assign these
    if old:
        lines.append(f"kernel {c.pick(['6.1', '6.3', '6.6', '5.10', '6.5', '6.2'])}")
    return name, lines


def _rule(c, name):
    """What identifies the rule, and its text as ifw prints it."""
    version, protocol = family(c), c.pick(["tcp", "udp"])
    action = c.pick(["intercept", "intercept", "pass", "deny"])
    egress = c.number(4) == 3
    if egress:
        action = "egress " + c.pick(["deny", "pass"])
    destination = _prefix(c, version)
    low = c.pick(PORTS)
    high = low if c.number(2) else min(65535, c.pick([low + 1, low + 10, 65535, low + 400]))
    text = f"{action} {protocol} to {destination} port {low}"
    if high > low:
        text += f"-{high}"
    if action == "intercept":
        text += f" via {at(LOOPBACKS[version], c.pick(LISTENER_PORTS))}"
    source = None
    if c.rarely(3):
        source = _prefix(c, version)
        source = None if source.endswith("/0") else source
    if source:
        text += f" from {source}"
    on = [None, None, None, name, OTHER, ",".join(sorted({name, OTHER}))][c.number(6)]
    if on:
        text += f" on {on}"
    return (egress, protocol, destination, source, low, high, on), text


def rules(c, name, settings):
    """Rules by what identifies them."""
    found = {}
    for _ in range(c.pick([8, 16, 4, 24, 0])):
        key, text = _rule(c, name if settings else OTHER)
        found.setdefault(key, text)
    return found


def other_rules(c, name, settings, before):
    """Some of them, in another order perhaps, and new ones."""
    kept = {key: text for key, text in before.items() if c.number(4)}
    if c.number(2):
        kept = dict(reversed(kept.items()))
    return {**kept, **rules(c, name, settings)} if c.rarely(3) else kept
