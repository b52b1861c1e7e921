#!/bin/sh
# Installs Agent Relay for Codex: the programs agent-relay and codex-relay, then the plugin. It is
# the installer of a release, or of a clone, with `--with codex`; its --help says the rest.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
for script in "$root/install.sh" "$root/xtask/dist/install.sh"; do
  if [ -f "$script" ]; then exec sh "$script" --with codex "$@"; fi
done
echo "error: $root holds no install.sh" >&2
exit 1
