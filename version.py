"""The version of this checkout, worked out while the distribution is built. Not part of the wheel.

Between releases each commit has a version of its own, so that ``pip install --upgrade`` takes a newer one.
"""

from __future__ import annotations

import subprocess
from datetime import datetime, timezone
from pathlib import Path

RELEASE = "0.2.0"  # the last release, or the one to come


def version() -> str:
    """Return the release where its tag is checked out, or where nothing is known of commits; else a version before it.

    The time of the commit makes the difference: unlike the number of commits, it is known in a shallow clone, too.
    """
    seconds = _git("log", "-1", "--format=%ct")
    if not seconds or f"v{RELEASE}" in _git("tag", "--points-at", "HEAD").split():
        return RELEASE
    return f"{RELEASE}.dev{datetime.fromtimestamp(int(seconds), tz=timezone.utc):%Y%m%d%H%M%S}"


def _git(*arguments: str) -> str:
    folder = Path(__file__).parent
    if not (folder / ".git").exists():  # another repository may be around an unpacked archive
        return ""
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)  # noqa: S603, S607
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
