"""`If-Match` for changes to a comment."""

import re
from uuid import UUID

import msgspec
from aiohttp import hdrs, web

from rostra import ids
from rostra_adapters.application.app import App
from rostra_adapters.http.auth.actors import Actor
from rostra_adapters.http.problems import Problem, not_found_problem
from rostra_adapters.http.routes.reads import ReadRoutes, tag_of
from rostra_adapters.http.settings import HttpSettings


async def seen_version(
    request: web.Request,
    app: App,
    settings: HttpSettings,
    reads: ReadRoutes,
    comment: UUID,
    actor: Actor,
) -> int | None:
    """Return how many events of the comment its shown state includes; None without `If-Match`.

    `If-Match` is the tag under which the comment is shown to the actor. Raises the problems
    `precondition-failed` and `not-found`.
    """
    if hdrs.IF_MATCH not in request.headers:
        return None
    seen = len((await app.log.read_streams([comment]))[comment])
    await app.wait(await app.head(), settings.wait_seconds_default)
    asked = await app.request(ids.discussion_of(comment), actor.viewer)
    shape = None if asked is None else await reads.comment(asked, comment)
    if shape is None:
        raise not_found_problem()
    tag = tag_of(msgspec.json.encode(shape), await app.log.log_id(), actor.person)
    # A weak tag (`W/`) matches nothing here. The list is not taken apart, lest a long one cost
    # more than the comment.
    given = request.headers[hdrs.IF_MATCH]
    if given.strip() != "*" and not re.search(rf'(?<!W/)"{tag}"', given):
        raise Problem("precondition-failed", "the comment has changed since")
    return seen
