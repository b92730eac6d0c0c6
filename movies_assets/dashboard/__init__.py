"""The dashboard: pages over the published snapshot, served by `python -m movies_assets dashboard`.

What is read belongs in `reader`, what a visitor chose in `filters`, how things look in `theme`,
`charts` and `parts`, what every page has in common in `layout`, and who may come in in `security`.
What a page shows, and the queries for it, belong in its module below `pages`.
"""
