"""IMDb's ids, which several sources have."""

# Ids have unique digits: longer ones do not begin with 0.
TITLE = r"^tt([0-9]{7}|[1-9][0-9]{7,8})$"
NO_ID = "not an IMDb id"
PERSON = r"^nm([0-9]{7}|[1-9][0-9]{7,8})$"
