SELECT * FROM {{ read('title.basics') }}
