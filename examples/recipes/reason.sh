#!/bin/sh
# Prints the lines about a failure in a log of Meltano, and as the last line the reason:
#   examples/recipes/reason.sh nightly.log
grep -iE 'error|critical|fatal' "$1"
# These three only show that the other program has failed.
reason="$(grep -E '\[critical|CRITICAL|FATAL|[A-Za-z]Error: ' "$1" | grep -vE 'Broken pipe|Connection lost|Event loop is closed' | tail -n 1)"
printf '\nReason: %s\n' "${reason:-not named. See the lines above.}"
