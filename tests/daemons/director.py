"""Icinga Director as its command line tool, with a database of its own."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.real import machine

from .daemon import hand_over, with_environment

PORT = 3306
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
host = "{{address}}"
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

    address: str
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

    def fields(self) -> Mapping[int, Mapping[str, str]]:
        """Variable and description of all fields, by their numbers."""
        found = self._query(
            "SELECT JSON_OBJECTAGG(id, JSON_OBJECT('varname', varname, 'description', description))"
            " FROM director_datafield"
        )
        return {int(number): field for number, field in found.items()}

    def rendered(self) -> Mapping[str, str]:
        """The files that it would deploy, by their paths."""
        checksum = re.findall(r"\b[0-9a-f]{40}\b", self("config", "render"))[0]
        found: Mapping[str, str] = self._query(
            "SELECT JSON_OBJECTAGG(used.file_path, file.content)"  # noqa: S608
            " FROM director_generated_config_file used"
            " JOIN director_generated_file file ON file.checksum = used.file_checksum"
            f" WHERE used.config_checksum = UNHEX('{checksum}')"
        )
        return found

    def _query(self, question: str) -> Any:
        login = (f"--host={self.address}", "--user=director", "--password=director")
        result = subprocess.run(
            ["mariadb", "--no-defaults", "-BrN", *login, "director", "--execute", question],
            stdout=subprocess.PIPE,
            check=True,
        )
        return json.loads(result.stdout)


@contextmanager
def director(address: str = machine.loopback(66)) -> Iterator[Director]:
    """Start a database, and set up the Director in it."""
    machine.require("icingacli", "mariadbd", "mariadb-install-db", "mariadb")
    with machine.open_directory() as directory:
        database, configuration = directory / "database", directory / "icingaweb2"
        for name, text in CONFIGURATION.items():
            (configuration / name).parent.mkdir(parents=True, exist_ok=True)
            (configuration / name).write_text(text.format(address=address))
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
        listen = (f"--socket={database}/socket", f"--bind-address={address}", f"--port={PORT}")
        start = with_environment(
            "mariadbd", *options, *listen, f"--init-file={directory / 'create.sql'}"
        )
        with machine.running(start, directory / "log", [(address, PORT)]):
            result = Director(address, configuration)
            result("migration", "run")
            # What the kickstart asks a running Icinga for.
            result("zone", "create", "master", "--object_type", "external_object")
            zone = ("director-global", "--object_type", "external_object", "--is_global", "1")
            result("zone", "create", *zone)
            yield result
