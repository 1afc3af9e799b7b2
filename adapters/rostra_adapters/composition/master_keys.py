"""Master keys of a database, given or from the environment."""

import os

from rostra_adapters.errors import NoMasterKey
from rostra_adapters.keys.ring import KEY_BYTES, MasterKeys

MASTER_KEY_VARIABLE = "ROSTRA_MASTER_KEY"


def master_keys(given: bytes | None) -> MasterKeys:
    """Return the given master keys, by default those of ROSTRA_MASTER_KEY.

    Raises NoMasterKey and ValueError.
    """
    if given is None:
        text = os.environ.get(MASTER_KEY_VARIABLE)
        if not text:
            raise NoMasterKey
        given = bytes.fromhex(text.replace(",", ""))
    return MasterKeys(*(given[at : at + KEY_BYTES] for at in range(0, len(given), KEY_BYTES)))
