#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The documentation still says what the sources say: every reason is in the
# packet-flow picture and in docs/packets.md with its verdict, the pictures are
# those of their .dot files, and the pages name only files that exist. Prints
# each fault.
set -euo pipefail
cd "$(dirname "$0")/.."

faults=0
fault() {
  echo "check-docs: $*" >&2
  faults=$((faults + 1))
}

# Lines "NAME CLASS"; a row of the table may be wrapped.
reasons() {
  tr '\\\n' '  ' <datapath/reasons.h | grep -oE 'X\([A-Z0-9_]+, +"[^"]+", +[A-Z]+,' |
    sed -E 's/^[^"]*"([^"]+)", +([A-Z]+),$/\1 \2/'
}

# A node has the reason in <b></b> after its verdict; a second border says that
# loopback passes.
check_flow() {
  local dot=docs/packet-flow.dot name class passes drops is known='' count=0
  while read -r name class; do
    count=$((count + 1))
    known+=" $name "
    passes=$(grep -cE "\bpass\b[^<]*<br/><b>$name</b>" "$dot" || true)
    drops=$(grep -cE "\bdrop<br/><b>$name</b>" "$dot" || true)
    is="pass:$((passes > 0)) drop:$((drops > 0))"
    case "$class $is" in
    'PASS pass:1 drop:0' | 'DROP pass:0 drop:1') ;;
    EITHER*'drop:1')
      grep -qE "\bdrop<br/><b>$name</b>.*peripheries=2" "$dot" ||
        fault "$dot: '$name' passes on loopback and needs the second border"
      ;;
    *) fault "$dot: reason '$name' is of class $class in datapath/reasons.h, here $is" ;;
    esac
  done < <(reasons)
  [ "$count" -gt 0 ] || fault "no reason found in datapath/reasons.h: has its form changed?"
  while read -r name; do
    [[ $known == *" $name "* ]] || fault "$dot: '$name' is no reason of datapath/reasons.h"
  done < <(grep -v '^//' "$dot" | grep -oE '<b>[a-z0-9-]+</b>' | sed 's/<[^>]*>//g' | sort -u)
}

# Lines "REASON VERDICT" of the tables' rows; "drop *": loopback passes.
# shellcheck disable=SC2016 # these backticks are Markdown's
decided='(pass|drop|drop \*) \| `([a-z0-9-]+)` \| (no|yes|as the first) \|'
packet_rows() {
  sed -nE "s/^\|[^|]*\| $decided.*/\2 \1/p" docs/packets.md | sort -u
}

check_packets() {
  local page=docs/packets.md name class is known=''
  while read -r name class; do
    known+=" $name "
    is=$(packet_rows | sed -n "s/^$name //p" | paste -sd,)
    case "$class $is" in
    'PASS pass' | 'DROP drop' | 'EITHER drop *' | 'EITHER drop *,pass') ;;
    *) fault "$page: reason '$name' is of class $class in datapath/reasons.h, here '$is'" ;;
    esac
  done < <(reasons)
  while read -r name; do
    [[ $known == *" $name "* ]] || fault "$page: '$name' is no reason of datapath/reasons.h"
  done < <(packet_rows | cut -d' ' -f1 | sort -u)
  # A row that is not read above would not be checked at all; "-" decides nothing.
  while read -r name; do
    fault "$page: no verdict, reason and mark can be read in the row '$name'"
  done < <(grep '^|' "$page" | grep -vE "^\|(---| what arrives )|^\|[^|]*\| ($decided|- \| \| \|)" | cut -d'|' -f2)
}

# Words, colours and arrows of a picture. Not its coordinates, which change with
# the fonts of the machine.
content() {
  grep -oE '<title>[^<]*</title>|>[^<>]+</text>|(fill|stroke)="[^"]*"|stroke-dasharray' "$1" | sort
}

check_pictures() {
  local dot svg fresh
  if ! command -v dot >/dev/null; then
    echo "check-docs: Graphviz is not installed, so the pictures were not compared" >&2
    return
  fi
  fresh=$(mktemp)
  for dot in docs/*.dot; do
    svg=${dot%.dot}.svg
    if [ ! -f "$svg" ]; then
      fault "$svg is missing; make it: dot -Tsvg $dot -o $svg"
    elif ! dot -Tsvg "$dot" >"$fresh"; then
      fault "$dot cannot be drawn"
    elif ! diff <(content "$svg") <(content "$fresh") >/dev/null; then
      fault "$svg is not the picture of $dot; make it again: dot -Tsvg $dot -o $svg"
    fi
  done
  rm -f "$fresh"
}

# exists PAGE NAME: from the page's folder or from the top, globs allowed.
exists() {
  local folder
  folder=$(dirname "$1")
  compgen -G "$folder/$2" >/dev/null || compgen -G "$2" >/dev/null
}

check_names() {
  local page name folders='(datapath|ruleset|sim|loader|cli|tests|fixtures|bench|ci|docs|packaging)'
  for page in README.md ./*/README.md docs/packets.md; do
    while read -r name; do
      # A link counts from its page; elsewhere paths count from the top.
      [ -e "$(dirname "$page")/$name" ] || fault "$page: the link to '$name' leads nowhere"
    done < <(grep -oE '\]\([^)]+\)' "$page" | sed -E 's/^\]\(([^)#]*).*\)$/\1/' | grep -vE '^$|^[a-z]+:' | sort -u)
    while read -r name; do
      exists "$page" "$name" || fault "$page: there is no '$name'"
    done < <({
      grep -oE "(^|[^A-Za-z0-9_/.-])$folders/[A-Za-z0-9_./*-]*[A-Za-z0-9_/]" "$page" |
        sed -E 's/^[^a-z]//' || true
      # Names without a folder: in the pages of folders, where nothing else is meant.
      # shellcheck disable=SC2016 # these backticks are Markdown's
      [ "$page" = README.md ] || grep -oE '`[A-Za-z0-9_-]+\.(c|h|py|sh|txt|dot|svg|md)`' "$page" | tr -d '`'
    } | sort -u)
  done
}

check_flow
check_packets
check_pictures
check_names
[ "$faults" -eq 0 ]
