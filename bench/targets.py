# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What ifw is held to, as ratios of figures of the same run, or as times."""

# Of the better of these:
PEERS = ("nft-set", "nft-concat", "ipset")
HIT, MISS, GROWTH, LOAD, PROCESS = 0.5, 0.7, 1.3, 1.0, 1.0
TRACKED, TRACKED_GROWTH = 0.5, 1.3
SIMULATED = 500  # ns a packet: two million a second
FEW_FLOWS, MANY_FLOWS = "tracked-1000", "tracked-1000000"


def target(what, measured, limit):
    return {"what": what, "measured": measured, "limit": limit, "ok": measured <= limit}


def beside_peers(title, engines, kind, limit):
    """Over the floor, ifw beside the best peer."""
    peers = {name: engines[name][kind]["over"]["median"] for name in PEERS
             if "over" in engines.get(name, {}).get(kind, {})}
    if not peers or "over" not in engines.get("ifw", {}).get(kind, {}):
        return []
    best = min(peers, key=peers.get)
    if peers[best] <= 0:
        return []  # within the noise of the floor: no ratio
    measured = engines["ifw"][kind]["over"]["median"] / peers[best]
    return [target(f"{title}: {kind} over the floor, beside {best}", measured, limit)]


def growth(packets):
    """The whole packet with 100,000 rules beside one rule."""
    found = []
    for kind in ("hit", "miss"):
        costs = [packets.get(name, {}).get("engines", {}).get("ifw", {}).get(kind)
                 for name in ("mixed100k", "one")]
        if all(costs):
            ratio = costs[0]["cost"]["median"] / costs[1]["cost"]["median"]
            found.append(target(f"{kind}, the whole packet: 100,000 mixed beside 1 rule", ratio, GROWTH))
    return found


def loading(packets):
    engines = packets.get("mixed10k", {}).get("engines", {})
    loads = [engines.get(name, {}).get("load") for name in ("ifw", "nft-set")]
    if not all(loads):
        return []
    ratio = loads[0]["median"] / loads[1]["median"]
    return [target("10,000 rules: ifw apply beside nft -f", ratio, LOAD)]


def processes(results):
    return [target(f"zfw -I, ms in all: {result['title']}", result["zfw"]["median"], PROCESS)
            for result in results.values()]


def tracking(results):
    """Answers in tracked flows: beside nftables, and with a million flows beside a thousand."""
    found = []
    for result in results.values():
        for kind in ("hit", "many"):
            costs = [result["engines"].get(name, {}).get(kind) for name in ("ifw-track", "nft-ct")]
            if all(costs) and costs[1]["over"]["median"] > 0:
                ratio = costs[0]["over"]["median"] / costs[1]["over"]["median"]
                found.append(target(f"{result['title']}: {kind} over the floor, beside nft-ct", ratio, TRACKED))
    if FEW_FLOWS in results and MANY_FLOWS in results:
        for kind in ("hit", "many"):
            costs = [results[name]["engines"]["ifw-track"][kind]["cost"]["median"]
                     for name in (MANY_FLOWS, FEW_FLOWS)]
            found.append(target(f"tracked, {kind}, the whole packet: 1,000,000 flows beside 1,000",
                                costs[0] / costs[1], TRACKED_GROWTH))
    return found


def simulating(results):
    return [target(f"ifw-sim run, ns a packet: {result['title']}, {kind}", found["cost"]["median"], SIMULATED)
            for result in results.values() for kind, found in result["kinds"].items()]


def reach(results):
    """A list of targets, each with what was measured; only those that this run can tell."""
    packets = results.get("packets", {})
    found = []
    for result in packets.values():
        if result["gated"]:
            found += beside_peers(result["title"], result["engines"], "hit", HIT)
            found += beside_peers(result["title"], result["engines"], "miss", MISS)
    found += growth(packets) + loading(packets) + tracking(results.get("tracked", {}))
    found += processes(results.get("processes", {}))
    return found + simulating(results.get("simulator", {}))
