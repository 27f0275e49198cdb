# Shared by the scripts of this folder; not run by itself.

say() { printf '== %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Runs a command as root: directly, or with sudo.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null 2>&1; then sudo "$@"
  else fail "this needs root and there is no sudo: $*"
  fi
}

# Installs Debian packages, after a fresh package list.
install_packages() {
  command -v apt-get >/dev/null 2>&1 || fail "cannot install $*: there is no apt-get here; install them by hand"
  say "installing from Debian: $*"
  as_root apt-get update -q
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}

need_rust() {
  command -v cargo >/dev/null 2>&1 || fail "cargo is not on the PATH; install Rust with https://rustup.rs"
  command -v cc >/dev/null 2>&1 || install_packages gcc libc6-dev
}
