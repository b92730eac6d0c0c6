"""The base of the project's own errors: a message for people, and whether a retry may help."""


class DescribedError(Exception):
    """An error with a message for people: what happened, where, and what to do, without secrets.

    Attributes:
        is_transient: whether the same may succeed when it is tried again in a while.
        retry_after: seconds that the other side asks to wait before that; None where it does not.
    """

    is_transient: bool = False
    retry_after: float | None = None
