"""The contract of the API: a JSON image of `proto/`, and which changes to it break clients."""

import subprocess
import tempfile
from pathlib import Path

from app.project import NAME
from dev.environment import PROJECT, SCRIPTS

CONTRACT = "proto/contract.json"
EXPORT = ("proto",)
PORTS = {"PORT": 8000, "GRPC_PORT": 50051}
WELCOME = "Serving gRPC on 127.0.0.1:{grpc_port}, health and metrics on http://127.0.0.1:{port}."
ERRORS = f"""\
A call that fails ends with a `google.rpc.Status`, in the trailing metadata
`grpc-status-details-bin`:

```textproto
code: 3  # INVALID_ARGUMENT
message: "Request validation failed"
details {{ [type.googleapis.com/google.rpc.ErrorInfo] {{
  reason: "VALIDATION_ERROR"  # the code
  domain: "{NAME}"
  metadata {{ key: "request_id" value: "01JD2Z0A6T8Y" }}
  metadata {{ key: "retryable" value: "false" }}
}} }}
details {{ [type.googleapis.com/google.rpc.BadRequest] {{
  field_violations {{ field: "order.lines[0].quantity" description: "must be greater than 0" }}
}} }}
```

`BadRequest` are the details, and `RetryInfo` says how long to wait. Over HTTP, on the port
beside, an error is `{{"error": {{"code": …, "message": …, …}}}}`.
"""


def breaks(released: str, current: str) -> list[str]:
    """One line for each way in which a client of the released contract would fail now."""
    with tempfile.TemporaryDirectory() as folder:
        old, new = Path(folder, "old.json"), Path(folder, "new.json")
        old.write_text(released, encoding="utf-8")
        new.write_text(current, encoding="utf-8")
        command = [str(SCRIPTS / "buf"), "breaking", str(new), "--against", str(old)]
        config = ["--config", str(PROJECT / "buf.yaml")]
        done = subprocess.run([*command, *config], capture_output=True, text=True, check=False)
    if done.returncode and not done.stdout:
        raise ValueError(done.stderr)
    # Without the position, which moves with every other change.
    return [line.split(":", 3)[-1].strip() for line in done.stdout.splitlines()]
