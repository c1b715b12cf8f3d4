"""Where ``target-datapackage publish`` begins."""

from __future__ import annotations

import sys

from frictionless_dtm.publish.command import main

__all__ = ["main"]

if __name__ == "__main__":
    main(sys.argv[1:])
