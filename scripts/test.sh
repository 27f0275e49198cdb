#!/usr/bin/env bash
# Every check and every test; the last lines are the summary.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

say "formatting"
cargo fmt --all --check
say "lints"
cargo clippy --workspace --all-targets --quiet -- -D warnings
say "documentation examples"
cargo test --workspace --doc --quiet
say "tests"
if cargo nextest --version >/dev/null 2>&1; then
  cargo nextest run --workspace
else
  cargo test --workspace --no-fail-fast
fi
scripts/dashboard.sh test
