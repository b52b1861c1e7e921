#!/bin/sh
# Installs Agent Relay for Codex: the programs agent-relay and codex-relay, then the plugin.
#
#   install.sh [--from WHERE] [--version VERSION] [--dir FOLDER] [--dry-run] [-- INSTALL-OPTIONS]
#
# The programs are taken from the unpacked release in which this script lies; else from WHERE: a
# folder, or the address of a folder of releases (https:, file:). The SHA-256 digest of an archive
# must be the one beside it. What stands behind `--` goes to `codex-relay install`: --yes,
# --wrap-codex, --no-wrap-codex.
#
# Environment: AGENT_RELAY_RELEASES (WHERE), INSTALL_DIR (FOLDER, ~/.local/bin otherwise).
set -eu

releases=https://github.com/agent-relay/agent-relay/releases
programs="agent-relay codex-relay"
from=${AGENT_RELAY_RELEASES:-}
folder=${INSTALL_DIR:-}
version=
dry=

say() { printf '%s\n' "$*" >&2; }
fail() {
  say "error: $*"
  exit 1
}
wrong() {
  say "error: $*"
  say "hint: $0 --help"
  exit 2
}

while [ $# -gt 0 ]; do
  case $1 in
  --from | --version | --dir)
    [ $# -gt 1 ] && [ -n "$2" ] || wrong "$1 takes a value"
    case $1 in
    --from) from=$2 ;;
    --version) version=${2#v} ;;
    --dir) folder=$2 ;;
    esac
    shift 2
    ;;
  --dry-run)
    dry=1
    shift
    ;;
  -h | --help)
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p;}' "$0"
    exit 0
    ;;
  --)
    shift
    break
    ;;
  *) wrong "unknown argument: $1" ;;
  esac
done

case $version in
*[!0-9A-Za-z.+-]*) wrong "$version is no version" ;;
esac
if [ -z "$folder" ]; then
  [ -n "${HOME:-}" ] || fail "HOME is not set; name a folder with --dir"
  folder=$HOME/.local/bin
fi

has_programs() {
  for program in $programs; do
    [ -f "$1/$program" ] && [ -x "$1/$program" ] || return 1
  done
}

# The name by which a release calls this machine.
machine() {
  case $(uname -s)-$(uname -m) in
  Linux-x86_64 | Linux-amd64) echo x86_64-unknown-linux-musl ;;
  Linux-aarch64 | Linux-arm64) echo aarch64-unknown-linux-musl ;;
  Darwin-x86_64) echo x86_64-apple-darwin ;;
  Darwin-arm64) echo aarch64-apple-darwin ;;
  *) fail "there is no release for $(uname -s) on $(uname -m); build from a clone with cargo" ;;
  esac
}

fetch() {
  if command -v curl >/dev/null 2>&1; then
    curl --fail --silent --show-error --location \
      --proto '=https,http,file' --proto-redir '=https' --output "$2" "$1"
  elif command -v wget >/dev/null 2>&1; then
    wget --quiet --output-document="$2" "$1"
  else
    fail "neither curl nor wget is here to fetch $1"
  fi || fail "cannot fetch $1"
}

digest() {
  if command -v sha256sum >/dev/null 2>&1; then
    sha256sum "$1"
  elif command -v shasum >/dev/null 2>&1; then
    shasum -a 256 "$1"
  else
    fail "neither sha256sum nor shasum is here to check $1"
  fi | cut -d' ' -f1
}

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
source=
if [ -n "$from" ]; then
  case $from in
  *://*) ;;
  *) source=$from ;;
  esac
else
  from=$releases
  # A release has this script in providers/codex, and the programs at its top.
  for place in "$here" "$here/../.."; do
    if [ -z "$source" ] && has_programs "$place"; then source=$place; fi
  done
fi

if [ -n "$source" ]; then
  has_programs "$source" || fail "$source has not all of: $programs"
  say "the programs are those in $source"
else
  name=agent-relay-$(machine).tar.gz
  case $from in
  "$releases") [ -n "$version" ] && from=$from/download/v$version || from=$from/latest/download ;;
  *) [ -z "$version" ] || from=${from%/}/v$version ;;
  esac
  address=${from%/}/$name
  say "fetch   $address, and check it against $name.sha256"
  if [ -z "$dry" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    fetch "$address" "$work/$name"
    fetch "$address.sha256" "$work/$name.sha256"
    expected=$(cut -d' ' -f1 <"$work/$name.sha256" | tr 'A-F' 'a-f')
    [ ${#expected} -eq 64 ] || fail "$name.sha256 holds no digest; nothing was installed"
    [ "$(digest "$work/$name")" = "$expected" ] ||
      fail "$name is not what its digest says; nothing was installed"
    mkdir "$work/unpacked"
    tar -xzf "$work/$name" -C "$work/unpacked" || fail "$name cannot be unpacked"
    for place in "$work/unpacked" "$work/unpacked"/*/; do
      if [ -z "$source" ] && has_programs "$place"; then source=$place; fi
    done
    [ -n "$source" ] || fail "$name has not all of: $programs"
  fi
fi

for program in $programs; do
  say "install $folder/$program"
  [ -z "$dry" ] || continue
  mkdir -p "$folder"
  # In place at once: what runs keeps the file that it was started from.
  cp "$source/$program" "$folder/.$program.new"
  chmod 755 "$folder/.$program.new"
  mv -f "$folder/.$program.new" "$folder/$program"
done

case :${PATH:-}: in
*":$folder:"*) ;;
*)
  say "warning: $folder is not on PATH; add it in your shell's start file"
  PATH=$folder:${PATH:-}
  export PATH
  ;;
esac

say "run     $folder/codex-relay install $*"
[ -z "$dry" ] || exit 0
"$folder/codex-relay" install "$@"
