"""The package as users get it: built, installed, linked to, copied, without its libraries."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

from check_smtp_border.version import __version__

ROOT = Path(__file__).resolve().parent.parent
LAUNCHER = ROOT / "check_smtp_border.py"
NO_SOURCES = shutil.ignore_patterns(
    ".git", ".venv", ".*_cache", ".coverage*", ".hypothesis", "*.egg-info", "__pycache__"
)

# One worker builds and installs for all of them.
pytestmark = pytest.mark.xdist_group("packaging")
slow = pytest.mark.timeout(900)  # pip may have to fetch


class Built(NamedTuple):
    wheel: Path
    sdist: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    directory = tmp_path_factory.mktemp("dist")
    # A copy, for the build writes beside its sources.
    source = shutil.copytree(ROOT, directory / "source", ignore=NO_SOURCES)
    python("-m", "build", "--outdir", str(directory), str(source))
    (wheel,) = directory.glob("*.whl")
    (sdist,) = directory.glob("*.tar.gz")
    return Built(wheel, sdist)


@pytest.fixture(scope="module")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The console script where the wheel is installed with what it asks for."""
    return install(built.wheel, tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def installed_alone(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The console script where the wheel is installed without its libraries."""
    return install(built.wheel, tmp_path_factory.mktemp("alone"), "--no-deps")


def install(wheel: Path, environment: Path, *options: str) -> Path:
    python("-m", "venv", "--without-pip", str(environment))
    of_environment = ("--python", str(environment / "bin" / "python"))
    python("-m", "pip", *of_environment, "install", "--quiet", *options, str(wheel))
    return environment / "bin" / "check_smtp_border"


def python(*arguments: str) -> None:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def run(*command: str | Path, cwd: Path) -> tuple[int, str]:
    """Run a command that must leave stderr empty; return exit state and stdout."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=30)
    assert done.stderr == ""
    return done.returncode, done.stdout


def assert_cannot_start(exit_state: int, output: str, why: str) -> None:
    assert exit_state == 3
    assert output.startswith("SMTP_BORDER UNKNOWN - cannot start")
    assert why in output
    assert output.count("\n") == 1 and output.endswith("\n")


@slow
def test_the_wheel_holds_the_package_and_nothing_beside_it(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as wheel:
        tops = {name.split("/")[0] for name in wheel.namelist()}
        modules = {name for name in wheel.namelist() if name.endswith(".py")}
    assert tops == {"check_smtp_border", f"check_smtp_border-{__version__}.dist-info"}
    assert modules == {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "check_smtp_border").rglob("*.py")
    }


@slow
def test_the_sdist_holds_what_a_packager_needs(built: Built) -> None:
    with tarfile.open(built.sdist) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"setup.cfg", "README.md", "LICENSE", "Makefile"} <= names
    texts = [
        path.relative_to(ROOT).as_posix()
        for directory in ("contrib", "docs", "tests")
        for path in (ROOT / directory).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    ]
    assert set(texts) - names == set()


@slow
def test_the_package_index_would_take_both(built: Built) -> None:
    python("-m", "twine", "check", "--strict", str(built.wheel), str(built.sdist))


@slow
def test_the_console_script_prints_its_version(installed: Path, tmp_path: Path) -> None:
    exit_state, output = run(installed, "-V", cwd=tmp_path)
    assert exit_state == 3
    assert output == f"check_smtp_border {__version__}\n"


@slow
def test_the_console_script_prints_its_help(installed: Path, tmp_path: Path) -> None:
    exit_state, output = run(installed, "--help", cwd=tmp_path)
    assert exit_state == 3
    assert output.startswith("usage: check_smtp_border ")


@slow
@pytest.mark.parametrize(
    "arguments", [["a@example.com"], ["-H", "127.0.0.1", "a@example.com"]], ids=["mx", "hostname"]
)
def test_a_console_script_without_its_libraries_is_unknown(
    installed_alone: Path, tmp_path: Path, arguments: list[str]
) -> None:
    exit_state, output = run(installed_alone, *arguments, cwd=tmp_path)
    python_there = installed_alone.parent / "python"
    assert_cannot_start(exit_state, output, f"install the library nagiosplugin for {python_there}")


@pytest.mark.parametrize(
    "start", [[LAUNCHER], ["-m", "check_smtp_border"]], ids=["launcher", "module"]
)
def test_a_checkout_without_its_libraries_is_unknown(start: list[str | Path]) -> None:
    # -S leaves out site-packages, where the libraries are.
    exit_state, output = run(sys.executable, "-S", *start, "a@example.com", cwd=ROOT)
    assert_cannot_start(exit_state, output, "nagiosplugin")


def test_the_launcher_runs_through_a_symlink(tmp_path: Path) -> None:
    link = tmp_path / "check_smtp_border"
    link.symlink_to(LAUNCHER)
    assert run(sys.executable, link, "-V", cwd=tmp_path) == (
        3,
        f"check_smtp_border {__version__}\n",
    )


def test_the_launcher_is_executable() -> None:
    assert LAUNCHER.stat().st_mode & 0o111 == 0o111


@pytest.mark.parametrize("name", ["check_smtp_border.py", "check_border"])
def test_a_copy_of_the_launcher_says_that_it_must_be_a_link(tmp_path: Path, name: str) -> None:
    copy = shutil.copy(LAUNCHER, tmp_path / name)
    # -S: an installed package would answer for a copy of another name.
    exit_state, output = run(sys.executable, "-S", copy, "-V", cwd=tmp_path)
    assert_cannot_start(exit_state, output, "link to this file in its checkout")


def test_the_version_stands_in_one_place() -> None:
    texts = [ROOT / "setup.cfg", ROOT / "pyproject.toml", LAUNCHER]
    texts += (ROOT / "check_smtp_border").rglob("*.py")
    alone = re.compile(rf"(?<![\d.]){re.escape(__version__)}(?![\d.])")  # 192.0.2.0 is none
    holders = [path.name for path in texts if alone.search(path.read_text(encoding="utf-8"))]
    assert holders == ["version.py"]
