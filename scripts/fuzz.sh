#!/usr/bin/env bash
# Runs every fuzz target in fuzz/src/targets for some seconds, as many at a time as there are processors; a finding
# fails and leaves its input in fuzz/artifacts. To try one again:
#
#   FUZZ_TARGET=crl target/fuzz/HOST/release/provost-fuzz fuzz/artifacts/crl-…
#
#   scripts/fuzz.sh [SECONDS] [TARGET...]
#
# Works on the stable toolchain: the compiler puts in the coverage counters, libFuzzer comes with libfuzzer-sys.
# Without unsafe code there is little for an address sanitizer to see, so none is used.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-6}
shift || true
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    for source in fuzz/src/targets/*.rs; do
        targets+=("$(basename "$source" .rs)")
    done
fi

host=$(rustc -vV | sed -n 's/^host: //p')
build=$(realpath -m "${CARGO_TARGET_DIR:-target}")/fuzz
counters=(
    -Cpasses=sancov-module
    -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares
    -Ccodegen-units=1
)
# The fuzz targets are a workspace of their own but use the very versions of ours.
cp Cargo.lock fuzz/Cargo.lock
# With --target the flags stay away from build scripts and macros.
RUSTFLAGS="${counters[*]}" cargo build --release --quiet --manifest-path fuzz/Cargo.toml \
    --target "$host" --target-dir "$build"

scripts/fuzz-seeds.sh "$build/seeds"
run() {
    local target=$1 log="$build/$1.log"
    mkdir -p "$build/corpus/$target" "$build/seeds/$target" fuzz/artifacts
    if ! FUZZ_TARGET=$target "$build/$host/release/provost-fuzz" -max_total_time="$seconds" -timeout=5 \
        -rss_limit_mb=1024 -max_len=8192 -artifact_prefix="fuzz/artifacts/$target-" -print_final_stats=1 \
        "$build/corpus/$target" "$build/seeds/$target" >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        echo "fuzz target $target: FAILED, the input is in fuzz/artifacts" >&2
        return 1
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    echo "fuzz target $target: $runs inputs in $seconds s, no finding"
}
export -f run
export build host seconds
printf '%s\0' "${targets[@]}" | xargs -0 -n 1 -P "${FUZZ_JOBS:-$(nproc)}" bash -c 'run "$0"'
