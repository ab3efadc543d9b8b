# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""test-run must notice an object that is wrong: each is built from headers with one
edit, which the simulator beside it does not share.

  notices.py TEST_RUN SCENARIOS COMPILE...   COMPILE: what compiles an object, but for the files
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

DATAPATH = pathlib.Path(__file__).resolve().parents[2] / "datapath"
SKIP, DIFFERENT = 77, 3

# Header, what stands there once, what is there instead, words of a difference that shows.
WRONG = [
    ("helpers.h", "ctx->mark = (ctx->mark & ~mask) | (mark & mask);", "ctx->mark = mark ^ 1;", "mark: "),
    ("watch.h", "event->rule = d->rule;", "event->rule = 0;", "rule: "),
    ("egress.h", "return ifw_drop(IFW_REASON_EGRESS_DEFAULT);\n}\n\n/* A later", "return ifw_pass(IFW_REASON_EGRESS_PASS);\n}\n\n/* A later",
     "drop egress-default, kernel pass egress-pass"),
    ("flow_table.h", "__sync_fetch_and_add(&flow->packets, 1);", "__sync_fetch_and_add(&flow->packets, 2);", "is another"),
]


def result(test_run, scenarios, compile_object, folder, wrong):
    """What test-run says of such an object: (status, output)."""
    header, right, instead, _ = wrong
    shutil.copytree(DATAPATH, folder / "datapath", dirs_exist_ok=True)
    text = (DATAPATH / header).read_text()
    if text.count(right) != 1:
        sys.exit(f"{header} does not have '{right}' once any more")
    (folder / "datapath" / header).write_text(text.replace(right, instead))
    made = folder / "wrong.o"
    subprocess.run([*compile_object, "-Wno-unused", "-Wno-unused-parameter", "-c", folder / "datapath/ifw.bpf.c", "-o", made], check=True)
    done = subprocess.run([test_run, "--object", made, scenarios], capture_output=True, text=True)
    return done.returncode, done.stdout


def main():
    test_run, scenarios, *compile_object = sys.argv[1:]
    failed = 0
    for wrong in WRONG:
        with tempfile.TemporaryDirectory() as folder:
            status, output = result(test_run, scenarios, compile_object, pathlib.Path(folder), wrong)
        if status == SKIP:
            print(output, end="")
            sys.exit(SKIP)
        shown = [line for line in output.splitlines() if wrong[3] in line]
        good = status == DIFFERENT and shown
        failed += not good
        print(f"{'ok   ' if good else 'FAIL '} {wrong[0]}: '{wrong[2].splitlines()[0] if wrong[2] else 'nothing'}'"
              f" instead of '{wrong[1].splitlines()[0]}': {shown[0] if shown else f'status {status}'}")
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
