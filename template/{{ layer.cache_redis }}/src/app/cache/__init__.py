"""Values with a time to live, and the buckets of the rate limits."""

from app.cache.cache import Cache as Cache
