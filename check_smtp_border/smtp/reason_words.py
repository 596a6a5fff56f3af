"""Pieces of the patterns of reason_table.py: what a recipient is called, and how it is denied."""

from __future__ import annotations

# Up to so many words between two parts of a pattern.
GAP2, GAP4 = r"(?: \S+){0,2} ", r"(?: \S+){0,4} "
CLAUSE = (
    r"(?: (?:that |who |whom |which )?youv?e?(?: \S+){0,5}"
    r" (?:reach|contact|to|entered|specified|provided|gave|tried|mail|deliver))?"
)

# What a recipient is called, in the singular: "unknown users" are what a client is blamed for.
RECIPIENT = (
    r"(?:user(?:name| name| id)?|recipient|rcpt|mail ?box|mail ?drop|account|addressee|inbox"
    r"|(?<!ip )(?<!ipaddr )(?<!host )(?<!network )(?<!sender )(?<!source )(?<!client )(?<!your )"
    r"(?<!remote )(?<!from )(?<!return )(?<!reply )(?<!connecting )(?<!its )address"
    r"|person|customer|subscriber|employee|alias|local ?part|destination|forward path"
    r"|mailing list|distribution list|student|(?:that|this) name)"
)
IS_WRONG = (
    r"(?:unknown|unrecogni[sz]ed|invalid|non ?exist\w*|inexistent|undeliverable|unrout\w+"
    r"|doesnt exist|does not exist|did not exist|dont exist|do not exist|not exists?"
    r"|may not exist|didnt match|doesnt match"
    r"|(?:not|never|isnt|wasnt|cannot be|cant be|couldnt be|could not be)(?: been| be)?"
    r" (?:(?:a|an|in|on|at|our|the|currently|yet|here)(?: \S+)? )?"
    r"(?:found|known|exist\w*|recogni[sz]ed|valid|listed|registered|located|local|resolved here"
    r"|identified|verified here|deliverable|resolved|created|ours|defined|provisioned|served)"
    r"|isnt here|not here|not at this|no longer|has left|left the|was deleted|been deleted"
    r"|been removed|been closed|was closed|is closed|been terminated|been cancell?ed|is gone"
    r"|incorrect|misspelled|mistyped|has moved|is wrong|wrong|(?:not|isnt) in use"
    r"|(?:not|isnt) (?:in|on|at|with) (?:\S+ ){0,3}(?:directory|list|table|system|server|company"
    r"|database|organi[sz]ation|domain))"
)
NO_SUCH = (
    r"(?:unknown(?: or \w+)?|no such|no valid|non ?existent|invalid(?: or \w+)?|illegal|inexistent"
    r"|unrecogni[sz]ed|undeliverable|un?route?able|incorrect|wrong|bad|bogus|misspelled"
    r"|(?:no|not|isnt|not an?|isnt an?|not any|not our|isnt our|not of our)"
    r"(?: (?:known|valid|local|existing|such|active|mail|matching|registered|current)"
    r"(?: (?!sender|client|host)\S+)?)?"
    r"|(?:does not|doesnt|dont|do not) have(?: an?| any)?"
    r"|(?:does not|doesnt|dont|do not) know(?: this| that| any| the)?|never heard of"
    r"|(?:could not|couldnt|cannot|cant|unable to|failed to|didnt) (?:find|locate|accept)"
    r"(?: the| any| that| a| your| this)?"
    r"|there(?: i)?s no|(?:has|have) no(?: record of)?(?: this| the| that)?|nobody)"
)
NO = (
    r"(?:not|no|never|cannot|cant|isnt|wasnt|doesnt|dont|couldnt|unable|nobody|unknown|removed"
    r"|deleted|closed|expired|left|gone)"
)

RELAY = r"(?:relay(?:ing|ed(?! through| via| by))?|gatewaying|forwarding)"
DENIED = (
    r"(?:denied|prohibited|forbidden|disallowed|refused|rejected|restricted|disabled"
    r"|unauthori[sz]ed|impossible|blocked"
    r"|(?:not|isnt|arent|never) (?:\w+ )?(?:allowed|permitted|authori[sz]ed|enabled|supported"
    r"|accepted|possible|available|provided|offered|done)"
    r"|no permission|not for you|off)"
)
MAY_NOT = (
    r"(?:not|no|cannot|cant|can not|wont|dont|doesnt|unable to|unauthori[sz]ed|refus\w+ to|isnt"
    r"|decline to|without|arent|denied|illegal|prohibit\w*|forbidden|disallow\w*|never)"
)
AUTHENTICATION = (
    r"(?:authentication|authenticated?|authenticating|authorization|auth|log(?:ged)? ?(?:in|on))"
)
