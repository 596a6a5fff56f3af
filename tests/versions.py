"""Run the quick tests on other versions than those of `.venv`; `make check` ends with this.

    python -m tests.versions [debian] [lowest] [newest]

- debian: Debian's python3 with Debian's own nagiosplugin, dnspython and cryptography,
- lowest: the oldest CPython on this machine with the lowest libraries that setup.cfg allows,
- newest: the newest CPython on this machine with the newest libraries.
"""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = ROOT / ".venv" / "versions"
DEBIANS_PYTHON = "/usr/bin/python3"
DEBIANS_PACKAGES = "python3-venv python3-nagiosplugin python3-dnspython python3-cryptography"
TELL_INTERPRETER = """
import ensurepip, sys
assert sys.implementation.name == "cpython" and sys.version_info.releaselevel == "final"
print(*sys.version_info[:3])
"""
TELL_LIBRARIES = """
import cryptography, dns, importlib.metadata, nagiosplugin, platform
print("CPython", platform.python_version(), *(
    f"{name} {importlib.metadata.version(name)}"
    for name in ("nagiosplugin", "dnspython", "cryptography")
))
print(nagiosplugin.__file__, dns.__file__, cryptography.__file__)
"""


class Failed(Exception):
    """These versions fail the tests, or cannot be tested."""


class Interpreter(NamedTuple):
    """A CPython of this machine."""

    version: tuple[int, ...]
    path: str


def main(names: list[str]) -> int:
    """Test on the versions of these names, on all without any; the result is the exit code."""
    failures = 0
    for name, test in {"debian": debian, "lowest": lowest, "newest": newest}.items():
        if not names or name in names:
            try:
                test()
            except Failed as failure:
                print(f"== {name}: {failure}", flush=True)
                failures += 1
    return min(failures, 1)


def debian() -> None:
    """Test on what Debian brings, and see that pip has replaced none of it."""
    of_debian = ask(DEBIANS_PYTHON, TELL_LIBRARIES)
    if of_debian is None:
        reason = f"not tested, this needs Debian with {DEBIANS_PACKAGES}"
        if os.environ.get("CI") == "true":
            raise Failed(reason)
        print(f"== debian: {reason}")
        return
    python = environment("debian", DEBIANS_PYTHON, "--system-site-packages")
    install(python)
    if ask(python, TELL_LIBRARIES) != of_debian:
        raise Failed("pip has replaced a library of Debian")
    test_on("debian", python)


def lowest() -> None:
    """Test on the lower bounds of setup.cfg."""
    lower_bounds = re.findall(r"^(\w+)\s*>=\s*([0-9.]+)", setup("install_requires"), re.MULTILINE)
    python = environment("lowest", min(interpreters()).path)
    install(python, *(f"{library}=={version}" for library, version in lower_bounds))
    test_on("lowest", python)


def newest() -> None:
    """Test on the newest of everything."""
    python = environment("newest", max(interpreters()).path)
    install(python)
    test_on("newest", python)


def interpreters() -> list[Interpreter]:
    """Return every CPython that the plugin runs on: of PATH and of pyenv, without dead shims."""
    directories = [Path(directory) for directory in os.get_exec_path()]
    directories += Path.home().glob(".pyenv/versions/*/bin")
    oldest = tuple(map(int, re.findall(r"\d+", setup("python_requires"))))
    found = []
    for path in (path for directory in directories for path in directory.glob("python3.*")):
        if re.fullmatch(r"python3\.\d+", path.name):
            answer = ask(str(path), TELL_INTERPRETER)
            if answer and (version := tuple(map(int, answer.split()))) >= oldest:
                found.append(Interpreter(version, str(path)))
    return found or [Interpreter(sys.version_info[:3], sys.executable)]


def setup(option: str) -> str:
    """Return an option of setup.cfg."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser["options"][option]


def environment(name: str, interpreter: str, *options: str) -> str:
    """Make a fresh virtual environment and return its interpreter."""
    directory = ENVIRONMENTS / name
    run(interpreter, "-m", "venv", "--clear", *options, str(directory))
    return str(directory / "bin" / "python")


def install(python: str, *requirements: str) -> None:
    """Install the checkout and its tests' tools."""
    run(python, "-m", "pip", "install", "--quiet", "--editable", ".[test]", *requirements)


def test_on(name: str, python: str) -> None:
    """Run all tests but those on real servers, which do not depend on our versions."""
    versions = (ask(python, TELL_LIBRARIES) or "a library is missing").split("\n")[0]
    print(f"== {name}: {versions}", flush=True)
    run(python, "-m", "pytest", "--quiet", "-m", "not real")


def ask(python: str, question: str) -> str | None:
    """Return what the program `question` prints, None where it fails."""
    try:
        answer = subprocess.run([python, "-c", question], capture_output=True, text=True)
    except OSError:
        return None
    return answer.stdout if answer.returncode == 0 else None


def run(*command: str) -> None:
    """Run a command in the checkout. Raises Failed."""
    if subprocess.run(command, cwd=ROOT).returncode:
        raise Failed(f"{' '.join(command)} has failed")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
