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
# A broker to compare telemetry with; without it the comparison is left out.
if [ ! -x /usr/sbin/mosquitto ] && command -v apt-get >/dev/null; then
    apt-get install --yes --no-install-recommends mosquitto >&2 || echo "mosquitto cannot be installed here" >&2
fi
cargo build --release --locked -p provost -p provost-benches
exec "${CARGO_TARGET_DIR:-target}/release/provost-benches" "$@"
