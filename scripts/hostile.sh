#!/usr/bin/env bash
# The hostile suite of the instance in great number: `make hostile`, or `make hostile CALLS=1000`. Fails
# when a server of 512 MiB ends, a neighbour has an error, or memory or processor time is kept.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
need_rust

export HOSTILE_CALLS=${CALLS:-10000}   # of every script, one after the other and as often by many clients
export HOSTILE_HOLD=20                 # seconds that slow clients hold out
say "building"
cargo build --quiet -p picloud
say "attacking: $HOSTILE_CALLS calls of every case of tests/hostile_instance"
cargo test --quiet -p picloud --test hostile instance -- --nocapture --test-threads=1
