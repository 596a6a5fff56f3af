"""Clients of other protocols than SMTP, imported at their first use, bounded by a deadline."""
