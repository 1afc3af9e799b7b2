"""Bodies that come packed: whole, cut off, broken, in several parts, with much in little."""

import asyncio
import gzip
import json
import logging
import zlib

import pytest
from aiohttp import ClientPayloadError

from rostra_adapters.http.unpacking import PIECE_BYTES_MAX, Unpacker
from support.service import Answer, Service, opened, posted, token

BATCHED = "application/cloudevents-batch+json"
LINES = "application/x-ndjson"
EVENTS = [opened(), *(posted(f"c{number}") for number in range(40))]
BATCH = json.dumps(EVENTS).encode()
AS_LINES = b"".join(json.dumps(one).encode() + b"\n" for one in EVENTS)
DEFLATED = zlib.compress(BATCH)


def cut_at_a_lines_end(body: bytes) -> bytes:
    """Pack a body so that all of it comes out, and the end of the gzip is missing."""
    packer = zlib.compressobj(wbits=31)
    return packer.compress(body) + packer.flush(zlib.Z_FULL_FLUSH)


async def send(
    service: Service, body: bytes, media_type: str = BATCHED, encoding: str = "gzip"
) -> Answer:
    headers = {"Content-Type": media_type, "Content-Encoding": encoding}
    return await service.ask("POST", "/v1/events", token=token(), headers=headers, body=body)


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(BATCH)),
        ("gzip", gzip.compress(BATCH[:100]) + gzip.compress(BATCH[100:]) + b"\0" * 20),
        ("deflate", DEFLATED),
        ("deflate", DEFLATED[2:-4]),
        ("identity", BATCH),
    ],
    ids=["gzip", "two gzips", "zlib", "raw deflate", "not packed"],
)
async def test_whole_bodies_are_taken(service: Service, encoding: str, packed: bytes) -> None:
    answer = await send(service, packed, encoding=encoding)
    assert answer.status == 200
    assert {one["status"] for one in answer.json["results"]} == {"recorded"}


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", cut_at_a_lines_end(BATCH)),
        ("gzip", gzip.compress(BATCH)[:-8]),
        ("gzip", gzip.compress(BATCH)[:-30]),
        ("gzip", gzip.compress(BATCH)[:-8] + b"\0" * 8),
        ("gzip", gzip.compress(BATCH) + b"more"),
        ("gzip", b"no gzip"),
        ("deflate", DEFLATED[:-4]),
        ("deflate", DEFLATED[2:-8]),
    ],
    ids=["flushed", "no sum", "cut", "wrong sum", "more", "none", "zlib", "raw deflate"],
)
async def test_bodies_that_are_broken_or_cut_off_are_refused_without_a_word_in_the_log(
    service: Service, encoding: str, packed: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        answer = await send(service, packed, encoding=encoding)
    assert (answer.status, answer.problem) == (400, "bad-request")
    assert await service.app.head() == 0
    assert caplog.records == []


async def test_lines_that_are_cut_off_end_as_an_error(service: Service) -> None:
    whole = await send(service, gzip.compress(AS_LINES), LINES)
    assert len(whole.body.splitlines()) == len(EVENTS)
    with pytest.raises(ClientPayloadError):
        await send(service, cut_at_a_lines_end(AS_LINES), LINES)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, br"])
@pytest.mark.parametrize("media_type", [BATCHED, LINES])
async def test_other_encodings_are_refused(
    service: Service, encoding: str, media_type: str
) -> None:
    answer = await send(service, BATCH, media_type, encoding)
    assert (answer.status, answer.problem) == (415, "unsupported-media-type")
    assert answer.headers["Accept-Encoding"] == "gzip, deflate"


@pytest.mark.slow
async def test_much_in_little_is_too_large_and_never_in_memory_at_once(service: Service) -> None:
    bomb = gzip.compress(b" " * 200_000_000, 9)
    unpacker = Unpacker("gzip")
    assert max(len(piece) for piece in unpacker.unpack(bomb)) == PIECE_BYTES_MAX
    answer = await asyncio.wait_for(send(service, bomb), 60)
    assert (answer.status, answer.problem) == (413, "too-large")
