"""What is measured of calls."""

from prometheus_client import Counter, Gauge, Histogram

from app.platform.metrics import SECONDS

call_duration = Histogram(
    "rpc_server_call_duration_seconds",
    "Time of calls with one answer.",
    ["rpc_method", "rpc_response_status_code"],
    buckets=SECONDS,
)
active_calls = Gauge("rpc_server_active_calls", "Calls in progress.", ["kind"])
refused_calls = Counter("rpc_server_refused", "Calls refused before any work was done.", ["reason"])
unread_answers = Gauge(
    "rpc_server_unread_answers", "Calls that are answered, and whose clients have not read it yet."
)
streams = Counter(
    "rpc_server_streams", "Streams that have ended.", ["rpc_method", "rpc_response_status_code"]
)
stream_messages = Counter("rpc_server_stream_messages", "Messages sent in streams.", ["rpc_method"])
