SELECT
    nconst, primary_name, birth_year, death_year,
    string_split(primary_profession, ',') AS primary_profession,
    string_split(known_for_titles, ',') AS known_for_titles, run_date
FROM {{ ref('imdb_name_basics') }}
WHERE run_date = (SELECT max(run_date) FROM {{ ref('imdb_name_basics') }})
