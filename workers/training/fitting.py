"""The epochs of a run: when to step, judge, remember, save and stop."""

import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from modelyard.contracts.sentences import sentence as _
from workers.training.budget import Budget
from workers.training.checkpoints import (
    SECONDS_BETWEEN_CHECKPOINTS,
    Memory,
    StoppedBy,
    load_checkpoint,
    save_checkpoint,
)
from workers.training.engine import PLAIN, Engine
from workers.training.failures import TrainingFailure
from workers.training.interrupting import finish_wanted
from workers.training.rows import RowPlan
from workers.training.schedules import rate_at, settles_from, strength_at
from workers.training.sealing import CHECKPOINTS
from workers.training.speaking import Speaker
from workers.training.trialling import Trial, try_ways
from workers.training.watchdog import Interrupted, Watchdog

SECONDS_OF_STEPS = 0.2
"""How long one compiled call may take: as often are "finish", "cancel" and the clock looked at."""
TRIAL_SECONDS = 600.0
"""On a processor XLA takes long to compile and gains little; on a GPU ways are tried at once."""
QUICKER = 10
"""So many times sooner a trial of bfloat16 pays, which needs no compiler."""
RECENT_EPOCHS = 5
"""From how many epochs it is judged how long the others will take; the first one, which compiles, is left out."""
Rows = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Stopping:
    """When to stop. `seconds` is what is left for training, from its first step, as far as `budget` knows. Training
    that will go on for `trial_seconds` is worth a trial of XLA."""

    epochs: int
    patience: int
    loss_threshold: float | None
    seconds: float
    budget: Budget = field(default_factory=Budget)
    trial_seconds: float = TRIAL_SECONDS


@dataclass(frozen=True, kw_only=True)
class Fit:
    """How it went; the network holds the best weights."""

    stopped_by: StoppedBy
    memory: Memory
    first_step_at: float
    rows_per_second: float
    compilation: dict[str, Any] | None = None


class Fitter:
    """Trains an engine."""

    def __init__(
        self,
        engine: Engine,
        rows: RowPlan,
        stopping: Stopping,
        speaker: Speaker,
        folder: Path,
        checkpoints: Path | None = None,
    ) -> None:
        """`folder` is that of the run, where a wish to finish appears; `checkpoints` lie in it if nothing is said."""
        self._engine = engine
        self._rows = rows
        self._stopping = stopping
        self._speaker = speaker
        self._folder = folder
        self._checkpoints = checkpoints or folder / CHECKPOINTS
        self._batch = engine.network.batch_size
        self._steps = rows.train.shape[-1] // self._batch
        self._chunk = 1
        self._memory = Memory()
        self._first_step_at = 0.0
        self._tried = False
        self._compiled = 0.0
        self._worked = 0.0
        self._steps_done = 0
        self._saved_at = time.monotonic()
        self._reserve = stopping.budget.reserve
        self._watchdog = Watchdog(self._is_overdue)

    def fit(self, plan_digest: str) -> Fit:
        """Train until a stopping rule holds, then put the best weights into the network."""
        found = load_checkpoint(self._checkpoints, self._engine.variables, plan_digest=plan_digest)
        if found is not None:
            self._memory = found
            self._speaker.log(f"Going on after epoch {found.epoch}, from a checkpoint.")
            self._tried = found.epoch > 0
            self._engine.choose(PLAIN if found.trial is None else Trial.from_json(found.trial).way)
        self._started = time.monotonic() - self._memory.seconds
        self._tell_again()
        stopped_by = self._stopped_before()
        while stopped_by is None:
            stopped_by = self._run_epoch()
            if stopped_by is None and time.monotonic() - self._saved_at > SECONDS_BETWEEN_CHECKPOINTS:
                save_checkpoint(self._checkpoints, self._memory, self._engine.variables, plan_digest=plan_digest)
                self._saved_at = time.monotonic()
        if self._memory.stopped_by is None:
            self._memory.stopped_by = stopped_by
            save_checkpoint(self._checkpoints, self._memory, self._engine.variables, plan_digest=plan_digest)
        self._engine.write_weights(self._memory.best)
        return Fit(
            stopped_by=stopped_by,
            memory=self._memory,
            first_step_at=self._first_step_at,
            compilation=self._memory.trial,
            rows_per_second=self._steps_done * self._batch / self._worked if self._worked else 0.0,
        )

    def _tell_again(self) -> None:
        """Say the epochs of a checkpoint: the worker that heard of them may not have lived to write them down."""
        for past in self._memory.history:
            metrics = {name: value for name, value in past.items() if name not in ("epoch", "seconds")}
            number = int(past["epoch"])
            done = self._progress(number, self._steps)
            self._speaker.epoch(done, None, epoch=number, epochs=self._stopping.epochs, metrics=metrics)

    def _stopped_before(self) -> StoppedBy | None:
        """A checkpoint may have been taken when training was over, or in the very epoch that ended it."""
        if self._memory.stopped_by is not None:
            return self._memory.stopped_by
        return self._should_stop(self._memory.history[-1]["loss"]) if self._memory.history else None

    def _run_epoch(self) -> StoppedBy | None:
        epoch = self._memory.epoch + 1
        began = time.monotonic()
        try:
            loss, hits, cut_short = self._run_steps(epoch)
            judged = self._watchdog.run(self._judge) if np.isfinite(loss) else {}
        except Interrupted:
            return self._end_within_epoch()
        if not np.isfinite(judged.get("val_loss", loss)):
            raise TrainingFailure(
                "nan_loss",
                _("the loss became {loss} in epoch {epoch}: the weights grew without bound", loss=loss, epoch=epoch),
                _("Try a learning rate ten times smaller, or another optimiser."),
            )
        metrics = {"loss": loss, **judged}
        if self._engine.classifies:
            metrics["accuracy"] = hits
        self._remember(epoch, metrics, time.monotonic() - began)
        if not self._tried:
            self._tried = True
            self._stopping.budget.compiled_seconds += self._compiled
            self._memory.trial = self._try_ways()
        stopped_by = cut_short or self._should_stop(loss)
        done = self._progress(epoch, self._steps)
        self._speaker.epoch(
            done,
            self._left(done),
            epoch=epoch,
            epochs=self._stopping.epochs,
            metrics=metrics,
        )
        return stopped_by

    def _try_ways(self) -> dict[str, Any] | None:
        """Where that can pay, measure what makes steps faster; what was tried is undone in the weights."""
        stopping = self._stopping
        left = (stopping.epochs - self._memory.epoch) * self._worked * self._steps / max(1, self._steps_done)
        left = min(left, self._seconds - self._elapsed())
        if not self._steps_done or left < stopping.trial_seconds / QUICKER:
            return None
        order = tf.constant(self._rows.order(1, self._steps * self._batch), dtype=tf.int32)
        rates, strengths = self._plan_rates()

        def run(count: int) -> float:
            chunk = (order, rates, strengths, tf.constant(0), tf.constant(count), tf.constant(0))
            return float(self._watchdog.run(partial(self._engine.run_steps, *chunk))[0])

        try:
            trial = try_ways(
                self._engine,
                run,
                most_steps=self._steps,
                plain=self._steps_done / self._worked,
                with_xla=left >= stopping.trial_seconds,
            )
        except Interrupted:
            return None
        self._speaker.log(str(trial))
        return trial.to_json()

    def _end_within_epoch(self) -> StoppedBy:
        """The time is up in the middle of a step or a judgement: what is best so far counts, else what was reached."""
        memory = self._memory
        if not memory.best:
            weights = self._engine.read_weights()
            if not self._first_step_at or not all(np.isfinite(values).all() for values in weights):
                raise TrainingFailure(
                    "timeout",
                    _("the time was over before training had taken its first step"),
                    _("Give the run a larger time budget, or choose a smaller network or a smaller batch size."),
                )
            memory.best, memory.epoch, memory.best_epoch = weights, 1, 1
        return self._interrupted() or "time"

    def _run_steps(self, epoch: int) -> tuple[float, float, StoppedBy | None]:
        """Run the steps of an epoch in chunks; return mean loss, share of hits, and why it was cut short, if it was."""
        order = tf.constant(self._rows.order(epoch, self._steps * self._batch), dtype=tf.int32)
        rates, strengths = self._plan_rates()
        offset = tf.constant((epoch - 1) * self._steps)
        done, loss, hits = 0, 0.0, 0.0
        while done < self._steps:
            count = min(self._chunk, self._steps - done)
            began = time.monotonic()
            chunk = (order, rates, strengths, tf.constant(done), tf.constant(count), offset)
            more = self._watchdog.run(partial(self._engine.run_steps, *chunk))
            loss += float(more[0])
            hits += float(more[1])
            done += count
            self._adapt(count, time.monotonic() - began)
            progress = self._progress(epoch, done)
            self._speaker.step(
                progress,
                self._left(progress),
                epoch=epoch,
                epochs=self._stopping.epochs,
                step=done,
                steps=self._steps,
                metrics={"loss": loss / done} if np.isfinite(loss) else {},
            )
            cut_short = self._interrupted()
            if cut_short is not None or not np.isfinite(loss):
                return loss / done, hits / done, cut_short
        return loss / done, hits / done, None

    def _adapt(self, count: int, seconds: float) -> None:
        """Aim at chunks of `SECONDS_OF_STEPS`; the first call compiles and says nothing of the speed."""
        if not self._first_step_at:
            self._first_step_at = time.time()
            self._compiled = seconds
            return
        self._worked += seconds
        self._steps_done += count
        self._stopping.budget.seconds_a_row = self._worked / (self._steps_done * self._batch)
        self._chunk = max(1, min(2 * self._chunk, int(count * SECONDS_OF_STEPS / max(seconds, 1e-6))))

    def _plan_rates(self) -> tuple[Any, Any]:
        """Learning rate and strength of every step of this epoch, by the share of steps; where the time will run out
        before the epochs, by the share of time, if that is more.

        The clock has no say in a run that will be done in time, so that the same plan gives the same metrics again.
        """
        total = self._stopping.epochs * self._steps
        first = self._memory.epoch * self._steps
        elapsed = self._elapsed() / self._seconds
        ahead = max(0.0, elapsed - first / total) if self._will_run_out() else 0.0
        shares = [min(1.0, (first + step + 1) / total + ahead) for step in range(self._steps)]
        network = self._engine.network
        rates = [network.learning_rate * rate_at(network.schedule, share) for share in shares]
        return tf.constant(rates, tf.float32), tf.constant([strength_at(share) for share in shares], tf.float32)

    def _will_run_out(self) -> bool:
        """Whether the time ends before the epochs, if those to come take as long as the last ones."""
        lately = [epoch["seconds"] for epoch in self._memory.history[1:][-RECENT_EPOCHS:]]
        if not lately:
            return False
        left = (self._stopping.epochs - self._memory.epoch) * float(np.mean(lately))
        return self._elapsed() + left > self._seconds

    def _judge(self) -> dict[str, float]:
        """Metrics on the validation rows; nothing where there are none."""
        if self._rows.validation.shape[-1] == 0:
            return {}
        engine = self._engine
        live = [variable.numpy() for variable in engine.weights] if engine.network.average else None
        if live is not None:
            engine.write_weights(engine.read_weights())
        losses, outputs = engine.judge(self._rows.validation)
        if live is not None:
            engine.write_weights(live)
        return {"val_loss": float(np.average(losses, weights=self._rows.weights)), **self._rows.measure(outputs)}

    def _remember(self, epoch: int, metrics: dict[str, float], seconds: float) -> None:
        memory = self._memory
        memory.epoch = epoch
        memory.seconds = self._elapsed()
        memory.history.append({"epoch": epoch, "seconds": round(seconds, 4), **metrics})
        judged = metrics.get("val_loss", metrics["loss"])
        if judged <= memory.best_loss or not memory.best:
            memory.best_loss = judged
            memory.best_epoch = epoch
            memory.best = self._engine.read_weights()

    def _should_stop(self, loss: float) -> StoppedBy | None:
        stopping, memory = self._stopping, self._memory
        if stopping.loss_threshold is not None and loss <= stopping.loss_threshold:
            return "loss_threshold"
        if memory.epoch >= stopping.epochs:
            return "epochs"
        counted = max(memory.best_epoch, int(settles_from(self._engine.network.schedule) * stopping.epochs))
        if stopping.patience and memory.epoch - counted >= stopping.patience:
            return "patience"
        return self._interrupted()

    def _interrupted(self) -> StoppedBy | None:
        if finish_wanted(self._folder):
            return "finish"
        return "time" if self._elapsed() >= self._seconds else None

    def _is_overdue(self) -> bool:
        """Whether to interrupt a step that does not end: once the time is up, if there is something to keep."""
        if self._first_step_at or self._memory.best:
            return self._interrupted() is not None
        return self._stopping.budget.seconds_left <= 0

    @property
    def _seconds(self) -> float:
        """What there is for training, less what was learned to be needed after it beyond the first guess."""
        return max(1.0, self._stopping.seconds - (self._stopping.budget.reserve - self._reserve))

    def _elapsed(self) -> float:
        return time.monotonic() - self._started

    def _progress(self, epoch: int, steps: int) -> float:
        """The share of training that is done, by steps or by time, whichever is more."""
        by_steps = ((epoch - 1) * self._steps + steps) / (self._stopping.epochs * self._steps)
        return float(min(1.0, max(by_steps, self._elapsed() / self._seconds)))

    def _left(self, progress: float) -> float | None:
        elapsed = self._elapsed()
        return round(elapsed * (1 - progress) / progress, 1) if progress > 0 and elapsed > 1 else None
