"""What may import what, and how long it may grow: read from the source of the package."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from check_smtp_border.probes import ALWAYS
from tests.support.plugin import CHECKOUT, VALID_USER
from tests.support.smtp_server import Script, SmtpServer

PACKAGE = CHECKOUT / "check_smtp_border"
NAME = "check_smtp_border."
MOST_LINES, MOST_LINES_OF_A_FUNCTION = 300, 40


def _modules() -> dict[str, ast.Module]:
    """Every module below the package by its name: `cli`, `smtp`, `smtp.reply`."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    del found[""]
    return found


MODULES = _modules()
ROOMS = sorted(name for name in MODULES if name.startswith("probes."))
SMTP = sorted(name for name in MODULES if name.split(".")[0] == "smtp")
ACQUISITION = sorted(
    name
    for name in MODULES
    if name.split(".")[0] in ("border", "clients") and name not in ("border", "border.resource")
)
TABLES = ("smtp.reason_table", "smtp.reason_tongues", "smtp.reason_words")
PURE_SMTP = ("smtp", "smtp.reply", "smtp.reason", *TABLES, "smtp.message")
PURE = [
    *("text", "names", "settings", "arguments", "verdict", "headline", "safety"),
    *("border.facts", "border.asking", "border.records", "border.script", "probes", *ROOMS),
    *("smtp.reply", "smtp.reason", *TABLES),
]
# They do no I/O themselves; of modules that do they know the values and the plain functions.
PURE_OF_THE_SWEEP: dict[str, set[str]] = {
    "sweep.planner": set(),
    "sweep.host": set(),
    "sweep.tally": set(),
    "sweep.domains": {"argparse", "shlex"},
    "sweep.external_command": {"select", "time"},  # PIPE_BUF, and the hour
}
WITHOUT_IO = {
    *("__future__", "base64", "collections", "datetime", "enum", "errno", "functools"),
    *("hashlib", "itertools", "json", "math", "re", "string", "typing"),
}
# What a room may know; its errors and packages are as pure as it is.
OF_A_ROOM = {
    *("names", "text", "settings", "arguments", "verdict", "border.facts", "border.asking"),
    "border.records",
    *(*PURE_SMTP, "probes", *ROOMS),
}
# Who alone may import what.
RESERVED = {
    "cryptography": {"clients.certificate"},
    "dns": {"clients.lookup"},
    "nagiosplugin": {"cli", "contexts", "summary", "output", "border.resource", "sweep.run"},
    "socket": {"smtp.connection", "clients.system_lookup", "names", "sweep.icinga_api"},
    "ssl": {"smtp.tls", "sweep.icinga_api"},
}
# What may be used of `socket` without talking: how addresses are written.
SPELLING = {"inet_pton", "inet_ntop", "AF_INET", "AF_INET6"}


def _nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those that only a type checker sees."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from _nodes(node)


def imports(module: str) -> set[str]:
    """What a module imports anywhere in its text: own modules without the package's name."""
    found = set()
    for node in _nodes(MODULES[module]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module and not node.level, f"{module}: relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                own = whole.removeprefix(NAME) in MODULES
                found.add(whole if own else node.module)
    return {name.removeprefix(NAME) for name in found}


def own_imports(module: str) -> set[str]:
    """Which modules of the package a module imports."""
    return imports(module) & MODULES.keys()


def foreign_imports(module: str) -> set[str]:
    """Which libraries a module imports, by their first names."""
    return {name.split(".")[0] for name in imports(module) - own_imports(module)}


@pytest.mark.parametrize("module", ROOMS)
def test_a_room_imports_nothing_that_talks(module: str) -> None:
    assert own_imports(module) <= OF_A_ROOM


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_imports_nothing_that_does_io(module: str) -> None:
    allowed = WITHOUT_IO | {"names": {"socket"}, "probes": {"importlib"}}.get(module, set())
    assert foreign_imports(module) <= allowed
    assert own_imports(module) <= {*PURE, "smtp", "smtp.message"}


@pytest.mark.parametrize("module", PURE_OF_THE_SWEEP)
def test_a_pure_module_of_the_sweep_does_no_io(module: str) -> None:
    assert foreign_imports(module) <= WITHOUT_IO | PURE_OF_THE_SWEEP[module]


def test_names_are_spelled_by_socket_and_nothing_is_sent() -> None:
    used = {
        node.attr
        for node in _nodes(MODULES["names"])
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "socket"
    }
    assert used <= SPELLING


@pytest.mark.parametrize("library", RESERVED)
def test_a_reserved_library_has_only_its_importers(library: str) -> None:
    assert {one for one in MODULES if library in foreign_imports(one)} <= RESERVED[library]


@pytest.mark.parametrize("module", SMTP)
def test_the_smtp_client_knows_nothing_of_monitoring(module: str) -> None:
    assert own_imports(module) <= {"text", *SMTP}


@pytest.mark.parametrize("module", ACQUISITION)
def test_who_asks_the_network_knows_no_judge(module: str) -> None:
    evaluation = {"contexts", "summary", "output", "options", "command_line", "cli"}
    judges = {*ROOMS} - {"probes.controls", "probes.wording"}  # pure, and no rooms
    assert own_imports(module) & {*judges, *evaluation} == set()
    of_verdict = {
        alias.name
        for node in _nodes(MODULES[module])
        if isinstance(node, ast.ImportFrom) and node.module == f"{NAME}verdict"
        for alias in node.names
    }
    assert of_verdict <= {"Place"}


@pytest.mark.parametrize("module", ["contexts", "summary", "output", *ROOMS, "probes"])
def test_who_judges_asks_nothing(module: str) -> None:
    pure = {"border.facts", "border.asking", "border.records", *PURE_SMTP}
    asking = {*ACQUISITION, *SMTP} - pure
    assert own_imports(module) & asking == set()


def test_no_modules_import_each_other_in_a_circle() -> None:
    TopologicalSorter({module: own_imports(module) for module in MODULES}).prepare()


# Prints which modules a run has loaded, where it would end.
RUN = """
import os, sys
from check_smtp_border import cli
leave = os._exit
def tell(state):
    print(*sys.modules, sep="\\n", flush=True)
    leave(state)
os._exit = tell
cli.main(sys.argv[1:])
"""


def test_a_plain_run_loads_no_room_that_nobody_asked_for() -> None:
    with SmtpServer(Script()) as server:
        command = [sys.executable, "-c", RUN, "-H", "127.0.0.1", "-p", str(server.port), VALID_USER]
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
        ended = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    status, *loaded = ended.stdout.splitlines()
    assert status.startswith("SMTP_BORDER OK")
    rooms = {one.removeprefix(NAME) for one in loaded if one.startswith(f"{NAME}probes.")}
    assert rooms == {f"probes.{room}" for room in (*ALWAYS, "controls", "wording")}
    assert {"dns", "cryptography", "email"} & {*loaded} == set()


@pytest.mark.parametrize("module", MODULES)
def test_nothing_grows_past_its_bounds(module: str) -> None:
    path = PACKAGE.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else Path(f"{path}.py")
    assert len(file.read_text(encoding="utf-8").splitlines()) <= MOST_LINES
    long = [
        node.name
        for node in ast.walk(MODULES[module])
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (node.end_lineno or 0) - node.lineno >= MOST_LINES_OF_A_FUNCTION
    ]
    assert long == []


def _is_handed_what_talks(module: str) -> bool:
    """Whether a room's types name a way to the network."""
    blocks = [
        ast.unparse(node)
        for node in ast.walk(MODULES[module])
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    return any(re.search(r"border\.(dial|net)|clients|smtp\.session", text) for text in blocks)


def test_the_makefile_asks_for_full_coverage_of_the_pure_modules() -> None:
    said = subprocess.run(
        ["make", "--silent", "--eval", "pure: ; @echo $(PURE)", "pure"],
        cwd=CHECKOUT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    listed = said.replace("/", ".").split()
    pure = {module for module in PURE if not _is_handed_what_talks(module)}
    assert {*listed} == pure | {*PURE_OF_THE_SWEEP}
