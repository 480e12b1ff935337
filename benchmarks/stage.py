"""What a rendered service needs, started by its own `dev` package; run with its own Python.

Prints the service's environment as one line of JSON, and ends when its input does.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path.cwd()))

from dev.environment import provided
from dev.processes import Place

known = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
with provided(Place(Path(sys.argv[1]), durable=True), known) as environment:
    app = Path(sys.executable).with_name("app")
    subprocess.run([app, "migrate", "upgrade"], env=environment, check=True, stdout=sys.stderr)
    print(json.dumps(environment), flush=True)
    sys.stdin.read()
