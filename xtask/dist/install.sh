#!/bin/sh
# Installs Agent Relay: the program agent-relay, and what is asked for besides.
#
#   install.sh [--with LIST] [--from WHERE] [--version VERSION] [--dir FOLDER] [--dry-run]
#              [-- CODEX-OPTIONS]
#   install.sh --uninstall [--purge] [--dir FOLDER] [--dry-run]
#
# LIST names providers, separated by commas: claude, codex, telegram, or all. Their programs are
# installed, too, and the plugins of Claude Code and of Codex; what stands behind `--` goes to
# `codex-relay install`: --yes, --wrap-codex, --no-wrap-codex.
#
# The programs are taken from the unpacked release in which this script lies; else from WHERE: a
# folder, or the address of a folder of releases (https:, file:). The SHA-256 digest of an archive
# must be the one beside it. `agent-relay upgrade` brings newer ones.
#
# --uninstall takes the service, the plugins and the programs away. Settings, database and backups
# stay; --purge removes them, too.
#
# Environment: AGENT_RELAY_RELEASES (WHERE), INSTALL_DIR (FOLDER, ~/.local/bin otherwise).
set -eu

releases=https://github.com/agent-relay/agent-relay/releases
from=${AGENT_RELAY_RELEASES:-}
folder=${INSTALL_DIR:-}
version=
with=
dry=
uninstall=
purge=

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
  --from | --version | --dir | --with)
    [ $# -gt 1 ] && [ -n "$2" ] || wrong "$1 takes a value"
    case $1 in
    --from) from=$2 ;;
    --version) version=${2#v} ;;
    --dir) folder=$2 ;;
    --with) with=$with,$2 ;;
    esac
    shift 2
    ;;
  --dry-run)
    dry=1
    shift
    ;;
  --uninstall)
    uninstall=1
    shift
    ;;
  --purge)
    purge=1
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
[ -z "$purge" ] || [ -n "$uninstall" ] || wrong "--purge belongs to --uninstall"
[ -n "${HOME:-}" ] || fail "HOME is not set"
[ -n "$folder" ] || folder=$HOME/.local/bin

programs=agent-relay
for provider in $(printf '%s' "$with" | tr ',' ' '); do
  case $provider in
  claude) programs="$programs agent-relay-claude" ;;
  codex) programs="$programs codex-relay" ;;
  telegram) programs="$programs agent-relay-telegram" ;;
  all)
    programs="agent-relay agent-relay-claude codex-relay agent-relay-telegram"
    break
    ;;
  *) wrong "$provider is none of claude, codex, telegram, all" ;;
  esac
done

wants() {
  case " $programs " in
  *" $1 "*) return 0 ;;
  esac
  return 1
}

# Where the programs keep what is theirs, as the programs themselves have it.
case $(uname -s) in
Darwin)
  data="$HOME/Library/Application Support/agent-relay"
  config=$data
  state=$data
  ;;
*)
  data=${XDG_DATA_HOME:-$HOME/.local/share}/agent-relay
  config=${XDG_CONFIG_HOME:-$HOME/.config}/agent-relay
  state=${XDG_STATE_HOME:-$HOME/.local/state}/agent-relay
  ;;
esac

# Says a command, and runs it.
run() {
  say "run     $*"
  [ -n "$dry" ] || "$@"
}

discard() {
  [ -e "$1" ] || return 0
  say "remove  $1"
  [ -n "$dry" ] || rm -rf "$1"
}

# Removes folders that hold nothing, innermost first.
tidy() {
  [ -n "$dry" ] || rmdir "$@" 2>/dev/null || :
}

take_away() {
  if [ -x "$folder/agent-relay" ]; then
    run "$folder/agent-relay" daemon uninstall --yes
  fi
  if [ -x "$folder/codex-relay" ]; then
    run "$folder/codex-relay" uninstall ${purge:+--purge}
  fi
  if [ -d "$data/claude" ] && command -v claude >/dev/null 2>&1; then
    run claude plugin uninstall agent-relay@agent-relay || say "warning: it was not there"
    run claude plugin marketplace remove agent-relay || say "warning: it was not there"
  fi
  discard "$data/claude"
  discard "$data/claude.previous"
  for program in agent-relay codex-relay agent-relay-claude agent-relay-telegram; do
    discard "$folder/$program"
    discard "$folder/$program.previous"
  done
  if [ -n "$purge" ]; then
    discard "$config"
    discard "$data"
    discard "$state"
  else
    for place in "$config" "$data" "$state"; do
      [ ! -d "$place" ] || say "leave   $place: --purge removes it, too"
    done
  fi
  user=${config%/*}/systemd/user
  tidy "$user/default.target.wants" "$user" "${user%/*}"
  tidy "${config%/*}"
  tidy "${data%/*}"
  tidy "${state%/*}"
  tidy "$folder"
  tidy "$HOME/.local"
}

if [ -n "$uninstall" ]; then
  take_away
  exit 0
fi

has_programs() {
  for program in $programs; do
    [ -f "$1/$program" ] && [ -x "$1/$program" ] || return 1
  done
}

# The names by which a release may call this machine, the best first.
machines() {
  case $(uname -s)-$(uname -m) in
  Linux-x86_64 | Linux-amd64) echo x86_64-unknown-linux-musl x86_64-unknown-linux-gnu ;;
  Linux-aarch64 | Linux-arm64) echo aarch64-unknown-linux-musl aarch64-unknown-linux-gnu ;;
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
  fi
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
  if has_programs "$here"; then source=$here; fi
fi

if [ -n "$source" ]; then
  has_programs "$source" || fail "$source has not all of: $programs"
  say "the programs are those in $source"
else
  case $from in
  "$releases") [ -n "$version" ] && from=$from/download/v$version || from=$from/latest/download ;;
  *) [ -z "$version" ] || from=${from%/}/v$version ;;
  esac
  kinds=$(machines)
  say "fetch   ${from%/}/agent-relay-${kinds%% *}.tar.gz, and check it against its .sha256"
  if [ -z "$dry" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    name=
    for kind in $kinds; do
      if fetch "${from%/}/agent-relay-$kind.tar.gz.sha256" "$work/sha256" 2>"$work/why"; then
        name=agent-relay-$kind.tar.gz
        [ "$kind" = "${kinds%% *}" ] || say "        for $kind there is one"
        break
      fi
    done
    [ -n "$name" ] || {
      cat "$work/why" >&2
      fail "cannot fetch ${from%/}/agent-relay-$kind.tar.gz.sha256"
    }
    fetch "${from%/}/$name" "$work/$name" || fail "cannot fetch ${from%/}/$name"
    expected=$(cut -d' ' -f1 <"$work/sha256" | tr 'A-F' 'a-f')
    [ ${#expected} -eq 64 ] || fail "$name.sha256 holds no digest; nothing was installed"
    [ "$(digest "$work/$name")" = "$expected" ] ||
      fail "$name is not what its digest says; nothing was installed"
    mkdir "$work/unpacked"
    tar -xzf "$work/$name" -C "$work/unpacked" || fail "$name cannot be unpacked"
    for place in "$work/unpacked" "$work/unpacked"/*/; do
      if [ -z "$source" ] && has_programs "$place"; then source=${place%/}; fi
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

# The plugin lies in the data folder, where `agent-relay upgrade` renews it.
if wants agent-relay-claude; then
  say "install $data/claude: the plugin of Claude Code"
  if [ -z "$dry" ]; then
    [ -d "$source/providers/claude" ] && [ -d "$source/.claude-plugin" ] ||
      fail "$source has no plugin of Claude Code"
    (
      umask 077
      mkdir -p "$data"
    )
    rm -rf "$data/.claude.new"
    mkdir -p "$data/.claude.new/providers"
    cp -R "$source/.claude-plugin" "$data/.claude.new/"
    cp -R "$source/providers/claude" "$data/.claude.new/providers/"
    rm -rf "$data/claude"
    mv "$data/.claude.new" "$data/claude"
  fi
fi

case :${PATH:-}: in
*":$folder:"*) ;;
*)
  say "warning: $folder is not on PATH; add it in your shell's start file"
  PATH=$folder:${PATH:-}
  export PATH
  ;;
esac

if wants agent-relay-claude; then
  if command -v claude >/dev/null 2>&1; then
    run claude plugin marketplace add "$data/claude"
    run claude plugin install agent-relay@agent-relay
  else
    say "next: claude plugin marketplace add '$data/claude'"
    say "      claude plugin install agent-relay@agent-relay"
  fi
fi
if wants codex-relay; then
  run "$folder/codex-relay" install "$@"
elif [ $# -gt 0 ]; then
  say "warning: what stands behind -- is for codex-relay, which is not asked for"
fi
[ -n "$dry" ] || say "next: agent-relay setup; agent-relay daemon install --enable --start"
