"""`python -m dev.sign_in NAME`: log in as an application does, and print the access token.

The flow is code and PKCE (RFC 6749, RFC 7636); the pages of the development provider, which a
browser would show at `OIDC_ISSUER`, are filled in here.
"""

import argparse
import base64
import hashlib
import re
import secrets
import sys
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx2

from dev.environment import configured
from dev.processes import DevelopmentError
from dev.providers.oidc import PORT

CLIENT = "app"
REDIRECT = "http://127.0.0.1/callback"
SCOPE = "openid orders:read orders:write orders:read_all audit:read ops:read"

_FORM = re.compile(r'<form[^>]* action="([^"]+)"')


def sign_in(issuer: str, name: str, scope: str = SCOPE) -> dict[str, str]:
    """The answer of the token endpoint: `access_token`, `id_token` and more."""
    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    query = {
        "client_id": CLIENT,
        "response_type": "code",
        "redirect_uri": REDIRECT,
        "scope": scope,
        "state": secrets.token_urlsafe(16),
        "nonce": secrets.token_urlsafe(16),
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    with httpx2.Client() as browser:
        found = browser.get(f"{issuer}/.well-known/openid-configuration").raise_for_status().json()
        answered = _log_in(browser, f"{found['authorization_endpoint']}?{urlencode(query)}", name)
        if "code" not in answered or answered["state"] != query["state"]:
            raise DevelopmentError(f"the provider refuses the login: {answered}")
        form = {
            "grant_type": "authorization_code",
            "client_id": CLIENT,
            "redirect_uri": REDIRECT,
            "code": answered["code"],
            "code_verifier": verifier,
        }
        tokens: dict[str, str]
        tokens = browser.post(found["token_endpoint"], data=form).raise_for_status().json()
        return tokens


def _log_in(browser: httpx2.Client, url: str, name: str) -> dict[str, str]:
    """Fill in whatever the provider shows, until it sends the browser back to the application."""
    answer = browser.get(url)
    for prompt in ("login", "consent"):
        answer = _follow(browser, answer)
        if answer.is_redirect:
            break
        form = _FORM.search(answer.text)
        if form is None:
            raise DevelopmentError(f"the provider does not let {name} in")
        filled = {"prompt": prompt, "login": name, "password": "any"}
        answer = browser.post(urljoin(str(answer.url), form[1]), data=filled)
    location = urlsplit(_follow(browser, answer).headers.get("location", ""))
    return {key: values[0] for key, values in parse_qs(location.query).items()}


def _follow(browser: httpx2.Client, answer: httpx2.Response) -> httpx2.Response:
    """The page at the end of redirects, or the redirect to the application."""
    while answer.is_redirect and not answer.headers["location"].startswith(REDIRECT):
        answer = browser.get(urljoin(str(answer.url), answer.headers["location"]))
    return answer


def main() -> int:
    """Print the access token."""
    parser = argparse.ArgumentParser(prog="python -m dev.sign_in", description="Print a token.")
    parser.add_argument("name", help="somebody in dev/oidc/server.mjs")
    parser.add_argument("--scope", default=SCOPE, help="what the token is to allow")
    arguments = parser.parse_args()
    issuer = configured().get("OIDC_ISSUER", f"http://127.0.0.1:{PORT}")
    try:
        print(sign_in(issuer, arguments.name, arguments.scope)["access_token"])
    except (DevelopmentError, httpx2.HTTPError) as error:
        print(f"{issuer}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
