SELECT * FROM {{ read('title.akas') }}
