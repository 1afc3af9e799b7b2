"""`schemathesis` asks the running service whatever its own OpenAPI lets it ask, and more.

ROSTRA_FUZZ_EXAMPLES: how many times of each kind; a long run takes another seed each time.
"""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from rostra import ids
from rostra_adapters.http import HttpSettings
from support.service import PLACE, SECRET, Service, event, opened, posted, serving, token

EXAMPLES = int(os.environ.get("ROSTRA_FUZZ_EXAMPLES", "6"))
LONG = EXAMPLES > 50
SECONDS_MAX = 7_200 if LONG else 1_200
DISCUSSION = ids.discussion_id(PLACE["site"], PLACE["resource"])
COMMENTS = {key: ids.comment_id(DISCUSSION, key) for key in ("c1", "c2", "c3")}

# What is valid by its schema may still be refused by the domain, or name what is not there;
# 503 is an answer of the contract (a view behind, a position that is not there yet).
CONFIGURATION = """
continue-on-failure = true
[parameters]
"query.wait" = 0
"query.min_position" = 0
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "304", "308", "400", "401", "403", "404", "409", "410", "412", "422"]
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "409", "413", "415", "422"]
[[operations]]
include-path-regex = "^/v1/discussions/"
parameters = {{ "path.id" = "{discussion}" }}
[[operations]]
include-path-regex = "^/v1/comments/.*/(vote|flag|history|replies)$"
parameters = {{ "path.id" = "{c1}" }}
[[operations]]
include-name = ["GET /v1/comments/{{id}}", "PATCH /v1/comments/{{id}}"]
parameters = {{ "path.id" = "{c1}" }}
[[operations]]
include-name = "DELETE /v1/comments/{{id}}"
parameters = {{ "path.id" = "{c2}" }}
[[operations]]
include-path-regex = "^/v1/comments/.*/moderation$"
parameters = {{ "path.id" = "{c3}" }}
"""


@pytest.mark.slow
@pytest.mark.timeout(SECONDS_MAX + 20)
async def test_whatever_is_asked_is_answered_as_described(tmp_path: Path) -> None:
    async with serving(
        settings=HttpSettings(secret=SECRET, mail_confirmations_a_day_max=10**6)
    ) as service:
        await service.given(
            event("site.configured", settings={"open_on_first": True}),
            opened(settings={"edit_seconds": 10**6, "self_votes": True}),
            *(posted(key) for key in COMMENTS),
            event("comment.flagged", comment="c1", by="eve", reason="Rude."),
        )
        await service.app.wait(6, 60)
        status, said = await _fuzz(service, tmp_path)
    if LONG:
        sys.stdout.write(said)
    assert status == 0, said


async def _fuzz(service: Service, folder: Path) -> tuple[int, str]:
    configuration = folder / "schemathesis.toml"
    configuration.write_text(CONFIGURATION.format(discussion=DISCUSSION, **COMMENTS))
    everything = token("publish feed comment moderate read", site=PLACE["site"], person="ann")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", f"--config-file={configuration}"),
        *("run", f"{service.url}/openapi.json", f"--header=Authorization: Bearer {everything}"),
        *("--checks=all", f"--max-examples={EXAMPLES}", "--exclude-path-regex=live$"),
        *(() if LONG else ("--seed=1",)),
        *("--generation-database=none", "--suppress-health-check=all", "--request-timeout=20"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=folder,
    )
    try:
        async with asyncio.timeout(SECONDS_MAX):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, said.decode()
