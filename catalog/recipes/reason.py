"""Why a run of Meltano failed: prints the errors in its log, and in the last line the reason.

python3 catalog/recipes/reason.py nightly.log
"""

import re
import sys
from pathlib import Path

PLUGIN = r"(?:tap|target|dtm)-[\w-]+ +"
# The best first: what this project's commands say, the exception of another program, Meltano's own errors, anything.
REASONS = (
    r"\[critical *\] +(.+)",
    rf"({PLUGIN}(?:[A-Za-z_]\w*\.)*\w*(?:Error|Exception): .+)",
    r"\[error *\] +(.+)",
    r"(.*\S.*)",
)
EFFECT = "Broken pipe"  # of the failure of another program, never the reason


def main(log: str) -> None:
    """Print the errors and the reason."""
    lines = Path(log).read_text("utf-8", errors="replace").splitlines()
    for line in lines:
        if re.search(r"\[(error|critical) *\]", line):
            print(line)
    print(f"Reason: {reason(lines)}")


def reason(lines: list[str]) -> str:
    """Return the reason, from the last line that says one."""
    told = [line for line in lines if EFFECT not in line]
    for pattern in REASONS:
        if found := [match[1] for match in (re.search(pattern, line) for line in told) if match]:
            return re.sub(r"^([\w-]+) +", r"\1: ", found[-1])
    return "the log is empty"


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")
    main(*sys.argv[1:])
