#!/bin/sh
# Runs every oracle for some seconds (60 if not said otherwise) on stable Rust and fails if one finds something.
# SEED chooses the modules (1 if not said otherwise, so that a failure is one of the change under test). Modules
# that showed a finding are kept in OUT.
set -eu
cd "$(dirname "$0")"
seconds=${1:-60}
out=${OUT:-${TMPDIR:-/tmp}/rotifer-soak}
cargo build --release --locked --bin soak
soak=${CARGO_TARGET_DIR:-target}/release/soak
for file in seeds/regressions/*.wat; do
    case $file in
    */validate-*) targets=validate ;;
    *) targets="execute modes suspend" ;;
    esac
    for target in $targets; do
        "$soak" --target "$target" --replay "$file" --seed 1 2>/dev/null ||
            { echo "finding: $soak --target $target --replay $file --seed 1" >&2; exit 1; }
    done
done
for target in validate execute modes suspend; do
    "$soak" --target "$target" --seconds "$seconds" --seed "${SEED:-1}" --out "$out"
done
