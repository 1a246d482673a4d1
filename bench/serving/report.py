"""The figures as Markdown."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from bench.serving.aims import Aim, list_aims
from bench.serving.contestants import CONTESTANTS
from bench.serving.models import MODELS
from bench.serving.results import CLEAN, Case, Results
from bench.serving.robustness import BAD
from bench.serving.rounds import CONNECTIONS, LARGE_FORMS, MANY_ROWS, SINGLE_FORMS

BEGIN, END = "<!-- bench.serving: begin -->", "<!-- bench.serving: end -->"
FORMS = {
    "rows": "JSON rows",
    "lists": "JSON lists",
    "split": "JSON, names once",
    "columns": "JSON columns",
    "binary": "binary tensors",
    "jpeg": "base64 JPEG",
}
NOTHING = "–"


def compose(results: Results) -> str:
    """Return all tables that there are figures for."""
    parts = [_head(results), _aims(results)]
    parts += [part for name in MODELS for form in SINGLE_FORMS[name] for part in _single_rows(results, name, form)]
    parts += [*_large_bodies(results), *_standings(results), *_robustness(results), *_runtime(results)]
    parts += [*_scaling(results), *_excuses(results)]
    return "\n\n".join(parts) + "\n"


def write_into(page: Path, text: str) -> None:
    """Fill the marked block of a page."""
    content = page.read_text(encoding="utf-8")
    block = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    if not block.search(content):
        raise ValueError(f"{page} has no block between {BEGIN} and {END}")
    page.write_text(block.sub(lambda _: f"{BEGIN}\n\n{text}\n{END}", content), encoding="utf-8")


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _head(results: Results) -> str:
    facts, options = results.facts, results.options
    load = ", ".join(f"{value:.1f}" for value in facts.load)
    rounds = [item for servers in results.rates.values() for found in servers.values() for item in found if item]
    quiet = sum(item.foreign < CLEAN for item in rounds)
    return (
        f"Measured {facts.at} at commit {facts.commit}: {facts.processor}, {facts.cores} cores, {facts.memory_gb} GB, "
        f"{facts.system}, Python {facts.python}; load average {load} when it began. Rounds of {options['seconds']} s, "
        f"{options['rounds']} for the table and {options['fewer']} for the other models; {quiet:,} of {len(rounds):,} "
        + ("were quiet." if 2 * quiet >= len(rounds) else "were quiet: **on so busy a machine figures say little**.")
        + (f" Parts were measured earlier: {', '.join(results.earlier)}." if results.earlier else "")
    )


def _aims(results: Results) -> str:
    def line(aim: Aim) -> list[str]:
        met = {True: "yes", False: "**no**", None: "not measured"}[aim.met]
        sign = "at most" if aim.below else "at least"
        reached = NOTHING if aim.reached is None else _amount(aim.reached, aim.unit)
        return [aim.words, f"{sign} {_amount(aim.aim, aim.unit)}", reached, met, aim.note]

    return "### Aims\n\n" + _table(("aim", "wanted", "reached", "met", ""), map(line, list_aims(results)))


def _amount(value: float, unit: str) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".") if value < 100 else f"{value:,.0f}"
    return f"{text} {unit}".strip()


def _single_rows(results: Results, model: str, form: str) -> Iterator[str]:
    cases = [Case(model, form, 1, connections) for connections in CONNECTIONS]
    cases = [case for case in cases if case.key in results.rates]
    if not cases:
        return
    titles = ["server"]
    for case in cases:
        titles += [f"{case.connections} conn. req/s", "p50 / p99 ms"]
    titles += ["µs of processor", "spread", "quiet rounds", "errors"]
    rows = []
    for server in _servers(results, cases):
        line = [CONTESTANTS[server].title]
        for case in cases:
            line += _rate_and_wait(results, case, server)
        rows.append([*line, *_quality(results, cases, server)])
    yield f"### {MODELS[model].title}, {FORMS[form]}, one row a request\n\n" + _table(titles, rows)


def _rate_and_wait(results: Results, case: Case, server: str, rows: int = 1) -> list[str]:
    rate = results.median(case, server, "rate")
    if rate is None:
        return [NOTHING, NOTHING]
    middle, slow = (results.median(case, server, name) or 0.0 for name in ("median", "slowest"))
    return [f"{rate * rows:,.0f}", f"{middle:.2f} / {slow:.2f}"]


def _quality(results: Results, cases: Sequence[Case], server: str) -> list[str]:
    """What the last case costs a request; how far its rounds lie apart; errors of all cases."""
    measured = [case for case in cases if results.clean(case, server)]
    rounds = results.clean(measured[-1], server)
    rates = [item.rate for item in rounds]
    cost = results.median(measured[-1], server, "cpu") or 0.0
    everything = [item for case in measured for item in results.rates[case.key][server]]
    errors = sum(item.errors for item in everything if item is not None)
    quiet = sum(item is not None and item.foreign < CLEAN for item in everything)
    spread = f"×{max(rates) / max(1e-9, min(rates)):.2f}"
    return [f"{cost * 1e6:,.0f}", spread, f"{quiet} of {len(everything)}", f"**{errors}**" if errors else "0"]


def _servers(results: Results, cases: Sequence[Case]) -> list[str]:
    """Those that have figures, in the order of the contestants."""
    found = {server for case in cases for server in results.rates.get(case.key, {}) if results.clean(case, server)}
    return [name for name in CONTESTANTS if name in found]


def _large_bodies(results: Results) -> Iterator[str]:
    rows = []
    for form in LARGE_FORMS:
        case = Case("table", form, MANY_ROWS, 1)
        for server in _servers(results, [case]):
            line = _rate_and_wait(results, case, server, MANY_ROWS)
            rows.append([CONTESTANTS[server].title, FORMS[form], *line, *_quality(results, [case], server)])
    if rows:
        titles = ("server", "form", "rows/s", "p50 / p99 ms", "µs of processor", "spread", "quiet rounds", "errors")
        yield f"### {MODELS['table'].title}, {MANY_ROWS} rows a request, 1 connection\n\n" + _table(titles, rows)


def _standings(results: Results) -> Iterator[str]:
    for model, standings in results.standings.items():
        titles = (
            "server",
            "first answer, s",
            "memory, MB",
            "after the load, MB",
            "of it proportional, MB",
            "largest difference",
        )
        rows = [
            (
                CONTESTANTS[name].title,
                f"{item.cold_seconds:.2f}",
                f"{item.memory_mb:.0f}",
                f"{item.loaded_mb:.0f}",
                f"{item.proportional_mb:.0f}",
                f"{item.difference:.0e}" if name != "constant" else NOTHING,
            )
            for name, item in standings.items()
        ]
        yield f"### {MODELS[model].title}: start, memory, answers\n\n" + _table(titles, rows)


def _robustness(results: Results) -> Iterator[str]:
    if results.bad_inputs:
        rows = [
            [CONTESTANTS[name].title, *(found.get(kind, NOTHING) for kind in BAD)]
            for name, found in results.bad_inputs.items()
        ]
        yield "### Bad input\n\n" + _table(("server", *BAD), rows)
    if results.neighbours:
        rows = []
        for name in results.neighbours:
            met, big = results.neighbours[name], results.big_bodies.get(name)
            line = [CONTESTANTS[name].title, f"{met['failed']} of {met['good']}"]
            if big is not None:
                grown = " → ".join(str(value) for value in big["memory_mb"])
                line += [
                    big["answer"],
                    f"{big['seconds']:.1f}",
                    f"{big['wait_ms']:,.0f}",
                    f"{big['calm_ms']:.0f}",
                    grown,
                ]
            rows.append(line)
        titles = ["server", "good requests failed", "50 MB", "s", "others wait, ms", "before, ms", "memory, MB"]
        yield "### Bad neighbours, and a body of 50 MB\n\n" + _table(titles, rows)


def _runtime(results: Results) -> Iterator[str]:
    if results.runtime:
        counts = list(next(iter(results.runtime.values())))
        rows = [
            [MODELS[name].title, *(f"{rates[count]:,.0f}" for count in counts)]
            for name, rates in results.runtime.items()
        ]
        titles = ["model", *(f"{count} rows a call" for count in counts)]
        yield "### The bare runtime in a loop, rows a second\n\n" + _table(titles, rows)


def _scaling(results: Results) -> Iterator[str]:
    if results.scaling:
        rows = [
            (count, f"{item.rate:,.0f}", f"{item.server:.2f}", f"{item.rate / item.server:,.0f}", str(item.errors))
            for count, item in results.scaling.items()
        ]
        titles = ("processes", "req/s", "cores used by the server", "req/s for each of them", "errors")
        yield "### Two processes, the client on the same two cores\n\n" + _table(titles, rows)


def _excuses(results: Results) -> Iterator[str]:
    if results.excuses:
        here = f"{Path.cwd()}/"
        lines = [f"- {name}: {reason.replace(here, '')}" for name, reason in results.excuses.items()]
        yield "### Left out\n\n" + "\n".join(lines)
