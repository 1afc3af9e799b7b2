"""Messages verify by the official library of JavaScript."""

import asyncio
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from rostra_adapters.application.webhooks.registry import replace_secret
from support.javascript import require_packages
from support.service import opened, posted
from support.webhooks import Hooked

FOLDER = Path(__file__).parent / "js"
PROGRAM = """
import { Webhook } from "standardwebhooks";
import { readFileSync } from "node:fs";
const { secret, headers, body } = JSON.parse(readFileSync(0));
console.log(JSON.stringify(new Webhook(secret).verify(body, headers)));
"""


async def test_messages_verify_in_javascript(hooked: Hooked) -> None:
    await asyncio.to_thread(require_packages, FOLDER)
    webhook, first = await hooked.add()
    second = await replace_secret(hooked.app, webhook)
    await hooked.service.given(opened(), posted("c1", body="Žižkov 🚋"))
    await hooked.deliver()
    for received in hooked.receiver.accepted:
        for secret in (first, second):
            said = {"secret": secret, "headers": received.headers, "body": received.body.decode()}
            assert await asyncio.to_thread(_verify, said) == received.event
    headers, body = hooked.receiver.seen[0].headers, hooked.receiver.seen[0].body.decode()
    said = {"secret": "whsec_" + "QUFB" * 10, "headers": headers, "body": body}
    with pytest.raises(subprocess.CalledProcessError):
        await asyncio.to_thread(_verify, said)


def _verify(said: dict[str, Any]) -> Any:
    node = shutil.which("node")
    assert node is not None
    ran = subprocess.run(
        [node, "--input-type=module", "-e", PROGRAM],
        cwd=FOLDER,
        input=json.dumps(said).encode(),
        capture_output=True,
        check=True,
        timeout=60,
    )
    return json.loads(ran.stdout)
