#!/bin/bash
# Installs what spoolfs needs to be built (and, with --test, to be tested). As root, without
# questions. Packages that are there already are left alone. With --missing it installs nothing, and
# names those that the build and the tests without mounts would need; no root is needed for that.
# With --also it installs those packages only, without starting what they would start.
set -euo pipefail

usage="usage: install-deps.sh [--test|--missing|--also PACKAGE...]"
want=build
case "${1-}" in
"") ;;
--test | --missing | --also) want=${1#--} ;;
--help) echo "$usage"; exit 0 ;;
*) echo "install-deps.sh: $1: not expected (allowed: --test, --missing, --also)" >&2; exit 2 ;;
esac
if [ "$want" != missing ] && [ "$(id -u)" != 0 ]; then
    echo "install-deps.sh: only root can install packages" >&2
    exit 1
fi

apt_build="gcc libc6-dev meson ninja-build pkgconf libfuse3-dev fuse3 libxxhash-dev libbsd-dev
    liburing-dev libssl-dev libcap-ng-dev libmount-dev
    libseccomp-dev libncurses-dev systemtap-sdt-dev libpam0g-dev libjson-c-dev
    libmicrohttpd-dev libnghttp2-dev"
apt_unit="libcunit1-dev clang-format shellcheck mandoc python3 fish zsh"
apt_test="clang procps util-linux mount make git rsync sqlite3 vim perl acl attr openssh-client
    openssh-server strace dpkg-dev gzip tar patch e2fsprogs xfsprogs btrfs-progs
    login sudo pamtester"
dnf_build="gcc glibc-devel meson ninja-build pkgconf fuse3-devel fuse3 xxhash-devel libbsd-devel
    liburing-devel openssl-devel libcap-ng-devel libmount-devel
    libseccomp-devel ncurses-devel systemtap-sdt-devel pam-devel json-c-devel
    libmicrohttpd-devel libnghttp2-devel"
dnf_unit="CUnit-devel clang-tools-extra ShellCheck mandoc python3 fish zsh"
dnf_test="clang procps-ng util-linux make git rsync sqlite vim-enhanced perl acl attr
    openssh-clients openssh-server strace python3-test patch e2fsprogs xfsprogs btrfs-progs
    sudo pamtester"
pacman_build="gcc meson ninja pkgconf fuse3 xxhash libbsd liburing openssl
    libcap-ng libseccomp ncurses util-linux-libs pam json-c
    libmicrohttpd libnghttp2"
pacman_unit="cunit clang shellcheck mandoc python fish zsh"
pacman_test="procps-ng util-linux make git rsync sqlite vim perl acl attr openssh strace patch
    e2fsprogs xfsprogs btrfs-progs sudo"
zypper_build="gcc glibc-devel meson ninja pkgconf fuse3-devel fuse3 xxhash-devel libbsd-devel
    liburing-devel libopenssl-devel libcap-ng-devel libmount-devel
    libseccomp-devel ncurses-devel systemtap-sdt-devel pam-devel
    libjson-c-devel libmicrohttpd-devel libnghttp2-devel"
zypper_unit="cunit-devel clang ShellCheck mandoc python3 fish zsh"
zypper_test="procps util-linux make git rsync sqlite3 vim perl acl attr openssh-clients
    openssh-server strace python3-testsuite patch e2fsprogs xfsprogs btrfsprogs
    sudo pamtester"

apt_has() { dpkg-query -W -f '${Status}\n' "$1" 2>/dev/null | grep -q '^install ok'; }
dnf_has() { rpm -q --whatprovides "$1" >/dev/null; }
pacman_has() { pacman -T "$1" >/dev/null; }
zypper_has() { dnf_has "$1"; }

# Those of the packages that are not there, by $has.
missing_of() {
    local name
    for name in "$@"; do
        "$has" "$name" || echo "$name"
    done
}

# A package that a release does not have is left out with a note, unless the build needs it.
apt_install() {
    local missing
    mapfile -t missing < <(missing_of "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q >/dev/null
    if apt-get install -y -q --no-install-recommends "${missing[@]}" >/tmp/spool-apt.$$ 2>&1; then
        rm -f /tmp/spool-apt.$$
        return 0
    fi
    tail -n 5 /tmp/spool-apt.$$ >&2
    rm -f /tmp/spool-apt.$$
    return 1
}

one_by_one() {
    local name
    for name in "${@:2}"; do
        "$1" "$name" || echo "install-deps.sh: $name: not to be had here, left out"
    done
}

# The tests of Python itself bear the version in their name.
python_tests() {
    local version
    version=$(/usr/bin/python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    one_by_one apt_install "libpython$version-testsuite"
}

dnf_install() { dnf install -y -q "$@"; }
pacman_install() { pacman -S --needed --noconfirm "$@"; }
zypper_install() { zypper --non-interactive install "$@"; }

for manager in apt-get dnf pacman zypper; do
    if command -v "$manager" >/dev/null; then
        break
    fi
    manager=none
done
case "$manager" in
apt-get) has=apt_has install=apt_install build=$apt_build unit=$apt_unit tests=$apt_test ;;
dnf) has=dnf_has install=dnf_install build=$dnf_build unit=$dnf_unit tests=$dnf_test ;;
pacman)
    has=pacman_has install=pacman_install build=$pacman_build unit=$pacman_unit tests=$pacman_test
    ;;
zypper)
    has=zypper_has install=zypper_install build=$zypper_build unit=$zypper_unit tests=$zypper_test
    ;;
*)
    echo "install-deps.sh: none found (allowed: apt-get, dnf, pacman, zypper)" >&2
    exit 1
    ;;
esac
# The lists are words to be split.
# shellcheck disable=SC2086
if [ "$want" = missing ]; then
    missing_of $build $unit
    exit 0
fi
if [ "$want" = also ]; then
    # Debian starts services as it installs them, unless this says no.
    policy=/usr/sbin/policy-rc.d
    if [ "$manager" = apt-get ] && [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        trap 'rm -f "$policy"' EXIT
    fi
    $install "${@:2}" || one_by_one "$install" "${@:2}"
    exit 0
fi
# shellcheck disable=SC2086
$install $build
if [ "$want" = test ]; then
    # shellcheck disable=SC2086
    $install $unit $tests || one_by_one "$install" $unit $tests
    if [ "$manager" = apt-get ]; then
        python_tests
    fi
fi
# Users unmount with fusermount3, which looks here; a system that was never started lacks it.
if [ ! -e /etc/mtab ]; then
    ln -sfn ../proc/self/mounts /etc/mtab
fi
