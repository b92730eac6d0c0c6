SELECT * FROM {{ read('title.crew') }}
