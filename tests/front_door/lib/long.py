"""`./test long`: what takes minutes. Tests that are part of it go on for longer there, or do more."""

import os

# How long what is bounded by time goes on there; 0 in a run that is not long.
SECONDS = int(os.environ.get("HELIOGRAPH_TEST_LONG", 0))
