"""List the warnings that the sample causes on purpose, so that a new one stands out."""

# The rules that may be broken, by table and check.
WARNINGS: dict[str, frozenset[str]] = {
    "bronze.netflix_titles schema": frozenset(
        [
            "columns that files do not have",
            "columns that the contract does not know",
            "records with rescued values",
        ]
    ),
    "bronze.ott_titles schema": frozenset(["records with rescued values"]),
    "bronze.ott_views schema": frozenset(["records that do not read as the columns"]),
    "bronze.yts_movies volume": frozenset(["days outside of 1/5 to 5 times the median"]),
    "silver.netflix_cast references": frozenset(["show_id -> silver.netflix_titles"]),
    "silver.netflix_category references": frozenset(["show_id -> silver.netflix_titles"]),
    "silver.netflix_countries references": frozenset(["show_id -> silver.netflix_titles"]),
    "silver.netflix_directors references": frozenset(["show_id -> silver.netflix_titles"]),
    "silver.netflix_titles quarantine": frozenset(
        [
            "date_added: not a date",
            "duration_seasons: more than 200",
            "release_year: more than 5 years after arrival",
            "show_id: required",
            "type: required",
            "type_flag: required",
        ]
    ),
    "silver.ott_titles quarantine": frozenset(
        [
            "imdb_score: more than 10",
            "runtime_minutes: less than 1",
            "runtime_minutes: more than 1440",
            "title: required",
            "title_key: required",
            "title_name: required",
        ]
    ),
    "silver.ott_users quarantine": frozenset(["email: not an e-mail address"]),
    "silver.ott_views quarantine": frozenset(
        [
            "2 of 4 fields",
            "3 of 4 fields",
            "minutes: less than 0",
            "text between a closing quote and the separator",
            "title: required",
            "title_name: required",
            "user_id: required",
            "watched_at: required",
        ]
    ),
    "silver.ott_views volume": frozenset(["days outside of 1/4 to 4 times the median"]),
    "silver.ott_watched references": frozenset(["user_id -> silver.ott_users"]),
}
