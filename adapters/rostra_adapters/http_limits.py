"""Limits of the HTTP interface, each with its unit in its name: options of `rostra serve`.

The command line reads their defaults, before it imports the interface.
"""

import msgspec


class Rate(msgspec.Struct, frozen=True):
    """Rate limit: a burst of requests, then `per_second` requests a second."""

    burst: int
    per_second: float

    def __post_init__(self) -> None:
        if self.burst < 1 or self.per_second <= 0:
            raise ValueError("a rate is at least one request, and more than none a second")

    def share(self, workers: int) -> "Rate":
        """Return the part of one of several workers, with a burst of at least one request."""
        return Rate(max(1, self.burst // workers), self.per_second / workers)


class HttpLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of requests, answers and connections, and rates of persons and addresses."""

    request_bytes_max: int = 1024 * 1024
    person_request_bytes_max: int = 64 * 1024  # of persons and guests
    events_request_bytes_max: int = 32 * 1024 * 1024
    batch_events_max: int = 10_000
    # Limits of a request before it is routed.
    request_line_bytes_max: int = 32 * 1024
    path_bytes_max: int = 4 * 1024
    path_segments_max: int = 32  # aiohttp looks each of them up, with all before it
    query_parameters_max: int = 256
    authorization_bytes_max: int = 16 * 1024
    header_bytes_max: int = 8 * 1024  # of any other header
    headers_bytes_max: int = 64 * 1024  # of all together
    headers_max: int = 128
    content_type_characters_max: int = 256
    # Limits of a connection. Time counts only while the service waits for the client.
    head_seconds_max: float = 20.0  # from the first byte of a request to the end of its headers
    body_seconds_max: float = 20.0  # and a second for each `body_bytes_per_second_min` that came
    body_bytes_per_second_min: int = 500
    idle_seconds_max: float = 75.0  # without a request, and with an answer that nobody takes
    connections_max: int = 10_000
    connections_per_address_max: int = 200
    live_streams_per_address_max: int = 20
    live_discussions_max: int = 20  # of a stream
    line_of_events_bytes_max: int = 16 * 1024 * 1024  # of NDJSON; the longest article fits
    page_default: int = 20
    page_max: int = 100
    replies_default: int = 3
    feed_default: int = 500
    feed_max: int = 5_000
    resources_max: int = 100
    fold_events_max: int = 100_000  # of a discussion read `as_of` by a reader
    fold_events_max_moderator: int = 1_000_000
    fold_events_a_request: int = 100  # so many cost a reader as much as another request
    mail_confirmations_a_day_max: int = 3  # that one address gets
    site_discussions_a_request: int = 500  # of a site whose newest comments are read
    search_comments_max: int = 100_000  # of a site, the newest, that moderators search
    search_seconds_max: float = 20.0
    wait_seconds_default: float = 5.0
    wait_seconds_max: float = 30.0
    retry_after_seconds: int = 1
    away_seconds_max: float = 30.0  # a stream of events waits for the database
    followers_max: int = 10_000
    heartbeat_seconds: float = 15.0
    stall_seconds_max: float = 20.0  # of a reader who takes nothing; then dropped
    stream_seconds_max: float = 3_600.0  # a stream ends, and its reader asks again
    ready_lag_events_max: int = 10_000
    drain_seconds_max: float = 30.0
    page_cache_bytes_max: int = 64 * 1024 * 1024
    compressed_bytes_min: int = 1024
    person_rate: Rate | None = Rate(burst=600, per_second=10.0)  # None: no limit
    reader_rate: Rate | None = Rate(burst=1_200, per_second=20.0)  # without a token
    guest_rate: Rate | None = Rate(burst=5, per_second=0.02)
    """New guests from an address. The rates of writes hold for all processes together."""
    comments_per_person: Rate | None = Rate(burst=10, per_second=0.07)
    """New comments and new wordings: from the eleventh on one every 14 s."""
    comments_per_address: Rate | None = Rate(burst=100, per_second=1.0)
    """An office shares one address."""
    votes_per_person: Rate | None = Rate(burst=100, per_second=1.0)
    votes_per_address: Rate | None = Rate(burst=1_000, per_second=10.0)
    acts_per_person: Rate | None = Rate(burst=30, per_second=0.1)
    """Flags, passages, deletions, and discussions opened."""
    acts_per_address: Rate | None = Rate(burst=300, per_second=1.0)
    marks_per_address: Rate | None = Rate(burst=100, per_second=0.001)
    """Passages: some 90 a day, so that no address uses up the places of an article."""
    bytes_per_person: Rate | None = Rate(burst=64 * 1024, per_second=512.0)
    """Bytes of comments' bodies: four of the longest at once, then one every 32 s."""
    bytes_per_address: Rate | None = Rate(burst=1024 * 1024, per_second=16 * 1024.0)
    preview_rate: Rate | None = Rate(burst=60, per_second=0.5)  # of a person
    publish_rate: Rate | None = None
