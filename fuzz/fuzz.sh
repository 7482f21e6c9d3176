#!/bin/sh
# Runs a coverage-guided target with a nightly compiler but without cargo-fuzz:
# fuzz.sh validate|execute|modes|suspend|states|api|wast-text [arguments of libFuzzer]. Set SANITIZER=address for the address sanitizer.
set -eu
cd "$(dirname "$0")"
target=$1
shift
flags="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
if [ -n "${SANITIZER:-}" ]; then flags="$flags -Zsanitizer=$SANITIZER"; fi
triple=$(rustc -vV | sed -n 's/^host: //p')
# The compilation target is named, so that the flags do not apply to build scripts.
# Only one target needs the reference.
features="--no-default-features --features libfuzzer"
if [ "$target" = execute ]; then features="--features libfuzzer"; fi
# shellcheck disable=SC2086
RUSTFLAGS=$flags cargo +nightly build --release --locked $features --target "$triple" --bin "$target"
mkdir -p "corpus/$target" artifacts
seeds=seeds/$target
# They take the same modules.
if [ "$target" = suspend ] || [ "$target" = states ]; then seeds=seeds/modes; fi
exec "${CARGO_TARGET_DIR:-target}/$triple/release/$target" -artifact_prefix=artifacts/ -max_len=8192 "$@" \
    "corpus/$target" "$seeds"
