"""One module for each thing that the service needs and that a development machine may lack.

A module names the `VARIABLES` that it can set and has
`start(place: Place) -> AbstractContextManager[dict[str, str]]`, which sets them.
"""
