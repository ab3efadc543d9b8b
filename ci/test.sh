#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Everything that must hold, from an empty checkout: installs what is missing,
# builds, checks the sources, runs every suite, and looks for what tests may
# have left behind. Each step prints its time. Stops at nothing: all failures
# are shown, then the exit status tells.
#
#   sudo ci/test.sh            all of it
#   sudo ci/test.sh STEP...    only these: setup build style unit oracle netns fuzz
#                              mutants demo bench budget
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

jobs=$(nproc)
passed=0 failed=0 skipped=0
summary=()
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$'\e[1m' red=$'\e[31m' green=$'\e[32m' plain=$'\e[0m'
else
  bold='' red='' green='' plain=''
fi

# step NAME TITLE COMMAND...: runs it and notes time and outcome.
step() {
  local name=$1 title=$2 start=$SECONDS status=0
  shift 2
  if [ ${#wanted[@]} -gt 0 ] && [[ " ${wanted[*]} " != *" $name "* ]]; then
    return 0
  fi
  printf '\n%s== %s%s\n' "$bold" "$title" "$plain"
  "$@" || status=$?
  local took=$((SECONDS - start)) word="${green}ok${plain}"
  if [ "$status" -ne 0 ]; then
    word="${red}FAILED${plain}"
    failed_steps=$((failed_steps + 1))
  fi
  summary+=("$(printf '%-52s %4d s  %s' "$title" "$took" "$word")")
  printf -- '-- %s: %d s, %s\n' "$title" "$took" "$word"
}

build() { # preset
  cmake --preset "$1" >"$logs/cmake" 2>&1 || { cat "$logs/cmake"; return 1; }
  cmake --build --preset "$1" -j "$jobs" >"$logs/build" 2>&1 || { tail -60 "$logs/build"; return 1; }
}

c_files() { git ls-files '*.c' '*.h'; }

style_format() { c_files | xargs clang-format --dry-run -Werror; }

style_shell() { git ls-files '*.sh' .ci/run | xargs shellcheck; }

style_tidy() {
  local files
  # What has a compile command; what is compiled for BPF is for another machine.
  files=$(git ls-files 'ruleset/*.c' 'sim/*.c' 'loader/*.c' 'cli/*.c' 'bench/*.c' ':!*.bpf.c' | paste -sd' ')
  # shellcheck disable=SC2086 # one word a file is what is wanted
  printf '%s\n' $files | xargs -P "$jobs" -n 4 clang-tidy --quiet -p build >"$logs/tidy" 2>"$logs/tidy.err" ||
    { grep -E 'error|warning' "$logs/tidy" | sort -u | head -40; return 1; }
}

# suite BUILD_DIR LABEL [ctest options]: counts what ran, what failed, what was skipped.
suite() {
  local dir=$1 label=$2 status=0
  local asan="$logs/asan-$label-$RANDOM"
  shift 2
  mkdir -p "$asan"
  # Leaks do not fail a Criterion test, so they are logged and looked for.
  ASAN_OPTIONS="log_path=$asan/report:detect_leaks=1:abort_on_error=0" \
    UBSAN_OPTIONS="print_stacktrace=1" \
    ctest --test-dir "$dir" -L "$label" --output-on-failure --timeout 600 "$@" >"$logs/ctest" 2>&1 || status=1
  cat "$logs/ctest"
  local total bad skip
  total=$(grep -cE '^ *[0-9]+/[0-9]+ Test ' "$logs/ctest")
  bad=$(grep -cE '^ *[0-9]+/[0-9]+ Test .*\*\*\*(Failed|Timeout|Exception|Not Run)' "$logs/ctest")
  skip=$(grep -cE '^ *[0-9]+/[0-9]+ Test .*\*\*\*Skipped' "$logs/ctest")
  passed=$((passed + total - bad - skip)) failed=$((failed + bad)) skipped=$((skipped + skip))
  if [ "$total" -eq 0 ]; then
    echo "no test ran"
    status=1
  fi
  if [ "$skip" -gt 0 ] && [ -n "${CI:-}" ]; then
    echo "$skip tests were skipped, and CI is where they must run"
    status=1
  fi
  local report
  for report in "$asan"/*; do
    [ -s "$report" ] || continue
    echo "a sanitizer reported:"
    head -40 "$report"
    status=1
  done
  return "$status"
}

budget() { ci/budget.sh build; }

leftovers() {
  local found=0
  if [ -n "$(ip netns list 2>/dev/null)" ]; then
    echo "network namespaces left: $(ip netns list | paste -sd' ')"
    found=1
  fi
  if compgen -G '/sys/fs/bpf/ifw*' >/dev/null; then
    echo "pins left: $(compgen -G '/sys/fs/bpf/ifw*' | paste -sd' ')"
    found=1
  fi
  if pgrep -f "$PWD/.*(transparent_proxy.py|/bin/ifw )" >/dev/null; then
    echo "processes left:"
    pgrep -af "$PWD/.*(transparent_proxy.py|/bin/ifw )"
    found=1
  fi
  return "$found"
}

wanted=("$@")
failed_steps=0
git config --global --get-all safe.directory >/dev/null 2>&1 || export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'

step setup "Install what is missing" ci/setup.sh
step build "Build, release" build release
step build "Build, debug with ASan and UBSan" build debug
step build "Build, fuzz targets with ASan and UBSan (clang)" build fuzz
step style "Sources formatted (clang-format)" style_format
step style "Shell scripts (shellcheck)" style_shell
step style "Documentation fits the sources" ci/check-docs.sh
step style "Static analysis (clang-tidy)" style_tidy
step unit "Unit tests, debug with ASan and UBSan" suite build-debug unit -j "$jobs"
step unit "Unit tests, release" suite build unit -j "$jobs"
step oracle "Decision written twice, on random packets, release" suite build oracle -j "$jobs"
step oracle "The same, debug with ASan and UBSan (fewer)" suite build-debug oracle -j "$jobs"
step netns "Namespace tests, release" suite build netns -j "$jobs" --schedule-random
step netns "Namespace tests, debug with ASan and UBSan" suite build-debug netns -j "$jobs" --schedule-random
step fuzz "Fuzz targets, 20 s each" suite build-fuzz fuzz -j "$jobs"
step mutants "Small defects are noticed, scenarios reach all" suite build mutants
step demo "The demo shows what it says" ci/demo.sh
step bench "Measurements still work (short runs)" suite build bench
step budget "Verified instructions within their budget" budget
step netns "Nothing left behind" leftovers

printf '\n%s== Summary%s\n' "$bold" "$plain"
printf '%s\n' "${summary[@]}"
printf '%-52s %4d s\n\n' "all" "$SECONDS"
[ "$failed_steps" -gt 0 ] && printf '%d steps failed\n' "$failed_steps"
printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed_steps" -eq 0 ] && [ "$failed" -eq 0 ]
