"""`python -m check_smtp_border`."""

from __future__ import annotations

import sys

from check_smtp_border.cli import main

sys.exit(main())
