"""Define the thresholds that tables, summary, report and dashboard share."""

# Fewer votes make a mean rating arbitrary: rankings by rating leave such titles out.
VOTES_NEEDED = 1_000

# A mean over a smaller share of a series' episodes, or of fewer votes, is shown without a grade.
LEAST_SHARE_RATED, LEAST_VOTES = 0.3, 50
