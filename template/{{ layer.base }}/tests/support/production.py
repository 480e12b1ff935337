"""What tests of production share."""

import re
import secrets

# Names of what a service is made of, its files and its language.
REVEALING = re.compile(
    r"traceback|\.py|/src/|select |insert |relation|table|sqlite|postgres|mysql|mariadb|mongo"
    r"|asyncpg|asyncmy|sqlalchemy|redis|pydantic|starlette|fastapi|uvicorn|strawberry|did you mean"
    r"|protobuf|python",
    re.IGNORECASE,
)


def deployed(url: str) -> str:
    """The URL of a test's server as one of production, which has a password and no mark."""
    return re.sub(r"//(\w+)@", rf"//\1:{secrets.token_hex()}@", url.partition("?")[0])
