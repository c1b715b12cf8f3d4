#!/bin/sh
# Prints what a log of Meltano says about a failure, and as the last line the reason:
#   examples/recipes/reason.sh nightly.log
grep -iE 'error|critical|fatal' "$1"
# A broken pipe tells only that the other program has failed.
reason="$(grep -E '\[critical|CRITICAL|FATAL|[A-Za-z]Error: ' "$1" | grep -v 'Broken pipe' | tail -n 1)"
printf '\nReason: %s\n' "${reason:-none is named. The lines above are all that the log says.}"
