#!/usr/bin/env bash
# Get what pip cannot: a virtual environment and Debian's mosquitto.
#
#   tools/bootstrap.sh venv DIR    make a virtual environment with a Python that we support
#   tools/bootstrap.sh broker      mosquitto must be here
#   tools/bootstrap.sh clients     mosquitto_pub and mosquitto_sub must be here
#
# As root on Debian it installs what is missing. As a plain user it says what to run and exits 1.
set -euo pipefail

main() {
    case "${1:-}" in
    venv) venv "$2" ;;
    broker) need mosquitto has mosquitto ;;
    clients) need mosquitto-clients has mosquitto_pub ;;
    *) sed -n '2,8p' "$0" >&2 && exit 2 ;;
    esac
}

venv() {
    need python3 supported_python >/dev/null
    local python
    python=$(supported_python)
    # Debian's python3 can `import venv` and lacks ensurepip until python3-venv is there.
    need python3-venv "$python" -c 'import ensurepip, venv'
    "$python" -m venv "$1"
}

supported_python() {
    local name
    for name in ${PYTHON:-python3.11 python3.12 python3.13 python3}; do
        if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    echo "forgebus needs Python 3.11, 3.12 or 3.13; none is on PATH (PYTHON=/path/to/python3.11 names one)" >&2
    return 1
}

has() {
    # Debian puts mosquitto into /usr/sbin, which is not on a plain user's PATH.
    PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$1" >/dev/null
}

need() { # PACKAGE TEST...: run TEST; while it fails, the package is missing
    local package=$1
    shift
    if "$@" >/dev/null 2>&1; then return; fi
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        echo "forgebus needs Debian's $package. Run this, then make again:" >&2
        echo "    sudo apt-get install $package" >&2
        exit 1
    fi
    echo "installing Debian's $package" >&2
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq </dev/null >&2
    apt-get install -y -qq --no-install-recommends "$package" </dev/null >&2
    "$@" >/dev/null || { echo "$package is installed and still does not serve; see above" >&2 && exit 1; }
}

main "$@"
