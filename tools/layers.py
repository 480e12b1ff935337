"""`python -m tools.layers`: how big each layer is, and how much of the template meeting layers are.

A layer belongs to one axis where its condition asks for the answer to one alone; where two axes
really meet, it is a meeting layer, as is a folder of one layer inside of another.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import product

from extensions.catalogue import AXES
from extensions.layers import LAYERS, active_layers
from tests.support.snapshot import ROOT, git

_LAYER = re.compile(r"\{\{ layer\.(\w+) \}\}")


def axes_of() -> dict[str, set[str]]:
    """The axes that each layer's condition depends on, found by trying all answers and one more."""
    values = {
        name: [*(choice.name for choice in axis.choices), "another"] for name, axis in AXES.items()
    }
    found = {name: set[str]() for name in LAYERS}
    for picked in product(*values.values()):
        answers = dict(zip(values, picked, strict=True))
        active = set(active_layers(answers))
        for axis in AXES:
            for layer in active ^ set(active_layers({**answers, axis: "another"})):
                found[layer].add(axis)
    for axes in found.values():
        # An axis that only one protocol has does not meet the protocol: it is part of it.
        axes -= {other for axis in axes for other in AXES[axis].only}
    return found


def lines() -> Counter[tuple[str, ...]]:
    """The lines of text in each folder of the template, by the layers that it takes."""
    count: Counter[tuple[str, ...]] = Counter()
    for name in git(ROOT, "ls-files", "-z", "template").split("\0"):
        if name and (ROOT / name).is_file():
            layers = tuple(_LAYER.findall(name))
            count[layers] += (ROOT / name).read_text(encoding="utf-8").count("\n")
    return count


def depends(layers: tuple[str, ...], axes: dict[str, set[str]]) -> list[str]:
    """The axes that a folder of these layers depends on."""
    return sorted({axis for layer in layers for axis in axes[layer]})


def meeting_share() -> float:
    """The share of the template's lines in folders where two axes or more meet."""
    axes, counted = axes_of(), lines()
    met = sum(number for layers, number in counted.items() if len(depends(layers, axes)) > 1)
    return met / counted.total()


def report() -> Iterator[str]:
    """A table of all folders, and the share of those where axes meet."""
    axes = axes_of()
    yield f"{'layer':44} {'lines':>6}  axes"
    for layers, number in sorted(lines().items()):
        yield f"{' / '.join(layers) or '(none)':44} {number:6}  {', '.join(depends(layers, axes))}"
    yield f"Of all lines {meeting_share():.1%} stand where two axes or more meet."


if __name__ == "__main__":
    print("\n".join(report()))
