"""`make bench-report`: the latest results of each row as plots (SVG) and as a Markdown table.

    python -m bench.report [RESULTS.json…]

Figures of later files replace those of earlier ones, so rows may be measured one at a time.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from bench.figures import Figure, line
from bench.run import RESULTS, Results

PLOT = "bench.svg"
TABLE = "table.md"
HOLDS, SHORT = "#2a7f62", "#c8553d"


def load(paths: Sequence[Path]) -> list[Figure]:
    """Each figure as it was measured last."""
    found: dict[str, Figure] = {}
    for path in sorted(paths):
        results = msgspec.json.decode(path.read_bytes(), type=Results)
        found.update((figure.name, figure) for figure in results.figures)
    return list(found.values())


def markdown(figures: Sequence[Figure]) -> str:
    """The table of the README."""
    rows = ["| figure | ours | peer | compared (spread) | bar | |", "|---|---|---|---|---|---|"]
    for figure in figures:
        shown = line(figure)
        peer = f"{figure.peer}: {shown.peer}" if shown.peer else figure.peer
        compared = f"{shown.compared} ({shown.spread})"
        cells = (shown.name, shown.ours, peer, compared, shown.bar, shown.verdict)
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def headroom(figure: Figure) -> float | None:
    """Return the median divided by the bar; below 1 the bar is missed. None without a bar."""
    if figure.bar is None:
        return None
    found = median(figure.compared())
    return found / figure.bar if figure.rule == "at least" else figure.bar / max(found, 1e-9)


def plot(figures: Sequence[Figure], path: Path) -> None:
    """A bar for each figure: how many times it reaches what it must."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "rostra"  # the same results give the same bytes
    from matplotlib import pyplot

    held = [(figure.name, reached) for figure in figures if (reached := headroom(figure))]
    names, values = [name for name, _ in held], [value for _, value in held]
    drawn, axes = pyplot.subplots(figsize=(9, 0.36 * len(held) + 1.2))
    colours = [HOLDS if value >= 1 else SHORT for value in values]
    axes.barh(names, values, color=colours)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.set_xlabel("times what it must reach (medians)")
    axes.invert_yaxis()
    _save(drawn, path)
    pyplot.close(drawn)


def _save(drawn: Any, path: Path) -> None:
    drawn.savefig(path, bbox_inches="tight", metadata={"Date": None})


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the table and the plot beside the results."""
    parser = argparse.ArgumentParser(description="Make a table and a plot of measured results.")
    parser.add_argument("results", nargs="*", type=Path)
    options = parser.parse_args(arguments)
    figures = load(options.results or list(RESULTS.glob("*.json")))
    if not figures:
        parser.error(f"there are no results in {RESULTS}: `make bench` makes some")
    (RESULTS / TABLE).write_text(markdown(figures))
    plot(figures, RESULTS / PLOT)
    print(f"written: {RESULTS / TABLE}, {RESULTS / PLOT}")


if __name__ == "__main__":
    main()
