"""Define the thresholds that tables, summary, report and dashboard share."""

# Fewer votes make a mean rating arbitrary: rankings by rating leave such titles out.
VOTES_NEEDED = 1_000
