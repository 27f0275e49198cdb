#!/usr/bin/env bash
# The dashboard. `build` makes dashboard/dist anew, `test` checks and tests it. Only these need Node.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
need_node

cd dashboard
# What is installed is written down there; nothing is fetched when that is what is wanted.
if ! cmp -s package-lock.json node_modules/.installed; then
  say "installing what the dashboard is built with"
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
  cp package-lock.json node_modules/.installed
fi

case ${1:-} in
  build)
    npm run --silent generate
    npm run --silent format
    npm run --silent check
    npm run --silent test
    npm run --silent build
    ;;
  test)
    say "dashboard: format, types, logic"
    npm run --silent format:check
    npm run --silent check
    npm run --silent test
    say "dashboard: whether dist is what the sources give"
    rm -rf .svelte-kit/again
    DASHBOARD_DIST=.svelte-kit/again npm run --silent build >/dev/null
    node scripts/compare.js dist .svelte-kit/again
    say "dashboard: every page and what people do, in a browser"
    PICLOUD=${CARGO_TARGET_DIR:-$PWD/../target}/debug/picloud npm run --silent test:browser
    ;;
  *) fail "usage: scripts/dashboard.sh build|test" ;;
esac
