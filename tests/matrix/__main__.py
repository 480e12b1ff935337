"""`python -m tests.matrix`: render every valid combination and check each distinct result."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from tests.matrix import report
from tests.matrix.plan import (
    jobs,
    processors,
    projects,
    selected,
    shard,
    title,
)
from tests.matrix.results import Result, clear_work, kept, run
from tests.support.snapshot import ROOT, snapshot


def main() -> int:
    options = _options()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="matrix-") as temporary:
        template = snapshot(Path(temporary, "template"))
        rendering = time.monotonic()
        named = selected(options.only, options.pairwise)
        if not named:
            print(f"No combination has {options.only!r} in its name.")
            return 1
        print(f"Rendering {title(list(named))}", flush=True)
        rendered = list(projects(template, Path(temporary, "projects"), processors(), named))
        seconds = time.monotonic() - rendering
        every = [job for job in jobs(rendered) if options.check in ("", job.check.name)]
        todo = shard(every, options.shard)
        facts = (
            f"{len(rendered)} combinations rendered in {seconds:.1f} s; "
            f"{len(todo)} of {len(every)} distinct checks in shard {options.shard}"
        )
        print(facts, flush=True)
        if options.list:
            for job in todo:
                print(f"{job.check.name:<12} {job.digest} {title(job.combinations)}")
            return 0
        results: list[Result] = []
        if not options.again:
            results += [earlier for job in todo if (earlier := kept(job))]
        if results:
            print(f"{len(results)} have passed before and did not change", flush=True)
        done = {(result.check, result.digest) for result in results}
        left = [job for job in todo if (job.check.name, job.digest) not in done]
        clear_work()
        with ThreadPoolExecutor(options.jobs) as pool:
            for future in as_completed([pool.submit(run, job) for job in left]):
                results.append(future.result())
                _progress(results[-1], len(results), len(todo))
    results.sort(key=lambda result: (result.check, result.combinations))
    failed = sum(bool(result.fault) for result in results)
    summary = (
        f"{facts}; {len(results) - failed} passed, {failed} failed, "
        f"{sum(result.tests for result in results)} tests, "
        f"{sum(len(result.skipped) for result in results)} skipped, "
        f"{(time.monotonic() - begun) / 60:.1f} min"
    )
    text = report.write(results, summary, ROOT / "report")
    print(f"\n{text}\nThe same as a page: report/matrix.html")
    return 1 if failed or not results else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make matrix", description=__doc__)
    parser.add_argument("--shard", default="1/1", help="the part of the work to do, such as 1/8")
    parser.add_argument(
        "--pairwise",
        action="store_true",
        help="only combinations that together have every pair of choices",
    )
    parser.add_argument("--only", default="", help="combinations whose name contains this")
    parser.add_argument("--check", default="", help="the only check to run")
    parser.add_argument("--again", action="store_true", help="run what has passed before, too")
    parser.add_argument("--list", action="store_true", help="say what would be run")
    parser.add_argument(
        "--jobs",
        type=int,
        default=processors(),
        help="checks at a time; a suite keeps about one processor busy",
    )
    return parser.parse_args()


def _progress(result: Result, done: int, total: int) -> None:
    outcome = result.fault or "passed"
    tests = f", {result.tests} tests" if result.tests else ""
    print(
        f"[{done}/{total}] {result.check} {title(result.combinations)}: "
        f"{outcome}, {result.seconds:.0f} s{tests}",
        flush=True,
    )


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
