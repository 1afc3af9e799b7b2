"""Time to anchor the passages of a long article again.

    python infra/bench/anchoring.py [--characters 1000000] [--passages 500] [--runs 3]

The text is made of 5,000 words as frequent as those of a language are (the n-th most common one
1/n as often as the first), so that stretches of it repeat as those of real texts do. Passages
have 3 to 400 characters. Every figure is the best of the runs,
in seconds of one core.
"""

import argparse
import random
import time
from collections.abc import Callable, Sequence
from itertools import accumulate

from rostra.anchoring.search import Anchored, AnchorResult, Mark, anchor_all, describe, last_place

WORDS = 5_000
LENGTHS = (3, 8, 15, 40, 80, 150, 400)
LONG_QUOTE_CHARACTERS = 10_000
Span = tuple[int, int]
Edit = Callable[[random.Random, str], str]


def main() -> None:
    parser = argparse.ArgumentParser(description="Times the anchoring of passages.")
    parser.add_argument("--characters", type=int, default=1_000_000)
    parser.add_argument("--passages", type=int, default=500)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    chance = random.Random(5)
    text = article(chance, options.characters)
    spans = stretches(chance, text, options.passages)
    marks = [marked(text, span) for span in spans]
    long = [marked(text, (len(text) // 2, len(text) // 2 + LONG_QUOTE_CHARACTERS))]
    print(f"{len(text):,} characters, {len(marks)} passages, best of {options.runs}")
    for name, revised, wanted in (
        ("nothing changed", text, marks),
        ("a chapter put in front", article(chance, 20_000) + text, marks),
        ("a letter of every passage changed", edited(text, spans, chance, misspelt), marks),
        ("the words around every passage gone", edited_around(text, spans, chance), marks),
        ("every passage deleted", edited(text, spans, chance, deleted), marks),
        ("another text altogether", article(random.Random(6), options.characters), marks),
        ("one quote of 10,000 characters, changed", scattered(text, chance), long),
        ("aaaa…, all passages aaaa…b", "a" * len(text), repetitive(options.passages)),
    ):
        report(name, revised, wanted, options.runs)


def report(name: str, text: str, marks: Sequence[Mark], runs: int) -> None:
    seconds, outcomes = min(
        (timed(text, marks) for _ in range(runs)), key=lambda measured: measured[0]
    )
    anchored = sum(isinstance(outcome, Anchored) for outcome in outcomes)
    print(f"{seconds:8.3f} s  {anchored:5} of {len(marks):3} anchored  {name}")


def timed(text: str, marks: Sequence[Mark]) -> tuple[float, list[AnchorResult]]:
    begun = time.process_time()
    outcomes = anchor_all(text, marks)
    return time.process_time() - begun, outcomes


def article(chance: random.Random, characters: int) -> str:
    letters = "eeeeeetttttaaaaoooiiinnnssshhhrrrdddllcumwfgypbvk"
    words = ["".join(chance.choices(letters, k=chance.randint(1, 9))) for _ in range(WORDS)]
    weights = list(accumulate(1 / rank for rank in range(1, WORDS + 1)))
    return " ".join(chance.choices(words, cum_weights=weights, k=characters // 3))[:characters]


def stretches(chance: random.Random, text: str, count: int) -> list[Span]:
    """Return spans of a text in order, without overlaps."""
    room = len(text) // count
    return [
        (start, start + min(chance.choice(LENGTHS), room // 2))
        for start in (index * room + room // 4 for index in range(count))
    ]


def marked(text: str, span: Span) -> Mark:
    return Mark(describe(text, *span), last_place(text, *span))


def edited(text: str, spans: Sequence[Span], chance: random.Random, edit: Edit) -> str:
    """The text with every passage edited."""
    pieces: list[str] = []
    done = 0
    for start, end in spans:
        pieces += (text[done:start], edit(chance, text[start:end]))
        done = end
    return "".join(pieces) + text[done:]


def edited_around(text: str, spans: Sequence[Span], chance: random.Random) -> str:
    """The text with forty characters before and after every passage rewritten."""
    around = [(start - 40, start) for start, _ in spans] + [(end, end + 40) for _, end in spans]
    return edited(text, sorted(around), chance, lambda chance, words: article(chance, len(words)))


def misspelt(chance: random.Random, words: str) -> str:
    at = chance.randrange(len(words))
    return f"{words[:at]}Q{words[at + 1 :]}"


def deleted(_chance: random.Random, _words: str) -> str:
    return ""


def scattered(text: str, chance: random.Random) -> str:
    """One letter in fifteen replaced."""
    letters = list(text)
    for at in range(chance.randrange(15), len(letters), 15):
        letters[at] = "Q"
    return "".join(letters)


def repetitive(count: int) -> list[Mark]:
    words = "a" * 50 + "b" + "a" * 49
    return [marked(words * 3, (100, 200)) for _ in range(count)]


if __name__ == "__main__":
    main()
