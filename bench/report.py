# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Results as tables for a terminal."""

import os
import pathlib
import platform

import targets


def machine():
    model = "unknown CPU"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {"kernel": platform.release().split("-")[0], "cpu": model, "cpus": os.cpu_count()}


# --- Tables -----------------------------------------------------------------------


def lines(rows, left=1):
    """Aligned columns; the first `left` of them to the left."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [cell.ljust(width) if i < left else cell.rjust(width)
                 for i, (cell, width) in enumerate(zip(row, widths))]
        yield "  ".join(cells).rstrip()


def spread(figure, form="{:,.0f}"):
    return f"{form.format(figure['low'])}..{form.format(figure['high'])}"


def kind_cells(engine, kind):
    if kind not in engine:
        return ["-", "-", "-"]
    found = engine[kind]
    cost = f"{found['cost']['median']:,.0f}"
    if "over" not in found:
        return [cost, "-", spread(found["cost"])]
    return [cost, f"{found['over']['median']:+,.0f}", spread(found["over"])]


def packet_rows(result):
    rows = [["ENGINE", "HIT", "OVER", "SPREAD", "MANY", "OVER", "SPREAD", "MISS", "OVER", "SPREAD",
             "OWN HIT", "OWN MISS", "LOAD"]]
    for name, engine in result["engines"].items():
        own = engine.get("program", {})
        load = f"{engine['load']['median']:.3f} s" if "load" in engine else "-"
        rows.append([name, *kind_cells(engine, "hit"), *kind_cells(engine, "many"),
                     *kind_cells(engine, "miss"),
                     *(f"{own[kind]:,.0f}" if kind in own else "-" for kind in ("hit", "miss")), load])
    return rows


def show_engines(results):
    for result in results.values():
        print(f"\n{result['title']}")
        for line in lines(packet_rows(result)):
            print(f"  {line}")
        for name, reason in result["left_out"].items():
            print(f"  {name}: {reason}")


def show_packets(results):
    print("Nanoseconds a datagram, median; over: above the floor (hits) or the drop floor (misses),\n"
          "half of the rounds lie in SPREAD; many: hits on many addresses; own: the BPF program by itself")
    show_engines(results)


def show_tracked(results):
    print("\nAnswers in tracked flows, nanoseconds a datagram, median; hit: one flow, many: "
          "flows drawn from all,\nmiss: what nobody has asked for")
    show_engines(results)


def connection_rows(result):
    rows = [["ENGINE", "CONNECTIONS/S", "SPREAD", "CPU US EACH", "SPREAD", "GBIT/S", "SPREAD", "CPU NS/KB",
             "SPREAD"]]
    for name, engine in result["engines"].items():
        cells = [name]
        for figure, form in (("connections", "{:,.0f}"), ("microseconds", "{:.1f}"),
                             ("gigabits", "{:.1f}"), ("kilobyte", "{:.0f}")):
            cells += [form.format(engine[figure]["median"]), spread(engine[figure], form)]
        rows.append(cells)
    return rows


def show_connections(results):
    for result in results.values():
        print(f"\nTCP, {result['title']}; client and proxy share one CPU")
        for line in lines(connection_rows(result)):
            print(f"  {line}")


def process_rows(results):
    rows = [["RULES IN FORCE", "true", "zfw -I", "OVER true", "SPREAD"]]
    for result in results.values():
        rows.append([result["title"], f"{result['true']['median']:.2f} ms",
                     f"{result['zfw']['median']:.2f} ms", f"{result['over']['median']:.2f} ms",
                     spread(result["over"], "{:.2f}")])
    return rows


def show_processes(results):
    print("\nOne process, from its start to its end")
    for line in lines(process_rows(results)):
        print(f"  {line}")


def simulator_rows(results):
    rows = [["RULES", "PACKETS OF", "NS OF CPU EACH", "SPREAD", "MILLION/S", "MEMORY"]]
    for result in results.values():
        for kind, found in result["kinds"].items():
            cost = found["cost"]
            rows.append([result["title"], kind, f"{cost['median']:,.0f}", spread(cost),
                         f"{1e3 / cost['median']:.2f}", f"{found['bytes'] / (1 << 20):.1f} MiB"])
    return rows


def show_simulator(results):
    print("\nifw-sim run, a capture on one core, median")
    for line in lines(simulator_rows(results), left=2):
        print(f"  {line}")


def show(part, results):
    {"packets": show_packets, "connections": show_connections, "tracked": show_tracked,
     "processes": show_processes, "simulator": show_simulator}[part](results)


def target_rows(results):
    rows = [["TARGET", "AT MOST", "MEASURED", ""]]
    for target in targets.reach(results):
        rows.append([target["what"], f"{target['limit']:g}", f"{target['measured']:.2f}",
                     "ok" if target["ok"] else "short"])
    return rows


def show_targets(results):
    rows = target_rows(results)
    if len(rows) > 1:
        print("\nTargets, as ratios within this run")
        for line in lines(rows):
            print(f"  {line}")
