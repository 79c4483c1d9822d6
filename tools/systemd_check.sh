#!/usr/bin/env bash
# Install, break, upgrade and remove forgebus on a real systemd: Debian booted by systemd-nspawn, without a network.
#
#   tools/systemd_check.sh [SUITE...]     default: bookworm trixie (Debian 12 and 13)
#
# Takes root, systemd-nspawn and debootstrap; says so and does nothing where one of them is missing. The trees
# (300 MB each, made once) and the wheels lie in $FORGEBUS_TREES, by default ~/.cache/forgebus/trees; what a
# check changes in a tree is thrown away. What is checked stands in tools/systemd_check_inside.sh.
set -euo pipefail

ROOT=$(cd "$(dirname "$0")/.." && pwd)
TREES=${FORGEBUS_TREES:-${XDG_CACHE_HOME:-$HOME/.cache}/forgebus/trees}
PACKAGES=systemd,systemd-sysv,dbus,mosquitto,mosquitto-clients,python3,python3-venv,procps
declare -A PYTHON=([bookworm]=3.11 [trixie]=3.13)

main() {
    needs_root_and_tools "$@"
    [ $# -gt 0 ] || set -- bookworm trixie
    work=$(mktemp -d)
    trap clean EXIT
    wheels_of_two_releases
    for suite in "$@"; do
        check "$suite"
    done
    echo "systemd: all checks passed on $*"
}

needs_root_and_tools() {
    local missing=() program suite
    [ "$(id -u)" -eq 0 ] || missing+=(root)
    for program in systemd-nspawn debootstrap nsenter; do
        command -v "$program" >/dev/null || missing+=("$program")
    done
    if [ ${#missing[@]} -gt 0 ]; then
        echo "systemd: skipped, for want of ${missing[*]}" \
            "(apt-get install systemd-container debootstrap; run as root)"
        exit 0
    fi
    for suite in "$@"; do
        [ -n "${PYTHON[$suite]:-}" ] || { echo "no suite $suite; there are ${!PYTHON[*]}" >&2 && exit 2; }
    done
}

# This release, and one that differs from it in its number alone, which is what an upgrade is shown with.
wheels_of_two_releases() {
    echo "systemd: building wheels"
    mkdir -p "$work/source" "$work/this" "$work/next" "$TREES"
    git -C "$ROOT" ls-files -z --cached --others --exclude-standard -- \
        $(git -C "$ROOT" ls-files | cut -d/ -f1 | sort -u | grep -vE '^(tests|custom_components)$') |
        (cd "$ROOT" && while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done) |
        tar -C "$ROOT" --null -T - -cf - | tar -C "$work/source" -xf -
    wheel "$work/this"
    VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' "$work/source/pyproject.toml")
    NEXT="$VERSION.post1"
    sed -i "s/^version = .*/version = \"$NEXT\"/" "$work/source/pyproject.toml"
    sed -i "s/^VERSION = .*/VERSION = \"$NEXT\"/" "$work/source/daemon/version.py"
    wheel "$work/next"
}

wheel() {
    PIP_CONSTRAINT="$ROOT/constraints.txt" PIP_BUILD_CONSTRAINT="$ROOT/constraints.txt" \
        python3 -m pip wheel --quiet --no-deps --wheel-dir "$1" "$work/source"
}

check() {
    local suite=$1 wheels="$TREES/wheels-${PYTHON[$1]}"
    echo "systemd: $suite"
    [ -e "$TREES/$suite/etc/debian_version" ] ||
        debootstrap --variant=minbase --include="$PACKAGES" "$suite" "$TREES/$suite" >"$work/debootstrap.log"
    mkdir -p "$wheels"
    python3 -m pip download --quiet --only-binary :all: --find-links "$wheels" --dest "$wheels" \
        --constraint "$ROOT/constraints.txt" --python-version "${PYTHON[$suite]}" --implementation cp \
        $(platforms) "$work"/this/*.whl
    rm -f "$wheels"/forgebus-*.whl
    boot "$suite" "$wheels"
    inside install
    inside answers
    inside drained
    inside secured
    inside comes_after_the_broker
    inside waits_for_the_broker
    inside killed
    inside hung
    reboot_it
    inside rebooted
    inside upgraded
    inside removed
    halt
}

platforms() {
    local minor
    for minor in $(seq 17 36); do echo "--platform=manylinux_2_${minor}_$(uname -m)"; done
    echo "--platform=manylinux2014_$(uname -m)"
}

boot() {
    mkdir -p "$work/$1"/{changes,scratch,root}
    mount -t overlay overlay \
        -o "lowerdir=$TREES/$1,upperdir=$work/$1/changes,workdir=$work/$1/scratch" "$work/$1/root"
    mounted="$work/$1/root" bound="$2"
    power_on
}

power_on() {
    local tries
    systemd-nspawn -q -b -D "$mounted" --private-network --register=no --keep-unit --link-journal=no \
        --console=pipe --kill-signal=SIGRTMIN+3 --machine=forgebus-check \
        --bind-ro="$bound:/srv/wheels" --bind-ro="$work/this:/srv/this" --bind-ro="$work/next:/srv/next" \
        --bind-ro="$ROOT/tools/systemd_check_inside.sh:/srv/inside.sh" \
        </dev/null >"$work/console" 2>&1 &
    nspawn=$!
    for tries in $(seq 120); do
        leader=$(pgrep -P "$nspawn" || true)
        if [ -n "$leader" ] && enter systemctl is-system-running --quiet 2>/dev/null; then
            return
        fi
        sleep 0.5
    done
    echo "systemd: it did not boot within 60 s" >&2
    tail -n 20 "$work/console" >&2
    exit 1
}

# What reboots ends systemd-nspawn with 133 under --keep-unit: whoever started it starts it again.
reboot_it() {
    local status=0
    enter systemctl reboot
    wait "$nspawn" || status=$?
    [ "$status" -eq 133 ] || { echo "systemd: it ended with $status in place of rebooting" >&2 && exit 1; }
    power_on
}

enter() {
    nsenter -t "$leader" -a env -i HOME=/root LANG=C.UTF-8 \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

inside() {
    if ! enter bash /srv/inside.sh "$1" "$VERSION" "$NEXT"; then
        enter journalctl --no-pager -n 40 >&2 || true
        exit 1
    fi
}

halt() {
    [ -z "${nspawn:-}" ] || { kill "$nspawn" && wait "$nspawn" || true; } 2>/dev/null
    nspawn=
    [ -z "${mounted:-}" ] || umount "$mounted"
    mounted=
}

clean() {
    halt || true
    rm -rf "$work"
}

main "$@"
