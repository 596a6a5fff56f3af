"""What may import what: the directions of the package, read from its source."""

from __future__ import annotations

import ast
import itertools
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "check_smtp_border"

# A module imports only from rows above its own: data moves forward, from argv to the status line.
ROWS = (
    ("version", "text", "smtp"),
    ("smtp.reply", "smtp.tls"),
    ("smtp.reason", "smtp.connection"),
    ("smtp.session",),
    ("observation",),
    ("settings",),
    ("certificate", "message", "lookup", "expectation", "arguments"),
    ("visit", "judge_address", "judge_domain"),
    ("contexts",),
    ("resource", "summary", "options"),
    ("cli",),
    ("__main__",),
)
ROW_OF = {module: number for number, row in enumerate(ROWS) for module in row}

ACQUISITION = {"lookup", "visit", "resource", "smtp.tls", "smtp.connection", "smtp.session"}
EVALUATION = {"expectation", "judge_address", "judge_domain", "contexts", "summary"}
PURE = [
    *("text", "settings", "arguments", "observation", "expectation"),
    *("judge_address", "judge_domain", "smtp.reply", "smtp.reason"),
]
WITHOUT_IO = {"__future__", "collections", "enum", "re", "typing"}
# Who alone talks to what.
RESERVED = {
    "cryptography": {"certificate"},
    "dns": {"lookup"},
    "nagiosplugin": {"cli", "contexts", "resource", "summary"},
    "socket": {"resource", "smtp.connection"},  # resource: getaddrinfo
    "ssl": {"smtp.tls"},
}
# What a module may use of `socket` without talking: how addresses are written.
SPELLING = {"inet_pton", "inet_ntop", "AF_INET", "AF_INET6"}


def modules() -> dict[str, Path]:
    """Return every module below the package by its name: `cli`, `smtp`, `smtp.reply`."""
    names = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        names[".".join(part for part in parts if part != "__init__")] = path
    del names[""]
    return names


def imports(module: str) -> set[str]:
    """Return what a module imports anywhere in its text: own modules without the package's name."""
    found = set()
    tree = ast.parse(modules()[module].read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module and not node.level, f"{module}: relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                own = whole.removeprefix("check_smtp_border.")
                found.add(own if own in modules() else node.module)
    if used(tree, "socket") <= SPELLING:
        found.discard("socket")
    return {name.removeprefix("check_smtp_border.") for name in found}


def used(tree: ast.Module, library: str) -> set[str]:
    """Return what a module uses of a library that it has imported as a whole."""
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == library
    }


def own_imports(module: str) -> set[str]:
    """Return which modules of the package a module imports."""
    return imports(module) & modules().keys()


def importers(library: str) -> set[str]:
    """Return which modules import a library."""
    return {
        module
        for module in modules()
        if any(name.split(".")[0] == library for name in imports(module) - own_imports(module))
    }


def test_every_module_has_a_row() -> None:
    assert modules().keys() == ROW_OF.keys()


@pytest.mark.parametrize("module", ROW_OF)
def test_imports_come_from_rows_above(module: str) -> None:
    assert {name for name in own_imports(module) if ROW_OF[name] >= ROW_OF[module]} == set()


@pytest.mark.parametrize("library", RESERVED)
def test_a_reserved_library_has_only_its_importers(library: str) -> None:
    assert importers(library) == RESERVED[library]


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_imports_nothing_that_does_io(module: str) -> None:
    own = own_imports(module)
    assert own <= {*PURE, "smtp"}
    assert {name.split(".")[0] for name in imports(module) - own} <= WITHOUT_IO


@pytest.mark.parametrize("module", [module for module in ROW_OF if module.startswith("smtp")])
def test_the_smtp_client_knows_nothing_of_monitoring(module: str) -> None:
    assert all(name == "text" or name.startswith("smtp") for name in own_imports(module))


def test_no_judge_asks_for_data_and_no_io_knows_a_judge() -> None:
    sides = [
        *itertools.product(EVALUATION, ACQUISITION),
        *itertools.product(ACQUISITION, EVALUATION),
    ]
    assert [(one, other) for one, other in sides if other in own_imports(one)] == []


def test_the_makefile_asks_for_full_coverage_of_the_pure_modules() -> None:
    makefile = (PACKAGE.parent / "Makefile").read_text(encoding="utf-8").replace("\\\n", "")
    (names,) = re.findall(r"^PURE := (.*)", makefile, re.MULTILINE)
    assert names.replace("/", ".").split() == PURE
