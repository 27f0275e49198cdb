#!/usr/bin/env bash
# Installs what the build and the tests need: a C compiler (SQLite), a PostgreSQL server, libfaketime for
# servers with wrong clocks, a browser, and Node for the dashboard.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

# Whether PostgreSQL's server programs are here; Debian keeps them out of the PATH.
have_postgres() {
  command -v initdb >/dev/null 2>&1 && command -v postgres >/dev/null 2>&1 && return 0
  for bin in /usr/lib/postgresql/*/bin; do
    [ -x "$bin/initdb" ] && [ -x "$bin/postgres" ] && return 0
  done
  return 1
}

need_rust
if ! have_postgres; then
  # Only the programs are wanted: no cluster of the machine's own, which would start a service.
  as_root mkdir -p /etc/postgresql-common
  if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
  fi
  install_packages postgresql
  have_postgres || fail "the package postgresql brought no initdb; the tests need a PostgreSQL server"
fi
ls /usr/lib/*/faketime/libfaketime.so.1 >/dev/null 2>&1 || install_packages libfaketime
if ! command -v chromium >/dev/null 2>&1 || ! command -v chromedriver >/dev/null 2>&1; then
  # Both at once: the driver is for one version of the browser.
  install_packages chromium chromium-driver
fi
need_node
