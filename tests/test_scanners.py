"""Nothing of ours looks like a virus: a scanner would take it away from those who install it."""

from __future__ import annotations

import base64
import email
import marshal
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from check_smtp_border.smtp.message import virus_message
from tests.support.plugin import CHECKOUT
from tests.test_packaging import Built, built, slow

__all__ = ["built"]


def _eicar() -> bytes:
    """What the plugin makes of its parts."""
    message = email.message_from_bytes(virus_message("mx1", "a@example.com", "b@example.com"))
    *_, attachment = message.walk()
    content = attachment.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content


def _shapes() -> tuple[bytes, ...]:
    """As it is, as a string of a program says it, and in base64 at each of its three offsets."""
    eicar = _eicar()
    assert len(eicar) == 68
    in_base64 = [base64.b64encode(b"." * offset + eicar)[4:88] for offset in range(3)]
    return (eicar, eicar.replace(b"\\", b"\\\\"), *in_base64)


SHAPES = _shapes()


def _looks_like_a_virus(content: bytes) -> bool:
    return any(shape in content for shape in SHAPES)


@pytest.mark.parametrize("offset", range(4))
def test_a_virus_would_be_found(offset: int) -> None:
    eicar = b"x" * offset + _eicar() + b"\n"
    assert _looks_like_a_virus(eicar)
    assert _looks_like_a_virus(base64.b64encode(eicar))


def test_no_file_of_the_project_holds_a_virus_in_one_piece() -> None:
    files = _files()
    assert CHECKOUT / "check_smtp_border" / "smtp" / "message.py" in files
    assert [file for file in files if _looks_like_a_virus(file.read_bytes())] == []


def test_no_compiled_file_holds_one_either() -> None:
    """The compiler joins constants, and installing compiles."""
    sources = {file: file.read_text(encoding="utf-8") for file in _files() if file.suffix == ".py"}
    compiled = {
        file: marshal.dumps(compile(source, str(file), "exec")) for file, source in sources.items()
    }
    assert [file for file, code in compiled.items() if _looks_like_a_virus(code)] == []


def _files() -> list[Path]:
    """What git tracks; the whole tree where there is no git."""
    if not (CHECKOUT / ".git").exists():
        hidden = (".venv", "build", "dist")
        tree = (path for path in CHECKOUT.rglob("*") if path.is_file())
        return [path for path in tree if path.relative_to(CHECKOUT).parts[0] not in hidden]
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        check=True,
    ).stdout
    paths = (CHECKOUT / name.decode() for name in listed.split(b"\0") if name)
    return [path for path in paths if path.is_file()]


@slow
@pytest.mark.xdist_group("packaging")
def test_no_package_holds_a_virus_in_one_piece(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as wheel:
        members = {name: wheel.read(name) for name in wheel.namelist()}
    with tarfile.open(built.sdist) as sdist:
        for member in sdist.getmembers():
            file = sdist.extractfile(member)
            members[member.name] = file.read() if file else b""
    members |= {path.name: path.read_bytes() for path in (built.wheel, built.sdist)}
    assert any(name.endswith("smtp/message.py") for name in members)
    assert [name for name, content in members.items() if _looks_like_a_virus(content)] == []
