#!/usr/bin/env bash
# Installs SoftHSM, the PKCS#11 token in software that tests of keys in tokens need, when it is missing.
#
#   scripts/softhsm.sh
set -euo pipefail

fail() {
    echo "softhsm.sh: $*" >&2
    exit 1
}

is_there() {
    local library
    for library in /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so /usr/lib64/softhsm/libsofthsm.so \
        /usr/local/lib/softhsm/libsofthsm2.so; do
        if [ -e "$library" ]; then
            return 0
        fi
    done
    return 1
}

if ! is_there; then
    [ "$(id -u)" -eq 0 ] || fail "no SoftHSM found and not root: install the package 'softhsm2'"
    command -v apt-get >/dev/null || fail "no SoftHSM found and no apt-get to install it with"
    echo "installing the package softhsm2" >&2
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends softhsm2 >&2
    is_there || fail "the package softhsm2 brought no library"
fi
