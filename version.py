"""The version of this checkout, from the tag of its release. Runs while the distribution is built; not in the wheel.

On the tag v1.2.3 it is 1.2.3, and three commits later 1.2.4.dev3. So `pip install --upgrade` takes a newer commit.
"""

from __future__ import annotations

import sys
from pathlib import Path

from setuptools_scm import get_version

VARIABLE = "SETUPTOOLS_SCM_PRETEND_VERSION_FOR_TAP_DTM"


def version() -> str:
    """Return the version that git, an archive made by git, or the variable gives; else exit with a sentence."""
    try:
        # No commit after a "+": an image cannot have such a tag.
        found = get_version(root=str(Path(__file__).parent), dist_name="tap-dtm", local_scheme="no-local-version")
    except LookupError:
        # An exit and not an error: the installer then shows the sentence without a traceback.
        sys.exit(
            "The version of tap-dtm cannot be found: this folder is neither a git clone nor a release. "
            f"Set it yourself, for example {VARIABLE}=0.2.0, or install from a clone or from git+https://..."
        )
    # 0.1.0 was released without a tag, so a clone without tags is on its way to 0.2.0.
    return found.replace("0.1.dev", "0.2.0.dev") if found.startswith("0.1.dev") else found
