SELECT * FROM {{ read('title.principals') }}
