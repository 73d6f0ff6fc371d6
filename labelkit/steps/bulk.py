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
from typing import Any, Final

import orjson

from labelkit.bulk.inputs import BadFile, InputFile, Inputs, look_at
from labelkit.bulk.location import Location
from labelkit.bulk.output import WORK, Output
from labelkit.bulk.parts import part_names
from labelkit.bulk.shards import InputShard, plan_shards
from labelkit.bulk.votes import packed_faults, unpack_votes
from labelkit.engines import Engine, engine
from labelkit.errors import ConfigError, ExportError, SourceError
from labelkit.labelmodels import LabelModel, VoteStatistics
from labelkit.labelmodels.sample import SAMPLE_SIZE
from labelkit.steps.bulk_items import ItemColumns, choose_columns, fields_of
from labelkit.steps.bulk_manifest import FunctionFigures, differences, manifest_bytes, request_of
from labelkit.steps.bulk_result import BulkOptions, BulkResult
from labelkit.steps.bulk_shard import (
    LabelRecipe,
    VoteJob,
    VoteRecipe,
    forget,
    label_and_tidy,
    missing_columns,
    remember,
    unpack_statistics,
    vote_and_tidy,
    worker_versions,
)
from labelkit.steps.label_settings import configured_label_model, naming_the_settings
from labelkit.steps.label_words import named_classes
from labelkit.steps.labeling import UNSEEN_SHARE
from labelkit.steps.voting import Candidate, find_functions
from labelkit.steps.workspace import Workspace, digest
from labelkit.types import SHARD_SIZE, Fault

MEANING: Final = 1
"""Raised by one whenever labelkit changes how rows are read or votes are counted."""

_LEAST_SAMPLE: Final = 1024
_MOST_NAMED: Final = 10


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
    _check_apart(location, output)
    run = _Run(workspace, location, output, options)
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


def _check_apart(location: Location, output: Output) -> None:
    """The output must not become part of its own input."""
    local = location.local
    if local is None:
        return
    source, target = local.resolve(), output.folder.resolve()
    if target == source or source in target.parents or target in source.parents:
        raise ExportError(
            f"the output {output.folder} and the input {location.text} lie in each other",
            hint="Choose an output outside the input",
        )


def make_engine(workspace: Workspace, options: BulkOptions, location: Location, output: Output) -> Engine:
    """The engine that the options ask for.

    Raises
    ------
    ConfigError
        If an address is given for an engine that has none.
    """
    workers = options.workers or workspace.config.labeling_functions.workers or None
    if options.engine == "local":
        if options.address is not None:
            raise ConfigError(f"--address {options.address} is for Ray", hint="Give --engine ray with it")
        # The clients of remote file systems do not survive a fork.
        alone = workers == 1 or location.local is None
        return engine("local") if alone else engine("processes", workers=workers)
    root = workspace.root.resolve()
    inside = [path.resolve() for path in (output.folder, location.local) if path is not None]
    leave_out = [f"/{path.relative_to(root).as_posix()}" for path in inside if root in path.parents]
    return engine(options.engine, address=options.address, workers=workers, folder=root, leave_out=leave_out)


def sample_size(items: int) -> int:
    """Rows that each shard contributes to a sample of all items: four times its share, so that none is missed.

    A power of two, so that a few more items change nothing.
    """
    share = 4 * SAMPLE_SIZE * SHARD_SIZE // max(items, 1)
    return min(SAMPLE_SIZE, max(_LEAST_SAMPLE, 1 << share.bit_length()))


class _Run:
    """One bulk run: what was asked for, resolved against the project and the input."""

    def __init__(self, workspace: Workspace, location: Location, output: Output, options: BulkOptions) -> None:
        self.workspace, self.output, self.options = workspace, output, options
        self.schema = workspace.schema
        self.engine = make_engine(workspace, options, location, output)
        self.candidates: list[Candidate] = find_functions(workspace, self.schema)
        self.prints = tuple(one.print.digest for one in self.candidates)
        self.inputs, self.columns = self._read_input(location)
        self.bad = {bad.path: bad.problem for bad in self.inputs.bad}
        if self.bad and not options.skip_bad:
            raise _refused(self.inputs.bad)
        self.request = request_of(workspace, self.schema, self.candidates, self.inputs, self._settings())
        self.shards = plan_shards(self.inputs.files)
        if not self.shards:
            raise SourceError(f"none of the files of {location.text} has a row")
        self.recipe = self._recipe()
        self.voted = self.parts_written = 0

    def _read_input(self, location: Location) -> tuple[Inputs, ItemColumns]:
        data, options = self.workspace.config.data, self.options
        made = options.make_ids or (data.make_ids and options.id_field is None)
        id_field = None if made else options.id_field or data.id_field
        text_field = data.text_field if options.text_field is None else options.text_field
        aside = [data.gold_field, data.split_field]
        needed = fields_of([one.found.function for one in self.candidates])
        everything = look_at(location)
        columns = choose_columns(
            everything.schema,
            id_field=id_field,
            text_field=text_field or None,
            aside=aside,
            asked=options.columns,
            needed=needed,
        )
        # Files need not agree in columns that nobody reads.
        return everything.agreeing(columns.read), columns

    def _settings(self) -> dict[str, Any]:
        return {
            "id_field": self.columns.id,
            "text_field": self.columns.text,
            "columns": None if self.options.columns is None else list(self.columns.fields),
            "fault_tolerant": self.workspace.config.labeling_functions.fault_tolerant,
        }

    def _recipe(self) -> VoteRecipe:
        settings = self.workspace.config.labeling_functions
        shipped = getattr(self.engine, "ships_folder", False)
        return VoteRecipe(
            root=None if shipped else str(self.workspace.root),
            patterns=tuple(settings.files),
            schema=self.schema,
            fingerprints=self.prints,
            tolerant=tuple(
                settings.fault_tolerant or bool(getattr(one.found.function, "fault_tolerant", False))
                for one in self.candidates
            ),
            fault_tolerant=settings.fault_tolerant,
            time_limit=settings.time_limit,
            location=self.inputs.location,
            columns=self.columns,
            seed=self.workspace.seed,
            sample=sample_size(self.inputs.rows),
            versions=worker_versions(),
        )

    # ------------------------------------------------------------------ the three passes

    def work(self) -> BulkResult:
        """Do what is not done yet."""
        remember(self.recipe, [one.found.function for one in self.candidates])
        session: Callable[[], AbstractContextManager[Any]] = getattr(self.engine, "session", nullcontext)
        try:
            with session():
                return self._three_passes()
        finally:
            forget()

    def _three_passes(self) -> BulkResult:
        self._vote()
        kept = [shard for shard in self.shards if shard.file.path not in self.bad]
        if not kept:
            raise SourceError(f"no file of {self.inputs.location.text} can be used")
        statistics = VoteStatistics.merge(self._counted(kept))
        model = self._fit(statistics)
        figures = self._label(model, kept)
        functions = self._function_figures(statistics, kept)
        data = manifest_bytes(
            self.request, model, functions, figures, part_names(len(kept)), self.bad, self.inputs.ignored
        )
        self.output.finish(data)
        result = self.result_of(orjson.loads(data))
        result.finished_before = False
        result.voted, result.reused = self.voted, len(self.shards) - self.voted
        result.parts_written = self.parts_written
        return result

    def _vote(self) -> None:
        """Pass 1: votes and statistics of every shard that lacks them."""
        todo = [shard for shard in self.shards if not self._is_voted(shard)]
        jobs = (VoteJob(shard, self.output.read(self._votes_file(shard))) for shard in todo)
        with self.workspace.progress.track("voting", sum(shard.rows for shard in self.shards)) as advance:
            advance(sum(shard.rows for shard in self.shards) - sum(shard.rows for shard in todo))
            outcomes = self.engine.map(partial(vote_and_tidy, self.recipe), jobs)
            for shard, outcome in zip(todo, outcomes, strict=True):
                if outcome.problem is not None:
                    self._set_aside(shard.file, outcome.problem)
                else:
                    if outcome.votes is not None:
                        self.output.write(self._votes_file(shard), outcome.votes)
                        self.voted += 1
                    self.output.write(self._statistics_file(shard), outcome.statistics)
                advance(shard.rows)

    def _set_aside(self, file: InputFile, problem: str) -> None:
        if not self.options.skip_bad:
            raise SourceError(problem, hint="Mend or remove the file, or give --skip-bad to set it aside")
        self.bad.setdefault(file.path, problem.removeprefix(file.path).lstrip(",: "))

    def _is_voted(self, shard: InputShard) -> bool:
        if not (self.output.folder / self._statistics_file(shard)).exists():
            return False
        data = self.output.read(self._votes_file(shard))
        return data is not None and not missing_columns(self.recipe, packed_faults(data))

    def _counted(self, shards: Sequence[InputShard]) -> Iterator[VoteStatistics]:
        for shard in shards:
            data = self.output.read(self._statistics_file(shard))
            assert data is not None  # written by the first pass
            yield unpack_statistics(data)

    def _fit(self, statistics: VoteStatistics) -> LabelModel:
        """Pass 2."""
        settings = self.workspace.config.label_model
        ours = {"seed": self.workspace.seed, "class_balance": self._class_balance(statistics)}
        model = configured_label_model(settings, self.schema.cardinality, ours)
        names = [one.found.name for one in self.candidates]
        with naming_the_settings(settings):
            model.fit_statistics(statistics, names=names)
        model.notes = named_classes(model.notes, model.diagnostics, self.schema.names)
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
        functions = tuple((one.found.name, one.print.digest) for one in self.candidates)
        recipe = LabelRecipe(state, arrays, self.schema, functions)
        identity = digest(
            self.request, state, *(arrays[name] for name in sorted(arrays)), [self._votes_key(s) for s in shards]
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
            outcomes = self.engine.map(partial(label_and_tidy, recipe), jobs)
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

    # ------------------------------------------------------------------ names of work files

    def _votes_key(self, shard: InputShard) -> str:
        columns = None if self.options.columns is None else self.columns.fields
        return digest(MEANING, shard.identity, self.columns.id, self.columns.text, columns)

    def _votes_file(self, shard: InputShard) -> str:
        return f"{WORK}/votes/{self._votes_key(shard)}.arrow"

    def _statistics_file(self, shard: InputShard) -> str:
        recipe = self.recipe
        seen = self._votes_key(shard), self.prints, self.schema.ids, shard.first_item, recipe.seed, recipe.sample
        key = digest("exact patterns", *seen)
        return f"{WORK}/statistics/{key}.npz"

    def _packed(self, shard: InputShard) -> bytes:
        data = self.output.read(self._votes_file(shard))
        assert data is not None  # written by the first pass
        return data

    # ------------------------------------------------------------------ figures

    def _function_figures(self, statistics: VoteStatistics, shards: Sequence[InputShard]) -> list[FunctionFigures]:
        counts = dict.fromkeys(self.prints, 0)
        examples: dict[str, list[Fault]] = {print_: [] for print_ in self.prints}
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
            for one, votes in zip(self.candidates, statistics.vote_counts, strict=True)
        ]

    def result_of(self, manifest: dict[str, Any]) -> BulkResult:
        """What a finished output says.

        Raises
        ------
        ExportError
            If it is the result of something else than was asked for now.
        """
        differing = differences(manifest, self.request)
        if differing:
            raise ExportError(
                f"{self.output.folder} is finished, with {'; '.join(differing)}",
                hint="Give another output folder, or remove this one",
            )
        counts = manifest["counts"]
        functions = manifest["labeling_functions"]
        return BulkResult(
            output=str(self.output.folder),
            items=counts["items"],
            files=len(manifest["request"]["input"]["files"]),
            shards=len(manifest["parts"]),
            voted=0,
            reused=len(manifest["parts"]),
            parts_written=0,
            covered=counts["covered"],
            labeled=counts["labeled"],
            class_counts=counts["classes"],
            model=manifest["request"]["label_model"]["name"],
            agreement_with_majority=counts["agreement_with_majority"],
            set_aside=manifest["set_aside"],
            ignored=manifest["ignored"],
            faults={f["name"]: f["faults"] for f in functions if f["faults"]},
            fault_examples=[Fault(f["name"], e["item"], e["problem"]) for f in functions for e in f["fault_examples"]],
            notes=[*manifest["label_model"]["notes"]],
            finished_before=True,
        )


def _refused(bad: Sequence[BadFile]) -> SourceError:
    named = [f"{one.path} {one.problem}" for one in bad[:_MOST_NAMED]]
    more = f", and {len(bad) - _MOST_NAMED} more files cannot be used" if len(bad) > _MOST_NAMED else ""
    return SourceError(
        "; ".join(named) + more,
        hint=f"Mend or remove {'them' if len(bad) > 1 else 'it'}, or give --skip-bad to set such files aside",
    )


def _learned_from(statistics: VoteStatistics) -> str:
    """Whether the label model saw all items' votes or a sample of them, for the user."""
    if statistics.exact:
        return f"the label model learned from all items: {len(statistics.patterns):,} distinct vote patterns"
    sampled = int(statistics.counts.sum())
    return (
        f"distinct vote patterns are many: the label model learned from a uniform sample of {sampled:,}"
        f" items with a vote out of {statistics.n:,} items"
    )
