#!/usr/bin/env bash
# Runs the official device and service SDKs, unmodified, against a provost binary.
#
#   tests/sdk/run.sh PROVOST [CHECK...]     for example: tests/sdk/run.sh target/debug/provost python/check_hub.py
#
# The SDKs have fixed ports (443 and 8883), so server and checks run in a network and mount namespace of their
# own, where a hosts file names the test host. Nothing outside is touched and no network is needed inside.
# Whatever is missing is an error: nothing is skipped.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$(realpath -m "${CARGO_TARGET_DIR:-$root/target}")/sdk

fail() {
    echo "sdk checks: $*" >&2
    exit 1
}

# need PACKAGE TEST...: installs the Debian package when the test fails and this is root.
need() {
    local package=$1
    shift
    "$@" >/dev/null 2>&1 && return 0
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        echo "installing the package $package" >&2
        apt-get update -qq >&2
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >&2
    fi
    "$@" >/dev/null 2>&1 || fail "the package $package is missing: install it"
}

[ $# -ge 1 ] || fail "usage: $0 PROVOST [CHECK...]"
provost=$(realpath "$1")
[ -x "$provost" ] || fail "$1 is not an executable"
shift
need openssl openssl version
need python3 python3 --version
need python3-venv python3 -c "import ensurepip, venv"
need nodejs node --version
need npm npm --version
need iproute2 ip -V
need util-linux unshare --version
unshare --user --map-root-user --net --mount true 2>/dev/null ||
    fail "this machine does not allow private namespaces (unshare -Urnm); allow unprivileged user namespaces or run as root"

# Python packages, installed again only when the pins change.
mkdir -p "$build"
if ! cmp -s "$here/python/requirements.txt" "$build/venv/installed.txt"; then
    rm -rf "$build/venv"
    python3 -m venv "$build/venv"
    "$build/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$here/python/requirements.txt"
    "$build/venv/bin/pip" check --quiet --disable-pip-version-check
    cp "$here/python/requirements.txt" "$build/venv/installed.txt"
fi

# Node packages likewise; none of their install scripts is needed.
if ! cmp -s "$here/node/package-lock.json" "$build/node/installed.json"; then
    rm -rf "$build/node"
    mkdir -p "$build/node"
    cp "$here/node/package.json" "$here/node/package-lock.json" "$build/node/"
    (cd "$build/node" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
    cp "$here/node/package-lock.json" "$build/node/installed.json"
fi

work=$(mktemp -d /tmp/provost-sdk.XXXXXX)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
"$here/certificates.sh" "$work/certificates"

NODE_PATH="$build/node/node_modules" unshare --user --map-root-user --net --mount \
    "$build/venv/bin/python" "$here/stage.py" "$provost" "$work" "$@"
