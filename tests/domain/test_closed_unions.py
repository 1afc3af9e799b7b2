"""Every command is in the closed unions, and every function that matches on them knows it."""

from typing import get_args

from rostra.commands import (
    COMMANDS,
    AnyCommand,
    DiscussionCommand,
    InDiscussion,
    ModerateComment,
    ModerationCommand,
    OnPassage,
    PassageCommand,
)


def test_unions_hold_every_command() -> None:
    every = set(COMMANDS.values())

    assert set(get_args(AnyCommand)) == every
    for union, base in (
        (DiscussionCommand, InDiscussion),
        (ModerationCommand, ModerateComment),
        (PassageCommand, OnPassage),
    ):
        assert set(get_args(union)) == {kind for kind in every if issubclass(kind, base)}
