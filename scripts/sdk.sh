#!/usr/bin/env bash
# Builds the binary and runs the official SDKs against it; arguments name single check files.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --locked -p provost
exec tests/sdk/run.sh "${CARGO_TARGET_DIR:-target}/debug/provost" "$@"
