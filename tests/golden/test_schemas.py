#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What ifw-sim prints with -j, in the cases of test_golden.py and in some more, is what docs/schema/sim/ says, no key more.

Exit status 77 where python3-jsonschema is not installed.
"""

import collections
import json
import pathlib
import shlex
import subprocess
import sys
import tempfile

import kept
from test_golden import split_case, write_file

try:
    import jsonschema
except ImportError:
    jsonschema = None

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "common"))
from schemas import SCHEMAS, faults, load  # noqa: E402

COMMANDS = ("run", "diff", "lint", "explain", "generate")
checked = collections.Counter()  # objects, of each command and of each set of keys


def questions(command):
    """The command as it asks for JSON, and what else is asked of the same files."""
    words = shlex.split(command)
    if not words or words[0] not in COMMANDS:
        return []
    asked = [words if words[0] == "generate" or "-j" in words else words + ["-j"]]
    if words[0] == "run" and "--expect" in words:
        at = words.index("--expect")
        plain = words[:at] + words[at + 2:] + ["-j"]
        asked += [plain, plain + ["--summary"]]
    return asked


def is_good(simulator, words, directory):
    """Whether each line that it prints fits."""
    done = subprocess.run([simulator, *words], cwd=directory, capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, timeout=60)
    good = True
    for line in done.stdout.splitlines():
        printed = json.loads(line)
        found = faults(jsonschema, f"sim/{words[0]}", printed)
        checked[words[0]] += 1
        checked[words[0], tuple(sorted(printed))] += 1
        if found:
            print(f"ifw-sim {shlex.join(words)}: {found}")
            good = False
    return good


def check(simulator, path, _):
    """Whether the commands of a case print what the schemas say."""
    _, files, commands = split_case(path.read_text(encoding="utf-8"))
    good = True
    with tempfile.TemporaryDirectory() as directory:
        for name, lines in files.items():
            write_file(pathlib.Path(directory), name, "".join(lines))
        for command, _ in commands:
            for words in questions(command):
                good = is_good(simulator, words, directory) and good
    return good


def whole():
    """Whether each schema was asked, in each of its forms, and the page and `ifw explain` agree."""
    page = (SCHEMAS.parent / "json.md").read_text(encoding="utf-8")
    good = {path.stem for path in (SCHEMAS / "sim").glob("*.json")} == set(COMMANDS)
    for command in COMMANDS:
        forms = load(f"sim/{command}").get("anyOf", [None])
        seen = sum(1 for key in checked if isinstance(key, tuple) and key[0] == command)
        if seen < len(forms) or f"schema/sim/{command}.json" not in page:
            print(f"{command}: {seen} of {len(forms)} forms were seen, or docs/json.md does not name it")
            good = False
    live, simulated = load("explain"), load("sim/explain")
    del live["properties"]["outside"], live["title"], simulated["title"]
    live["required"].remove("outside")
    if live != simulated:
        print("ifw-sim explain has another schema than ifw explain, beside what is outside")
        good = False
    return good


if __name__ == "__main__":
    if not jsonschema:
        print("python3-jsonschema is not installed")
        sys.exit(77)
    sys.exit(kept.main(__doc__, check) or (0 if whole() else 1))
