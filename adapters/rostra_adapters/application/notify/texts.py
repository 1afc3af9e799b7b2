"""Sentences of mails and of the pages that their links open, by language."""

from typing import Final

import msgspec


class MailTexts(msgspec.Struct, frozen=True, kw_only=True):
    """Sentences of one language. `{name}`, `{title}` and `{count}` are filled in."""

    reply: str
    mention: str
    passage: str
    moderation: str
    subscription: str
    digest: str
    """Subject of a mail with several notices."""
    on: str
    """Line with the discussion's title."""
    read: str
    unsubscribe: str
    why: str
    confirm_subject: str
    confirm_why: str
    confirm: str
    unsubscribed: str
    confirmed: str
    invalid: str
    somebody: str
    """Name of a person without one."""


ENGLISH: Final = MailTexts(
    reply="{name} answered your comment",
    mention="{name} mentioned you",
    passage="{name} commented on a passage that you marked",
    moderation="The moderators decided on a comment of yours, or one that you flagged",
    subscription="{name} commented",
    digest="{count} new comments",
    on="On “{title}”",
    read="Read it in the discussion",
    unsubscribe="Unsubscribe",
    why="You get this mail because you asked to be notified.",
    confirm_subject="Confirm your e-mail address",
    confirm_why="Somebody, probably you, gave this address to be notified of comments. "
    "If it was not you, do nothing: no further mail will come.",
    confirm="Confirm",
    unsubscribed="You will get no more mails about this.",
    confirmed="Your address is confirmed.",
    invalid="This link is not valid.",
    somebody="Somebody",
)
GERMAN: Final = MailTexts(
    reply="{name} hat auf Ihren Kommentar geantwortet",
    mention="{name} hat Sie erwähnt",
    passage="{name} hat eine Stelle kommentiert, die Sie markiert haben",
    moderation="Die Moderation hat über einen Kommentar entschieden, den Sie geschrieben oder "
    "gemeldet haben",
    subscription="{name} hat kommentiert",
    digest="{count} neue Kommentare",
    on="Zu „{title}“",
    read="In der Diskussion lesen",
    unsubscribe="Abbestellen",
    why="Sie erhalten diese Mail, weil Sie benachrichtigt werden wollten.",
    confirm_subject="Bestätigen Sie Ihre E-Mail-Adresse",
    confirm_why="Jemand, vermutlich Sie, hat diese Adresse angegeben, um von Kommentaren zu "
    "erfahren. Wenn Sie es nicht waren, tun Sie nichts: Es kommt keine weitere Mail.",
    confirm="Bestätigen",
    unsubscribed="Sie erhalten dazu keine Mails mehr.",
    confirmed="Ihre Adresse ist bestätigt.",
    invalid="Dieser Link ist nicht gültig.",
    somebody="Jemand",
)
FRENCH: Final = MailTexts(
    reply="{name} a répondu à votre commentaire",
    mention="{name} vous a mentionné",
    passage="{name} a commenté un passage que vous avez marqué",
    moderation="La modération a statué sur un commentaire que vous avez écrit ou signalé",
    subscription="{name} a commenté",
    digest="{count} nouveaux commentaires",
    on="À propos de « {title} »",
    read="Lire dans la discussion",
    unsubscribe="Se désabonner",
    why="Vous recevez ce message parce que vous avez demandé à être averti.",
    confirm_subject="Confirmez votre adresse électronique",
    confirm_why="Quelqu’un, sans doute vous, a donné cette adresse pour être averti des "
    "commentaires. Si ce n’était pas vous, ne faites rien : aucun autre message ne viendra.",
    confirm="Confirmer",
    unsubscribed="Vous ne recevrez plus de messages à ce sujet.",
    confirmed="Votre adresse est confirmée.",
    invalid="Ce lien n’est pas valable.",
    somebody="Quelqu’un",
)
SPANISH: Final = MailTexts(
    reply="{name} respondió a su comentario",
    mention="{name} le mencionó",
    passage="{name} comentó un pasaje que usted marcó",
    moderation="La moderación decidió sobre un comentario que usted escribió o denunció",
    subscription="{name} comentó",
    digest="{count} comentarios nuevos",
    on="Sobre «{title}»",
    read="Leer en la discusión",
    unsubscribe="Darse de baja",
    why="Recibe este correo porque pidió que se le avisara.",
    confirm_subject="Confirme su dirección de correo",
    confirm_why="Alguien, probablemente usted, dio esta dirección para recibir avisos de "
    "comentarios. Si no fue usted, no haga nada: no llegará ningún otro correo.",
    confirm="Confirmar",
    unsubscribed="No recibirá más correos sobre esto.",
    confirmed="Su dirección está confirmada.",
    invalid="Este enlace no es válido.",
    somebody="Alguien",
)
LANGUAGES: Final = {"en": ENGLISH, "de": GERMAN, "fr": FRENCH, "es": SPANISH}


def texts_of(language: str | None) -> tuple[str, MailTexts]:
    """Return the nearest language there is, with its sentences; English for any other."""
    code = (language or "").lower().partition("-")[0]
    return (code, LANGUAGES[code]) if code in LANGUAGES else ("en", ENGLISH)
