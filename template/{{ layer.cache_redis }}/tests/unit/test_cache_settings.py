"""Where the cache may be."""

import pytest

from app.cache.settings import CacheSettings
from app.platform.configuration import ConfigurationError


@pytest.mark.parametrize("url", ["http://cache:6379", "cache:6379"])
def test_a_url_that_leads_to_no_cache_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("REDIS_URL", url)
    with pytest.raises(ConfigurationError, match="REDIS_URL: must be"):
        CacheSettings.load()


@pytest.mark.parametrize(
    ("values", "faults"),
    [
        ({}, 1),
        ({"redis_url": "rediss://:8Xc0-long-and-random@cache.internal:6379/0"}, 0),
        ({"redis_url": "redis://:8Xc0-long@127.0.0.1:6379/0?client_name=embedded"}, 1),
    ],
)
def test_production_wants_a_server_of_its_own(values: dict[str, str], faults: int) -> None:
    assert len(list(CacheSettings.model_validate(values).production_faults())) == faults
