SELECT * FROM {{ read('name.basics') }}
