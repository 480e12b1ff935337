"""What the OpenAPI document asks for along with the cookie."""

import httpx2


def test_the_token_is_asked_for_by_what_changes_something_only(anonymous: httpx2.Client) -> None:
    paths = anonymous.get("/openapi.json").json()["paths"]
    for item in paths.values():
        for method, operation in item.items():
            if operation["security"]:
                schemes = {"session"} if method == "get" else {"session", "csrfToken"}
                assert [set(either) for either in operation["security"]] == [schemes]
