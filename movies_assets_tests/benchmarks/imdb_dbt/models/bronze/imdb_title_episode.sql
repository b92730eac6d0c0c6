SELECT * FROM {{ read('title.episode') }}
