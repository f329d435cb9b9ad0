"""Who a person is: two spellings of one name are one person, and a name that could deceive is refused.

Names are self-declared: nothing here proves who typed one. What is held is that two approvals take two names.
"""

from __future__ import annotations

import unicodedata

from schemas.errors import SettingsError

#: Asks for a promotion where no person does: a schedule, a drift alarm, a refresh without a name.
SYSTEM = "system"

_LONGEST = 120
#: Scripts whose letters look alike; a name has letters of one of them only.
_ALIKE = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE")
#: Unicode categories that cannot be seen, or mean something else on every machine.
_UNSEEN = {"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"}


def written_name(name: str) -> str:
    """Return a person's name as it is recorded: one form of each letter (NFKC), single spaces.

    Raises
    ------
    SettingsError
        If it is empty, too long, has no letter, has characters that cannot be seen, mixes scripts whose letters
        look alike, or is the name that the machinery uses for itself.
    """
    composed = unicodedata.normalize("NFKC", name)
    written = " ".join(composed.split())
    problem = _problem(written)
    if problem:
        raise SettingsError(
            "This cannot be a person's name.",
            expected=f"a name of at most {_LONGEST} characters, in one script, that a person answers to",
            found=f"{name[:_LONGEST]!a}: {problem}",
            way_out="give the name of the person who decides, such as --by 'Ann Smith'",
        )
    return written


def person(name: str) -> str:
    """Return what tells people apart: the name without case, spaces and variants of one letter.

    "Ann", " ann " and "ＡＮＮ" are one person; "Ann" and "Anne" are two.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return "".join(folded.split())


def requester_name(name: str) -> str:
    """Return the name of whoever asks for a promotion: a person, or `SYSTEM` itself."""
    return SYSTEM if name == SYSTEM else written_name(name)


def _problem(written: str) -> str:
    if not any(character.isalpha() for character in written):
        return "no letter in it"
    if len(written) > _LONGEST:
        return f"{len(written)} characters"
    if any(unicodedata.category(character) in _UNSEEN for character in written):
        return "characters that cannot be seen"
    scripts = {unicodedata.name(character, "").split(" ")[0] for character in written if character.isalpha()}
    mixed = sorted(scripts.intersection(_ALIKE))
    if len(mixed) > 1:
        return f"letters of {' and '.join(script.capitalize() for script in mixed)}"
    if person(written) == person(SYSTEM):
        return "the name that the machinery uses for itself"
    return ""
