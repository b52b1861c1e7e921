#!/bin/sh
# Tells Agent Relay about something, from any script.
#
#   export AGENT_RELAY_INTEGRATION_TOKEN=... AGENT_RELAY_TARGET=cap:ops
#   nightly-backup >backup.log 2>&1 || ./notify.sh -k nightly-backup -b backup.log "The nightly backup failed"
#   nightly-backup >backup.log 2>&1 && ./notify.sh -k nightly-backup -r
#
#   -k KEY       what makes two reports one task: while it is active, it is counted
#   -r           it is over: finishes the task with that key; takes no title
#   -b FILE      the text: the end of a file, or of standard input with -b -
#   -s SEVERITY  info, warning, error (the default) or critical
#   -y TYPE      what kind of work it is: `script` by default
#   -t TARGET    for whom: cap:ops, tag:backend, an agent's id (default: AGENT_RELAY_TARGET)
#   -c CHANNEL   the channel it is sent on
#
# AGENT_RELAY_URL is http://localhost:4850 by default. A relay that is away or busy is tried again for
# AGENT_RELAY_RETRY_SECONDS (60), not before its Retry-After. Needs curl 7.66 or newer, nothing else.
# Exit: 0 the relay has it, 1 refused, 2 wrong usage, 3 the relay is away or does not know the token.
set -u
export LC_ALL=C

usage() {
  echo "notify.sh: $1; the head of this file says how to use it" >&2
  exit 2
}

# Standard input as a JSON string. What no text holds is dropped: colours, NUL and other controls, broken UTF-8.
json() {
  tab=$(printf '\t') escape=$(printf '\033')
  tr -d '\000' | sed -e "s/$escape\[[0-9;]*[A-Za-z]//g" | tr -d '\001-\010\013-\037\177' | utf8 |
    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e "s/$tab/\\\\t/g" |
    awk 'BEGIN { ORS = ""; print "\"" } NR > 1 { print "\\n" } { print } END { print "\"" }'
}

utf8() {
  if command -v iconv >/dev/null; then iconv -c -f UTF-8 -t UTF-8; else tr -cd '\011\012\040-\176'; fi
}

field() {
  [ -z "$2" ] || printf ',"%s":%s' "$1" "$(printf '%s' "$2" | json)"
}

severity=error type=script key='' status='' file='' channel=''
target=${AGENT_RELAY_TARGET:-}
while getopts k:rb:s:y:t:c: option; do
  case $option in
  k) key=$OPTARG ;;
  r) status=resolved ;;
  b) file=$OPTARG ;;
  s) severity=$OPTARG ;;
  y) type=$OPTARG ;;
  t) target=$OPTARG ;;
  c) channel=$OPTARG ;;
  *) usage "unknown option" ;;
  esac
done
shift $((OPTIND - 1))
[ -n "${AGENT_RELAY_INTEGRATION_TOKEN:-}" ] || usage "AGENT_RELAY_INTEGRATION_TOKEN is not set"

if [ -n "$status" ]; then
  [ -n "$key" ] && [ $# -eq 0 ] || usage "-r takes -k KEY and no title"
  text=''
else
  [ $# -eq 1 ] && [ -n "$1" ] || usage "one title is needed, in quotes"
  [ -n "$target" ] || usage "no target: set AGENT_RELAY_TARGET or give -t"
  # The end of a log says what went wrong; 64 KiB is the relay's limit.
  case $file in
  '') text="on $(uname -n)" ;;
  -) text=$(tail -c 60000 | tr -d '\000') ;;
  *) [ -r "$file" ] && text=$(tail -c 60000 "$file" | tr -d '\000') || usage "cannot read $file" ;;
  esac
  [ -n "$text" ] || text="(no output)"
fi

event="{\"type\":$(printf '%s' "$type" | json)"
if [ -n "$status" ]; then
  event="$event$(field dedupeKey "$key")$(field status "$status")}"
else
  title=$(printf '%s' "$1" | tr '\n\t' '  ' | cut -c1-200)
  event="$event$(field severity "$severity")$(field dedupeKey "$key")$(field title "$title")"
  event="$event$(field body "$text")$(field target "$target")$(field channel "$channel")}"
fi

relay=${AGENT_RELAY_URL:-http://localhost:4850}
folder=$(mktemp -d) || exit 3
trap 'rm -rf "$folder"' EXIT
# The token goes through a file descriptor: a command line is for everybody to see.
code=$(printf '%s' "$event" | curl -sS --output "$folder/answer" --write-out '%{http_code}' \
  --retry 10 --retry-connrefused --retry-max-time "${AGENT_RELAY_RETRY_SECONDS:-60}" --max-time 20 \
  --header 'content-type: application/json' --header @/dev/fd/3 --data-binary @- \
  "${relay%/}/api/integrations/events" 2>"$folder/errors" 3<<TOKEN
authorization: Bearer $AGENT_RELAY_INTEGRATION_TOKEN
TOKEN
)

answer=$(head -c 500 "$folder/answer" 2>/dev/null)
case $code in
2??) exit 0 ;;
404) case $status$answer in resolved*'"not_found"'*) exit 0 ;; esac ;; # Nothing was open: as it should be.
esac
case $code in
[1-9]??) echo "notify.sh: the relay answered $code: $answer" >&2 ;;
*) echo "notify.sh: no relay answers at $relay: $(tail -n 1 "$folder/errors")" >&2 ;;
esac
case $code in
401 | 403 | 429 | 5?? | 000 | '') exit 3 ;;
*) exit 1 ;;
esac
