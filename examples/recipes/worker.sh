#!/bin/sh
# One of several workers that load DTM into the same Postgres, each with its own state. In the folder of meltano.yml:
#   examples/recipes/worker.sh all > workers.txt     write the list of workers: "lists", and the code of every country
#   examples/recipes/worker.sh HTI                   run the worker of one line
set -eu
work="${1:?a line of workers.txt}"
PATH="$PWD/.venv/bin:$PATH"
export MELTANO_ENVIRONMENT="${MELTANO_ENVIRONMENT:-prod}"

# Meltano 4.4 passes catalog and state to the tap in files that all runs in a folder share, whatever their suffix. Two runs
# at a time would read each other's files. So each worker has its own folder, and they share the installed plugins.
shared="${MELTANO_SYS_DIR_ROOT:-.meltano}"
case "$shared" in /*) ;; *) shared="$PWD/$shared" ;; esac  # so that the links work from any folder
export MELTANO_SYS_DIR_ROOT="$shared/workers/$work"
for plugins in extractors loaders; do
  mkdir -p "$shared/$plugins" "$MELTANO_SYS_DIR_ROOT"
  ln -sfn "$shared/$plugins" "$MELTANO_SYS_DIR_ROOT/$plugins"
done

load() {
  TAP_DTM__SELECT_FILTER="$1" meltano run --state-id-suffix="$work" tap-dtm target-postgres
}

listed() {
  messages="$(TAP_DTM__SELECT_FILTER='["countries"]' meltano invoke tap-dtm)" || exit 1
  printf '%s\n' "$messages" | sed -n 's/.*"type":"RECORD".*"admin0_pcode":"\([A-Z]*\)".*/\1/p'
}

case "$work" in
  all)
    echo lists
    listed
    ;;
  lists)  # by one worker, because two that insert the same row at the same time can fail
    load '["countries", "operations"]'
    codes="$(listed)"
    for code in $codes; do
      grep -qx "$code" workers.txt || {
        echo "DTM lists $code, which no worker loads: add it to workers.txt." >&2
        exit 1
      }
    done
    ;;
  *)
    export TAP_DTM_COUNTRIES="[\"$work\"]" TAP_DTM_MAX_PARALLEL_REQUESTS=1
    load '["idp_*"]'
    ;;
esac
