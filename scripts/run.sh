#!/usr/bin/env bash
# Builds and starts PiCloud, deploys examples/hello, and waits. Ctrl-C stops it.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
need_rust

say "building"
cargo build --profile try -p picloud -p picloud-cli
bin=${CARGO_TARGET_DIR:-target}/try

work=$(mktemp -d)
out=$work/out
mkfifo "$out"
# In a session of its own, so that Ctrl-C reaches it once, by the trap below.
setsid "$bin/picloud" serve >"$out" &
server=$!
stop() {
  kill -TERM "$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
  rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The server's own start-up output ends with the line "Try"; the example is deployed before it is shown.
exec 3<"$out"
ready= apps=
while IFS= read -r line <&3; do
  case $line in
    Try*)
      # To this server, whatever else `pic` is signed in to; and only once, because a folder replaces
      # what people have deployed into its app since.
      pic() { "$bin/pic" --data "${PICLOUD_DATA_DIR:-data}" "$@"; }
      pic apps show hello >/dev/null 2>&1 || pic deploy examples/hello >"$work/deployed" 2>&1 ||
        { cat "$work/deployed" >&2; fail "examples/hello could not be deployed"; }
      printf '%-12s %s\n' Hello "$apps/hello?name=you"
      ready=yes ;;
    # The address of the app below says where apps answer.
    Apps*) apps=${line##* }; continue ;;
  esac
  printf '%s\n' "$line"
  [ -z "$ready" ] || break
done
[ -n "$ready" ] || fail "the server did not start; its messages are above"
wait "$server"
