"""The report of a run, as text and as a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path

from tests.matrix.results import Result

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color: #222 }
table { border-collapse: collapse } th, td { padding: .3rem .8rem; text-align: left }
tr { border-bottom: 1px solid #ddd; vertical-align: top } .bad { color: #b00020; font-weight: 600 }
td.number { text-align: right } pre { background: #f6f6f6; padding: 1rem; overflow: auto }
"""


def write(results: Sequence[Result], facts: str, directory: Path) -> str:
    """Write `matrix.txt` and `matrix.html`; returns the text."""
    directory.mkdir(parents=True, exist_ok=True)
    text = _text(results, facts)
    (directory / "matrix.txt").write_text(text, encoding="utf-8")
    (directory / "matrix.html").write_text(_page(results, facts), encoding="utf-8")
    return text


def _outcome(result: Result) -> str:
    return result.fault or ("passed before" if result.kept else "passed")


def _tail(result: Result) -> str:
    lines = Path(result.log).read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-60:])


def _skips(results: Sequence[Result]) -> Counter[str]:
    return Counter(reason for result in results for reason in result.skipped)


def _text(results: Sequence[Result], facts: str) -> str:
    lines = [facts, ""]
    for result in results:
        figures = (
            f"{result.seconds:>6.1f} s {result.tests:>5} tests {len(result.skipped):>3} skipped"
        )
        shared = ", ".join(result.combinations)
        lines.append(f"{result.check:<12} {figures}  {_outcome(result)}  {shared}")
    for reason, count in _skips(results).most_common():
        lines.append(f"skipped in {count}: {reason}")
    for result in results:
        if result.fault:
            lines += ["", f"{result.check} of {result.combinations[0]}: {result.fault}"]
            lines += [f"The whole log: {result.log}", _tail(result)]
    return "\n".join(lines) + "\n"


def _page(results: Sequence[Result], facts: str) -> str:
    rows = "\n".join(
        f"<tr><td>{escape(result.check)}</td>"
        f"<td class='{'bad' if result.fault else ''}'>{escape(_outcome(result))}</td>"
        f"<td class='number'>{result.seconds:.1f} s</td><td class='number'>{result.tests}</td>"
        f"<td class='number'>{len(result.skipped)}</td>"
        f"<td>{'<br>'.join(map(escape, result.combinations))}</td></tr>"
        for result in results
    )
    skips = "\n".join(
        f"<li>{count} times: {escape(reason)}</li>" for reason, count in _skips(results).items()
    )
    faults = "\n".join(
        f"<h2>{escape(result.check)} of {escape(result.combinations[0])}</h2>"
        f"<p class='bad'>{escape(result.fault)}</p><pre>{escape(_tail(result))}</pre>"
        for result in results
        if result.fault
    )
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Matrix</title><style>{_STYLE}</style>
<h1>Matrix</h1><p>{escape(facts)}</p>
<table><tr><th>Check<th>Outcome<th>Time<th>Tests<th>Skipped<th>Combinations</tr>
{rows}</table>
<h2>Skipped tests</h2><ul>{skips or "<li>None.</li>"}</ul>
{faults}</html>
"""
