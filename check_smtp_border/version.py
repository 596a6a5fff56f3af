"""The version, in its only place."""

__version__ = "2.0.0"
