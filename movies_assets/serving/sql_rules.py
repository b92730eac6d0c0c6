"""Decide by its parse tree whether a text is one query of known tables, and nothing else.

DuckDB has no rights of users: whoever may run a statement may run any. So a text from outside is
parsed by DuckDB's own parser, without running it, and everything in its tree has to be on a list:
the kinds of nodes, the tables, and the functions. What a newer DuckDB brings is refused until it is
added here. How a query is run belongs in `guarded_process`.
"""

import difflib
import json
import re
from collections.abc import Collection, Iterator
from typing import Any

import duckdb

from movies_assets.warehouse.quoting import literal

# Longer texts are no questions of people; DuckDB takes a second to parse a megabyte.
MOST_CHARACTERS = 50_000


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# The kinds of expressions, and of everything else in a tree that has a kind.
EXPRESSIONS = _words(
    """BETWEEN CASE CAST COLLATE COLUMN_REF COMPARISON CONJUNCTION CONSTANT FUNCTION LAMBDA
    LAMBDA_REF OPERATOR POSITIONAL_REFERENCE STAR SUBQUERY TYPE WINDOW"""
)
KINDS = _words(
    """SELECT_NODE SET_OPERATION_NODE RECURSIVE_CTE_NODE CTE_NODE
    BASE_TABLE EMPTY EXPRESSION_LIST JOIN PIVOT SHOW_REF SUBQUERY TABLE_FUNCTION
    DISTINCT_MODIFIER LIMIT_MODIFIER LIMIT_PERCENT_MODIFIER ORDER_MODIFIER
    ORDER_DEFAULT ASCENDING DESCENDING"""
)
TYPES = "_TYPE_INFO"
# Functions in the place of a table; all others read files, settings, the catalog or memory.
TABLE_FUNCTIONS = frozenset(["generate_series", "range", "unnest"])
# Characters that no text in UTF-8 has, or at which DuckDB ends a text.
CHARACTERS = re.compile(r"[\0\ud800-\udfff]")
NONE: dict[str, Any] = {"map": []}
# A name of a subquery is no path of a file.
NAME = re.compile(r"\w+")
OPERATORS = _words(
    "!__postfix !~~ !~~* % & && * ** + - -> ->> / // <-> << <=> <@ >> @ @> ^ ^@ | || ~ ~~ ~~* ~~~"
)
# Functions of values. Not among them: those that read settings, variables, sequences or the
# catalog, that parse or plan SQL, that take states of aggregates apart, that log or wait.
FUNCTIONS = OPERATORS | _words(
    """
abs acos acosh add age aggregate ago alias any_value apply approx_count_distinct approx_quantile
approx_top_k arbitrary arg_max arg_max_null arg_max_nulls_last arg_min arg_min_null
arg_min_nulls_last argmax argmin array_agg array_aggr array_aggregate array_append array_apply
array_cat array_concat array_contains array_cosine_distance array_cosine_similarity
array_cross_product array_distance array_distinct array_dot_product array_extract array_filter
array_grade_up array_has array_has_all array_has_any array_indexof array_inner_product
array_intersect array_length array_negative_dot_product array_negative_inner_product
array_pop_back array_pop_front array_position array_prepend array_push_back array_push_front
array_reduce array_resize array_reverse array_reverse_sort array_select array_slice array_sort
array_to_json array_to_string array_to_string_comma_default array_transform array_unique
array_value array_where array_zip ascii asin asinh atan atan2 atanh avg base64 bin bit_and
bit_count bit_length bit_or bit_position bit_xor bitstring bitstring_agg bool_and bool_or
cardinality cbrt ceil ceiling century char_length character_length chr concat concat_ws
constant_or_null contains corr cos cosh cot count count_if count_star countif covar_pop
covar_samp cume_dist current_date current_localtime current_localtimestamp damerau_levenshtein
date_add date_diff date_part date_sub date_trunc datediff datepart datesub datetrunc day dayname
dayofmonth dayofweek dayofyear days_in_month decade decode degrees dense_rank divide editdist3
element_at encode ends_with entropy enum_code enum_first enum_last enum_range
enum_range_boundary epoch epoch_ms epoch_ns epoch_us equi_width_bins era error even exp
factorial favg fdiv fill filter first first_value flatten floor fmod format
formatreadabledecimalsize formatreadablesize format_bytes from_base64 from_binary from_hex
from_json from_json_strict fsum gamma gcd gen_random_uuid generate_series geomean geometric_mean
get_bit get_current_time get_current_timestamp grade_up greatest greatest_common_divisor
group_concat hamming hash hex histogram histogram_exact hour ilike_escape instr isfinite isinf
isnan isodow isoyear jaccard jaro_similarity jaro_winkler_similarity json json_array
json_array_length json_contains json_exists json_extract json_extract_path
json_extract_path_text json_extract_string json_group_array json_group_object
json_group_structure json_keys json_merge_patch json_object json_pretty json_quote
json_structure json_transform json_transform_strict json_type json_valid json_value julian
kahan_sum kurtosis kurtosis_pop lag last last_day last_value lcase lcm lead least
least_common_multiple left left_grapheme len length length_grapheme levenshtein lgamma
like_escape list list_aggr list_aggregate list_any_value list_append list_apply
list_approx_count_distinct list_avg list_bit_and list_bit_or list_bit_xor list_bool_and
list_bool_or list_cat list_concat list_contains list_cosine_distance list_cosine_similarity
list_count list_distance list_distinct list_dot_product list_element list_entropy list_extract
list_filter list_first list_grade_up list_has list_has_all list_has_any list_histogram
list_indexof list_inner_product list_intersect list_kurtosis list_kurtosis_pop list_last
list_mad list_max list_median list_min list_mode list_negative_dot_product
list_negative_inner_product list_pack list_position list_prepend list_product list_reduce
list_resize list_reverse list_reverse_sort list_select list_sem list_skewness list_slice
list_sort list_stddev_pop list_stddev_samp list_string_agg list_sum list_transform list_unique
list_value list_var_pop list_var_samp list_where list_zip listagg ln log log10 log2 lower lpad
ltrim mad make_date make_time make_timestamp make_timestamp_ms make_timestamp_ns
make_timestamptz map map_concat map_contains map_contains_entry map_contains_value map_entries
map_extract map_extract_value map_from_entries map_keys map_values max max_by md5 md5_number
md5_number_lower md5_number_upper mean median microsecond millennium millisecond min min_by
minute mismatches mod mode month monthname multiply nanosecond nextafter nfc_normalize
normalized_interval not_ilike_escape not_like_escape now nth_value ntile nullif octet_length ord
parse_dirname parse_dirpath parse_filename parse_formatted_bytes parse_path percent_rank
pg_size_pretty pg_typeof pi position pow power prefix printf product quantile quantile_cont
quantile_disc quarter radians random range rank rank_dense reduce regexp_escape regexp_extract
regexp_extract_all regexp_full_match regexp_matches regexp_replace regexp_split_to_array
regexp_split_to_table regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx
regr_sxy regr_syy repeat replace reservoir_quantile reverse right right_grapheme round
round_even roundbankers row row_number row_to_json rpad rtrim second sem set_bit sha1 sha256
sign signbit sin sinh skewness split split_part sqrt starts_with stddev stddev_pop stddev_samp
str_split str_split_regex strftime string_agg string_split string_split_regex string_to_array
strip_accents strlen strpos strptime struct_concat struct_contains struct_extract
struct_extract_at struct_has struct_indexof struct_insert struct_keys struct_pack
struct_position struct_update struct_values substr substring substring_grapheme subtract suffix
sum sum_no_overflow sumkahan switch tan tanh time_bucket timezone timezone_hour timezone_minute
to_base to_base64 to_binary to_centuries to_days to_decades to_hex to_hours to_json
to_microseconds to_millennia to_milliseconds to_minutes to_months to_quarters to_seconds
to_timestamp to_weeks to_years today transaction_timestamp translate trim trunc try_strptime
typeof ucase unbin unhex unicode union_extract union_tag union_value unnest upper url_decode
url_encode uuid uuid_extract_timestamp uuid_extract_version uuidv4 uuidv7 var_pop var_samp
variance version wavg week weekday weekofyear weighted_avg xor year yearweek
"""
)


class RefusedError(ValueError):
    """A text is not a query that may run. The message explains why, in a sentence."""


def check(
    connection: duckdb.DuckDBPyConnection, sql: str, tables: Collection[str], views: Collection[str]
) -> None:
    """Check that a text is one query of known tables and functions.

    Args:
        connection: any connection; the text is parsed, not run.
        sql: the text.
        tables: the tables that may be read, as schema.table.
        views: the names of DuckDB's own views, which no subquery may have.

    Raises:
        RefusedError: it is not.
    """
    known = {name.lower() for name in tables}
    nodes = list(_nodes(_tree(connection, sql)))
    subqueries = {
        named["key"].lower() for node in nodes for named in (node.get("cte_map") or NONE)["map"]
    }
    for name in sorted(subqueries):
        if name in views or not NAME.fullmatch(name):
            raise RefusedError(f"A subquery cannot be named {_shown(name)}: choose another name.")
    for node in nodes:
        _check_kind(node)
        if "function_name" in node:
            _check_function(node["function_name"], FUNCTIONS)
        if node.get("type") == "TABLE_FUNCTION":
            _check_function(node["function"].get("function_name", ""), TABLE_FUNCTIONS)
        if node.get("type") == "BASE_TABLE":
            _check_table(node, known, subqueries)
        if node.get("type") == "SHOW_REF" and not node["query"]:
            raise RefusedError("SHOW is not possible here. The list of tables is in meta.tables.")


def _tree(connection: duckdb.DuckDBPyConnection, sql: str) -> Any:
    """Parse a text into the tree of its one SELECT statement."""
    if len(sql) > MOST_CHARACTERS:
        raise RefusedError(f"The text has more than {MOST_CHARACTERS:,} characters.")
    if CHARACTERS.search(sql):
        raise RefusedError("The text has a character that SQL cannot have.")
    ((text,),) = connection.execute(
        f"SELECT json_serialize_sql({literal(sql)})"  # for a parameter DuckDB imports pandas
    ).fetchall()
    try:
        parsed = json.loads(text)
    except RecursionError:
        raise RefusedError("The query is nested too deeply.") from None
    if parsed["error"]:
        raise RefusedError(_reason(parsed, sql))
    statements = parsed["statements"]
    if len(statements) != 1:
        raise RefusedError("Write one query; there are several statements, or none.")
    if statements[0]["named_param_map"]:
        raise RefusedError("Parameters ($1, ?) are not possible: write the values.")
    return statements[0]


def _reason(parsed: dict[str, Any], sql: str) -> str:
    if parsed["error_type"] == "not implemented":
        return (
            "Only one SELECT is possible here (also WITH, FROM, VALUES, DESCRIBE and SUMMARIZE): "
            "the data is read-only. A PIVOT needs its values: PIVOT ... ON column IN (...)."
        )
    position = str(parsed.get("position") or "")
    if not position.isdigit() or int(position) > len(sql.encode()):
        return str(parsed["error_message"])
    line = sql.encode()[: int(position)].count(b"\n") + 1
    return f"{parsed['error_message']} (line {line})"


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Return all nodes of a tree, without recursion."""
    rest = [tree]
    while rest:
        found = rest.pop()
        if isinstance(found, dict):
            yield found
            rest.extend(found.values())
        elif isinstance(found, list):
            rest.extend(found)


def _check_kind(node: dict[str, Any]) -> None:
    if isinstance(kind := node.get("class"), str):
        is_known = kind in EXPRESSIONS
    elif isinstance(kind := node.get("type"), str):
        is_known = kind in KINDS or kind.endswith(TYPES)
    else:
        return
    if not is_known:
        raise RefusedError(f"A part of the query is of a kind that is not possible here: {kind}.")


def _check_function(name: str, known: Collection[str]) -> None:
    if name.lower() not in known:
        raise RefusedError(f"The function {_shown(name)} is not possible here.")


def _check_table(node: dict[str, Any], known: Collection[str], subqueries: Collection[str]) -> None:
    catalog, schema, table = (
        node[part].lower() for part in ("catalog_name", "schema_name", "table_name")
    )
    if not catalog and not schema and table in subqueries:
        return
    name = f"{schema}.{table}" if schema else table
    if catalog or name not in known:
        similar = [
            *(other for other in sorted(known) if other.partition(".")[2] == table),
            *difflib.get_close_matches(name, sorted(known), n=3),
        ]
        hint = f"Did you mean {similar[0]}?" if similar else "The tables are in meta.tables."
        full = f"{catalog}.{name}" if catalog else name
        raise RefusedError(f"There is no table {_shown(full)}. {hint}")


def _shown(name: str) -> str:
    """Return a name from outside, short and on one line."""
    return "“" + " ".join(name.split())[:60] + "”"
