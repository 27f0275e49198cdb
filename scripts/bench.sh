#!/usr/bin/env bash
# Builds in release mode and measures: `make bench`, or `make bench ID=hello` for one row.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
need_rust
command -v wrk >/dev/null 2>&1 || install_packages wrk
command -v taskset >/dev/null 2>&1 || install_packages util-linux

say "building"
cargo build --release --quiet -p picloud -p picloud-bench
cargo build --release --quiet -p executor-core --examples
rows=()
for id in ${ID:-}; do rows+=(--id "$id"); done
exec "${CARGO_TARGET_DIR:-target}/release/picloud-bench" "${rows[@]}" "$@"
