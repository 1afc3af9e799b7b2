"""Languages of pages without script: the one that a request asks for, and its words."""

import json
from collections.abc import Collection, Mapping
from functools import cache

import msgspec
from aiohttp import hdrs, web

from rostra_adapters.application.notify.texts import direction_of
from rostra_adapters.http.routes.embed import LANGUAGES as TABLES
from rostra_adapters.http.routes.embed import read

ENGLISH = "en"
ACCEPTED_MAX = 20
"""Languages of a header that are looked at."""


class PageWords(msgspec.Struct, frozen=True):
    """Words of a page without script. `{n}` is a number."""

    comments: str
    replies: str
    above: str
    """Link to the comment that one answers."""
    more: str
    all: str


OF_PAGES: Mapping[str, PageWords] = {
    "en": PageWords(
        "Comments: {n}", "All replies: {n}", "What this answers", "More comments", "All comments"
    ),
    "ar": PageWords(
        "التعليقات: {n}", "كل الردود: {n}", "ما يرد عليه هذا", "المزيد من التعليقات", "كل التعليقات"
    ),
    "de": PageWords(
        "Kommentare: {n}",
        "Alle Antworten: {n}",
        "Worauf das antwortet",
        "Weitere Kommentare",
        "Alle Kommentare",
    ),
    "es": PageWords(
        "Comentarios: {n}",
        "Todas las respuestas: {n}",
        "A qué responde",
        "Más comentarios",
        "Todos los comentarios",
    ),
    "fr": PageWords(
        "Commentaires : {n}",
        "Toutes les réponses : {n}",
        "À quoi ceci répond",
        "Autres commentaires",
        "Tous les commentaires",
    ),
    "it": PageWords(
        "Commenti: {n}",
        "Tutte le risposte: {n}",
        "A che cosa risponde",
        "Altri commenti",
        "Tutti i commenti",
    ),
    "ja": PageWords(
        "コメント：{n}", "すべての返信：{n}", "返信先", "次のコメント", "すべてのコメント"
    ),
    "nl": PageWords(
        "Reacties: {n}",
        "Alle antwoorden: {n}",
        "Waar dit op antwoordt",
        "Meer reacties",
        "Alle reacties",
    ),
    "pl": PageWords(
        "Komentarze: {n}",
        "Wszystkie odpowiedzi: {n}",
        "Na co to odpowiada",
        "Więcej komentarzy",
        "Wszystkie komentarze",
    ),
    "pt": PageWords(
        "Comentários: {n}",
        "Todas as respostas: {n}",
        "A que isto responde",
        "Mais comentários",
        "Todos os comentários",
    ),
    "ru": PageWords(
        "Комментарии: {n}",
        "Все ответы: {n}",
        "На что это ответ",
        "Другие комментарии",
        "Все комментарии",
    ),
    "zh": PageWords("评论：{n}", "全部回复：{n}", "所回复的评论", "更多评论", "全部评论"),
}


def preferred_language(request: web.BaseRequest, offered: Collection[str]) -> str:
    """Return the offered language that a request prefers by `Accept-Language`, or English."""
    accepted = request.headers.get(hdrs.ACCEPT_LANGUAGE, "").split(",", ACCEPTED_MAX)
    ranked = sorted(map(_weighed, accepted[:ACCEPTED_MAX]), key=lambda one: -one[0])
    for weight, tag in ranked:
        if weight > 0 and (found := nearest(tag, offered)):
            return found
    return ENGLISH


def _weighed(part: str) -> tuple[float, str]:
    tag, _, parameter = part.partition(";")
    name, _, value = parameter.strip().partition("=")
    try:
        weight = float(value) if name == "q" else 1.0
    except ValueError:
        weight = 0.0
    return weight, tag.strip()


def nearest(tag: str, offered: Collection[str]) -> str | None:
    """Return the offered language that a tag names, whatever its region; None if there is none."""
    code = tag.lower().partition("-")[0]
    return code if code in offered else None


def language_attributes(language: str) -> str:
    """Return the attributes of an element in a language."""
    direction = direction_of(language)
    return f'lang="{language}"' + (f' dir="{direction}"' if direction == "rtl" else "")


@cache
def component_words(language: str) -> Mapping[str, str]:
    """Return the words of the web component that do not depend on a number."""
    table = json.loads(read(TABLES)[f"{language}.json"])
    return {name: text for name, text in table.items() if isinstance(text, str)}
