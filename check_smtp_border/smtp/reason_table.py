"""The table of words by which refusals are told apart: data alone.

A pattern stands for whole words in lower case; the text that it is searched in has one blank
around each word, no names, `ipaddr` for an IP address, and "doesnt" for "doesn't". The first row
that is found wins, so rows stand in the order of what a text is about.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from check_smtp_border.smtp import reason_tongues as tongues
from check_smtp_border.smtp.reason_words import (
    AUTHENTICATION,
    CLAUSE,
    DENIED,
    GAP2,
    GAP4,
    IS_WRONG,
    MAY_NOT,
    NO,
    NO_SUCH,
    RECIPIENT,
    RELAY,
)


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


class Row(NamedTuple):
    """A reason, and the patterns of which one must be among the words.

    digits: the first digits of the replies that the row is for.
    plain: the words say in so many words what is wrong with the recipient, or that relaying is
    denied; a text in which such a row wins is proof, whatever else it says.
    """

    reason: Reason | None
    patterns: tuple[str, ...]
    digits: str = "45"
    plain: bool = False


TABLE: tuple[Row, ...] = (
    Row(Reason.GREYLISTED, (
        r"gr[ea]y ?list\w*", "not yet authorized to deliver", "come back in",
        "mail is temporarily denied", "temporary rejected", "internal resource",
        "recipient address rejected service temporarily",
    )),
    Row(Reason.CLIENT_BLOCKED, ("client host rejected", "tr(?:ied|ying) to relay")),
    Row(Reason.SENDER_REFUSED, (r"sender verif\w*",)),
    # What sounds like a blocked client and is not.
    Row(Reason.UNKNOWN_USER, (
        rf"{RECIPIENT}(?: or \S+)? may not exist", "mailbox unavailable or access denied",
        "mailing list expansion problem",
    ), plain=True),
    Row(Reason.RELAYING_DENIED, (
        f"{RELAY} (?:is |was |has been |attempt )?(?:attempt )?{DENIED}"
        "(?! (?:using|because of (?:spam|abuse)|errors|attempts|failures|too|[0-9]+ times))",
        "(?:allowed|permitted|authori[sz]ed|permission|configured) to relay",
        rf"not{GAP4}use (?:me|us|this)(?: \S+){{0,4}} as an? (?:open )?relay",
        rf"use (?:me|us|this)(?: \S+){{0,4}} as an? (?:open )?relay{GAP4}not",
        r"(?:allowed|permitted|authori[sz]ed) to send (?:\S+ )?(?:to|for) (?:external|remote"
        r"|foreign|outside|other|non local)", "insecure mail relay", "not an open relay",
        "no open relay", r"open relay(?:ing)? (?:is )?not", rf"{RELAY} access",
    ), plain=True),
    Row(Reason.TLS_NEEDED, (
        "starttls", "requiretls",
        r"(?:tls|ssl) (?:is )?(?:required|mandatory|needed)", "requires? tls",
        "(?:use|without|needs?|over a|must use) (?:tls|ssl)", "tls version", "plain ?text",
        r"encryption (?:is )?(?:required|needed|mandatory)", "tls encryption", "unencrypted",
        "requires? encryption", "encrypted (?:connection|session)", "client certificate",
    )),
    Row(Reason.THROTTLED, (
        "too (?:many|much(?! mail stored)|busy|fast|frequent|quickly|often|high)", "server busy",
        "ports are busy", r"rate ?limit\w*", r"throttl\w+", r"excess\w*(?! quota)",
        "unexpected volume", "unusual rate", "at a rate", "frequency", r"concurrent",
        "connection limit", "sending (?:limit|quota)",
        "(?:number|percentage|amount|volume|rate) of", "queue quota", "slow down",
        "(?<!size )limit (?:exceeded|reached)",
        "of (?:the |your )?(?:recipients|rcpts)", r"flood\w*", "previous errors",
        "user complaints", "try again later closing connection",
    )),
    Row(Reason.CLIENT_BLOCKED, ("fix reverse dns",)),
    Row(Reason.SENDER_REFUSED, (
        "sender verif\\w*", "sender address (?:verif|reject)\\w*",
        "verification failed for(?! recipient)",
        r"call(?:out|back) (?:setup|verification) failed while verifying", "refuse bounces",
        "by th(?:e|is) (?:recipient|user|owner)", "(?:allowed|permitted|using) to (?:send|post)",
        "members only", "(?:only|to) (?:members|subscribers)",
        "callback setup failed",
        rf"sender{GAP2}(?:rejected|denied|refused|blocked|unknown|invalid|prohibited|not)",
        r"sender (?:domain|email)", r"(?:invalid|unknown|null|empty|bad|fake) sender", r"spoof\w*",
        "domain of sender", "sending domain", "envelope sender", "as this sender",
        "(?:from|mail from) (?:address|domain)", "domain in mail from", "return path", "spf",
        "dmarc", "dkim", "sender policy framework", "domain does not exist invalid domain",
        r"(?:sender|from)\w* (?:\S+ ){0,4}(?:not exist|does not exist|not resolve)",
    )),
    # Who cannot read our EHLO name says no more than this, with the code for a wrong argument.
    Row(Reason.EHLO_REFUSED, ("ehlo", "helo", r"501 (?:\S+ ){0,6}invalid domain name")),
    Row(Reason.MAILBOX_DISABLED, (
        r"(?<!your )(?:user|mailbox|account|recipient)(?: address)?(?: is| has been| was)? blocked"
        "(?! (?:for|from|to|by) (?!inactivity|(?:an? |the |your )?(?:postmaster|admin)))",
    )),
    Row(Reason.CLIENT_BLOCKED, (
        r"(?:un)?block(?:s|ed|ing|list\w*)?", r"(?:black|deny)list\w*", r"(?:black|deny) list\w*",
        r"dnsb?l\w*", r"rbls?", "spamhaus", "spamcop", r"harvest\w*", "attempts", "caught",
        "dictionary", r"(?:spam )?traps?", r"spamtraps?", "honey ?pot", r"attack\w*",
        r"abusive\w*", "open (?:relays?|proxy|proxies)", "reputation", "is listed",
        "(?<!not )listed (?:on|in|at|by)", "is banned", r"been banned",
        "banned (?:sending|sender|ip|host|client)", "host (?:rejected|network)",
        "(?:unknown|invalid|nonexistent|non existent|bad) (?:users|recipients|mailboxes"
        "|addresses|accounts|rcpts)", "repeated(?:ly)?", "botnet", "zombie", "compromised",
        "penalty", "client host", "your access to", r"relay test\w*",
        "(?:[0-9]+|several|many) times", r"scans|scanning|port scan\w*", "forged", r"guess\w*",
        "backscatter", r"prob(?:ing|es)",
        "relay(?:ing|ed)? (?:of )?(?:spam|junk|abuse|bulk|for spammers)", "spam relay(?:ing)?",
    )),
    Row(Reason.RELAYING_DENIED, (
        f"{RELAY}{GAP4}{DENIED}", f"{MAY_NOT}(?: (?!use|via|isps)\\S+){{0,4}} {RELAY}",
        f"{RELAY} (?:requires|needs) ", f"credentials for {RELAY}",
        r"(?:not|doesnt|dont|wont|cannot|cant) (?:accept|carry|deliver|handle|process|route|take"
        r"|transport) (?:e ?)?mails? (?:for|to)", "rcpthosts",
        "non accepted domain", "non local", "relaying", "relay operation", r"only relays?",
        r"relay\w* (?:\S+ )?only", r"need (?:\S+ ){0,2}to relay", f"{AUTHENTICATION}{GAP4}relay",
    ), plain=True),
    # A mailbox that takes mail from inside alone.
    Row(Reason.SENDER_REFUSED, (
        r"from (?:an? |any |the )?(?:external|outside|remote|foreign|internet)\w*"
        r"(?!(?: \S+){0,2} to )",
        "internal (?:use|mail|messages?|senders?|only)",
    )),
    Row(Reason.FOREIGN_DOMAIN, (
        "domain not found", "domain does not accept", "domain doesnt accept", "accepts no mail",
        r"(?<!recipient )(?<!address )(?<!user )(?<!mailbox )(?:does not|doesnt) accept mail",
        "null ?mx", "no smtp service", "host unknown", "unknown host", "host not found",
        "domain does not exist", "domain doesnt exist", "non ?existent domain",
        "point to non existent hosts", "unroute?able",
    )),
    Row(Reason.SENDER_REFUSED, (
        "senders?", "envelope from", "mail from (?:unknown|address|command|user|is|not)",
        "(?:return|reply) address", "reverse path",
    )),
    Row(Reason.TEMPORARY_FAILURE, ("recipient address rejected unverified address",)),
    Row(Reason.TEMPORARY_FAILURE, (
        "unverified address", "address verification in progress",
    ), digits="4"),
    Row(Reason.MAILBOX_FULL, (
        rf"(?:mail ?box|account|user|recipient){CLAUSE}(?: (?!rejected)\S+){{0,3}} (?:over)?quota",
        "recipient address rejected quota exceeded mailbox", "(?:mailbox|inbox) (?:is )?full",
        "overquota", "full mailbox", "out of storage", "storage limit", "storage allocation",
        "mailbox size limit",
    )),
    Row(Reason.MAILBOX_DISABLED, (
        rf"(?:mail ?box|user|account|recipient|address|domain|mailaddress){CLAUSE}(?: \S+){{0,3}} "
        "(?:disabled|deactivated|inactive|not active|suspended|discontinued|frozen|archived"
        "|locked)", "(?:disabled|archived) recipient", "inactive (?:email|user|account|mailbox)",
        "(?:address|account) unavailable",
    )),
    Row(Reason.UNKNOWN_USER, (
        rf"{RECIPIENT}{CLAUSE}(?: (?!unavailable)\S+){{0,4}} {IS_WRONG}",
        f"{NO_SUCH}(?: e ?mail| virtual| local)? {RECIPIENT}",
        "recipient address rejected access denied", r"doesnt have an? (?:\S+ )?account",
        r"not listed in (?:\S+ ){0,2}(?:directory|domino|public|address book)",
        "no one (?:here )?by that name", "(?:no such|unknown) (?:list|group)",
        "prohibited recipient",
        rf"[45][0-9]{{2}} (?:sorry |error )?(?:is |was )?{IS_WRONG}(?= $| (?:here|in|on|at|to) )"
        "(?!.* (?:dns|ips?|ipaddr|ptr|reverse) )", "nobody (?:here )?(?:by|with)",
        "know (?:anyone|anybody|nobody)", r"(?:not|isnt) (?:one )?of our \w+",
        "has left (?:our|the)", "(?:host|server|system) (?:does not|doesnt) know",
        "mail stored or", r"resolve to a \w+", "badrcptto", "badrecipientto",
    ), plain=True),
    Row(Reason.AUTHENTICATION_NEEDED, (
        rf"{AUTHENTICATION}{GAP4}(?:required|needed|necessary|first|mandatory|enabled)",
        rf"(?:requires?|needs?|only|must|turn on|enable|not|without|no|please|first){GAP4}"
        rf"{AUTHENTICATION}", "log ?in first", "(?:have|has) to (?:log ?in|authenticate)",
        "(?:pop|check your mail) before",
    )),
    Row(Reason.CLIENT_BLOCKED, (
        "ptr", r"f?c?rdns", "reverse (?:dns|lookup|hostname)", "name lookup failed",
        "cannot find your", r"(?:sender|sending|this|your) ip", "mail from your",
        r"your (?:host|network|server|mail ?server|access)\w*",
        "mail (?:from )?(?:ipaddr )?refused", "e mail from (?:ipaddr )?is restricted",
        "connection (?:from you|denied)", "allowed to connect",
        r"connections (?:will )?not (?:be )?accepted", "not welcome", "go away", "get lost",
        "dynamic (?:ip|address)", "prohibition", "policy restrictions", "denied by policy",
        "service currently unavailable", "smtp service not available", "esmtp not accepting",
        "problem occurred ask your",
    )),
    Row(Reason.RELAYING_DENIED, (
        "(?:handle|accept|take|accepting) (?:e ?)?mail for", "do not (?:handle|serve)",
        "not one of (?:our domains|ours)",
        r"(?<!direct )delivery (?:(?!from)\S+ ){0,3}"
        "(?:not allowed|not permitted|denied|prohibited)",
        "(?:not|isnt) (?:the |an? )?(?:mail ?server|mail server|mx|mail exchanger) (?:for|of)",
        "delivery is not allowed to this address", r"domain(?: is)? (?:not|isnt) (?:\w+ )?"
        "(?:hosted|local|handled|served|ours|known|configured)",
        "(?:dont|do not|does not|doesnt) host", "domain (?:is )?unknown",
        "unknown domain(?! name)", "(?:not|isnt) hosted(?: here| on| by)", "not belong",
        "doesnt belong", "not a domain", "outside of our", "no such domain (?:here|at this)",
        "not (?:our|a local) domain", "not (?:a )?gateway", "do not forward",
        "not responsible for", r"(?:mails?|messages?) (?:to|for) (?:\S+ ){0,2}"
        "(?:is |are )?not (?:accepted|delivered|handled|processed|taken)",
        "local recipients only",
        r"(?:domain|recipient|address|destination) is (?:an? )?(?:external|foreign|outside|remote)",
        "only local (?:recipients|delivery|users|addresses)",
        "(?:external|remote|foreign|outside) (?:recipients?|domains?|address(?:es)?|destinations?)",
    ), plain=True),
    # No reason of the table: our words were wrong, or came at the wrong time.
    Row(None, (
        r"(?:unknown|such|unrecogni[sz]ed|need) (?:\w+ )?command", "command not",
        "sequence of commands",
        "synchroni[sz]ation", "protocol (?:violation|error)", "talk too soon", "break rules",
    )),
    # What only a client has, and then what is said to one, of messages and of policies.
    Row(Reason.CLIENT_BLOCKED, (
        "ipaddr", "ips?", "openspf", r"dns\w*", "fqdn", "hostnames?",
        "(?:server|machine|host|its) (?:name|address)", r"announc\w+", r"resolv\w*",
        "forward confirmed", "dial ?ups?", r"dynamic\w*", "a?dsl", "residential", "pool",
        "consumer", "end user", "country", "countries", r"geo\w*", r"region\w*", "asn", "isp",
        "provider", "netblock", "subnet", "range", r"network\w*", "firewall", "hosts?", "clients?",
        r"connect\w*", "prox(?:y|ies)", "vpn", "tor", "mta", "hosting", "cloud", "traffic",
        "listed", "listing", "[cpsx]bl", "dul", "sorbs", "mx", "mail exchanger", "reverse",
        "neighbou?rhood", r"bann?(?:ed|s)?", r"delist\w*", r"white ?list\w*", r"allow ?list\w*",
    ), digits="5"),
    Row(None, (
        r"\w*spam\w*", "ube", "uce", "junk", "bulk", "unsolicited", r"phish\w*", "sending",
        r"originat\w*", "source", "generic", r"abus\w+", "polic(?:y|ies)", "karma", r"score\w*",
        r"suspicious\w*", r"trust\w*", r"untrusted", r"risk\w*", r"threat\w*", "security",
        r"violat\w*", r"complain\w*", r"misconfigur\w*", r"filter\w*", "area", "rates?",
        r"limit\w*", "volume", r"retry\w*", r"slow\w*", "quickly", "wait", "hours?", "minutes?",
        "seconds?", "acl", "access (?:list|map)", r"sessions?", r"attempt\w*", r"enumerat\w*",
        r"tarpit\w*", "fail2ban", "arc", r"pipelin\w*", "talker", "lf", "crlf", "permission",
        r"fraud\w*", "malicious", r"detect\w*", "command rejected", r"confirm\w*", "history",
        "responsible address", r"prohibit\w*", r"restrict\w*", r"administrative\w*", "welcome",
        "unwanted", r"imperson\w*", "infected", "fake", "unauthenticated", r"authenticat\w*",
        r"authori[sz]\w*", "bounces?", "null", "from", "removal", "registered",
        "service (?:is )?(?:currently |temporarily )?(?:unavailable|refused|denied|not available)",
    ), digits="5"),
    # A recipient and a "no" in one text outweigh the words that every refusal has.
    Row(Reason.UNKNOWN_USER, (
        rf"{RECIPIENT} (?:\S+ ){{0,8}}{NO}", rf"{NO} (?:\S+ ){{0,6}}{RECIPIENT}",
    ), digits="5"),
    Row(None, (
        "you", r"your\w*", "we", "us", "our", "servers?", "system", "sent", "send", "again",
        "later", "owner", "contact", "postmaster", "administrator", "support", "not accepting",
        r"(?:mail|messages?|email|connection|transaction|session) (?:\w+ )?"
        "(?:refused|rejected|denied|failed|not accepted|terminated|dropped)",
    ), digits="5"),
    Row(Reason.MAILBOX_FULL, ("quota",)),
    Row(Reason.UNKNOWN_USER, (
        "mail ?box (?:is )?(?:currently )?unavailable", "(?:recipient|address) (?:is )?rejected",
        "no longer accepts", "not found", "not exist", "doesnt exist", "un?route?able",
        "undeliverable", "cannot deliver mail for", "unknown",
    ), digits="5"),
)  # fmt: skip

IN_OTHER_LANGUAGES: tuple[Row, ...] = (
    Row(Reason.THROTTLED, tongues.THROTTLED),
    Row(Reason.RELAYING_DENIED, tongues.RELAYING, plain=True),
    Row(Reason.SENDER_REFUSED, tongues.SENDER),
    Row(Reason.MAILBOX_DISABLED, tongues.DISABLED),
    Row(Reason.UNKNOWN_USER, tongues.UNKNOWN, plain=True),
    Row(Reason.CLIENT_BLOCKED, tongues.CLIENT),
    Row(Reason.AUTHENTICATION_NEEDED, tongues.AUTHENTICATION),
)  # fmt: skip
