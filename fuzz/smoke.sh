#!/bin/sh
# Runs every target for some seconds (60 if not said otherwise), two at a time, on stable Rust and fails if one finds
# something. SEED chooses the inputs (1 if not said otherwise, so that a failure is one of the change under test).
# Inputs that showed a finding are kept in OUT.
set -eu
cd "$(dirname "$0")"
seconds=${1:-60}
out=${OUT:-${TMPDIR:-/tmp}/rotifer-soak}
# wasmtime takes longer to optimise than a minute of its compiler takes longer without. What the other targets spend
# their time in is optimised all the same.
set -- --config 'profile.release.package."*".opt-level=0'
for package in wasm-smith wasmparser wasm-encoder arbitrary wast hashbrown smallvec spin blake3 rustix; do
    set -- "$@" --config "profile.release.package.\"$package\".opt-level=2"
done
target=${CARGO_TARGET_DIR:-target}/smoke
cargo build --release --locked --bin soak --target-dir "$target" "$@"
soak=$target/release/soak

# What was found before, and the corpus of texts.
for file in seeds/regressions/*.* seeds/wast-text/*.wast; do
    case $file in
    */validate-*) targets=validate ;;
    */api-*) targets=api ;;
    *.wast) targets=wast-text ;;
    *) targets="execute modes suspend states" ;;
    esac
    for target in $targets; do
        "$soak" --target "$target" --replay "$file" --seed 1 2>/dev/null ||
            { echo "finding: $soak --target $target --replay $file --seed 1" >&2; exit 1; }
    done
done

run() {
    "$soak" --target "$1" --seconds "$seconds" --seed "${SEED:-1}" --out "$out/$1"
}
lane() {
    failed=0
    for target in "$@"; do
        run "$target" || failed=1
    done
    return "$failed"
}
lane validate modes states wast-text &
other=$!
lane execute suspend api || failed=1
wait "$other" || failed=1
exit "$failed"
