"""Whether a message only says thanks: it asks for nothing, so no answer is owed to it."""

import re

#: What makes a message one of thanks.
THANKS = frozenset(
    "thanks thank thx ty cheers merci danke dank dankeschön bedankt dankjewel gracias grazie"
    " obrigado obrigada tak tack takk kiitos dziękuję děkuji".split()
)
#: Words that say nothing else beside it.
COURTESY = THANKS | frozenset(
    "you u so very much many a an lot again for your the this all and we i am is it was really"
    " quick fast prompt kind help support answer reply response great good nice perfect super top"
    " excellent wonderful ok okay fine well done works now team dear hi hello best kindest regards"
    " greetings yours sincerely have day weekend evening"
    " beaucoup bien pour votre ton aide réponse rapide bonjour cordialement bonne journée"
    " parfait c'est très et à vous toi"
    " vielen schönen schöne herzlichen lieben besten für die ihre eure hilfe antwort schnelle"
    " viele liebe freundliche grüße mit freundlichen grüßen guten tag hallo alles gut prima"
    " u wel je hartelijk voor de snelle hulp uw antwoord met vriendelijke groeten groet prettige"
    " muchas mil por su tu ayuda respuesta rápida saludos perfecto buen día"
    " mille molte per il vostro aiuto la risposta rapida saluti perfetto"
    " muito pela sua resposta ajuda".split()
)
#: Longer than that is more than thanks.
LONGEST = 20


def is_thanks(text, names=()):
    """Whether a text says thanks and nothing else.

    In doubt it does not: a word that is not known may ask for something.

    :param str text: plain text, without what it quotes
    :param names: of people who may be addressed in it, or sign it
    """
    if "?" in text:
        return False
    words = re.findall(r"[^\W_]+(?:'[^\W_]+)?", text.lower())
    if not words or len(words) > LONGEST or THANKS.isdisjoint(words):
        return False
    known = {word for name in names for word in re.findall(r"[^\W_]+", (name or "").lower())}
    return all(word in COURTESY or word in known for word in words)
