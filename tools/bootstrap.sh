#!/usr/bin/env bash
# Get what pip cannot: make, Python's venv module, Debian's mosquitto, and a virtual environment.
#
#   tools/bootstrap.sh debian THING...   each THING must be here: make, venv, broker, clients
#   tools/bootstrap.sh venv DIR          make a virtual environment with a Python that we support
#
# As root on Debian the first installs what is missing. As a plain user it says what to run.
set -euo pipefail

main() {
    case "${1:-}" in
    debian) shift && debian "$@" ;;
    venv) local python && python=$(supported_python) && "$python" -m venv "$2" ;;
    *) sed -n '4,5s/^# *//p' "$0" >&2 && exit 2 ;;
    esac
}

debian() {
    local thing missing=()
    for thing in "$@"; do
        if ! is_here "$thing"; then missing+=("$(package_of "$thing")"); fi
    done
    if [ ${#missing[@]} -eq 0 ]; then return; fi
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        echo "forgebus needs from Debian: ${missing[*]}. Run this, then make again:" >&2
        echo "    sudo apt-get install ${missing[*]}" >&2
        exit 1
    fi
    echo "installing from Debian: ${missing[*]}"
    apt update
    apt install -y --no-install-recommends "${missing[@]}"
}

is_here() {
    local python
    case "$1" in
    make) has make ;;
    venv)
        python=$(supported_python) || exit 1
        "$python" -c 'import ensurepip, venv' 2>/dev/null
        ;;
    broker) has mosquitto ;;
    clients) has mosquitto_pub && has mosquitto_sub ;;
    esac
}

package_of() {
    case "$1" in
    make) echo make ;;
    venv) echo python3-venv ;; # Debian's python3 can `import venv` and lacks ensurepip without it
    broker) echo mosquitto ;;
    clients) echo mosquitto-clients ;;
    esac
}

supported_python() {
    local name
    for name in ${PYTHON:-python3.11 python3.12 python3.13 python3}; do
        if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    echo "forgebus needs Python 3.11, 3.12 or 3.13 and found none;" \
        "PYTHON=/path/to/python3.11 make ... names one" >&2
    exit 1
}

has() {
    # Debian puts mosquitto into /usr/sbin, which is not on a plain user's PATH.
    PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$1" >/dev/null
}

apt() { # quiet unless it fails
    local said
    if ! said=$(DEBIAN_FRONTEND=noninteractive apt-get "$@" </dev/null 2>&1); then
        printf '%s\napt-get %s failed; see above\n' "$said" "$*" >&2
        exit 1
    fi
}

main "$@"
