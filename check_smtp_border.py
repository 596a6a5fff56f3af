#!/usr/bin/env python3
"""Run the plugin from its checkout, in place or through a symlink."""

import sys

OLDEST = (3, 9)
CANNOT_START = "SMTP_BORDER UNKNOWN - cannot start: "

if sys.version_info < OLDEST:  # pip has not looked at a checkout
    print(CANNOT_START + "Python {}.{} or later is needed".format(*OLDEST))
    sys.exit(3)
try:
    from check_smtp_border.cli import main
except ImportError as error:  # a copy of this file imports itself
    print(f"{CANNOT_START}{error}: link to this file in its checkout instead of copying it")
    sys.exit(3)
sys.exit(main())
