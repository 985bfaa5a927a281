#!/usr/bin/env bash
# Measures speed and memory against baselines of the same run.
#
#   scripts/bench.sh            the whole run, about five minutes; writes docs/BENCHMARKS.md
#   scripts/bench.sh --quick    shows that everything works; its figures mean nothing
#
# Any arguments go to the benchmark program (`--help` lists them).
set -euo pipefail
cd "$(dirname "$0")/.."

# Five thousand sessions are as many open files, on either side.
ulimit -n "$(ulimit -Hn)"

if [ $# -eq 0 ]; then
    set -- --write docs/BENCHMARKS.md
fi
cargo build --release --locked -p provost -p provost-benches
exec "${CARGO_TARGET_DIR:-target}/release/provost-benches" "$@"
