#!/usr/bin/env bash
# Faults in great number: `make crash`, or `make crash CYCLES=1000 SEED=7`. Fails when something is
# lost, out of order, stale or repeated more often than a fault explains.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
need_rust

cycles=${CYCLES:-200}
export CRASH_CYCLES=$((cycles / 2))                          # SIGKILL, per engine
export CRASH_POWER_CYCLES=${POWER_CYCLES:-$((cycles / 4))}   # power cuts, per loop
export CRASH_NODE_CYCLES=${NODE_CYCLES:-5}
export CRASH_TICKS=${TICKS:-5000}                            # of 50 schedules of every second
export CRASH_EVENTS=${EVENTS:-100000}
[ -z "${SEED:-}" ] || export CRASH_SEED=$SEED

# Power cuts need the kernel's help; better told before than after the build.
[ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null ||
  fail "cutting the power takes root, or sudo without a password: it mounts a file system of its own"
[ -e /dev/loop-control ] ||
  fail "cutting the power takes loop devices (/dev/loop-control), which this machine or container has not"
for program in mkfs.ext4 perl; do
  PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null 2>&1 || fail "cutting the power takes $program"
done

say "building"
cargo build --quiet -p picloud -p picloud-cli
say "SIGKILL cycles: $((CRASH_CYCLES * 2)) on two engines; power cuts: $CRASH_POWER_CYCLES of a server, twice as many of the store; events without a fault: $CRASH_EVENTS; ticks of schedules: $CRASH_TICKS"
report=${CARGO_TARGET_DIR:-target}/crash.log
status=0
{
  cargo test --quiet -p test-support --lib ledger
  cargo test --quiet -p test-support --lib ticks
  cargo test --quiet -p store --test store power:: -- --nocapture --test-threads=1
  cargo test --quiet -p picloud --test crash -- --nocapture --test-threads=1
} >"$report" 2>&1 || status=1
say "results (all of the output: $report)"
grep -E '^\.*(crash |power cuts|seed )|panicked at|assertion' "$report" || true
[ "$status" = 0 ] || fail "a promise was broken; see $report"
say "no promise was broken"
