"""A monitoring plugin that looks at a mail domain's border as a stranger does."""

from __future__ import annotations

from check_smtp_border.version import __version__

__all__ = ["__version__"]
