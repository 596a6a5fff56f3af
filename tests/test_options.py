"""The tables of options, from which argparse, help and the documents are made."""

from __future__ import annotations

import re

import pytest

from check_smtp_border.many_options import MANY
from check_smtp_border.option import Option
from check_smtp_border.options import DEFAULTS, GROUPS
from check_smtp_border.parser import UsageError, parser
from check_smtp_border.probes.recipients import DEFAULT_PATTERNS
from check_smtp_border.settings import Settings

OPTIONS = [option for _, options in GROUPS for option in options]


def test_letters_that_mean_something_else_in_check_smtp_are_unused() -> None:
    letters = set(re.findall(r"^ +-(\w)\b", parser().format_help(), re.MULTILINE))
    assert letters == set("dHp46nFfSDwctvVh")
    assert letters.isdisjoint("CReqrLsAUP")


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.label)
def test_an_option_is_spelled_and_explained(option: Option) -> None:
    *shorts, long = option.names
    assert long == "ADDRESS" or re.fullmatch(r"--[a-z0-9]+(-[a-z0-9]+)*", long)
    assert all(re.fullmatch(r"-\w", short) for short in shorts)
    assert option.help
    assert "`" not in option.help


def test_fields_are_those_of_the_settings_or_read_on_their_way_to_them() -> None:
    on_their_way = {"addresses", "use_ipv4", "use_ipv6", "starttls", "no_starttls"}
    of_the_sweep = {option.field for option in MANY}
    fields = {option.field for option in OPTIONS} - of_the_sweep
    assert fields - set(Settings._fields) <= on_their_way
    assert set(Settings._fields) - fields <= {"family", "tls", "also", "only", "verbose"}


def test_help_names_the_defaults_that_hold() -> None:
    text = " ".join(parser().format_help().split())
    for field in ("port", "timeout"):
        assert re.search(rf"\(default: {DEFAULTS[field]:g}[,)]", text)
    for patterns in DEFAULT_PATTERNS.values():
        assert f"(default: {','.join(patterns)}" in text


def test_no_option_can_be_shortened() -> None:
    with pytest.raises(UsageError, match="--host"):
        parser().parse_args(["--host", "127.0.0.1"])
