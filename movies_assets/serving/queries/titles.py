"""Query the titles across sources, and how good their links are."""

# One row: the key figures.
FIGURES = """
    SELECT (SELECT count(*) FROM gold.dim_title) AS titles,
        count(*) AS listed, count(confidence) AS linked,
        (SELECT count(DISTINCT (source, source_id)) FROM gold.title_link_review) AS doubtful
    FROM gold.title_links"""
# One row per source, and one per threshold of the links of all sources, of the newest evaluation.
EVALUATED = """
    SELECT slice, member, threshold, labels, links, precision, precision_low, precision_high,
        recall, recall_low, recall_high
    FROM gold.title_link_evaluation
    WHERE labelled_date = (SELECT max(labelled_date) FROM gold.title_link_evaluation)
        AND (slice = 'all' OR (slice = 'source' AND threshold = 0))
    ORDER BY slice, member, threshold"""
