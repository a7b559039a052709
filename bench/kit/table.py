"""Figures of several runs as median and spread, in tables for people or for doc/measured.md."""
import statistics


def short(value):
    """Three digits that count."""
    if value is None:
        return "-"
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


class Spread:
    """The figures of all runs of one thing."""

    def __init__(self, values=()):
        self.values = list(values)

    def add(self, value):
        self.values.append(value)

    @property
    def median(self):
        return statistics.median(self.values) if self.values else None

    def __str__(self):
        if not self.values:
            return "-"
        text = short(self.median)
        if len(self.values) > 1:
            text += f" ({short(min(self.values))}..{short(max(self.values))})"
        return text


class Table:
    """One figure: rows of cells, and what has to hold of them."""

    def __init__(self, title, columns, meaning):
        self.title, self.columns, self.meaning = title, columns, meaning
        self.rows, self.notes, self.limits, self.counts = [], [], [], []

    def row(self, *cells):
        self.rows.append([c if isinstance(c, str) else str(c) if isinstance(c, Spread)
                          else short(c) for c in cells])

    def note(self, text):
        self.notes.append(text)

    def limit(self, what, value, bound, at_least=False):
        """A ratio or size that has to hold."""
        holds = value is not None and (value >= bound if at_least else value <= bound)
        self.limits.append((what, value, bound, at_least, holds))

    def count(self, what, right, wrong=0, missing=0):
        """Only right answers make a figure: what was counted for one row."""
        good = right > 0 and not wrong and missing <= right / 1000
        self.counts.append((good, f"{what}: {right:,} right, {wrong:,} wrong, {missing:,} missing"))

    @property
    def good(self):
        return bool(self.counts) and all(good for good, _ in self.counts)

    def print_counts(self):
        """As the test suites print their cases."""
        for good, text in self.counts:
            print("ok" if good else "FAIL", text, flush=True)

    def limit_lines(self):
        for what, value, bound, at_least, holds in self.limits:
            if value is None:
                yield f"{what}: not measured"
                continue
            yield (f"{what}: {short(value)}, {'at least' if at_least else 'at most'} "
                   f"{short(bound)}: {'holds' if holds else 'DOES NOT HOLD'}")

    def print(self, markdown):
        lines = [self.columns, *self.rows]
        width = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        print(f"\n### {self.title}\n{self.meaning}\n" if markdown else f"\n{self.title}")
        for n, line in enumerate(lines):
            cells = [c.ljust(width[i]) if i == 0 else c.rjust(width[i])
                     for i, c in enumerate(line)]
            print("| " + " | ".join(cells) + " |" if markdown else "  " + "  ".join(cells))
            if markdown and n == 0:
                print("|" + "|".join("-" * (w + 2) for w in width) + "|")
        bullet = "- " if markdown else "    "
        if markdown:
            print()
        failed = ("FAILED: " + text for good, text in self.counts if not good)
        for text in [*self.limit_lines(), *self.notes, *failed]:
            print(bullet + text, flush=True)
