"""Serve pages over the published snapshot: `python -m movies_assets dashboard`.

Queries run in `serving.reader`, the visitor's choices are in `filters`, the look in
`serving.theme`, `charts` and `components`, the frame of every page in `layout`, and access control
in `security`. A page's content belongs in its module below `pages`, with the queries of `prepared`
tables; queries of published tables belong in `serving.queries`.
"""
