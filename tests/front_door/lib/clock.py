"""Moments as the API writes them. Server and test share a clock."""

import time
from datetime import datetime, timezone

# How long a test gives itself for what must be done before a moment comes: the machine may stall for seconds.
LEAD_S = 5
# How long a test waits for what has to come. What comes at once costs no more by it.
PATIENCE_S = 60
# What a dead server had in hand is taken over after ten seconds of silence, and a look or two: well within its lease of 45.
TAKEN_OVER_S = 30


def moment(seconds_from_now):
    return datetime.fromtimestamp(time.time() + seconds_from_now, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds_until(moment_told):
    return datetime.fromisoformat(moment_told.replace("Z", "+00:00")).timestamp() - time.time()


def sleep_past(moment_told):
    """Until a moment is over, and a tenth of a second more."""
    time.sleep(max(0.0, seconds_until(moment_told)) + 0.1)
