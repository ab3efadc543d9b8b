# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# What ci/test.sh and ci/long.sh share; they source it. A step prints its time and
# stops nothing; summary() shows all of them and what the exit status is to be.

jobs=$(nproc)
patience=600 # seconds that a test may take which does not say so itself
passed=0 failed=0 skipped=0
summary=()
failed_steps=0
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$'\e[1m' red=$'\e[31m' green=$'\e[32m' plain=$'\e[0m'
else
  bold='' red='' green='' plain=''
fi

# choose "NAME..." [STEP...]: only these steps are wanted; none: all that have a name.
choose() {
  local names=$1 one
  shift
  for one in "$@"; do
    if [[ " $names " != *" $one "* ]]; then
      echo "$0: there is no step '$one'; there are: $names" >&2
      exit 1
    fi
  done
  wanted=("$@")
}

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

# Where a user name is unknown (a container), git would refuse to read the tree.
git config --global --get-all safe.directory >/dev/null 2>&1 || export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'

build() { # preset
  cmake --preset "$1" >"$logs/cmake" 2>&1 || { cat "$logs/cmake"; return 1; }
  cmake --build --preset "$1" -j "$jobs" >"$logs/build" 2>&1 || { tail -60 "$logs/build"; return 1; }
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
    ctest --test-dir "$dir" -L "$label" --output-on-failure --timeout "$patience" "$@" 2>&1 | tee "$logs/ctest" || status=1
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

# with NAME=VALUE... -- BUILD_DIR LABEL [ctest options]: a suite with settings of its own.
with() {
  while [ "$1" != -- ]; do
    local -x "$1"
    shift
  done
  shift
  suite "$@"
}

# tidy NODES: clang-tidy on what has a compile command, which BPF has not: it is for another
# machine. So many states of a function are looked at by the analyzer, which takes all the
# time: with its own 225,000 three times as long, and nothing more found in these sources.
tidy() {
  local files config=()
  local word
  for word in -Xclang -analyzer-config -Xclang "max-nodes=$1"; do
    config+=("--extra-arg=$word")
  done
  mapfile -t files < <(git ls-files 'ruleset/*.c' 'sim/*.c' 'loader/*.c' 'cli/*.c' 'bench/*.c' ':!*.bpf.c')
  printf '%s\n' "${files[@]}" |
    xargs -P "$jobs" -n 4 clang-tidy --quiet -p build "${config[@]}" >"$logs/tidy" 2>"$logs/tidy.err" ||
    { grep -E 'error|warning' "$logs/tidy" | sort -u | head -40; return 1; }
}

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

summary() {
  printf '\n%s== Summary%s\n' "$bold" "$plain"
  printf '%s\n' "${summary[@]}"
  printf '%-52s %4d s\n\n' "all" "$SECONDS"
  [ "$failed_steps" -gt 0 ] && printf '%d steps failed\n' "$failed_steps"
  printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
  [ "$failed_steps" -eq 0 ] && [ "$failed" -eq 0 ]
}
