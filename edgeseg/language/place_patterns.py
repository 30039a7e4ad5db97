"""Regular expressions for positional words: "on the left", "second largest", "nearest to me"."""

from __future__ import annotations

import re

from edgeseg.language import lexicon

ORDINAL = rf"(?P<ordinal>{'|'.join(lexicon.ORDINALS)}|\d{{1,3}}(?:st|nd|rd|th))"
NUMBER = rf"(?:{'|'.join(w for w in lexicon.NUMBERS if w != 'one')}|[2-9]|10)"
SUPER = "|".join(sorted(lexicon.SUPERLATIVES, key=len, reverse=True))
DET = r"(?:(?:the|a|an|all|both|my|that|this|these|those|of)\s+)*"
IMAGE = (
    r"(?:\s+(?:of|in|on|from)\s+(?:the\s+|this\s+|my\s+|your\s+)?(?:image|picture|photo|photograph|"
    r"frame|scene|screen|shot|view|pic|camera|group|row|line))?"
)
END = r"(?=\s*$|\s*[,;:)]|\s+(?:with|wearing|who|that|which|holding|carrying|in|dressed)\b)"
LINK = (
    r"(?:\s*,)?(?:\s+(?:that|which|who)(?:['\u2019]s|\s+is|\s+are))?"
    r"(?:\s+(?:standing|located|positioned|placed|seen|shown|visible|situated))?\s+"
)
SIDE_WORD = r"(?:[\s-](?:hand[\s-])?(?:side|half|edge|corner|part|area|end|section|third))?"
PLACE = (
    r"(?:the\s+|our\s+)?(?:(?:far|very|extreme)\s+)?"
    r"(?:(?P<vertical>top|upper|bottom|lower)[\s-])?"
    r"(?P<place>left|right|top|bottom|middle|center|front|back|rear|foreground|background)"
)


def compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


# "the two biggest cars", "second largest dog", "top two shelves", "bigger of the dogs"
BEFORE = compiled(
    rf"^{DET}(?:(?P<count>{NUMBER})\s+)?(?:{ORDINAL}[\s-]+)?(?:(?:very|far|furthest|farthest)\s+(?=left|right))?"
    rf"(?P<word>{SUPER})(?:\s+(?P<after>{NUMBER}))?\s+"
    rf"(?P<of>(?:one\s+)?of\s+(?:the\s+|these\s+|those\s+)?(?:two\s+)?(?=\w+s\b|people|men|women))?"
    rf"(?P<rest>.+)$"
)
# "top-left cup", "left-hand car"
CORNER = compiled(
    rf"^{DET}(?:(?P<vertical>top|upper|bottom|lower)[\s-])?(?P<place>left|right)"
    rf"(?:-hand)?\s+(?P<rest>(?!side|half|corner|edge).+)$"
)
# "third car from the right", "second person on the left"
ORDINAL_FROM = compiled(
    rf"^{DET}{ORDINAL}\s+(?P<count>{NUMBER}\s+)?(?P<rest>.+?)\s+(?:from|on|at)\s+{PLACE}"
    rf"{SIDE_WORD}{IMAGE}{END}"
)
# "car, third from the right", "person number 3 from the left"
FROM = compiled(
    rf"{LINK}(?:the\s+)?(?:{ORDINAL}|number\s+(?P<number>\d{{1,2}}))(?:\s+one)?\s+from\s+{PLACE}"
    rf"{SIDE_WORD}{IMAGE}{END}"
)
# "closest to the camera", "furthest left", "farthest away"
NEAR = compiled(
    rf"{LINK}(?:the\s+)?(?P<word>closest|nearest|closer|nearer|farthest|furthest)"
    rf"(?:\s+(?:to|from|away\s+from|on))?(?:\s+the)?\s+"
    rf"(?P<target>camera|viewer|me|us|photographer|lens|front|foreground|observer|away|back|"
    rf"background|left|right|top|bottom|center|middle){SIDE_WORD}{IMAGE}{END}"
)
# "dog that is the largest"
PREDICATE = compiled(
    rf"\s+(?:that|which|who)(?:['\u2019]s|\s+is|\s+are)\s+(?:the\s+)?(?:{ORDINAL}[\s-]+)?"
    rf"(?P<word>(?!left\b|right\b|top\b|upper\b|lower\b|bottom\b|middle\b|center\b|central\b)"
    rf"(?:{SUPER}))(?:\s+one)?{IMAGE}\s*$"
)
# "on the left", "at the top of the image", "in front", "in the background"
AT = compiled(
    rf"{LINK}(?P<prep>on|at|to|in|from|towards?|by|near)\s+{PLACE}{SIDE_WORD}{IMAGE}{END}"
)
# "person (left)", "person, leftmost", "person leftmost"
ASIDE = compiled(
    rf"(?:\s*[,(:]\s*|\s+[-\u2013]\s+|\s+(?=\w+most\s*$))(?:the\s+)?(?P<word>{SUPER})(?:\s+(?:one|side))?\)?\s*$"
)
TO_CAMERA = compiled(r"\s+(?:to|from)\s+(?:the\s+)?(?:camera|viewer|me|us|photographer|lens)\b")
COUNT = compiled(rf"^{DET}(?P<count>{NUMBER})\s+(?P<rest>.+)$")
SPLIT_MOST = compiled(
    r"\b(left|right|top|bottom|front|back|rear|center|centre|middle|upper|lower)[\s-]most\b"
)
