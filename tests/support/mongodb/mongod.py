"""SecantusDB by the command line of mongod, as far as a project's provider uses that."""

from __future__ import annotations

import argparse
import sys
from functools import partial

from secantus import cli

parser = argparse.ArgumentParser()
parser.add_argument("--port", required=True)
parser.add_argument("--dbpath", required=True)
parser.add_argument("--setParameter", default="transactionLifetimeLimitSeconds=60")
given, _ = parser.parse_known_args()
lifetime = float(given.setParameter.rpartition("=")[2])
cli.SecantusDBServer = partial(cli.SecantusDBServer, transaction_lifetime_seconds=lifetime)
at = ["--host", "127.0.0.1", "--port", given.port, "--storage-path", given.dbpath]
sys.argv = ["mongod", *at, "--log-level", "WARNING"]
sys.exit(cli.main())
