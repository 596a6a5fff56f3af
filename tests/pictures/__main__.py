"""Makes docs/pictures/ anew: `python -m tests.pictures`, as root, after tests/real/install."""

from __future__ import annotations

from pathlib import Path

from tests.support.plugin import CHECKOUT
from tests.support.smtp_server import Action, Script, after

from .icingaweb import icinga_web

DIRECTORY = CHECKOUT / "docs" / "pictures"
OPTIONS = ("-w", "rset=0.5", "-w", "15", "-c", "25", "--also", "null-sender")


def slowly(script: Script, seconds: float) -> Script:
    """The same border with a line as long as the internet's: every reply takes its time."""
    steps = ("greeting", "mail", "rcpt_valid", "rcpt_unknown", "rcpt_relay", "rset", "quit")
    late: dict[str, Action] = {
        step: after(seconds * (1 + number % 3), getattr(script, step))
        for number, step in enumerate(steps)
    }
    return script._replace(**late)


GOOD = slowly(Script(), 0.02)
PICTURES = {
    "good-border": {"127.0.0.1": GOOD, "127.0.0.2": GOOD},
    "open-relay": {
        "127.0.0.1": GOOD,
        "127.0.0.2": slowly(Script(rcpt_relay="250 2.1.5 Ok"), 0.02),
    },
    "tarpit": {"127.0.0.1": GOOD, "127.0.0.2": slowly(Script(), 0.3)},
}


def main() -> None:
    for name, scripts in PICTURES.items():
        picture: Path = DIRECTORY / f"{name}.png"
        with icinga_web(scripts, *OPTIONS) as web:
            web.shot(picture, "1100,760")


if __name__ == "__main__":
    main()
