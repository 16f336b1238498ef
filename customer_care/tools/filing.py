"""What comes in by the doors, made safe to keep: plain Python, no ORM."""

import codecs
import re
import unicodedata

from lxml import etree, html

from odoo.tools.mail import html2plaintext, html_sanitize

#: Files that one filing may bring, bytes of each, and of all together.
FILES_MAX = 10
FILE_BYTES = 10 * 1024 * 1024
FILES_BYTES = 25 * 1024 * 1024
#: Characters of a subject, a name and a text.
SUBJECT_MAX = 200
NAME_MAX = 100
TEXT_MAX = 20000
#: Characters of a file's name.
FILE_NAME_MAX = 100

_OFFICE = "application/vnd.openxmlformats-officedocument."
_ODF = "application/vnd.oasis.opendocument."


def _zip(content):
    return content.startswith(b"PK\x03\x04")


def _boxes(content):
    return content[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")


def _text(content):
    return b"\x00" not in content and not content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


#: Ending -> its type, and whether a content really is of it. What a browser might run (HTML,
#: SVG, scripts) is not among them.
TYPES = {
    "jpg": ("image/jpeg", lambda content: content.startswith(b"\xff\xd8\xff")),
    "jpeg": ("image/jpeg", lambda content: content.startswith(b"\xff\xd8\xff")),
    "png": ("image/png", lambda content: content.startswith(b"\x89PNG\r\n")),
    "gif": ("image/gif", lambda content: content.startswith(b"GIF8")),
    "webp": ("image/webp", lambda content: content[:4] == b"RIFF" and content[8:12] == b"WEBP"),
    "heic": ("image/heic", _boxes),
    "heif": ("image/heif", _boxes),
    "mp4": ("video/mp4", _boxes),
    "mov": ("video/quicktime", _boxes),
    "pdf": ("application/pdf", lambda content: b"%PDF" in content[:1024]),
    "txt": ("text/plain", _text),
    "docx": (f"{_OFFICE}wordprocessingml.document", _zip),
    "xlsx": (f"{_OFFICE}spreadsheetml.sheet", _zip),
    "odt": (f"{_ODF}text", _zip),
    "ods": (f"{_ODF}spreadsheet", _zip),
}
#: For the file field of a form.
ACCEPT = ",".join(f".{ending}" for ending in TYPES)

#: Letters at the head of a subject that say that it is an answer or passed on.
_ANSWER = re.compile(r"^\s*(?:(?:re|aw|antw|sv|tr|fwd?|wg|rv)\s*(?:\[\d+\])?\s*:\s*)+", re.I)
#: The line over a quoted mail: “On Monday, Clara wrote:”.
_QUOTED_HEAD = re.compile(r"^(?!>).{0,200}\b\S+:\s*$")
#: Headers of which the mere presence says that no person wrote.
_AUTOMATIC = ("X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Auto-Reply")


def clean_name(name, default="file"):
    """The name of a file without its path and without what a page or a terminal would act on.

    Its ending is kept.
    """
    name = unicodedata.normalize("NFC", str(name or ""))
    name = re.split(r"[\\/]", name)[-1]
    # controls, and marks that turn the direction of writing round (“gpj.exe” for “exe.jpg”)
    name = "".join(char for char in name if unicodedata.category(char)[0] not in "C")
    name = re.sub(r"[<>:\"|?*&'`;=]", "_", name).strip(" .")
    if len(name) > FILE_NAME_MAX:
        stem, dot, ending = name.rpartition(".")
        keep = FILE_NAME_MAX - len(ending) - 1
        name = f"{stem[:keep]}.{ending}" if dot and len(ending) <= 10 else name[:FILE_NAME_MAX]
    return name or default


def file_type(name, content):
    """The type of a file that may be kept; None for every other one.

    :param str name: judged by its ending, which the content (bytes) has to agree with
    """
    ending = name.rpartition(".")[2].lower()
    mimetype, agrees = TYPES.get(ending, (None, None))
    return mimetype if mimetype and agrees(content) else None


def one_line(text, limit=SUBJECT_MAX):
    """A text as one line of at most ``limit`` characters."""
    return " ".join(str(text or "").split())[:limit].strip()


def subject_of(text):
    """The subject of a mail, without “Re:”, in one line."""
    return one_line(_ANSWER.sub("", str(text or "")))


def plain_text(body):
    """What a mail says, as plain text: without markup, scripts and what it quotes.

    A mail that only quotes is kept whole: it was passed on for that.

    :param str body: HTML, as the mail gateway gives it
    """
    if not body:
        return ""
    clean = str(html_sanitize(body, sanitize_tags=True, strip_style=True))
    whole = _tidy(html2plaintext(clean, include_references=False))
    rest = _unquoted(_tidy(_without_quotes(clean)))
    lines = rest.splitlines()
    if len(lines) > 1 and rest != whole and _QUOTED_HEAD.match(lines[-1]):
        rest = _tidy("\n".join(lines[:-1]))
    return rest or _unquoted(whole) or whole


def _without_quotes(clean):
    try:
        root = html.fromstring(f"<div>{clean}</div>")
    except (etree.ParserError, ValueError):
        return clean
    for node in root.xpath("//*[@data-o-mail-quote]"):
        if node.getparent() is not None:
            node.drop_tree()
    return html2plaintext(etree.tostring(root, encoding="unicode"), include_references=False)


def _tidy(text):
    lines = [line.rstrip() for line in str(text).replace("\xa0", " ").splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()[:TEXT_MAX]


def _unquoted(text):
    """Without lines that begin with “>”, the line over them and the signature."""
    lines = re.split(r"(?m)^-- ?$", text)[0].splitlines()
    kept = []
    for line in lines:
        if not line.lstrip().startswith(">"):
            kept.append(line)
            continue
        while kept and not kept[-1].strip():
            kept.pop()
        if kept and _QUOTED_HEAD.match(kept[-1]):
            kept.pop()
    return _tidy("\n".join(kept))


def mend_charsets(message):
    """Let the parts of a mail whose character set nobody knows be read as UTF-8.

    :param email.message.EmailMessage message: changed here
    """
    for part in message.walk():
        charset = part.get_content_maintype() == "text" and part.get_param("charset")
        if charset:
            try:
                codecs.lookup(str(charset))
            except LookupError:
                part.set_param("charset", "utf-8")


def is_automatic(message):
    """Whether a mail was sent by a machine: nobody wrote it, and nobody is answered.

    :param email.message.EmailMessage message:
    """
    if (message.get("Auto-Submitted") or "no").strip().lower().split(";")[0] != "no":
        return True
    precedence = (message.get("Precedence") or "").strip().lower()
    if precedence in ("bulk", "junk", "auto_reply"):
        return True
    # a group's address hands on what people write, and says that it is a list
    if precedence == "list" and message.get("X-Auto-Response-Suppress") is not None:
        return True
    if any(message.get(name) is not None for name in _AUTOMATIC):
        return True
    sender = message.get("Return-Path")
    if sender is not None and sender.strip() in ("", "<>"):
        return True
    local = str(message.get("From") or "").rpartition("<")[2].partition("@")[0].strip().lower()
    return local in ("mailer-daemon", "postmaster")
