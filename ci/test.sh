#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Everything that must hold, from an empty checkout: installs what is missing,
# builds, checks the sources, runs every suite, and looks for what tests may
# have left behind. Each step prints its time. Stops at nothing: all failures
# are shown, then the exit status tells.
#
#   sudo ci/test.sh            all of it
#   sudo ci/test.sh STEP...    only these: setup build style unit oracle executors
#                              netns kernels package fuzz mutants demo bench budget
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

. ci/steps.sh
waiting=$((jobs + 1)) # tests that wait for timers and answers much of their time

c_files() { git ls-files '*.c' '*.h'; }

style_format() { c_files | xargs clang-format --dry-run -Werror; }

style_shell() { git ls-files '*.sh' .ci/run | xargs shellcheck -x; }

budget() { ci/budget.sh build; }

choose "setup build style unit oracle executors netns kernels package fuzz mutants demo bench budget" "$@"

step setup "Install what is missing" ci/setup.sh
step build "Build, release" build release
step build "Build, debug with ASan and UBSan" build debug
step build "Build, fuzz targets with ASan and UBSan (clang)" build fuzz
step style "Sources formatted (clang-format)" style_format
step style "Shell scripts (shellcheck)" style_shell
step style "Documentation fits the sources" ci/check-docs.sh
step style "Static analysis (clang-tidy)" tidy 50000
step unit "Unit tests, debug with ASan and UBSan" suite build-debug unit -j "$jobs"
step unit "Unit tests, release" suite build unit -j "$jobs"
step oracle "Decision written twice, on random packets, release" suite build oracle -j "$jobs"
step oracle "The same, debug with ASan and UBSan (fewer)" suite build-debug oracle -j "$jobs"
step executors "The object as the simulator, release" suite build executors
step executors "The same, debug with ASan and UBSan (fewer)" suite build-debug executors
step netns "Namespace tests, release" suite build netns -j "$waiting" --schedule-random
step netns "Namespace tests, debug with ASan and UBSan" suite build-debug netns -j "$waiting" --schedule-random
step kernels "Stock kernels, each in an emulated machine" suite build kernels -j "$jobs"
step package "The package in a clean Debian" suite build package
step fuzz "Fuzz targets, 10 s each" with IFW_FUZZ_SECONDS=10 -- build-fuzz fuzz -j "$jobs"
step mutants "Small defects are noticed, scenarios reach all" suite build mutants
step demo "The demo shows what it says" ci/demo.sh
step bench "Measurements still work (short runs)" suite build bench
step budget "Verified instructions within their budget" budget
step netns "Nothing left behind" leftovers

summary
