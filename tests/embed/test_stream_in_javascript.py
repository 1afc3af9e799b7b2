"""Live updates of the web reader, run by node."""

import json
import shutil
import subprocess
from pathlib import Path

from support.requirements import missing

HERE = Path(__file__).parent
MODULES = HERE.parents[1] / "adapters/rostra_adapters/web"


def test_a_reader_without_a_stream_looks_now_and_then(tmp_path: Path) -> None:
    if shutil.which("node") is None:
        missing("node", "install nodejs")
    for name in ("stream.js",):
        (tmp_path / name.replace(".js", ".mjs")).write_bytes((MODULES / name).read_bytes())
    script = (HERE / "stream.mjs").read_text().replace("MODULES/stream.js", "./stream.mjs")
    (tmp_path / "run.mjs").write_text(script)
    ran = subprocess.run(
        ["node", str(tmp_path / "run.mjs")], capture_output=True, check=True, timeout=60
    )
    said = json.loads(ran.stdout)
    assert said["lost"] == 2  # at 7 and at 9, each once
    assert said["least"] >= 15_000
    assert [len(one) for one in said["asked"]] == [2, 1] * 5
    assert said["asked"][0] == ["/v1/discussions/d/live", "5"]
    assert said["asked"][1] == ["/v1/discussions/d"]
    assert said["asked"][-2] == ["/v1/discussions/d/live", "9"]
