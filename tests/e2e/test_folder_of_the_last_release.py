"""A data folder of the last release, with its database and its secrets, serves in this version."""

import shutil

import pytest

from rostra_adapters.local_postgres import lease as local_postgres
from rostra_adapters.postgres import schema
from support.running import Rostra
from upgrade.test_upgrading import RELEASE, SERVED, of_release


@pytest.mark.slow
def test_a_data_folder_of_the_last_release_serves_the_same_comments(rostra: Rostra) -> None:
    rostra.data.mkdir(mode=0o700)
    for name in ("secret", "master-key"):
        shutil.copy(RELEASE / name, rostra.data / name)
        (rostra.data / name).chmod(0o600)
    lease = local_postgres.start(rostra.data, durable=False)
    try:
        of_release(lease.url)
    finally:
        lease.release()

    with rostra.serving() as service:
        for order, ids in SERVED["orders"].items():
            shown = service.get(
                f"/v1/discussions/{SERVED['discussion']}/comments",
                order=order,
                limit=100,
                min_position=SERVED["head"],
            )
            assert [comment["id"] for comment in shown["comments"]] == ids, order
        assert f"database upgraded from schema 6 to {schema.VERSION}" in service.said
    assert rostra.must("verify") == ""
