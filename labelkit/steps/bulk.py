"""Bulk: Parquet → votes and probabilities as Parquet, shard by shard, past memory and past one machine.

Three passes: every shard is voted on and counted; the counts are summed in shard order and the label model
is fitted on the sum; every shard is labeled and written. What is finished stays finished: votes are
addressed by (fingerprint, shard identity), parts by everything that the fitted model depends on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from labelkit.bulk.inputs import InputFile
from labelkit.bulk.location import Location
from labelkit.bulk.output import WORK, Output
from labelkit.bulk.parts import part_names
from labelkit.bulk.shards import InputShard
from labelkit.bulk.votes import packed_faults, unpack_votes
from labelkit.errors import ExportError, SourceError
from labelkit.labelmodels import LabelModel, VoteStatistics
from labelkit.steps.bulk_manifest import FunctionFigures, differences, manifest_bytes
from labelkit.steps.bulk_plan import BulkPlan
from labelkit.steps.bulk_result import BulkOptions, BulkResult
from labelkit.steps.bulk_shard import (
    LabelRecipe,
    VoteJob,
    forget,
    label_and_tidy,
    missing_columns,
    remember,
    unpack_statistics,
    vote_and_tidy,
)
from labelkit.steps.label_settings import configured_label_model, naming_the_settings
from labelkit.steps.label_words import named_classes
from labelkit.steps.labeling import UNSEEN_SHARE
from labelkit.steps.workspace import Workspace, digest
from labelkit.types import Fault


def bulk(workspace: Workspace, source: str | Path, out: str | Path, options: BulkOptions) -> BulkResult:
    """Vote on and label all items of a folder, file or URL of Parquet, and write them as Parquet.

    Nothing is read from or written to the project file but the classes.

    Raises
    ------
    SourceError
        If the input has no usable file, or one that is bad and is not to be skipped.
    ExportError
        If the output has something else in it, or the finished result of another run.
    StorageError
        If the disk is full; the same command goes on where it stopped.
    LabelingFunctionError, LabelModelError
        As `vote` and `label` do.
    """
    started = time.perf_counter()
    location, output = Location.of(source), Output(Path(out).resolve())
    run = _Run(workspace, BulkPlan(workspace, location, output, options), output, skip_bad=options.skip_bad)
    finished = output.manifest()
    if finished is not None:
        result = run.result_of(finished)
        output.remove(WORK)  # a process that was killed while it tidied up
    else:
        with output.opened():
            output.clear_temporaries()
            result = run.work()
    result.seconds = time.perf_counter() - started
    return result


class _Run:
    """One bulk run: what was asked for, and what is done of it."""

    def __init__(self, workspace: Workspace, plan: BulkPlan, output: Output, *, skip_bad: bool) -> None:
        self.workspace, self.plan, self.output, self.skip_bad = workspace, plan, output, skip_bad
        self.bad = {bad.path: bad.problem for bad in plan.inputs.bad}
        self.voted = self.parts_written = 0

    # ------------------------------------------------------------------ the three passes

    def work(self) -> BulkResult:
        """Do what is not done yet."""
        remember(self.plan.recipe, [one.found.function for one in self.plan.candidates])
        session: Callable[[], AbstractContextManager[Any]] = getattr(self.plan.engine, "session", nullcontext)
        try:
            with session():
                return self._three_passes()
        finally:
            forget()

    def _three_passes(self) -> BulkResult:
        self._vote()
        kept = [shard for shard in self.plan.shards if shard.file.path not in self.bad]
        if not kept:
            raise SourceError(f"no file of {self.plan.inputs.location.text} can be used")
        statistics = VoteStatistics.merge(self._counted(kept))
        model = self._fit(statistics)
        figures = self._label(model, kept)
        functions = self._function_figures(statistics, kept)
        data = manifest_bytes(
            self.plan.request, model, functions, figures, part_names(len(kept)), self.bad, self.plan.inputs.ignored
        )
        self.output.finish(data)
        result = self.result_of(orjson.loads(data))
        result.finished_before = False
        result.voted, result.reused = self.voted, len(self.plan.shards) - self.voted
        result.parts_written = self.parts_written
        return result

    def _vote(self) -> None:
        """Pass 1: votes and statistics of every shard that lacks them."""
        todo = [shard for shard in self.plan.shards if not self._is_voted(shard)]
        jobs = (VoteJob(shard, self.output.read(self.plan.votes_file(shard))) for shard in todo)
        with self.workspace.progress.track("voting", sum(shard.rows for shard in self.plan.shards)) as advance:
            advance(sum(shard.rows for shard in self.plan.shards) - sum(shard.rows for shard in todo))
            outcomes = self.plan.engine.map(partial(vote_and_tidy, self.plan.recipe), jobs)
            for shard, outcome in zip(todo, outcomes, strict=True):
                if outcome.problem is not None:
                    self._set_aside(shard.file, outcome.problem)
                else:
                    if outcome.votes is not None:
                        self.output.write(self.plan.votes_file(shard), outcome.votes)
                        self.voted += 1
                    self.output.write(self.plan.statistics_file(shard), outcome.statistics)
                advance(shard.rows)

    def _set_aside(self, file: InputFile, problem: str) -> None:
        if not self.skip_bad:
            raise SourceError(problem, hint="Mend or remove the file, or give --skip-bad to set it aside")
        self.bad.setdefault(file.path, problem.removeprefix(file.path).lstrip(",: "))

    def _is_voted(self, shard: InputShard) -> bool:
        if not (self.output.folder / self.plan.statistics_file(shard)).exists():
            return False
        data = self.output.read(self.plan.votes_file(shard))
        return data is not None and not missing_columns(self.plan.recipe, packed_faults(data))

    def _counted(self, shards: Sequence[InputShard]) -> Iterator[VoteStatistics]:
        for shard in shards:
            data = self.output.read(self.plan.statistics_file(shard))
            assert data is not None  # written by the first pass
            yield unpack_statistics(data)

    def _fit(self, statistics: VoteStatistics) -> LabelModel:
        """Pass 2."""
        settings = self.workspace.config.label_model
        ours = {"seed": self.workspace.seed, "class_balance": self._class_balance(statistics)}
        model = configured_label_model(settings, self.plan.schema.cardinality, ours)
        names = [one.found.name for one in self.plan.candidates]
        with naming_the_settings(settings):
            model.fit_statistics(statistics, names=names)
        model.notes = named_classes(model.notes, model.diagnostics, self.plan.schema.names)
        model.notes.append(_learned_from(statistics))
        return model

    def _class_balance(self, statistics: VoteStatistics) -> list[float]:
        """Uniform, but next to nothing for a class that no function votes for, as `label` has it."""
        seen = statistics.vote_counts.sum(axis=0) > 0
        shares = [1.0 if one else UNSEEN_SHARE for one in seen]
        return [share / sum(shares) for share in shares]

    def _label(self, model: LabelModel, shards: Sequence[InputShard]) -> list[dict[str, Any]]:
        """Pass 3: one part a shard; returns the figures of all parts."""
        state, arrays = model.to_state()
        functions = tuple((one.found.name, one.print.digest) for one in self.plan.candidates)
        recipe = LabelRecipe(state, arrays, self.plan.schema, functions)
        identity = digest(
            self.plan.request,
            state,
            *(arrays[name] for name in sorted(arrays)),
            [self.plan.votes_key(s) for s in shards],
        )
        folder = f"{WORK}/labels/{identity[:32]}"
        names = part_names(len(shards))
        self._keep_parts(folder, names)
        read = {name: self.output.read(f"{folder}/{name}.json") for name in names}
        done = {name: data for name, data in read.items() if data is not None}
        todo = [(shard, name) for shard, name in zip(shards, names, strict=True) if name not in done]
        jobs = (self._packed(shard) for shard, _ in todo)
        total = sum(shard.rows for shard in shards)
        with self.workspace.progress.track("labelling", total) as advance:
            advance(total - sum(shard.rows for shard, _ in todo))
            outcomes = self.plan.engine.map(partial(label_and_tidy, recipe), jobs)
            for (shard, name), outcome in zip(todo, outcomes, strict=True):
                self.output.write(name, outcome.data)
                done[name] = orjson.dumps(outcome.figures)
                self.output.write(f"{folder}/{name}.json", done[name])
                self.parts_written += 1
                advance(shard.rows)
        return [orjson.loads(done[name]) for name in names]

    def _keep_parts(self, folder: str, names: Sequence[str]) -> None:
        """Remove parts of another model, input or function, and their figures."""
        labels = self.output.work / "labels"
        for other in labels.iterdir() if labels.is_dir() else ():
            if other.name != Path(folder).name:
                self.output.remove(f"{WORK}/labels/{other.name}")
        known = {name for name in names if (self.output.folder / folder / f"{name}.json").exists()}
        for part in self.output.folder.glob("part-*.parquet"):
            if part.name not in known:
                self.output.remove(part.name)

    def _packed(self, shard: InputShard) -> bytes:
        data = self.output.read(self.plan.votes_file(shard))
        assert data is not None  # written by the first pass
        return data

    # ------------------------------------------------------------------ figures

    def _function_figures(self, statistics: VoteStatistics, shards: Sequence[InputShard]) -> list[FunctionFigures]:
        counts = dict.fromkeys(self.plan.prints, 0)
        examples: dict[str, list[Fault]] = {print_: [] for print_ in self.plan.prints}
        for shard in shards:
            data = self._packed(shard)
            if not any(packed_faults(data).values()):
                continue
            for print_, column in unpack_votes(data).columns.items():
                if print_ in counts:
                    counts[print_] += column.fault_count
                    examples[print_].extend(column.faults)
        return [
            FunctionFigures(one, [int(n) for n in votes], counts[one.print.digest], examples[one.print.digest][:3])
            for one, votes in zip(self.plan.candidates, statistics.vote_counts, strict=True)
        ]

    def result_of(self, manifest: dict[str, Any]) -> BulkResult:
        """What a finished output says.

        Raises
        ------
        ExportError
            If it is the result of something else than was asked for now.
        """
        differing = differences(manifest, self.plan.request)
        if differing:
            raise ExportError(
                f"{self.output.folder} is finished, with {'; '.join(differing)}",
                hint="Give another output folder, or remove this one",
            )
        return BulkResult.of_manifest(manifest, str(self.output.folder))


def _learned_from(statistics: VoteStatistics) -> str:
    """Whether the label model saw all items' votes or a sample of them, for the user."""
    if statistics.exact:
        return f"the label model learned from all items: {len(statistics.patterns):,} distinct vote patterns"
    sampled = int(statistics.counts.sum())
    return (
        f"distinct vote patterns are many: the label model learned from a uniform sample of {sampled:,}"
        f" items with a vote out of {statistics.n:,} items"
    )
