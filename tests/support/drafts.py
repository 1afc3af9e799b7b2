"""An article that is edited at random, and that knows where its passages truly are."""

import random

Span = tuple[int, int]


class Draft:
    """An article of numbered words under edit, and where its passages truly are."""

    def __init__(self, chance: random.Random, words: int, passages: int) -> None:
        self._chance = chance
        self._numbers = iter(range(10**6))
        self.words = [self._word() for _ in range(words)]
        room = words // passages
        self.passages = [
            self.words[at : at + chance.choice((1, 2, 5, 12))]
            for at in range(room // 2, words, room)
        ]
        self._taken = {word for passage in self.passages for word in passage}

    def _word(self) -> str:
        return f"{self._chance.choice(('a', 'ä', '😀', 'word', 'א'))}{next(self._numbers)}"

    @property
    def text(self) -> str:
        return " ".join(self.words)

    def span(self, index: int) -> Span:
        passage = self.passages[index]
        start = len(" ".join([*self.words[: self.words.index(passage[0])], ""]))
        return start, start + len(" ".join(passage))

    def spans(self) -> list[Span]:
        return [self.span(index) for index in range(len(self.passages))]

    def edit(self) -> None:
        """Replaces up to ten words at random, none of them of a passage, by up to ten new ones."""
        at = self._chance.randrange(len(self.words) + 1)
        if self.words[at : at + 1] and self.words[at] in self._taken:
            at = self.words.index(next(p for p in self.passages if self.words[at] in p)[0])
        end = at
        while end < min(at + self._chance.randrange(10), len(self.words)):
            if self.words[end] in self._taken:
                break
            end += 1
        self.words[at:end] = [self._word() for _ in range(self._chance.randrange(10))]
