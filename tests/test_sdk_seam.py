"""The room ``singer`` lists in a table what it uses of the SDK's internals."""

from __future__ import annotations

import ast
import inspect
import pkgutil
import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import frictionless_dtm.command

import tap_dtm.singer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

ROOT = Path(__file__).parents[1]
MODULES = [
    *(import_module(f"tap_dtm.singer.{module.name}") for module in pkgutil.iter_modules(tap_dtm.singer.__path__)),
    frictionless_dtm.command,
]
ROWS = re.findall(r"^``([\w.]+)``\S* (?:\(final\))? *(\S.*?)  +(tests\S*)$", tap_dtm.singer.__doc__ or "", re.MULTILINE)


def overridden(module: ModuleType) -> Iterator[str]:
    """Yield the private and final names of the SDK that the classes of a module define once more."""
    for _, each in inspect.getmembers(module, inspect.isclass):
        for name, value in vars(each).items():
            if each.__module__ != module.__name__ or name.startswith("__") or name == "_abc_impl":
                continue
            for base in each.__mro__[1:]:
                if base.__module__.startswith("singer_sdk") and name in vars(base):
                    if name.startswith("_") or is_final(vars(base)[name]):
                        yield name
                    assert value is not vars(base)[name]
                    break


def is_final(value: Any) -> bool:
    return bool(getattr(getattr(value, "fget", getattr(value, "__func__", value)), "__final__", False))


def private_modules(module: ModuleType) -> Iterator[str]:
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.ImportFrom) and re.search(r"^singer_sdk\b.*\._", node.module or ""):
            yield (node.module or "").removeprefix("singer_sdk.")


def test_the_table_names_all_that_is_used_and_nothing_else() -> None:
    used = {name for module in MODULES for name in (*overridden(module), *private_modules(module))}

    assert {name.rpartition("Tap.")[2] for name, _, _ in ROWS} == used


def test_what_would_tell_exists() -> None:
    assert all((ROOT / place).exists() for _, _, place in ROWS)
