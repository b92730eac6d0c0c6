"""Type and clean the streaming service: its catalogue, watch events and users.

Names and e-mail addresses end here: gold tables identify a user by a keyed hash.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
from pandera.api.ibis.types import IbisData

from movies_assets.core.check import Check, CheckContext, Finding, judge
from movies_assets.core.contract import Contract, Instant, StringList, column, row_rule
from movies_assets.core.outcome import is_sound
from movies_assets.core.table import Key, LatestVersion, Lineage, table
from movies_assets.core.write_mode import OVERWRITE
from movies_assets.privacy.user_ids import LONGEST, canonical_column, is_an_id
from movies_assets.sources.ott.bronze import KAGGLE
from movies_assets.sources.ott.partitions import ott_days
from movies_assets.sources.shared.names import distinct, identity, spelt
from movies_assets.sources.shared.parsing import (
    accounted,
    day,
    exact_minutes,
    file_of,
    instant,
    known,
    minutes,
    rescued,
    score,
    tidy,
    utc_day,
    whole,
    year,
)
from movies_assets.sources.shared.versions import latest_known

# At most 64 characters before the @, as in RFC 5321, and at most 253 in the host name.
EMAIL = r"^[^@\s]{1,64}@[^@\s]{1,190}\.[^@\s]{1,63}$"
FIRST_YEAR, YEARS_AHEAD, FIRST_SIGNUP = 1870, 5, 1990
ALWAYS, NEVER = ibis.date("0001-01-01"), ibis.date("9999-12-31")
MINUTES_OF_DAY = 1440
NOT_LISTED, NOT_CLEAR, NOT_YET = (
    "not in the catalogue",
    "several titles fit",
    "watched before the premiere",
)
# Catalogues of real services always lack a few titles.
UNMATCHED_SHARE = 0.05
# Sums of decimals are exact; those of floats depend on the order of their rows.
EXACT = "decimal(18, 6)"
# As a country this is Namibia, not "not available".
NAMIBIA = "NA"
NUMBERS = ("runtime", "views", "release_year")
# A series' running time is not the number of its seasons.
SEASONS = r"(?i)^[0-9]+ seasons?$"
KEY_DIGITS = 32
# The most pairs of names that a check shows in its text and in its table.
NAMED, SHOWN_PAIRS = 5, 50
UNDATED = "undated"
# Generous bounds: the longest real title has some 200 characters, and 40 genres or languages fit. A
# longer field consists of several fields that damage has joined.
LONGEST_NAME, LONGEST_LIST, LONGEST_PERSON, LONGEST_COUNTRY = 500, 500, 300, 100
# Clocks differ, and days end at other hours in other time zones.
DAYS_AHEAD = 1
ID_RULE = "user_id: a number, but not a whole one above 0"

user_id_column = partial(
    column,
    "The service's id of the user: whole numbers as digits, UUIDs in lower case, any other text as "
    "received.",
    key=True,
    compression="fsst",
    str_length={"max_value": LONGEST},
    personal=True,
)
of_service = partial(table, layer="silver", group="ott", partition_column="arrived_date")
full_refresh = partial(of_service, write_mode=OVERWRITE)
of_row = partial(Lineage, source_row_id="source_row")


def in_order(names: ir.ArrayColumn) -> ir.ArrayColumn:
    """Return the distinct names in alphabetical order."""
    ordered: ir.ArrayColumn = distinct(names).sort()
    return ordered


@ibis.udf.scalar.builtin(name="ott_user_key", signature=((dt.string,), dt.string))
def user_key(user_id: Any) -> Any:
    """Return the keyed hash of a user; the warehouse has the secret."""


def user_id_of(rows: ir.Table) -> ir.StringColumn:
    """Return the canonical ids of users."""
    # Rows that were stored while ids were numbers have other spellings in the rescued data.
    return canonical_column(ibis.coalesce(rows.user_id, rescued(rows, "user_id")))


def genres_of(text: ir.StringColumn, separators: str) -> ir.ArrayColumn:
    """Parse genres to lower case, as services differ in case; return NULL if none is known.

    Args:
        text: the genres.
        separators: pattern of the separator between them.
    """
    joined = text.lower().re_replace(rf"\s*[{separators}]\s*", "|")
    return in_order(
        joined.re_replace(r"^\|+|\|+$", "").re_replace(r"\|+", "|").nullif("").split("|")
    )


def should_have_score(titles: ir.Table) -> ir.BooleanColumn:
    """Return which titles come from files with scores."""
    knows: ir.BooleanColumn = titles.edition.fill_null("") != KAGGLE.name
    return knows


def _with_premiere(rows: ir.Table) -> ir.Table:
    """Add `_dated`, which distinguishes titles of one name: premiere, else year of release.

    Files differ in completeness. A row without a premiere is the title that premiered in its year
    of release, if the catalogue has exactly one; a row without either is the only title of its
    name. Only a file with both kinds of rows means two titles.

    Args:
        rows: `_name`, `_premiere` and `_premiere_day` (as received and as parsed), `_year` (of
            release), `arrived_date`, `source_row`.
    """
    day_of = rows["_premiere_day"]
    rows = rows.mutate(
        _known_day=ibis.ifelse(
            day_of.year().between(FIRST_YEAR, rows.arrived_date.year() + YEARS_AHEAD),
            day_of,
            ibis.null("date"),
        ),
        _file=file_of(rows),
    )
    rows = rows.mutate(
        _any_year=ibis.coalesce(rows["_known_day"].year().cast("int64"), rows["_year"]),
        # A row with an unreadable premiere is refused, and does not affect other rows.
        _is_open=rows["_premiere"].isnull(),
    ).view()
    rows = _only_one(rows, "_known_day", ["_name", "_any_year"]).view()
    dated = ibis.coalesce(rows["_known_day"].cast("string"), rows["_year"].cast("string"))
    rows = rows.mutate(_dated=dated)
    rows = rows.mutate(_is_open=rows["_is_open"] & rows["_dated"].isnull()).view()
    rows = _only_one(rows, "_dated", ["_name"])
    return rows.mutate(_dated=rows["_dated"].fill_null(UNDATED))


def _only_one(rows: ir.Table, value: str, group: Sequence[str]) -> ir.Table:
    """Fill NULLs of a column in open rows with the only value of their group.

    Args:
        rows: the rows; `_is_open` marks those without the value, `_file` is their file.
        value: the column.
        group: columns whose values a row and the one value share.
    """
    of_file = [*group, "_file"]
    has_both = rows[value].notnull().any().over(group_by=of_file) & (
        rows["_is_open"].any().over(group_by=of_file)
    )
    rows = rows.mutate(_has_both=has_both)
    least, most, is_two = (
        found.over(group_by=group)
        for found in (rows[value].min(), rows[value].max(), rows["_has_both"].any())
    )
    is_one = rows["_is_open"] & (least == most) & ~is_two
    return rows.mutate(**{value: ibis.ifelse(is_one, least, rows[value])})


class SilverOttTitles(Contract):
    """One row per title, in its newest state; a name with two premieres is two titles."""

    title_key: str = column(
        f"SHA-256 of the title's name and its premiere, else its year of release, the first "
        f"{KEY_DIGITS} hexadecimal digits: short enough for any index.",
        key=True,
        compression="dictionary",
    )
    title_name: str = column(
        "The title without case and surplus blanks, its identity.",
        compression="fsst",
    )
    title: str = column(
        "Title.", compression="fsst", str_length={"max_value": LONGEST_NAME}, expected=True
    )
    genres: StringList = column(
        "Genres, in alphabetical order; NULL if none is known.", nullable=True, expected=True
    )
    premiere: dt.Date = column("Day of the premiere.", nullable=True)
    release_year: int = column("Year of release.", nullable=True)
    added_date: dt.Date = column("Day on which it was added to the catalogue.", nullable=True)
    runtime_minutes: int = column(
        "Running time in minutes.", nullable=True, ge=1, le=MINUTES_OF_DAY
    )
    imdb_score: float = column(
        "Score on IMDb, 1 to 10.", nullable=True, ge=1, le=10, expected=should_have_score
    )
    views: int = column("Views so far, by the service's count.", nullable=True, ge=0)
    language: str = column(
        "Language, or several.",
        nullable=True,
        compression="dictionary",
        str_length={"max_value": LONGEST_LIST},
    )
    edition: str = column(
        "Edition of the file that it was read from; NULL if it is unknown.",
        nullable=True,
        clears=True,
        compression="dictionary",
    )
    arrived_date: dt.Date = column("Day on which this state of it arrived.")
    source_row: str = column("File and record that it was read from.", compression="fsst")

    @row_rule(f"premiere: before {FIRST_YEAR} or more than {YEARS_AHEAD} years after arrival")
    def _premieres_in_time(cls, data: IbisData) -> ir.BooleanColumn:
        premiere, arrived = data.table.premiere, data.table.arrived_date
        return premiere.year().between(FIRST_YEAR, arrived.year() + YEARS_AHEAD)

    @row_rule(f"release_year: before {FIRST_YEAR} or more than {YEARS_AHEAD} years after arrival")
    def _released_in_time(cls, data: IbisData) -> ir.BooleanColumn:
        year, arrived = data.table.release_year, data.table.arrived_date
        return year.isnull() | year.between(FIRST_YEAR, arrived.year() + YEARS_AHEAD)

    @row_rule(f"genres: more than {LONGEST_LIST} characters together")
    def _genres_are_short(cls, data: IbisData) -> ir.BooleanColumn:
        genres = data.table.genres
        return genres.isnull() | (genres.join("|").length() <= LONGEST_LIST)


def _evaluate_namesakes(context: CheckContext) -> Finding:
    pairs = context.fetch(namesakes(context.stored))
    named = "; ".join(f"{pair['title']} and {pair['other_title']}" for pair in pairs[:NAMED])
    return judge(
        {"pairs of names that come close": len(pairs)},
        samples=lambda: {"pairs": pairs[:SHOWN_PAIRS]},
        is_warning=True,
        advice=f"They differ in signs and accents only, and count as different titles: {named}"
        f"{', ...' if len(pairs) > NAMED else ''}. If two are one title, give them one name in "
        "the file, and run any day again.",
    )


NAMESAKES = Check(
    name="namesakes",
    description="No two titles of one premiere, or year of release, have names that differ "
    "in punctuation and accents only (warns).",
    evaluate=_evaluate_namesakes,
)


def namesakes(titles: ir.Table) -> ir.Table:
    """Return the pairs of titles of one date whose different names may mean the same title.

    Args:
        titles: `silver.ott_titles`.
    """
    dated = ibis.coalesce(
        titles.premiere.cast("string"), titles.release_year.cast("string"), UNDATED
    )
    rows = spelt(titles.select("title_name", "title", "source_row", dated=dated))
    others = rows.rename(lambda name: f"other_{name}")
    pairs = rows.inner_join(
        others,
        [
            rows.spelling == others.other_spelling,
            rows.dated == others.other_dated,
            rows.title_name < others.other_title_name,
        ],
    )
    shown = pairs.select("title", "other_title", "dated", "source_row", "other_source_row")
    return shown.distinct().order_by("title", "other_title")


def typed_titles(bronze: ir.Table) -> ir.Table:
    """Type and clean the catalogue, each row by itself except for its premiere."""
    rows = bronze
    file = rows["_source"]
    # Values that did not fit the type of their bronze column.
    rescued_texts = {field: known(rescued(rows, field)) for field in NUMBERS}
    runtime = rescued_texts["runtime"]
    rescued_texts["runtime"] = ibis.ifelse(runtime.re_search(SEASONS), ibis.null("string"), runtime)
    # A separate step: as one expression the texts would be cleaned again at each use, and 584 rows
    # took more than 192 MB. All parsing that depends on a file's other values belongs here: a later
    # step would compute this one again.
    rows = rows.mutate(
        _title=tidy(rows.title),
        _genre=known(rows.genre),
        **{f"_{field}": known(rows[field]) for field in ("premiere", "added_date", "imdb_score")},
        **{f"_{field}": text for field, text in rescued_texts.items()},
        _name=identity(rows.title),
        _premiere_day=day(rows.premiere, file),
        _added_day=day(rows.added_date, file),
        _score=score(rows.imdb_score),
        _minutes=ibis.coalesce(rows.runtime.nullif(0), minutes(rescued(rows, "runtime"), file)),
        _total=ibis.coalesce(rows.views, whole(rescued(rows, "views"), file=file)),
        _year=ibis.coalesce(rows.release_year.nullif(0), year(rescued(rows, "release_year"))),
    ).view()
    rows = _with_premiere(rows).view()
    typed: ir.Table = rows.select(
        "arrived_date",
        "source_row",
        title_key=(rows["_name"] + "\n" + rows["_dated"]).hexdigest("sha256").left(KEY_DIGITS),
        title_name=rows["_name"],
        title=rows["_title"],
        genres=genres_of(rows["_genre"], "/|,;"),
        premiere=rows["_premiere_day"],
        release_year=rows["_year"],
        added_date=rows["_added_day"],
        runtime_minutes=rows["_minutes"],
        # Files write 0 if there are no votes.
        imdb_score=rows["_score"].nullif(0),
        views=rows["_total"],
        language=known(rows.language),
        edition=rows["_edition"],
        **accounted(
            rows,
            premiere=(rows["_premiere"], rows["_premiere_day"]),
            added_date=(rows["_added_date"], rows["_added_day"]),
            runtime=(rows["_runtime"], rows["_minutes"]),
            imdb_score=(rows["_imdb_score"], rows["_score"]),
            views=(rows["_views"], rows["_total"]),
            release_year=(rows["_release_year"], rows["_year"]),
        ),
    )
    return typed.view()


@full_refresh(
    contract=SilverOttTitles,
    latest_version=LatestVersion(entity=("title_key",), order=("arrived_date", "source_row")),
    typed=typed_titles,
    lineage=of_row(source_of="bronze.ott_titles", reads="all"),
    checks=(NAMESAKES,),
)
def ott_titles(bronze_ott_titles: ir.Table) -> ir.Table:
    """Keep the newest known values of each title; a missing value keeps the older one."""
    typed = typed_titles(bronze_ott_titles)
    return latest_known(
        typed,
        entity=["title_key"],
        order=["arrived_date", "source_row"],
        columns=SilverOttTitles.carried(),
        sound=is_sound(typed, SilverOttTitles),
    )


class SilverOttViews(Contract):
    """One row per watch event; repeated deliveries are the same event."""

    user_id: str = user_id_column(expected=True)
    title_name: str = column(
        "The title without case and surplus blanks.", key=True, compression="dictionary"
    )
    watched_at: Instant = column("When it was watched (UTC).", key=True, expected=True)
    title: str = column(
        "Title in the event's spelling.",
        compression="dictionary",
        str_length={"max_value": LONGEST_NAME},
        expected=True,
    )
    minutes: float = column("Minutes watched.", nullable=True, ge=0, le=MINUTES_OF_DAY)
    arrived_date: dt.Date = column("Day to which its file belongs: the partition.")
    source_row: str = column("File and record that it was read from.", compression="fsst")

    @row_rule(ID_RULE)
    def _user_is_known(cls, data: IbisData) -> ir.BooleanColumn:
        return is_an_id(data.table.user_id)

    @row_rule(f"watched_at: more than {DAYS_AHEAD} day after arrival")
    def _watched_before_arrival(cls, data: IbisData) -> ir.BooleanColumn:
        latest = data.table.arrived_date + ibis.interval(days=DAYS_AHEAD)
        return utc_day(data.table.watched_at) <= latest


@of_service(
    partitions=ott_days,
    contract=SilverOttViews,
    latest_version=LatestVersion(
        entity=("user_id", "title_name", "watched_at"), order=("arrived_date", "source_row")
    ),
    lineage=of_row(source_of="bronze.ott_views"),
    volume_band=4.0,
    fresh_within_days=2,
)
def ott_views(bronze_ott_views: ir.Table) -> ir.Table:
    """Type the events; compute names per title, as 50 million events have few titles."""
    rows = bronze_ott_views
    spelling = rows.select(_spelling=rows.title).distinct()
    named = spelling.mutate(
        _name=identity(spelling["_spelling"]), _tidied=tidy(spelling["_spelling"])
    )
    rows = rows.mutate(
        _user_id=user_id_of(rows),
        _at=instant(rows.watched_at, rows["_source"]),
        _minutes=exact_minutes(rows.minutes, rows["_source"]),
    )
    rows = rows.left_join(named, rows.title == named["_spelling"])
    return rows.select(
        "arrived_date",
        "source_row",
        title_name=rows["_name"],
        user_id=rows["_user_id"],
        watched_at=rows["_at"],
        title=rows["_tidied"],
        minutes=rows["_minutes"],
        **accounted(
            rows,
            watched_at=(known(rows.watched_at), rows["_at"]),
            minutes=(known(rows.minutes), rows["_minutes"]),
        ),
    )


class SilverOttUsers(Contract):
    """One row per user of the newest day, without users who have left the service."""

    user_id: str = user_id_column()
    user_key: str = column(
        "The user in gold: HMAC-SHA256 of the id with the secret, its first 16 bytes in "
        "hexadecimal.",
        personal=True,
    )
    full_name: str = column(
        "Name of the person.",
        nullable=True,
        personal=True,
        str_length={"max_value": LONGEST_PERSON},
    )
    email: str = column(
        "E-mail address.",
        nullable=True,
        str_matches=EMAIL,
        fault="not an e-mail address",
        personal=True,
    )
    signup_date: dt.Date = column("Day of the registration.", nullable=True)
    preferred_genres: StringList = column(
        "Preferred genres, in alphabetical order; NULL if none is known.", nullable=True
    )
    country: str = column(
        "Country.",
        nullable=True,
        compression="dictionary",
        str_length={"max_value": LONGEST_COUNTRY},
    )
    arrived_date: dt.Date = column("Day on which the service returned this.")
    source_row: str = column("File and record that it was read from.", compression="fsst")

    @row_rule(ID_RULE)
    def _user_is_known(cls, data: IbisData) -> ir.BooleanColumn:
        return is_an_id(data.table.user_id)

    @row_rule(f"preferred_genres: more than {LONGEST_LIST} characters together")
    def _genres_are_short(cls, data: IbisData) -> ir.BooleanColumn:
        genres = data.table.preferred_genres
        return genres.isnull() | (genres.join("|").length() <= LONGEST_LIST)

    @row_rule(f"signup_date: before {FIRST_SIGNUP} or after arrival")
    def _signed_up_before(cls, data: IbisData) -> ir.BooleanColumn:
        day_of, arrived = data.table.signup_date, data.table.arrived_date
        return (day_of.year() >= FIRST_SIGNUP) & (
            day_of <= arrived + ibis.interval(days=DAYS_AHEAD)
        )


def _evaluate_addresses(context: CheckContext) -> Finding:
    (found,) = context.fetch(shared_addresses(context.stored))
    return judge(
        {"e-mail addresses of several users": found["addresses"]},
        metadata={"users": found["users"]},
        is_warning=True,
        advice="Each of the users is counted by the id. Ask the service whether they are one "
        "person; to forget that person, name all of the ids.",
    )


SHARED_ADDRESSES = Check(
    name="shared_addresses",
    description="No e-mail address, compared without case, belongs to several users (warns).",
    evaluate=_evaluate_addresses,
)


def shared_addresses(users: ir.Table) -> ir.Table:
    """Count the addresses that several users have, and these users, in one row.

    Args:
        users: `silver.ott_users`.
    """
    known = users.filter(users.email.notnull())
    counts = known.group_by("email").aggregate(users=known.count())
    shared = counts.filter(counts.users > 1)
    return shared.aggregate(addresses=shared.count(), users=shared.users.sum().fill_null(0))


@full_refresh(
    contract=SilverOttUsers,
    checks=(SHARED_ADDRESSES,),
    lineage=of_row(source_of="bronze.ott_users", reads="newest"),
    # Delivered files are also read before users were ever fetched.
    optional=("bronze.ott_users",),
    fresh_within_days=2,
)
def ott_users(bronze_ott_users: ir.Table) -> ir.Table:
    """Type the users of the newest day, and add their keys for gold."""
    stored = bronze_ott_users
    rows = stored.filter(stored.arrived_date == stored.arrived_date.max())
    rows = rows.mutate(
        _user_id=user_id_of(rows),
        _email=known(rows.email).lower(),
        _signup_day=day(rows.signup_date, rows["_source"]),
        _genres=known(rows.preferred_genres),
    ).view()
    return rows.select(
        "arrived_date",
        "source_row",
        user_id=rows["_user_id"],
        user_key=user_key(rows["_user_id"]),
        full_name=tidy(rows.full_name),
        email=rows["_email"],
        signup_date=rows["_signup_day"],
        preferred_genres=genres_of(rows["_genres"], "|,;/"),
        country=known(rows.country, but=[NAMIBIA]),
        **accounted(rows, signup_date=(known(rows.signup_date), rows["_signup_day"])),
    )


def meant(names: ir.Table, titles: ir.Table) -> ir.Table:
    """Return the titles of the catalogue that each name may mean.

    A title of exactly this name matches. Otherwise titles match whose names are equal without
    accents and punctuation.

    Args:
        names: `title_name`.
        titles: `silver.ott_titles`.

    Returns:
        One row per `title_name` and matching `name` of the catalogue: exactly one if it is
        unambiguous, none if the catalogue has no match. Names of the catalogue, which match
        themselves, are always included.
    """
    known = titles.select("title_name").distinct()
    # First the few unknown names, as distinct names of 50 million events cost more.
    others = names.select("title_name").anti_join(known, "title_name").distinct()
    there = spelt(known)
    alike = spelt(others).inner_join(there.select("spelling", name=there.title_name), "spelling")
    return known.mutate(name=known.title_name).union(alike.select("title_name", "name").distinct())


def matched(views: ir.Table, titles: ir.Table) -> ir.Table:
    """Return the watched title of the catalogue for each event; NULL if there is no match.

    Of titles of one name, it is the one with the last premiere before the event. Without a
    premiere, the year of release counts; without either, the title has always existed.

    Args:
        views: `silver.ott_views`.
        titles: `silver.ott_titles`.
    """
    new_year = ibis.date(titles.release_year, 1, 1)
    begins = ibis.coalesce(titles.premiere, new_year, ALWAYS)
    following = begins.lead().over(group_by=titles.title_name, order_by=[begins, titles.title_key])
    offered = titles.select(
        "title_key", name=titles.title_name, begins=begins, ends=following.fill_null(NEVER)
    )
    names = meant(views, titles)
    names = names.mutate(names=names.name.count().over(group_by=names.title_name))
    clear = names.filter(names.names == 1).select("title_name", "name")
    offered = clear.inner_join(offered, "name").drop("name").rename(event_name="title_name")
    watched_date = utc_day(views.watched_at)
    return views.mutate(watched_date=watched_date).left_join(
        offered,
        [
            offered.event_name == views.title_name,
            offered.begins <= watched_date,
            offered.ends > watched_date,
        ],
    )


class SilverOttWatched(Contract):
    """One row per user and title that the user has watched, over all days."""

    user_id: str = column(
        "The user; the service may no longer list this user.",
        key=True,
        references="silver.ott_users",
        orphans="warn",
        compression="fsst",
        personal=True,
    )
    title_key: str = column(
        "The title.", key=True, references="silver.ott_titles", compression="dictionary"
    )
    views: int = column("Number of views.", ge=1)
    minutes: float = column("Known minutes watched; NULL if all are unknown.", nullable=True, ge=0)
    views_without_minutes: int = column("Views whose minutes are unknown.", ge=0)
    first_watched_at: Instant = column("Instant of the first view (UTC).")
    last_watched_at: Instant = column("Instant of the last view (UTC).")


def watched_most() -> ir.Table:
    """Return the titles that the catalogue does not have, the most watched first."""
    unmatched = ott_unmatched.contract.table(ott_unmatched.name)
    found = unmatched.select("title", "reason", "views")
    return found.order_by(found.views.desc(), "title")


def _evaluate_matched(context: CheckContext) -> Finding:
    events, watched = ott_views.contract.table(ott_views.name), context.stored
    (found,) = context.fetch(watched.aggregate(matched=watched.views.sum().fill_null(0)))
    found = {"events": context.count(events), **found}
    unmatched = found["events"] - found["matched"]
    share = unmatched / found["events"] if found["events"] else 0.0
    return judge(
        {"events that match no title": unmatched if share > UNMATCHED_SHARE else 0},
        metadata={**found, "unmatched": unmatched, "share": share},
        samples=lambda: {"titles watched most": context.sample(watched_most())},
        is_warning=True,
        advice="They are counted in silver.ott_unmatched, and left out of gold. Deliver the "
        "missing titles, or correct their names, and run any day again.",
    )


MATCHED = Check(
    name="matched",
    description=f"At most {UNMATCHED_SHARE:.0%} of the watch events are of titles that the "
    "catalogue did not have then (warns).",
    evaluate=_evaluate_matched,
)


@table(
    layer="silver",
    group="ott",
    write_mode=OVERWRITE,
    contract=SilverOttWatched,
    deps=(Key("silver", "ott_unmatched"),),
    checks=(MATCHED,),
)
def ott_watched(silver_ott_views: ir.Table, silver_ott_titles: ir.Table) -> ir.Table:
    """Aggregate the events of titles in the catalogue."""
    events = matched(silver_ott_views, silver_ott_titles)
    events = events.filter(events.title_key.notnull())
    return events.group_by("user_id", "title_key").aggregate(
        views=events.count(),
        minutes=events.minutes.cast(EXACT).sum().cast("float64"),
        views_without_minutes=events.minutes.isnull().sum(),
        first_watched_at=events.watched_at.min(),
        last_watched_at=events.watched_at.max(),
    )


class SilverOttUnmatched(Contract):
    """One row per watched title that matches no title offered by the catalogue at that time."""

    title_name: str = column(
        "The title without case and surplus blanks.", key=True, compression="fsst"
    )
    title: str = column("One of its spellings.")
    reason: str = column(
        "Why it matches nothing: the catalogue has no such title; or several that differ in "
        "punctuation and accents; or only later premieres.",
        isin=[NOT_LISTED, NOT_CLEAR, NOT_YET],
    )
    candidates: StringList = column("Titles of the catalogue that it may mean.")
    views: int = column("Number of unmatched events.", ge=1)
    first_watched_at: Instant = column("Instant of the first of them (UTC).")
    last_watched_at: Instant = column("Instant of the last of them (UTC).")


@table(layer="silver", group="ott", write_mode=OVERWRITE, contract=SilverOttUnmatched)
def ott_unmatched(silver_ott_views: ir.Table, silver_ott_titles: ir.Table) -> ir.Table:
    """Count the events of titles that are missing in the catalogue."""
    events = matched(silver_ott_views, silver_ott_titles)
    events = events.filter(events.title_key.isnull())
    rows = events.group_by("title_name").aggregate(
        title=events.title.min(),
        views=events.count(),
        first_watched_at=events.watched_at.min(),
        last_watched_at=events.watched_at.max(),
    )
    titles = silver_ott_titles.select("title", name=silver_ott_titles.title_name)
    found = meant(rows, silver_ott_titles).inner_join(titles, "name")
    found = found.group_by("title_name").aggregate(
        names=found.name.nunique(), candidates=found.title.collect()
    )
    rows = rows.left_join(found, "title_name").drop("title_name_right")
    reason = ibis.cases(
        (rows.names.isnull(), NOT_LISTED), (rows.names > 1, NOT_CLEAR), else_=NOT_YET
    )
    candidates = in_order(rows.candidates).fill_null(ibis.literal([], type="array<string>"))
    return rows.mutate(reason=reason, candidates=candidates).drop("names")
