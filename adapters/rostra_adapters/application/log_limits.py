"""Limits that the logs of all stores share."""

QUEUED_EVENTS_MAX = 50_000
"""Events that may wait for a commit; further appends are refused as busy."""
BUSY_RETRY_SECONDS = 1.0
"""Seconds after which a caller of a busy log may try again."""
APPEND_ATTEMPTS_MAX = 5
"""Attempts of a commit that other writers disturb."""
DISCUSSION_PAGE_EVENTS = 2_000
"""Events that are read at a time from the streams of a discussion."""
