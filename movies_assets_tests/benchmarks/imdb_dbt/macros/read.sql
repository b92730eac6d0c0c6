{#- The rows of a dump as bronze stores them; none where it is not loaded. -#}
{% macro read(file) -%}
(
    SELECT
        * EXCLUDE (filename, run_date), NULL::VARCHAR AS problem, NULL::VARCHAR AS line,
        run_date, now() AS _ingested_at, filename AS _source, 'reference' AS _run_id
    FROM
    {%- if file in var('files') %}
        read_csv(
            '{{ var("dumps") }}/{{ file }}.tsv.gz',
            columns = { {%- for name, type in var('columns')[file].items() %}{{ name }}: '{{ type }}'{{ ', ' if not loop.last }}{% endfor -%} },
            auto_detect = false, header = true, delim = '\t', quote = '', escape = '',
            nullstr = '\N', ignore_errors = true, filename = true,
            hive_partitioning = true, hive_types = {run_date: 'DATE'}
        )
    {%- else %} (
        SELECT
            {%- for name, type in var('columns')[file].items() %}
            NULL::{{ type }} AS {{ name }},
            {%- endfor %}
            NULL::VARCHAR AS filename, NULL::DATE AS run_date
        WHERE false
    )
    {%- endif %}
)
{%- endmacro %}
