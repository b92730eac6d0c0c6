SELECT * FROM {{ read('title.ratings') }}
