"""The headers that every response carries."""

_JSON_POLICY = b"default-src 'none'; frame-ancestors 'none'"

RawHeaders = tuple[tuple[bytes, bytes], ...]

RESPONSE_HEADERS = "response_headers"
"""Where in `scope["state"]` a layer leaves headers for whatever response has none such."""


def security_headers(*, hsts: bool) -> RawHeaders:
    """What tells browsers to do as little as possible with a response, unless it says otherwise."""
    headers: RawHeaders = (
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", b"no-referrer"),
        (b"content-security-policy", _JSON_POLICY),
        (b"cache-control", b"no-store"),
    )
    if hsts:
        headers += ((b"strict-transport-security", b"max-age=63072000; includeSubDomains"),)
    return headers
