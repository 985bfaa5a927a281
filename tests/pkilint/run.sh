#!/usr/bin/env bash
# Lints one of everything provost-pki can emit, and what a server signs, with pkilint; a finding of ERROR or WARNING and above fails.
#
#   tests/pkilint/run.sh
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$(realpath -m "${CARGO_TARGET_DIR:-$root/target}")/pkilint

python3 -c "import ensurepip, venv" 2>/dev/null || {
    echo "pkilint: the package python3-venv is missing: install it" >&2
    exit 1
}
# Python packages, installed again only when the pins change.
mkdir -p "$build"
if ! cmp -s "$here/requirements.txt" "$build/venv/installed.txt"; then
    rm -rf "$build/venv"
    python3 -m venv "$build/venv"
    "$build/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$here/requirements.txt"
    "$build/venv/bin/pip" check --quiet --disable-pip-version-check
    cp "$here/requirements.txt" "$build/venv/installed.txt"
fi

rm -rf "$build/emitted"
cd "$root"
cargo run --quiet --locked -p provost-pki --example every_profile -- "$build/emitted"
cargo build --quiet --locked -p provost
"$here/served.sh" "${CARGO_TARGET_DIR:-$root/target}/debug/provost" "$build/emitted"
exec "$build/venv/bin/python" "$here/check.py" "$build/venv/bin" "$build/emitted"
