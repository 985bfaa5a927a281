#!/usr/bin/env bash
# Measures speed and memory against baselines of the same run; arguments go to the benchmark program.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release --locked -p provost
exec cargo run --release --locked -p provost-benches -- "$@"
