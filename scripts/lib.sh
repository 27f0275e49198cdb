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

# The oldest Node the dashboard is built with, and the one that is fetched where none is new enough.
node_is_new_enough() {
  command -v node >/dev/null 2>&1 &&
    node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)'
}

# Node and npm for the dashboard: those of the machine, else npm from Debian and a newer Node from npm's
# registry, below target.
need_node() {
  local arch own
  case $(uname -m) in
    x86_64) arch=x64 ;;
    aarch64) arch=arm64 ;;
    *) arch= ;;
  esac
  own=$PWD/target/node
  command -v npm >/dev/null 2>&1 || install_packages npm
  node_is_new_enough && return 0
  [ -n "$arch" ] || fail "the dashboard needs Node 20.19 or later; install it by hand"
  PATH=$own/node_modules/node-linux-$arch/bin:$PATH
  export PATH
  node_is_new_enough && return 0
  say "installing Node from npm's registry: the one here is too old"
  npm install --prefix "$own" --no-audit --no-fund --loglevel=error "node-linux-$arch@24.21.0"
  hash -r
  node_is_new_enough || fail "the dashboard needs Node 20.19 or later; install it by hand"
}
