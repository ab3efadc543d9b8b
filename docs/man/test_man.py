# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The manual pages fit the programs, and are pages that man and mandoc find no fault with: test_man.py BIN_FOLDER PAGES_FOLDER"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import make

faults = 0


def check(good, text):
    global faults
    faults += not good
    print(f"{'ok' if good else 'FAIL':6}{text}")


def rendered(page):
    """As a reader of a wide terminal sees it, without what makes it bold."""
    done = subprocess.run(["mandoc", "-Tutf8", "-Owidth=200", page], capture_output=True, text=True)
    return re.sub(".\b", "", done.stdout).replace("\u2010", "-").replace("\u2212", "-")


def options(text):
    return set(re.findall(r"(?<![-\w])--[a-z][a-z-]*[a-z]", text))


def no_drift(folder, page):
    """Both ways: each object, command and option of the help is in the page, and none else."""
    shown = rendered(page)
    helps = {topic: make.said(folder, "ifw", "help", topic) for topic in make.topics(folder)}
    overview = make.said(folder, "ifw", "help")
    listed = {line.split()[0] for line in overview.splitlines() if re.match(r"  [a-z]+ ", line)}
    check(listed == set(helps), f"each object of the overview has a page, and the other way round: {sorted(listed ^ set(helps))}")
    missing = [topic for topic in helps if f"IFW {topic.upper()}\n" not in shown]
    check(not missing, f"each object has its section {missing}")
    flat = " ".join(shown.split())
    missing = [line for text in (overview.split("\n\n", 1)[1], *helps.values()) for line in text.splitlines() if " ".join(line.split()) not in flat]
    check(not missing, f"each line of the help is there {missing}")
    known = options(" ".join([overview, *helps.values()]))
    check(options(shown) <= known, f"and no option that the help does not know: {sorted(options(shown) - known)}")


def examples(folder, source):
    """Literal blocks of ifw-rules(5), each as a file of rules."""
    blocks = re.findall(r"::\n\n((?:    .*\n|\n)+)", pathlib.Path(source).read_text())
    check(len(blocks) >= 4, f"{len(blocks)} examples")
    for block in blocks:
        done = subprocess.run([pathlib.Path(folder, "ifw"), "check", "-"], input=block, capture_output=True, text=True)
        check(done.returncode == 0 and not done.stderr, f"ifw check takes: {block.split(chr(10))[0].strip()} {done.stderr}")


def no_fault(page):
    lint = subprocess.run(["mandoc", "-Tlint", "-Wwarning", page], capture_output=True, text=True)
    check(lint.returncode == 0, f"mandoc -Tlint finds nothing in {page.name} {lint.stdout}")
    if shutil.which("man"):
        done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page], capture_output=True, text=True,
                              env={**os.environ, "LC_ALL": "C.UTF-8", "MANROFFSEQ": ""})
        check(done.returncode == 0 and not done.stderr, f"man has nothing to warn of in {page.name} {done.stderr}")


def main(folder, pages):
    if not shutil.which("mandoc"):
        print("skipped: mandoc is not installed")
        return 77
    pages = pathlib.Path(pages)
    for name in ("ifw.8", "ifw-sim.1", "ifw-rules.5", "zfw.8"):
        no_fault(pages / name)
        check(not re.search(r"@[A-Z]+@", (pages / name).read_text()), f"{name} has all its parts")
    no_drift(folder, pages / "ifw.8")
    for program, page in (("ifw-sim", "ifw-sim.1"), ("zfw", "zfw.8")):
        said = " ".join(make.said(folder, program, "--help").split())
        check(said and said in " ".join(rendered(pages / page).split()), f"{page} says what {program} --help says")
    examples(folder, pathlib.Path(__file__).with_name("ifw-rules.5.rst"))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
