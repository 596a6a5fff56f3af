"""What refusals say in other languages than English: patterns for reason_table.py.

A letter with an accent comes as `_` or, at the end of a word, not at all; some servers write
two letters for it, or the plain one.
"""

from __future__ import annotations

_RECIPIENT = (
    r"(?:(?<!ip )[ld]?(?:(?:mail)?adresse|adres|direcci\w{0,2}n|indirizzo|endere\w{0,2}o)(?! ip)"
    r"|benutzer\w*|empf\w*nger\w*|postf\w*ch\w*|konto|adressat\w*|[ld]?utilisateur|destinataire|compte"
    r"|bo\w{0,2}te|usuarios?|destinatario|buz\w{0,2}n|casilla|cuenta|l?utente|casella|account|conta"
    r"|caixa|gebruiker|ontvanger|postbus|u\w{0,2}ytkownik\w*|odbiorc\w+|skrzynk\w+"
    r"|u\w{0,2}ivatel\w*|p\w{1,3}jemce|schr\w{1,2}nk\w+|anv\w{1,2}ndar\w*|mottag\w+|brevl\w+"
    r"|bruger\w*|modtager\w*|postkasse\w*|bruker\w*|k\w+ytt\w+j\w+|vastaanottaja\w*"
    r"|felhaszn\w+|c\w{1,2}mzett\w*|kullan\w+|al_?i?c\w{1,2}|hesap|utilizator\w*|destinatar\w*"
    r"|korisni\w+|primatelj\w*)"
)
_IS_WRONG = (
    r"(?:\w*unbekannt\w*|existiert|nicht (?:\S+ )?(?:gefunden|vorhanden|bekannt|existent"
    r"|g\w+ltig|verf\w+gbar|eingerichtet|erreichbar)|ung\w+ltig\w*|gel\w+scht"
    r"|inconnu\w*|nexiste|introuvable|invalide|inexist\w+|d?esconocid\w+|no existe"
    r"|no (?:se )?(?:ha )?(?:sido )?(?:encontr\w+|v\w+lid\w+)|inv\w+lid[oa]|sconosciut\w+"
    r"|non (?:esiste|trovat\w+|valid\w+)|n\w{0,2}o (?:\S+ )?(?:existe|encontrad\w+|localizad\w+)"
    r"|desconhecid\w+|onbekend\w*|bestaat|niet (?:gevonden|bekend)|ongeldig\w*"
    r"|nie (?:istnieje|zosta\w+|ma)|nieznan\w+|neexist\w+|nenalezen\w*|nezn\w+m\w*"
    r"|ok\w{1,2}nd\w?|finns|ukendt\w*|findes|ikke (?:fundet|funnet)|ukjent\w*|finnes|tuntematon"
    r"|ei (?:l\w+ydy|ole)|nem (?:l\w{1,2}tezik|tal\w+)|ismeretlen\w*|bulunama\w+|yok|ge\w{1,2}ersiz"
    r"|necunoscut\w*|nu exist\w+|nepoznat\w*|ne postoji)"
)
_NO = (
    r"(?:kein\w*|aucune?|ning\w{1,3}n\w*|nessun\w*|nenhum\w*|geen|brak|nie ma|z\w{1,2}dn\w{1,2}"
    r"|inge[nt]|ung\w+ltig\w*|unbekannt\w*|nieznan\w+|nezn\w+m\w*|ok\w{1,2}nd\w?|ukendt\w*|ukjent\w*"
    r"|tuntematon|ismeretlen|nepoznat\w*|inexistente|onbekende?|ongeldige?)"
)
_RELAY = (
    r"(?:rela[iy]\w*|weiterleit\w+|retransmi\w+|reenv\w+|inoltro|przekazyw\w+|doorstur\w+"
    r"|fremde\w* dom\w+|externe\w? dom\w+)"
)
_DENIED = (
    r"(?:nicht|verweigert|untersagt|verboten|abgelehnt|pas|non (?:autori\w+|perme\w+|consent\w+)"
    r"|interdit\w*|refus(?:e|ee|_e?)?|no (?:\S+ )?(?:permit\w+|autoriz\w+|acept\w+)"
    r"|n\w{0,2}o (?:\S+ )?(?:permit\w+|autoriz\w+)|negad\w+|negat[oa]|denegad\w+"
    r"|prohibid\w+|proibid\w+|rechazad\w+|recusad\w+|rifiutat\w+|vietat\w+|niet|geweigerd|nie|zabronion\w+|odrzucon\w+"
    r"|zak\w{1,2}z\w+n\w*|nen\w{1,2}|odm\w+tnut\w*|inte|ikke|ej|nekad\w*|till\w{1,2}ts)"
)
_LOG_IN = r"(?:authenti\w+|autenti\w+|anmeld\w+|autoryzacj\w+|uwierzyteln\w+|ov\w+en\w+|p\w+ihl\w+)"

RELAYING = (
    rf"{_RELAY}(?: \S+){{0,3}} {_DENIED}",
    rf"(?:kein\w*|aucun|geen|ningun\w*|nessun|nicht|brak|no se permite) (?:\S+ ){{0,2}}{_RELAY}",
    r"dom\w+ (?:\S+ ){0,3}(?:nicht (?:\S+ )?(?:lokal|gehostet)|non (?:local\w*|h\w+berg\w+)"
    r"|no (?:es )?(?:local|alojado))",
    r"nicht zust\w+ndig",
    r"leite\w* (?:keine|nicht) (?:\S+ )?weiter",
)
AUTHENTICATION = (
    rf"{_LOG_IN} (?:\S+ )?(?:erforderlich|n\w+tig|notwendig|requis\w*|n\w+cessaire|obligatoire"
    r"|requerid\w+|necesari\w+|necess\w+ri\w+|obligatori\w+|richiest\w+|vereist|nodig|wymagan\w+"
    r"|vy\w+adov\w+|kr\w+vs)",
    rf"(?:bitte|veuillez|wymagan\w+|doit|debe) (?:\S+ )?{_LOG_IN}",
)
THROTTLED = (
    r"zu (?:viele|oft|schnell)", r"trop (?:de|d)", r"demasiad[oa]s", "troppi", "troppe",
    r"muit[oa]s", "te veel", "zbyt wiele", r"p\w+li\w+ mnoho", r"for m\w+nga", "for mange",
)  # fmt: skip
SENDER = (
    r"absender\w*", r"l?exp\w{1,2}diteurs?", r"[e_]metteur", "remitente", "mittente",
    "remetente", r"afzender\w*", r"nadawc\w+", r"odes\w+latel\w*", r"avs\w{1,2}ndar\w*",
    r"afsender\w*", r"avsender\w*",
)  # fmt: skip
CLIENT = (
    r"(?:ihr|ihre|ihrer|ihrem|votre|vos|su|sua|seu|suo|tuo|vostro|uw|twoj\w*|va\w{1,2}) (?:\S+ )?"
    r"(?:ip|server\w*|mailserver|netz\w*|provider|serveur|h\w{1,2}te|servidor|red|h\w*st\w*)",
    r"(?:ip ?adress?\w*|adresse ip|adres ip|direcci\w+n ip|indirizzo ip|endere\w+o ip|ip adresa"
    r"|adresa ip|adresy? ip|ip adres\w*|ip osoite)",
    r"sperrliste\w*", r"schwarze\w* liste\w*", "listes? noires?", r"listas? n\w+gras?",
    "lista nera",
    r"czarn\w+ li\w+", r"zwarte lijst", r"\w*ern\w{1,2} listin\w+", r"svarta? list\w+",
    "gesperrt", r"blockiert\w*", r"bloqu\w+", r"bloccat\w+", r"geblokkeerd",
    r"\w*blokovan\w+", r"zablokowan\w+", r"blockerad\w*", r"blokeret", "blokkert", r"engellen\w+",
    r"connexion\w* refus\w*", r"verbindung\w* (?:\w+ )?(?:abgelehnt|verweigert)",
    r"conexi\w+n\w* (?:rechazada|recusada|negada)", r"service refuse",
    "servidor", "serveur", r"serwer\w*", r"reputa[cz]\w+",
)  # fmt: skip
DISABLED = (
    rf"{_RECIPIENT}(?: \S+){{0,3}} (?:gesperrt|deaktiviert|stillgelegt|bloqu\w+|d\w+sactiv\w+"
    r"|desativad\w+|suspend\w+|bloccat\w+|disattivat\w+|disabilitat\w+|sospes\w+|geblokkeerd"
    r"|zablokowan\w+|zablokov\w+|archiv\w+|inactiv[oae]\w?|inativ\w+)",
)
UNKNOWN = (
    rf"{_RECIPIENT}(?: \S+){{0,5}} {_IS_WRONG}",
    rf"{_NO} (?:\S+ ){{0,2}}{_RECIPIENT}",
    rf"[45][0-9]{{2}} (?:\S+ )?{_IS_WRONG}",
)
