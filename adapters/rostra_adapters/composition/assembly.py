"""Putting an App together from its log, key ring and views."""

import os

from rostra.log import EventLog
from rostra_adapters.application.app import App
from rostra_adapters.application.articles.texts_and_work import CachedArticles
from rostra_adapters.application.operational import Operational
from rostra_adapters.application.ports import ViewStore
from rostra_adapters.application.queries.comment_queries import CommentQueries
from rostra_adapters.application.queries.renderings import Renderings
from rostra_adapters.application.revocations import Revocations
from rostra_adapters.data_folder.erasures_file import ErasuresFile
from rostra_adapters.errors import NoMasterKey
from rostra_adapters.keys.ring import KEY_BYTES, KeptKeyRing, MasterKeys

MASTER_KEY_VARIABLE = "ROSTRA_MASTER_KEY"


def master_keys(given: bytes | None) -> MasterKeys:
    """Return the given master keys, by default those of ROSTRA_MASTER_KEY. Raises NoMasterKey
    and ValueError."""
    if given is None:
        text = os.environ.get(MASTER_KEY_VARIABLE)
        if text is None:
            raise NoMasterKey
        given = bytes.fromhex(text.replace(",", ""))
    return MasterKeys(*(given[at : at + KEY_BYTES] for at in range(0, len(given), KEY_BYTES)))


async def assemble(
    log: EventLog,
    ring: KeptKeyRing,
    articles: CachedArticles,
    views: ViewStore,
    operational: Operational,
    url: str,
    erasures: ErasuresFile | None,
    revocations: Revocations | None = None,
) -> App:
    """Return an App on these stores; destroyed keys drop rendered words and changes."""
    renderings = Renderings()
    ring.when_destroyed(lambda _: renderings.drop())
    ring.when_destroyed(lambda _: views.changes.lose())
    queries = CommentQueries(views.reads, ring, await log.log_id(), renderings)
    return App(
        log, ring, articles, views, queries, renderings, operational, url, erasures, revocations
    )
