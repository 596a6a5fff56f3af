"""Why a server refuses, read from its words by one table.

The first digit decides and the enhanced code is often missing, wrong or shared by opposite
meanings, so the words come first: names are taken out, the rest is folded to lower-case words
with one blank around each, and the first row of the table with a phrase among them wins. Where
no words tell, the enhanced code does.
"""

from __future__ import annotations

import enum
import re

from check_smtp_border.smtp.reply import Reply


class Reason(enum.Enum):
    """Why a reply refuses; the value is how line 1 says it."""

    UNKNOWN_USER = "unknown user"
    RELAYING_DENIED = "relaying denied"
    CLIENT_BLOCKED = "client blocked"
    GREYLISTED = "greylisted"
    EHLO_REFUSED = "EHLO name refused"
    SENDER_REFUSED = "sender refused"
    TLS_NEEDED = "TLS needed"
    AUTHENTICATION_NEEDED = "authentication needed"
    THROTTLED = "throttled"
    MAILBOX_FULL = "mailbox full"
    MAILBOX_DISABLED = "mailbox disabled"
    FOREIGN_DOMAIN = "foreign domain takes no mail"
    TEMPORARY_FAILURE = "temporary failure"


# A phrase begins where a word begins; a blank at its end says that the word must end there too.
# Rows stand in the order of what a text is about: "Sender address rejected: User unknown" is
# about the sender, "Relaying denied. Cannot resolve PTR record" about relaying. Some reasons have
# a second, later row for words that other refusals use in passing, as block lists do "relay".
_WORDS: tuple[tuple[Reason, tuple[str, ...]], ...] = (
    (Reason.GREYLISTED, (
        "greylist", "graylist", "grey list", "gray list", "not yet authorized to deliver",
        "come back in", "mail is temporarily denied", "temporary rejected", "internal resource",
        "recipient address rejected service temporarily",
    )),
    (Reason.RELAYING_DENIED, (
        "relaying", "relay access", "relay denied", "relay not allowed", "relay not permitted",
        "allowed to relay", "permitted to relay", "authorized to relay", "unable to relay",
        "configured to relay", "not relay", "cannot relay", "not an open relay",
        "credentials for relay", "not accept mail for", "rcpthosts", "non accepted domain",
    )),
    (Reason.TLS_NEEDED, (
        "starttls", "tls required", "tls is required", "requires tls", "require tls", "use tls",
        "without tls", "over a tls", "tls encryption", "encryption required", "unencrypted",
        "encryption is required", "encryption needed", "requires encryption", "ssl required",
        "encrypted connection", "encrypted session", "client certificate",
    )),
    (Reason.THROTTLED, (
        "too many", "too much", "too busy", "too fast", "too frequent", "server busy",
        "ports are busy", "rate limit", "ratelimit", "throttl", "excessive mail",
        "excessive email", "excessive number", "excessive volume", "excessive unknown",
        "unexpected volume", "unusual rate", "at a rate", "frequency limited", "concurrent",
        "connection limit", "sending limit", "number of connections", "number of messages",
        "queue quota", "slow down", "previous errors", "user complaints",
        "try again later closing connection",
    )),
    (Reason.EHLO_REFUSED, ("ehlo ", "helo ", "invalid domain name")),
    (Reason.SENDER_REFUSED, (
        "sender address", "sender verif", "sender reject", "sender denied", "sender refused",
        "sender blocked", "sender domain", "sender email", "sender not allowed", "sender unknown",
        "invalid sender", "unknown sender", "domain of sender", "sending domain",
        "envelope sender", "null sender", "empty sender", "as this sender", "from address",
        "from domain", "mail from domain", "domain in mail from", "return path",
        "verification failed for", "spf ", "dmarc ", "dkim ", "sender policy framework",
        "domain does not exist invalid domain",
    )),
    (Reason.FOREIGN_DOMAIN, (
        "domain not found", "domain does not accept", "does not accept mail", "doesnt accept mail",
        "accepts no mail", "nullmx", "null mx", "no smtp service", "host unknown", "unknown host",
        "host not found", "domain does not exist", "domain doesnt exist", "nonexistent domain",
        "non existent domain", "point to non existent hosts", "unrouteable", "unroutable",
    )),
    (Reason.TEMPORARY_FAILURE, ("unverified address", "address verification in progress")),
    (Reason.UNKNOWN_USER, (
        "user unknown", "unknown user", "unknown recipient", "recipient unknown",
        "addressee unknown", "unknown mailbox", "mailbox unknown", "unknown account",
        "no such user", "no such recipient", "no such mailbox", "invalid recipient ",
        "user not found", "user not known", "recipient not found", "mailbox not found",
        "account not found", "user does not exist", "user doesnt", "mailbox does not exist",
        "mailbox doesnt exist", "account does not exist", "recipient does not exist",
        "tried to reach does not exist", "may not exist", "undeliverable address",
        "recipient address rejected access denied", "not listed in domino", "not listed in public",
    )),
    (Reason.MAILBOX_DISABLED, (
        "disabled", "deactivated", "inactive", "not active", "suspended", "discontinued",
        "frozen", "archived", "account is locked", "account blocked", "account is blocked",
        "account has been blocked", "mailbox blocked", "mailbox is blocked", "user blocked",
        "user is blocked", "address unavailable", "account unavailable",
    )),
    (Reason.MAILBOX_FULL, (
        "quota", "overquota", "mailbox full", "mailbox is full", "inbox is full", "full mailbox",
        "out of storage", "storage limit", "storage allocation", "mailbox size limit",
    )),
    (Reason.CLIENT_BLOCKED, (
        "blocked", "block list", "blocklist", "black list", "blacklist", "deny list", "denylist",
        "dnsbl", "rbl ", "spamhaus", "spamcop", "listed on", "listed in", "listed at",
        "listed by", "is listed", "open relay", "open proxy", "reputation", "banned sending",
        "banned sender", "banned ip", "is banned", "been banned", "ptr ", "rdns ", "reverse dns",
        "reverse lookup", "name lookup failed", "cannot find your", "client host",
        "host rejected", "host network", "sender ip", "sending ip", "this ip ", "your ip ",
        "your host ", "your network ", "your server ", "your mailserver", "your mail server",
        "your access to", "mail from your", "mail from refused", "mail refused",
        "e mail from is restricted", "connection from you", "connection denied",
        "allowed to connect", "connections will not be accepted", "connections not accepted",
        "not welcome", "go away", "get lost", "dynamic ip", "dynamic address", "prohibition",
        "policy restrictions", "denied by policy", "service currently unavailable",
        "smtp service not available", "esmtp not accepting", "problem occurred ask your",
    )),
    (Reason.RELAYING_DENIED, (
        "relay", "non local", "not gateway", "not a gateway", "handle mail for", "not hosted here",
        "delivery is not allowed to this address", "domain not hosted", "domain is not local",
        "no such domain here", "no such domain at this", "not our domain",
    )),
    (Reason.AUTHENTICATION_NEEDED, ("authenticat", "auth command", "smtp auth", "log in first")),
    (Reason.UNKNOWN_USER, (
        "mailbox unavailable", "mailbox is unavailable", "no mailbox", "no mail box", "no account",
        "no such account", "no such address", "no such person", "no longer valid",
        "no longer accepts", "no longer on server", "unknown address", "unknown local",
        "unknown email", "unknown e mail", "unknown virtual", "unknown or illegal",
        "address unknown", "not known here", "not found", "not exist", "doesnt exist",
        "unrouteable", "unroutable", "undeliverable", "cannot deliver mail for", "not our user",
        "not our customer", "not a valid user", "not a valid mailbox", "not a valid recipient",
        "not a known user", "not a local", "recipient is not local", "invalid address",
        "invalid mailbox", "invalid user", "address invalid", "mailbox invalid",
        "recipient rejected", "badrcptto", "badrecipientto", "address could not be found",
    )),
)  # fmt: skip

# Subject and detail of RFC 3463 codes, and of those Microsoft's servers made up (5.7.50 on).
_CODES = {
    **dict.fromkeys(("1.0", "1.1", "1.2", "1.3", "1.6", "1.10"), Reason.UNKNOWN_USER),
    **dict.fromkeys(("2.1", "7.13"), Reason.MAILBOX_DISABLED),
    "2.2": Reason.MAILBOX_FULL,
    **dict.fromkeys(("1.7", "1.8", "7.23", "7.26", "7.27"), Reason.SENDER_REFUSED),
    "7.10": Reason.TLS_NEEDED,
    "7.25": Reason.CLIENT_BLOCKED,
    **dict.fromkeys((f"7.{detail}" for detail in range(606, 650)), Reason.CLIENT_BLOCKED),
    "7.28": Reason.THROTTLED,
    "7.57": Reason.AUTHENTICATION_NEEDED,
    **dict.fromkeys(("7.54", "7.64"), Reason.RELAYING_DENIED),
}

# Whatever has an @, a scheme or a dot inside, and IPv6 addresses. Every branch begins at the
# start of a token only: no flood of text costs more than linear time.
_NAMES = re.compile(
    r"""(?<![^\s,;:()\[\]"])[^\s,;:()\[\]"]*@[\w.-]*
    | (?<!\w)[a-z]+://\S*
    | (?<![\w.-])[\w-]+(?:\.[\w-]+)+(?:/\S*)?
    | (?<!\w)[0-9a-f]*(?::[0-9a-f]*){2,}""",
    re.VERBOSE,
)
_NOT_A_WORD = re.compile(r"[^a-z0-9]+")


def reason_of(reply: Reply, *, foreign_recipient: bool = False) -> Reason | None:
    """Return why `reply` refuses, None where it does not refuse or does not say.

    foreign_recipient: it answers a RCPT whose domain is not the server's. Only such a domain
    can be one that takes no mail (RFC 7505).
    """
    if reply.digit in "23":
        return None
    detail = (reply.enhanced or "")[2:]
    if foreign_recipient and (reply.code == "556" or detail == "1.10"):
        return Reason.FOREIGN_DOMAIN
    words = _words_of(reply)
    for reason, phrases in _WORDS:
        if reason is Reason.FOREIGN_DOMAIN and not foreign_recipient:
            continue
        if any(f" {phrase}" in words for phrase in phrases):
            return reason
    # RFC 5321 4.2.1: any 4yz is a transient failure, whatever else it leaves unsaid.
    return _CODES.get(detail) or (Reason.TEMPORARY_FAILURE if reply.digit == "4" else None)


def _words_of(reply: Reply) -> str:
    """Return the words of `reply`, one blank around each, without names ("doesn't": doesnt)."""
    text = " ".join(reply.lines).lower().replace("'", "")
    return f" {_NOT_A_WORD.sub(' ', _NAMES.sub(' ', text))} "


def says_relaying_denied(reply: Reply) -> bool:
    """Whether `reply` refuses in plain relay words."""
    phrases = next(phrases for reason, phrases in _WORDS if reason is Reason.RELAYING_DENIED)
    return not reply.completed and any(f" {phrase}" in _words_of(reply) for phrase in phrases)
