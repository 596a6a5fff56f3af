"""sendmail as Debian configures it, made from its own m4 files; also an open relay, a catch-all
and one with STARTTLS. sendmail has none without a CA, nor with a key that others may read.

Its packages conflict with Postfix, so it runs from where `install` has unpacked it. The plugin
comes from 127.0.0.1, which sendmail takes for itself: the rules that say so are left out here, and
so are Debian's lines of the access database that let 127 relay. The mailboxes belong to system
users, as they do in a stock sendmail; only the server's namespace knows them. However busy the
machine is, it listens and delivers: by default it does neither above a load of 12.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from . import machine
from .border import USERS, ZONE, Border
from .certificates import Certificates

LIBEXEC = machine.UNPACKED / "sendmail-bin/usr/libexec/sendmail"
PROGRAM = LIBEXEC / "sendmail"
MACROS = machine.UNPACKED / "sendmail-cf/usr/share/sendmail/cf"

# What each border has beside Debian's own lines.
CONFIGURATIONS = {
    "sendmail": "",
    "opensendmail": "FEATURE(`promiscuous_relay')dnl",
    "catchallsendmail": f"define(`LUSER_RELAY', `local:{USERS[0]}')dnl",
    "tlssendmail": """\
define(`confSERVER_CERT', `{chain}')dnl
define(`confSERVER_KEY', `{chain}')dnl
define(`confCACERT', `{chain}')dnl
define(`confCACERT_PATH', `/etc/ssl/certs')dnl""",
}

# The rules by which a client at 127.0.0.1, who is the plugin here, may relay.
OF_ITSELF = ("R127.0.0.1\t\t$@ RELAY", "R$=w\t\t\t$@ RELAY")

CONFIGURATION = """\
divert(0)dnl
define(`_USE_ETC_MAIL_')dnl
define(`MAIL_SETTINGS_DIR', `{directory}/')dnl
include(`{macros}/debian/autoconf.m4')dnl
OSTYPE(`debian')dnl
DOMAIN(`debian-mta')dnl
undefine(`confHOST_STATUS_DIRECTORY')dnl
undefine(`confCONTROL_SOCKET_NAME')dnl
define(`STATUS_FILE', `{directory}/statistics')dnl
define(`ALIAS_FILE', `{directory}/aliases')dnl
define(`HELP_FILE', `')dnl
define(`QUEUE_DIR', `{directory}/queue')dnl
define(`confPID_FILE', `{directory}/pid')dnl
define(`confSERVICE_SWITCH_FILE', `{directory}/service.switch')dnl
define(`confDOMAIN_NAME', `mx.{domain}')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
define(`confTRUSTED_USER', `root')dnl
define(`confREFUSE_LA', `1000')dnl
define(`confQUEUE_LA', `1000')dnl
define(`confDELAY_LA', `1000')dnl
define(`confDEF_USER_ID', `{owner}:{owner}')dnl
define(`confDONT_BLAME_SENDMAIL', defn(`confDONT_BLAME_SENDMAIL')`,GroupWritableDirPathSafe')dnl
FEATURE(`no_default_msa')dnl
DAEMON_OPTIONS(`Family=inet, Name=MTA-v4, Port={port}, Addr={address}')dnl
define(`confPRIVACY_FLAGS',
`needmailhelo,needexpnhelo,needvrfyhelo,restrictqrun,restrictexpand,nobodyreturn,authwarnings')dnl
define(`confCONNECTION_RATE_THROTTLE', `15')dnl
define(`confCONNECTION_RATE_WINDOW_SIZE',`10m')dnl
FEATURE(`access_db', , `skip')dnl
FEATURE(`greet_pause', `1000')dnl
FEATURE(`delay_checks', `friend', `n')dnl
define(`confBAD_RCPT_THROTTLE',`3')dnl
FEATURE(`conncontrol', `nodelay', `terminate')dnl
FEATURE(`ratecontrol', `nodelay', `terminate')dnl
{extra}
FEATURE(`local_procmail', `{directory}/deliver', `deliver $u', `SPhn9')dnl
LOCAL_DOMAIN(`{domain} [{address}]')dnl
MAILER(`local')dnl
MAILER(`smtp')dnl
"""

ACCESS = """\
GreetPause:127 0
ClientRate:127 0
ClientConn:127 0
Spam:postmaster@ FRIEND
Spam:abuse@ FRIEND
"""

# The first entry says that the database is complete.
ALIASES = "@ @\nmailer-daemon postmaster\n"


@contextmanager
def sendmail(
    addresses: Mapping[str, str], port: int, resolv_conf: Path, certificates: Certificates
) -> Iterator[Mapping[str, Border]]:
    """Start one sendmail for each name of CONFIGURATIONS, at its address."""
    machine.require(PROGRAM, "m4")
    with ExitStack() as started:
        yield {
            name: started.enter_context(
                one_sendmail(
                    f"{name}.{ZONE}", address, port, resolv_conf, CONFIGURATIONS[name], certificates
                )
            )
            for name, address in addresses.items()
        }


@contextmanager
def one_sendmail(
    domain: str,
    address: str,
    port: int,
    resolv_conf: Path,
    extra: str = "",
    certificates: Certificates | None = None,
) -> Iterator[Border]:
    """Start sendmail for this domain; `extra` are further lines of its sendmail.mc."""
    with machine.open_directory() as directory:
        chain = directory / "chain.pem"
        chain.touch(mode=0o600)
        if certificates:
            chain.write_bytes(certificates.trusted.read_bytes())
        mounts = machine.accounts(directory, *USERS)
        (directory / "queue").mkdir(mode=0o700)
        for number, user in enumerate(USERS, start=machine.FIRST_ID):
            mailbox = directory / "mail" / domain / user / "new"
            mailbox.mkdir(parents=True)
            os.chown(mailbox, number, number)
        machine.write_script(
            directory / "deliver", machine.DELIVER.format(mailboxes=directory / "mail" / domain)
        )
        (directory / "hosts").write_text("127.0.0.1 client.monitor.example\n")
        (directory / "service.switch").write_text("hosts files dns\naliases files\n")
        for file in ("aliases", "local-host-names", "relay-domains", "trusted-users"):
            (directory / file).touch()
        macros = CONFIGURATION.format(
            directory=directory, macros=MACROS, domain=domain, owner=machine.FIRST_ID,
            address=address, port=port, extra=extra.format(chain=chain),
        )  # fmt: skip
        configuration = directory / "sendmail.cf"
        configuration.write_text(_made(macros))
        for name, entries in (("access", ACCESS), ("aliases", ALIASES)):
            _run(LIBEXEC / "makemap", "-C", configuration, "hash", directory / name, said=entries)
        with machine.running(
            (PROGRAM, "-bD", "-q1h", f"-C{configuration}"),
            directory / "log",
            [(address, port)],
            {**mounts, "/etc/resolv.conf": resolv_conf, "/etc/hosts": directory / "hosts"},
        ):
            yield Border(domain, address, port, directory / "mail")


def _made(macros: str) -> str:
    made = _run("m4", f"-D_CF_DIR_={MACROS}/", MACROS / "m4/cf.m4", "-", said=macros)
    for rule in OF_ITSELF:
        made = made.replace(rule, f"#{rule}")
    return made


def _run(*command: str | Path, said: str = "") -> str:
    """Run one of sendmail's tools; what it warns of is no concern of the tests."""
    return subprocess.run(command, input=said, check=True, capture_output=True, text=True).stdout
