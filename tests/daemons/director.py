"""Icinga Director as its command line tool, with a database of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.real import machine

from .daemon import hand_over, with_environment

ADDRESS, PORT = machine.loopback(66), 3306
MODULES = Path("/usr/share/icingaweb2/modules")

CREATE_DATABASE = """\
CREATE DATABASE director CHARACTER SET utf8;
CREATE USER director@'127.0.0.1' IDENTIFIED BY 'director';
GRANT ALL ON director.* TO director@'127.0.0.1';
"""
CONFIGURATION = {
    "config.ini": f"""\
[global]
module_path = "{MODULES}"
[logging]
log = "none"
""",
    "resources.ini": f"""\
[director]
type = "db"
db = "mysql"
host = "{ADDRESS}"
port = "{PORT}"
dbname = "director"
username = "director"
password = "director"
charset = "utf8"
""",
    "modules/director/config.ini": """\
[db]
resource = "director"
""",
}


class Director(NamedTuple):
    """A Director with its database, empty at the start."""

    configuration: Path

    def __call__(self, *words: str, stdin: str = "") -> str:
        """Run `icingacli director WORDS`; what it prints."""
        variables = {"ICINGAWEB_CONFIGDIR": str(self.configuration)}
        result = subprocess.run(
            with_environment("icingacli", "director", *words, variables=variables),
            input=stdin.encode(),
            stdout=subprocess.PIPE,
            check=False,
        )
        said = result.stdout.decode()
        assert result.returncode == 0, said
        return said


@contextmanager
def director() -> Iterator[Director]:
    """Start a database, and set up the Director in it."""
    machine.require("icingacli", "mariadbd", "mariadb-install-db")
    with machine.open_directory() as directory:
        database, configuration = directory / "database", directory / "icingaweb2"
        for name, text in CONFIGURATION.items():
            (configuration / name).parent.mkdir(parents=True, exist_ok=True)
            (configuration / name).write_text(text)
        (configuration / "enabledModules").mkdir()
        for module in ("director", "incubator", "reactbundle"):
            (configuration / "enabledModules" / module).symlink_to(MODULES / module)
        (directory / "create.sql").write_text(CREATE_DATABASE)
        database.mkdir()
        hand_over(directory, "mysql")
        options = ("--no-defaults", "--skip-name-resolve", "--user=mysql", f"--datadir={database}")
        subprocess.run(
            with_environment("mariadb-install-db", *options, "--skip-test-db"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        listen = (f"--socket={database}/socket", f"--bind-address={ADDRESS}", f"--port={PORT}")
        start = with_environment(
            "mariadbd", *options, *listen, f"--init-file={directory / 'create.sql'}"
        )
        with machine.running(start, directory / "log", [(ADDRESS, PORT)]):
            result = Director(configuration)
            result("migration", "run")
            yield result
