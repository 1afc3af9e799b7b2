"""Refusals of the domain and their reasons. Status codes of HTTP have no place here."""


class Refusal(Exception):
    """Refusal of a command, with a stable name such as `unknown-parent`.

    `retryable` is true if another order of events could have helped. `wait_seconds` is the time
    until a rate limit allows the same command.
    """

    def __init__(
        self,
        name: str,
        detail: str,
        *,
        retryable: bool = False,
        wait_seconds: float | None = None,
    ) -> None:
        super().__init__(f"{name}: {detail}")
        self.name = name
        self.detail = detail
        self.retryable = retryable
        self.wait_seconds = wait_seconds


def unknown(what: str, named: object, *, retryable: bool = True) -> Refusal:
    """Something the command names is not there, or not there yet."""
    return Refusal(f"unknown-{what}", f"there is no {what} {named}", retryable=retryable)


def id_collision(named: str, current: str) -> Refusal:
    """Two different names hash to one id: about 1 chance in 200 at 10^8 discussions."""
    return Refusal("id-collision", f"{named!r} has the id of {current!r}")
