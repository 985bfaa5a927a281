#!/usr/bin/env bash
# Runs the stages of the test command in cost order and stops at the first that fails.
#
#   scripts/test.sh                 every stage
#   scripts/test.sh clippy sqlite   the named stages, still in cost order
#
# A stage that cannot run (a missing tool) fails; nothing is skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

all_stages=(format dependencies clippy sqlite postgresql pkilint sdk rustdoc fuzz)

run_stage() {
    case "$1" in
        format) cargo fmt --all --check && rustfmt --check --edition 2024 fuzz/src/main.rs ;;
        dependencies) python3 scripts/check-deps.py ;;
        clippy) cargo clippy --workspace --all-targets --locked -- -D warnings ;;
        sqlite) scripts/rust-tests.sh sqlite ;;
        postgresql) scripts/postgres.sh with-postgres scripts/rust-tests.sh postgresql ;;
        pkilint) tests/pkilint/run.sh ;;
        sdk) scripts/sdk.sh ;;
        rustdoc) RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked ;;
        fuzz) scripts/fuzz.sh "${FUZZ_SECONDS:-6}" ;;
    esac
}

wanted=("$@")
if [ ${#wanted[@]} -eq 0 ]; then
    wanted=("${all_stages[@]}")
fi
for name in "${wanted[@]}"; do
    if [[ " ${all_stages[*]} " != *" $name "* ]]; then
        echo "unknown stage: $name (there are: ${all_stages[*]})" >&2
        exit 2
    fi
done

stages=()
for name in "${all_stages[@]}"; do
    if [[ " ${wanted[*]} " == *" $name "* ]]; then
        stages+=("$name")
    fi
done

summary=()
print_summary() {
    printf '\n%-14s %-10s %s\n' stage result seconds
    printf '%s\n' "${summary[@]}"
}

for name in "${stages[@]}"; do
    printf '\n==> %s\n' "$name"
    began=$SECONDS
    # The stage runs in a child shell of its own: inside a condition, `set -e` would be off for it.
    set +e
    (set -e; run_stage "$name")
    code=$?
    set -e
    if [ "$code" -ne 0 ]; then
        summary+=("$(printf '%-14s %-10s %d' "$name" FAILED $((SECONDS - began)))")
        print_summary
        printf '\nstopped at stage %s (exit code %d); %d of %d stages passed\n' \
            "$name" "$code" $((${#summary[@]} - 1)) ${#stages[@]} >&2
        exit 1
    fi
    summary+=("$(printf '%-14s %-10s %d' "$name" passed $((SECONDS - began)))")
done
print_summary
printf '\nall %d stages passed in %d s\n' ${#stages[@]} "$SECONDS"
