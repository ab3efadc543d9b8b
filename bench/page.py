#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The figures as docs/bench.md shows them, and the picture beside them.

page.py RESULT.json FOLDER    writes FOLDER/bench.svg, and into FOLDER/bench.md between its marks
"""

import json
import pathlib
import sys

import report

BEGIN, END = "<!-- figures of bench/run.py: begin -->", "<!-- figures of bench/run.py: end -->"

COLOURS = {
    "bare": "#999999", "ifw": "#0072b2", "ifw-uncounted": "#a6cee3", "ifw-tracking": "#08306b",
    "nft-set": "#d55e00", "nft-concat": "#e69f00", "ipset": "#009e73",
    "nft-linear": "#cc79a7", "ipt-linear": "#56b4e9",
}
SMALLEST = 10  # ns; less is drawn as this, for the scale is logarithmic


# --- Tables -----------------------------------------------------------------------


def table(rows, left=1):
    marks = [":--" if i < left else "--:" for i in range(len(rows[0]))]
    return "".join(f"| {' | '.join(row)} |\n" for row in [rows[0], marks, *rows[1:]])


def over(engine, kind):
    """Above the floor, and what half of the rounds lie between."""
    found = engine.get(kind, {}).get("over")
    if not found:
        return "-"
    return f"{found['median']:+,.0f} ({report.spread(found)})"


def costs(result):
    rows = [["engine", "hit, ns", "over the floor", "many, ns", "over the floor", "miss, ns",
             "over the drop floor", "program itself, hit / miss", "load, s"]]
    for name, engine in result["engines"].items():
        row = [f"`{name}`"]
        for kind in ("hit", "many", "miss"):
            row += [f"{engine[kind]['cost']['median']:,.0f}" if kind in engine else "-",
                    over(engine, kind) if name not in ("none", "drop") else "-"]
        own = [engine.get("program", {}).get(kind) for kind in ("hit", "miss")]
        row.append(" / ".join(f"{ns:,.0f}" if ns else "-" for ns in own) if any(own) else "-")
        row.append(f"{engine['load']['median']:.3f}" if "load" in engine else "-")
        rows.append(row)
    return table(rows)


def figures(results):
    """All tables of a run, as Markdown."""
    machine = results["machine"]
    parts = [f"Linux {machine['kernel']}, {machine['cpu']}, {machine['cpus']} CPUs; medians of "
             f"{results['rounds']} rounds, half of which lie between the figures in brackets.\n"]
    if len(rows := report.target_rows(results)) > 1:
        rows[0] = ["target", "at most", "measured", ""]
        parts += ["### Targets\n", table(rows)]
    if "packets" in results:
        parts.append("### Datagrams, and loading\n")
    for result in results.get("packets", {}).values():
        parts += [f"**{result['title']}**\n", costs(result)]
        parts += [f"`{name}`: {reason}.\n" for name, reason in result["left_out"].items()]
    for result in results.get("connections", {}).values():
        rows = [[row[0]] + [f"{row[i]} ({row[i + 1]})" for i in range(1, len(row), 2)]
                for row in report.connection_rows(result)]
        rows[0] = ["engine", "connections/s", "CPU us each", "Gbit/s", "CPU ns per 1,000 bytes"]
        parts += [f"### TCP, {result['title']}\n", table(rows)]
    if "tracked" in results:
        parts.append("### Answers in tracked flows\n")
    for result in results.get("tracked", {}).values():
        parts += [f"**{result['title']}**\n", costs(result)]
        parts += [f"`{name}`: {reason}.\n" for name, reason in result["left_out"].items()]
    if "processes" in results:
        rows = report.process_rows(results["processes"])
        rows[0] = ["rules in force", "`true`", "`zfw -I`", "over `true`", "half between"]
        parts += ["### One process\n", table(rows)]
    if "simulator" in results:
        rows = report.simulator_rows(results["simulator"])
        rows[0] = ["rules", "packets of", "ns of CPU each", "half between", "million/s", "memory"]
        parts += ["### `ifw-sim run`\n", table(rows, left=2)]
    return "\n".join(parts)


def write_between_marks(path, text):
    before, begin, rest = path.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"bench: '{path}' lacks the marks that the figures stand between")
    path.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")


# --- The picture ------------------------------------------------------------------


def bars(axes, sets, value, title, unit):
    """A group of bars a rule set, a bar an engine; value: of (an engine's figures), or None."""
    names = [name for name in COLOURS
             if any(value(result["engines"].get(name, {})) is not None for result in sets)]
    width = 0.8 / max(len(names), 1)
    for number, name in enumerate(names):
        found = [(at, value(result["engines"].get(name, {}))) for at, result in enumerate(sets)]
        found = [(at, height) for at, height in found if height is not None]
        axes.bar([at - 0.4 + (number + 0.5) * width for at, _ in found],
                 [height for _, height in found], width, label=name, color=COLOURS[name])
    axes.set_yscale("log")
    axes.set_ylim(top=axes.get_ylim()[1] * 3)  # room for the legend
    axes.set_title(title, fontsize=9)
    axes.set_ylabel(unit, fontsize=8)
    axes.set_xticks(range(len(sets)), [result["title"].replace(", ", ",\n") for result in sets], fontsize=7)
    axes.tick_params(labelsize=7)
    axes.grid(True, axis="y", linewidth=0.3)
    axes.legend(fontsize=7, frameon=False, ncols=len(names), loc="upper left")


def draw(results, path):
    try:
        import matplotlib
    except ImportError:
        print("bench: no picture without matplotlib (Debian: python3-matplotlib)", file=sys.stderr)
        return
    matplotlib.use("svg")
    # The same result makes the same file.
    matplotlib.rcParams.update({"svg.hashsalt": "ifw", "svg.fonttype": "none"})
    from matplotlib import pyplot

    def above(kind):
        def value(engine):
            found = engine.get(kind, {}).get("over")
            return max(found["median"], SMALLEST) if found else None
        return value

    def load(engine):
        return engine["load"]["median"] if "load" in engine else None

    sets = list(results["packets"].values())
    figure, axes = pyplot.subplots(3, 1, figsize=(12, 10), constrained_layout=True)
    bars(axes[0], sets, above("hit"), "Hits: a datagram to the proxy, over the floor", "ns")
    bars(axes[1], sets, above("miss"), "Misses: a datagram dropped, over the drop floor", "ns")
    bars(axes[2], sets, load, "Loading the rules", "s")
    figure.savefig(path, metadata={"Date": None, "Creator": None})


def write(results, folder):
    write_between_marks(folder / "bench.md", figures(results))
    if "packets" in results:
        draw(results, folder / "bench.svg")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    write(json.loads(pathlib.Path(sys.argv[1]).read_text()), pathlib.Path(sys.argv[2]))


if __name__ == "__main__":
    main()
