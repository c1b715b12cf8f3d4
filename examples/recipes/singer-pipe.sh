#!/bin/sh
# Runs a tap into a target without Meltano, and keeps the state:
#   singer-pipe.sh state.json tap/bin/tap-dtm --config config.json -- jsonl/bin/target-jsonl
# The state is replaced only if both programs end with exit code 0 and the target confirms a state.
set -u

fail() {
  echo "singer-pipe.sh: $*" >&2
  exit 1
}

quoted() {
  printf "'%s' " "$(printf %s "$1" | sed "s/'/'\\\\''/g")"
}

[ $# -ge 4 ] || fail "usage: singer-pipe.sh STATE TAP [OPTION...] -- TARGET [OPTION...]"
state="$1"
shift
tap="" target="" is_target=""
for word in "$@"; do
  if [ -z "$is_target" ] && [ "$word" = -- ]; then
    is_target=yes
  elif [ -n "$is_target" ]; then
    target="$target$(quoted "$word")"
  else
    tap="$tap$(quoted "$word")"
  fi
done
[ -n "$tap" ] && [ -n "$target" ] || fail "write the tap, then --, then the target."
if [ -e "$state" ]; then
  [ -s "$state" ] || fail "$state is empty. Restore it, or delete it and empty the tables to start from scratch."
  tap="$tap --state $(quoted "$state")"
fi

work="$(mktemp -d "$state.XXXXXX")" || fail "cannot write next to $state."
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

{
  eval "$tap"
  echo $? > "$work/exit code"
} | eval "$target" > "$work/output"
target_code=$?
tap_code="$(cat "$work/exit code")" || tap_code=1
# The target first: when it ends early, the tap fails as well, because nobody reads its output.
[ "$target_code" = 0 ] || fail "the target failed with exit code $target_code. $state is as it was."
[ "$tap_code" = 0 ] || fail "the tap failed with exit code $tap_code. $state is as it was."
tail -n 1 "$work/output" > "$work/state"
case "$(cat "$work/state")" in
  '{'*'"bookmarks"'*'}') mv "$work/state" "$state" ;;
  *) fail "the target confirmed no state. $state is as it was." ;;
esac
