"""Which headers tell browsers to be careful."""

from app.http.headers import security_headers


def test_https_is_demanded_in_production_only() -> None:
    demanded = dict(security_headers(hsts=True))[b"strict-transport-security"]
    assert demanded.startswith(b"max-age=")
    assert int(demanded.removeprefix(b"max-age=").partition(b";")[0]) >= 31_536_000
    assert b"strict-transport-security" not in dict(security_headers(hsts=False))
