"""The processes that a running service has beside `app serve`."""

BACKGROUND: dict[str, tuple[str, ...]] = {"worker": ("app", "worker")}
