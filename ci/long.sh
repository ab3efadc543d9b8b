#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The long run: what ci/test.sh tries a little of, tried for hours. By hand, on a
# quiet machine, before a release; docs/proof.md records what it found.
#
#   sudo ci/long.sh            all of it
#   sudo ci/long.sh STEP...    only these: setup build style fuzz oracle scale failing
#                              killed soak service mutants
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

. ci/steps.sh
# shellcheck disable=SC2034 # steps.sh reads it
patience=10800

export CI=true # what is skipped fails
choose "setup build style fuzz oracle scale failing killed soak service mutants" "$@"
printf 'commit %s\n' "$(git describe --always --dirty)"

step setup "Install what is missing" ci/setup.sh
step build "Build, release" build release
step build "Build, fuzz targets with ASan and UBSan (clang)" build fuzz
step style "Static analysis with all its patience (clang-tidy)" tidy 225000
step fuzz "Fuzz targets, 10 minutes each" with IFW_FUZZ_SECONDS=600 -- build-fuzz fuzz -j "$jobs"
step oracle "Decision written twice, 1,000,000 random packets" with IFW_ORACLE_PACKETS=1000000 -- build oracle
step scale "10,000,000 random packets, kernel and simulator" \
  with IFW_SCALE_PACKETS=10000000 -- build executors -R differential
step failing "Every call of every command fails once" with IFW_FAIL_ALL=1 -- build netns -R fail_nth
step killed "Killed 200 times under traffic, and before each step" \
  with IFW_KILLS=200 IFW_LONG=1 -- build netns -R 'netns-test_(killed|counters|upgrade)'
step soak "Ten minutes of everything at once" with IFW_SOAK=600 -- build netns -R soak
step service "The service under systemd, in an emulated machine" suite build service
step mutants "Forty defects in each header are noticed" with IFW_MUTANTS=all -- build mutants
step killed "Nothing left behind" leftovers

summary
