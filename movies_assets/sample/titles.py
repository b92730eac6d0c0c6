"""Draw what titles of every source have: names, stories, running times, ids of IMDb."""

from collections.abc import Sequence

from movies_assets.sample import words
from movies_assets.sample.draws import Draws, normal_table

SITE = "https://movies.invalid"
RUNTIMES = [min(max(int(drawn), 15), 240) for drawn in normal_table(98, 22, entries=1024)]
RUNTIMES[::17] = [15 + 3 * (entry % 9) for entry in range(len(RUNTIMES[::17]))]  # short films


def _plural(noun: str) -> str:
    if noun in words.IRREGULAR_PLURALS:
        return words.IRREGULAR_PLURALS[noun]
    if noun.endswith("man"):
        return noun.removesuffix("man") + "men"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun.removesuffix("y") + "ies"
    return noun + ("es" if noun.endswith(("ss", "x", "z", "ch", "sh")) else "s")


NOUN_FORMS = [  # singular, with article, plural
    (noun, ("an " if noun[0] in "AEIOU" or noun == "Hourglass" else "a ") + noun, _plural(noun))
    for noun in words.NOUNS
]
COMMON_FORMS = [form for form in NOUN_FORMS if form[0] in words.COMMON_NOUNS]
"""Nouns that many titles have, so that a search for them finds several pages."""


def imdb_code(number: int) -> str:
    """Map numbers one to one to scattered codes far above those in use, below those of works."""
    return f"tt{60_000_000 + number * 7_368_787 % 39_900_000}"


def draw_english_title(draws: Draws, forms: Sequence[tuple[str, str, str]] | None = None) -> str:
    """Combine words to an English title; `forms` are the nouns to choose from."""
    (noun, a_noun, _), (second, _, nouns) = draws.pick_two(forms or NOUN_FORMS)
    parts = {
        "adjective": draws.pick(words.ADJECTIVES),
        "noun": noun,
        "a_noun": a_noun,
        "second": second,
        "nouns": nouns,
        "place": draws.pick(words.PLACES),
        "name": draws.pick(words.NAMES),
    }
    pattern, rare = draws.pick(words.TITLE_PATTERNS), draws.below(100)
    if rare < 8 and ":" not in pattern:  # noqa: PLR2004 - 8 %
        pattern += draws.pick(words.SUBTITLE_PATTERNS)
    title = pattern.format_map(parts)
    title = title[0].upper() + title[1:]
    return f"{title} {draws.pick(words.EMOJI)}" if rare == 99 else title  # noqa: PLR2004


def draw_native_title(draws: Draws, language: str) -> str | None:
    """Draw a title in the movie's own language for half of the movies that can have one."""
    if language not in words.NATIVE_TITLES or draws.below(2):
        return None
    return draw_title_in(draws, language)


def draw_title_in(draws: Draws, language: str) -> str:
    """Draw a title of two nouns in one of the languages of `words.NATIVE_TITLES`."""
    conjunction, nouns = words.NATIVE_TITLES[language]
    first, second = draws.pick_two(nouns)
    return f"{first}{conjunction}{second[0].lower()}{second[1:]}"


def draw_story(draws: Draws) -> str:
    """Compose three sentences about fictional people; one movie in 40 has none."""
    if draws.below(40) == 0:
        return ""
    first, friend = draws.pick_two(words.NAMES)
    job, other_job = draws.pick_two(words.JOBS)
    sentences = " ".join(
        (draws.pick(words.OPENINGS), draws.pick(words.MIDDLES), draws.pick(words.ENDINGS))
    )
    return sentences.format_map(
        {
            "hero": f"{first} {draws.pick(words.SURNAMES)}",
            "first": first,
            "friend": friend,
            "job": job,
            "other_job": other_job,
            "place": draws.pick(words.PLACES),
            "thing": draws.pick(words.THINGS),
        }
    )
