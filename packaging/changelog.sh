#!/bin/bash
# Prints CHANGELOG.md as the packages want it: for Debian, with a revision behind the version, or
# for an RPM spec. Each version there is "## VERSION (YYYY-MM-DD)" and a list, whose points may go
# on in indented lines.
set -euo pipefail

usage="usage: changelog.sh deb REVISION | rpm"
packager="the spoolfs authors <spoolfs@packages.invalid>"
case "${1-}:$#" in
deb:2) ;;
rpm:1) ;;
--help:1) echo "$usage"; exit 0 ;;
*) echo "changelog.sh: ${*:-nothing}: not expected (allowed: deb REVISION, rpm)" >&2; exit 2 ;;
esac
export LC_ALL=C.UTF-8
cd "$(dirname "$0")"

version=
# Ends the version before this one.
end() {
    [ -n "$version" ] || return 0
    if [ "$1" = deb ]; then
        printf '\n -- %s  %s\n' "$packager" "$(date -ud "$date" '+%a, %d %b %Y %H:%M:%S +0000')"
    fi
}
while IFS= read -r line; do
    case "$line" in
    '## '*)
        end "$1"
        [ -z "$version" ] || echo
        read -r _ version date <<<"$line"
        date=${date//[()]/}
        if [ "$1" = deb ]; then
            printf 'spoolfs (%s-%s) unstable; urgency=medium\n\n' "$version" "$2"
        else
            printf '* %s %s - %s-1\n' "$(date -ud "$date" '+%a %b %d %Y')" "$packager" "$version"
        fi
        ;;
    '- '*)
        if [ "$1" = deb ]; then echo "  * ${line#- }"; else echo "$line"; fi
        ;;
    '  '*)
        if [ "$1" = deb ]; then echo "  $line"; else echo "$line"; fi
        ;;
    esac
done <CHANGELOG.md
end "$1"
