"""Refusals of the domain and their reasons. Status codes of HTTP have no place here."""

import msgspec


class Refusal(Exception):
    """Refusal of a command, with a stable name such as `unknown-parent`.

    `retryable` is true if another order of events could have helped. `wait_seconds` is the time
    until a rate limit allows the same command, `until` the time (RFC 3339) from which it may be
    allowed; None where no such time is known.
    """

    def __init__(
        self,
        name: str,
        detail: str,
        *,
        retryable: bool = False,
        wait_seconds: float | None = None,
        until: str | None = None,
    ) -> None:
        super().__init__(f"{name}: {detail}")
        self.name = name
        self.detail = detail
        self.retryable = retryable
        self.wait_seconds = wait_seconds
        self.until = until


class Fault(msgspec.Struct, frozen=True, gc=False):
    """A part that does not fit."""

    path: str
    """Its place, for example `data.author.id`."""
    message: str


class Malformed(Refusal):
    """An event that does not fit its type: `invalid-event`."""

    def __init__(self, *faults: Fault) -> None:
        listed = "; ".join(f"{fault.path or 'the event'} {fault.message}" for fault in faults)
        super().__init__("invalid-event", listed)
        self.faults = faults


def unknown(what: str, named: object, *, retryable: bool = True) -> Refusal:
    """Return the refusal of a command that names something unknown.

    If it is `retryable`, the unknown thing may be published yet.
    """
    advice = "; publish it first" if retryable else ""
    return Refusal(f"unknown-{what}", f"there is no {what} {named}{advice}", retryable=retryable)


def id_collision(named: str, current: str) -> Refusal:
    """Return the refusal of a name whose id another name has.

    At 10^8 discussions this happens with a probability of about 1 in 200.
    """
    return Refusal("id-collision", f"{named!r} has the id of {current!r}")
