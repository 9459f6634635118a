#!/bin/bash
# What a script does with temporary files: "temporary.sh VERB [ARGUMENT]"; languages.py has the
# verbs.
set -euo pipefail

# The reason at the end of what a program says of an error.
reason() { sed -n '1s/.*: //p'; }

case "$1" in
where) dirname "$(mktemp -u)" ;;
anonymous)
    f=$(mktemp)
    exec 3>"$f" 4<"$f"
    rm "$f"
    printf data >&3
    cat <&4
    echo
    ;;
directory) mktemp -d ;;
exclusive)
    set -C
    if (: >"$2") 2>/dev/null; then echo made; else echo "File exists"; fi
    ;;
plain)
    if (printf data >"$2") 2>/dev/null; then echo made; else (: >"$2") 2>&1 | reason; fi
    ;;
fill) (dd if=/dev/zero of="$2" bs=64k conv=notrunc status=none 2>&1 || true) | reason ;;
*)
    f=$(mktemp)
    [ "$1" != scoped ] || trap 'rm "$f"' EXIT
    printf data >"$f"
    echo "$f"
    [ "$1" != killed ] || kill -KILL $$
    ;;
esac
