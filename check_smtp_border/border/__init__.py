"""Acquisition: the border's names and addresses, the visits to them, and what these showed."""
