#!/usr/bin/env bash
# Unit and flow tests of the workspace.
#
#   scripts/rust-tests.sh sqlite       the embedded engine
#   scripts/rust-tests.sh postgresql   the engine named by PROVOST_TEST_POSTGRES (a libpq address), and the keys of CAs in a process
#                                      of their own also where a test has its server in its own
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-}" in
    sqlite) unset PROVOST_TEST_POSTGRES PROVOST_TEST_SIGNER ;;
    postgresql)
        if [ -z "${PROVOST_TEST_POSTGRES:-}" ]; then
            echo "PROVOST_TEST_POSTGRES is not set; use scripts/postgres.sh with-postgres" >&2
            exit 2
        fi
        export PROVOST_TEST_SIGNER=own
        ;;
    *)
        echo "usage: $0 sqlite|postgresql" >&2
        exit 2
        ;;
esac

# Tests of keys in tokens need one in software.
scripts/softhsm.sh

# Some tests run the program itself in a process of its own.
cargo build --locked -p provost

if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --workspace --locked
    # The nextest runner leaves documentation examples out.
    cargo test --workspace --locked --quiet --doc
else
    cargo test --workspace --locked
fi
