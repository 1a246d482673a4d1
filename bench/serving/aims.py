"""What the predictor is to reach, as ratios within one run, and what it reached."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from bench.serving.contestants import CONTESTANTS, PEERS
from bench.serving.results import Case, Results
from bench.serving.robustness import EXACT

OURS = "modelyard"


@dataclass(frozen=True)
class Aim:
    """`reached` is None where nothing was measured. Where `below`, less is better."""

    words: str
    aim: float
    reached: float | None
    unit: str = "×"
    below: bool = False
    note: str = ""

    @property
    def met(self) -> bool | None:
        if self.reached is None:
            return None
        return self.reached <= self.aim if self.below else self.reached >= self.aim


def list_aims(results: Results) -> list[Aim]:
    return [*_single_rows(results), *_large_bodies(results), *_pictures(results), *_rest(results)]


def table(connections: int, rows: int = 1, form: str = "rows") -> Case:
    return Case("table", form, rows, connections)


def _single_rows(results: Results) -> Iterator[Aim]:
    many, some, one = table(64), table(8), table(1)
    for peer, aim in (("mosec-batching", 1.2), ("fastapi", 6), ("kserve", 12), ("mlserver", 12)):
        reached = results.ratio((many, OURS), (many, peer))
        yield Aim(f"64 connections, beside {CONTESTANTS[peer].title}", aim, reached)
    yield Aim("64 connections, beside the constant body", 0.5, results.ratio((many, OURS), (many, "constant")))
    yield _beside_best(results, some, "8 connections, beside the best peer", 3)
    yield _beside_best(results, one, "1 connection, beside the best peer", 1.3)
    waited = results.ratio((one, OURS), (one, "constant"), "median")
    yield Aim("1 connection, p50 beside the constant body's", 2, waited, below=True)


def _large_bodies(results: Results) -> Iterator[Aim]:
    rows, binary = table(1, 1000), table(1, 1000, "binary")
    forms = {"rows": "every row with its names", "lists": "bare lists", "split": "names once", "columns": "as columns"}
    for form, words in forms.items():
        yield _beside_best(results, rows, f"1000-row bodies, {words}, beside the best peer", 1.5, form)
    reached = results.ratio((binary, OURS), (rows, OURS))
    yield Aim("1000 rows as binary tensors, beside the same as JSON", 5, reached)


def _pictures(results: Results) -> Iterator[Aim]:
    for form, words, aim in (("rows", "as JSON numbers", 4), ("jpeg", "as base64 JPEG", 1)):
        case = Case("photos", form, 1, 64)
        yield _beside_best(results, case, f"pictures {words}, 64 connections, beside the best peer", aim)


def _rest(results: Results) -> Iterator[Aim]:
    mine = [item for servers in results.rates.values() for item in servers.get(OURS, []) if item is not None]
    errors = float(sum(item.errors for item in mine)) if mine else None
    yield Aim("errors in all rounds", 0, errors, "", below=True)
    standing = results.standings.get("table", {}).get(OURS)
    grpc = f"with gRPC {results.with_grpc_mb:.0f} MB" if results.with_grpc_mb else ""
    yield Aim("memory with one small model, HTTP only", 80, standing.memory_mb if standing else None, "MB", True, grpc)
    yield Aim("memory of one more model", 2, results.another_model_mb, "MB", below=True)
    yield Aim("first good answer after the start", 0.8, standing.cold_seconds if standing else None, "s", below=True)
    neighbours = results.neighbours.get(OURS)
    failed = float(neighbours["failed"]) if neighbours else None
    yield Aim("good requests of 800 that fail by bad neighbours", 0, failed, "", below=True)
    met = results.equivalence
    missed = met["calls"] - met["equal"] if met else None
    note = f"{met['equal']:.0f} of {met['calls']:.0f} were equal" if met else ""
    yield Aim("calls at random concurrency answered otherwise than alone", 0, missed, "", True, note)
    bad = results.bad_inputs.get(OURS)
    said = {name: words.replace("**200** ", "") for name, words in (bad or {}).items() if "200" in words}
    invented = {name: words for name, words in said.items() if words != EXACT}
    note = "; ".join(f"{name}: {words}" for name, words in said.items())
    yield Aim("bad inputs that get an invented answer", 0, float(len(invented)) if bad else None, "", True, note)
    big = results.big_bodies.get(OURS)
    refused = float(big["answer"] == "413") if big else None
    yield Aim("a body of 50 MB gets a readable 413", 1, refused, "", note=f"it got {big['answer']}" if big else "")
    yield Aim("what others wait for it", 50, float(big["wait_ms"]) if big else None, "ms", below=True)
    yield Aim("two processes on two cores beside one, client discounted", 1.7, _discount(results))


def _beside_best(results: Results, case: Case, words: str, aim: float, form: str = "rows") -> Aim:
    """`form` is what Modelyard is sent where it is not what the peers are sent."""
    best = find_best(results, case)
    if best is None:
        return Aim(words, aim, None)
    sent = replace(case, form=form) if form != "rows" else case
    reached = results.ratio((sent, OURS), (case, best))
    return Aim(words, aim, reached, note=f"the best is {CONTESTANTS[best].title}")


def find_best(results: Results, case: Case) -> str | None:
    """The fastest peer by its median."""
    rates = {peer: results.median(case, peer, "rate") for peer in PEERS}
    known = {peer: rate for peer, rate in rates.items() if rate}
    return max(known, key=known.__getitem__) if known else None


def _discount(results: Results) -> float | None:
    """Requests that two cores full of server would answer, beside one: the client's own time is taken out."""
    one, two = results.scaling.get("1"), results.scaling.get("2")
    if one is None or two is None:
        return None
    return 2 * (two.rate / two.server) / (one.rate / one.server)
