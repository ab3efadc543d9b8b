#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What lookup_bench found, as tables, and as a picture.

report.py RESULT.json                  tables for a terminal
report.py RESULT.json --page PAGE.md   those that PAGE.md shows, between its marks
report.py RESULT.json --plot PLOT.svg  the picture
"""

import argparse
import json
import os
import sys

SKIPPED = 77
BEGIN, END = "<!-- figures of bench/lookup: begin -->", "<!-- figures of bench/lookup: end -->"


def by_name(case):
    return {structure["name"]: structure for structure in case["structures"]}


def number(value):
    return f"{value:,}"


def size(value):
    for unit, factor in (("MB", 1e6), ("KB", 1e3)):
        if value >= factor:
            return f"{value / factor:.1f} {unit}"
    return f"{value} B"


def nanoseconds(times):
    return f"{times['median']:.0f}"


def microseconds(times):
    return f"{times['median']:.1f}" if times["median"] < 100 else f"{times['median']:,.0f}"


def spread(times):
    """Half of the rounds lie in here."""
    return f"{times['median']:.0f} ({times['low']:.0f}-{times['high']:.0f})"


# --- Tables: a title, names of columns, rows --------------------------------------


def names_of(cases):
    names = []
    for case in cases:
        names += [name for name in by_name(case) if name not in names]
    return names


def lookup_table(title, cases, labels, mode, form):
    names = names_of(cases)
    rows = []
    for case in cases:
        found = by_name(case)
        row = [number(case[label]) for label in labels.values()]
        rows.append(row + [form(found[n][mode]) if n in found else "-" for n in names])
    return title, [*labels, *names], rows


def cost(entry):
    return f"{microseconds(entry['add_us'])} / {entry['calls']:,} / {entry['elements']:,}"


def update_table(title, cases, labels):
    names = names_of(cases)
    rows = []
    for case in cases:
        found = by_name(case)
        row = [number(case[label]) for label in labels.values()]
        for name in names:
            entry = found.get(name)
            row.append(cost(entry) if entry else "-")
        rows.append(row)
    return title, [*labels, *names], rows


PORTS = {"ports a range": "ports", "ranges": "ranges"}
PREFIXES = {"prefixes": "prefixes", "lengths": "lengths"}


def tables(result, form):
    ports, prefixes = result["ports"], result["prefixes"]
    for mode, what in (
        ("hit", "hits, random ports"),
        ("miss", "misses, random ports"),
        ("hot", "hits, 16 ports over and over"),
    ):
        yield lookup_table(f"Ports: ns a lookup, {what}", ports, PORTS, mode, form)
    yield lookup_table("Ports: memory", ports, PORTS, "bytes", size)
    for mode, what in (
        ("hit", "hits, random addresses"),
        ("widen", "under a prefix, but no range for the port"),
        ("miss", "under no prefix"),
        ("hot", "hits, 16 addresses over and over"),
    ):
        yield lookup_table(f"Prefixes: ns a lookup, {what}", prefixes, PREFIXES, mode, form)
    yield lookup_table("Prefixes: memory", prefixes, PREFIXES, "bytes", size)
    ranges = [case for case in result["updates"] if "ports" in case]
    yield update_table("One range more on a prefix: us of CPU time / calls of the kernel / elements written",
                       ranges, {"ports a range": "ports", "ranges then": "ranges"})
    others = [case for case in result["updates"] if "prefixes" in case]
    yield update_table("One prefix more: the same",
                       others, {"prefixes": "prefixes", "its length": "length"})


def print_table(title, columns, rows):
    widths = [max(len(row[i]) for row in [columns, *rows]) for i in range(len(columns))]
    print(f"\n{title}")
    for row in [columns, *rows]:
        print("  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths)))


# --- The page ------------------------------------------------------------------------


def markdown(title, columns, rows):
    lines = [f"**{title}**", "", "| " + " | ".join(columns) + " |", "|" + "--:|" * len(columns)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def short(table):
    """What the page shows of a table, since it is to stay short; None: nothing."""
    title, columns, rows = table
    if "over and over" in title or title.startswith("Ports: ns a lookup, misses"):
        return None
    if title == "Ports: memory" or title.startswith("One range more"):
        rows = [row for row in rows if row[1] in ("1", "1,000")]
    if title == "Prefixes: memory":
        rows = [row for row in rows if row[1] == "8"]
    return title, columns, rows


def write_page(result, path):
    with open(path, encoding="utf-8") as page:
        text = page.read()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        sys.exit(f"report.py: '{path}' lacks the marks that the figures stand between")
    shown = [short(table) for table in tables(result, nanoseconds)]
    figures = "\n".join(markdown(*table) for table in shown if table)
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    with open(path, "w", encoding="utf-8") as page:
        page.write(f"{before}{BEGIN}\n\n{figures}\n{END}{after}")


# --- The picture ---------------------------------------------------------------------

COLOURS = {
    "run": "#0072b2", "walk": "#0072b2", "hash": "#d55e00", "lpm": "#009e73",
    "table": "#cc79a7", "linear": "#999999", "value": "#e69f00", "all lengths": "#999999",
    "bloom": "#56b4e9", "used lengths": "#d55e00", "16-8-8": "#cc79a7", "edges": "#e69f00",
    "command": "#000000", "halving": "#56b4e9",
}


def lines(axes, cases, x, value, names):
    for name in names:
        points = [(case[x], value(by_name(case)[name])) for case in cases if name in by_name(case)]
        axes.plot(*zip(*sorted(points)), marker="o", markersize=3, linewidth=1.2,
                  label=name, color=COLOURS[name])


def finish(axes, title, x, y):
    axes.set_title(title, fontsize=9)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(x, fontsize=8)
    axes.set_ylabel(y, fontsize=8)
    axes.tick_params(labelsize=7)
    axes.minorticks_off()
    axes.grid(True, linewidth=0.3)
    axes.legend(fontsize=6, frameon=False)


def draw(result, path):
    try:
        import matplotlib
    except ImportError:
        sys.exit("report.py: no picture without matplotlib (Debian: python3-matplotlib)")
    matplotlib.use("svg")
    # The same result makes the same file.
    matplotlib.rcParams.update({"svg.hashsalt": "ifw", "svg.fonttype": "none"})
    from matplotlib import pyplot

    ports, prefixes = result["ports"], result["prefixes"]
    ranges = [case for case in result["updates"] if "ports" in case]
    figure, axes = pyplot.subplots(2, 3, figsize=(11, 6.6), constrained_layout=True)

    lookups = ("run", "halving", "hash", "lpm", "table", "value", "linear")
    writes = ("command", "run", "hash", "lpm", "table", "value")
    ten = [case for case in ports if case["ports"] == 10]
    lines(axes[0][0], ten, "ranges", lambda s: max(s["hit"]["median"], 1), lookups)
    finish(axes[0][0], "A port among ranges of 10: lookup", "ranges on the prefix", "ns")
    one = [case for case in ports if case["ranges"] == 1]
    lines(axes[0][1], one, "ports", lambda s: s["bytes"], ("run", "hash", "lpm", "table", "value"))
    finish(axes[0][1], "The first range of a prefix: memory", "ports of the range", "bytes")
    first = [case for case in ranges if case["ranges"] == 1]
    lines(axes[0][2], first, "ports", lambda s: s["add_us"]["median"], writes)
    finish(axes[0][2], "The first range of a prefix: update", "ports of the range", "µs")
    for i, lengths in enumerate((3, 8, 25)):
        some = [case for case in prefixes if case["lengths"] == lengths]
        lines(axes[1][i], some, "prefixes", lambda s: max(s["hit"]["median"], 1),
              ("walk", "all lengths", "used lengths", "bloom", "lpm", "16-8-8", "edges"))
        finish(axes[1][i], f"Longest prefix of {lengths} lengths: lookup", "prefixes", "ns")
        axes[1][i].set_ylim(10, 10000)
    figure.savefig(path, metadata={"Date": None, "Creator": None})


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n", 1)[1])
    parser.add_argument("result")
    parser.add_argument("--page")
    parser.add_argument("--plot")
    options = parser.parse_args()
    if not os.path.exists(options.result):
        print(f"report.py: there is no '{options.result}': was lookup_bench skipped?")
        return SKIPPED
    with open(options.result, encoding="utf-8") as file:
        result = json.load(file)
    for table in tables(result, spread):
        print_table(*table)
    if options.page:
        write_page(result, options.page)
    if options.plot:
        draw(result, options.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
