{% set tables = [
    'imdb_ratings', 'imdb_titles', 'imdb_episodes', 'imdb_people', 'imdb_credits', 'imdb_crew',
    'imdb_akas', 'imdb_movie_facts', 'imdb_dim_series', 'imdb_episode_facts',
    'imdb_series_season_summary', 'imdb_series_kpis', 'imdb_top_movies_by_genre',
    'imdb_season_trends', 'imdb_trending_titles', 'imdb_rating_history'
] %}
{% for table in tables %}
{% set relation = ref(table) %}
{% set columns = adapter.get_columns_in_relation(relation) if execute else [] %}
SELECT '{{ table }}' AS table_name, run_date, unnest([
    {%- for column in columns %}
    {% set name = column.name -%}
    {column_name: '{{ name }}', row_count: row_count, null_count: row_count - n_{{ name }},
        min_value: min_{{ name }}::VARCHAR, max_value: max_{{ name }}::VARCHAR,
        approx_distinct: distinct_{{ name }}}{{ ',' if not loop.last }}
    {%- endfor %}
], recursive := true)
FROM (
    SELECT count(*) AS row_count, max(run_date) AS run_date
        {%- for column in columns %}
        {% set name = column.name -%}
        , count({{ name }}) AS n_{{ name }}, min({{ name }}) AS min_{{ name }},
        max({{ name }}) AS max_{{ name }}, approx_count_distinct({{ name }}) AS distinct_{{ name }}
        {%- endfor %}
    FROM {{ relation }}
)
{{ 'UNION ALL' if not loop.last }}
{% endfor %}
