"""A small real training process: counts epochs instead of fitting a network, but keeps to the whole contract.

It waits for its order, goes on from its checkpoint, obeys `finish` and SIGTERM, and leaves an artifact that can be
registered. An epoch takes `learning_rate` × 10 seconds. `epochs` 13 fails as the engine does when data is bad, 14 needs
more memory than there is unless batches are halved, 15 forgets the time in its third epoch, 16 takes
memory without end.
"""

import json
import signal
import sys
import time
from pathlib import Path

from modelyard.contracts import artifact
from modelyard.contracts.jsonfile import read_json, write_json
from modelyard.contracts.order import Order
from modelyard.contracts.plan import Plan
from modelyard.contracts.progress import Progress
from modelyard.contracts.signature import Input, Output, Signature


def say(**fields: object) -> None:
    print(Progress(**fields).to_line(), flush=True)  # type: ignore[arg-type]


def say_epoch(epoch: int, epochs: int) -> None:
    say(event="epoch", epoch=epoch, epochs=epochs, fraction=epoch / epochs, metrics={"loss": 1 / epoch})


def main() -> None:
    line = sys.stdin.readline()
    if not line:
        return
    order = Order.from_line(line)
    folder, target = Path(order.folder), Path(order.artifact)
    plan = Plan.from_json(read_json(folder / "plan.json"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    epochs, seconds = plan.hyperparameters["epochs"], plan.hyperparameters["learning_rate"] * 10
    checkpoint = folder / "checkpoints" / "000001" / "epoch.json"
    checkpoint.parent.mkdir(exist_ok=True, parents=True)
    first = read_json(checkpoint)["epoch"] if checkpoint.exists() else 0
    say(event="phase", phase="starting")
    say(event="phase", phase="training")
    say(event="log", level="info", message=f"begins after epoch {first}")
    if epochs == 13:
        say(event="failure", code="not_finite", message="The loss became infinite.", hint="Lower the learning rate.")
        sys.exit(3)
    say(event="log", level="info", message=f"batches are divided by {order.batch_divisor}")
    if epochs == 14 and order.batch_divisor == 1:
        print("MemoryError", file=sys.stderr)
        sys.exit(1)
    hoard: list[bytes] = []
    while epochs == 16:
        hoard.append(b"x" * 32_000_000)
        time.sleep(0.05)
    for epoch in range(1, first + 1):
        say_epoch(epoch, epochs)
    for epoch in range(first + 1, epochs + 1):
        if epochs == 15 and epoch == 3 and order.seconds:
            time.sleep(600)
        if not order.seconds:
            break
        time.sleep(seconds)
        write_json(checkpoint, {"epoch": epoch})
        say_epoch(epoch, epochs)
        if (folder / "finish").exists():
            break
    leave(plan, target)
    say(event="done", metrics={"train": {"accuracy": 0.9}, "validation": {}, "test": {"accuracy": 0.8}})


def leave(plan: Plan, folder: Path) -> None:
    folder.mkdir()
    signature = Signature(
        task="classification",
        inputs=(Input(name="length", kind="number"),),
        output=Output(kind="label", name=plan.target or "class", labels=("a", "b")),
    )
    write_json(folder / artifact.SIGNATURE, signature.to_json())
    write_json(folder / artifact.REPORT, {"metrics": {"test": {"accuracy": 0.8}}})
    write_json(folder / artifact.LINEAGE, {"plan": json.loads(json.dumps(plan.to_json()))})
    (folder / artifact.CORE_ONNX).write_bytes(b"numbers in, numbers out")
    artifact.seal(folder)


if __name__ == "__main__":
    main()
