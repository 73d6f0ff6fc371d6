"""What a bulk run is asked for, resolved against the project and the input: columns, functions, shards, file names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from labelkit.bulk.inputs import BadFile, Inputs, look_at
from labelkit.bulk.location import Location
from labelkit.bulk.output import WORK, Output
from labelkit.bulk.shards import InputShard, plan_shards
from labelkit.engines import Engine, engine
from labelkit.errors import ConfigError, ExportError, SourceError
from labelkit.labelmodels.sample import SAMPLE_SIZE
from labelkit.steps.bulk_items import ItemColumns, choose_columns, fields_of
from labelkit.steps.bulk_manifest import request_of
from labelkit.steps.bulk_result import BulkOptions
from labelkit.steps.bulk_shard import VoteRecipe, worker_versions
from labelkit.steps.voting import Candidate, find_functions
from labelkit.steps.workspace import Workspace, digest
from labelkit.types import SHARD_SIZE

MEANING: Final = 1
"""Raised by one whenever labelkit changes how rows are read or votes are counted."""

_LEAST_SAMPLE: Final = 1024
_MOST_NAMED: Final = 10


class BulkPlan:
    """One bulk run before it begins.

    Attributes
    ----------
    candidates, prints
        The labeling functions, and the digests of their fingerprints.
    inputs, columns
        The input's files, and which of their columns are read.
    shards
        Of all usable files, in order.
    request
        Everything that the output depends on.
    recipe
        What a worker needs to vote.

    Raises
    ------
    SourceError
        If the input has no usable file, or one that is bad and is not to be skipped.
    ExportError
        If the output would become part of its own input.
    """

    def __init__(self, workspace: Workspace, location: Location, output: Output, options: BulkOptions) -> None:
        _check_apart(location, output)
        self._workspace, self._options = workspace, options
        self.schema = workspace.schema
        self.engine = _make_engine(workspace, options, location, output)
        self.candidates: list[Candidate] = find_functions(workspace, self.schema)
        self.prints = tuple(one.print.digest for one in self.candidates)
        self.inputs, self.columns = self._read_input(location)
        if self.inputs.bad and not options.skip_bad:
            raise _refused(self.inputs.bad)
        self.request = request_of(workspace, self.schema, self.candidates, self.inputs, self._settings())
        self.shards = plan_shards(self.inputs.files)
        if not self.shards:
            raise SourceError(f"none of the files of {location.text} has a row")
        self.recipe = self._recipe()

    def _read_input(self, location: Location) -> tuple[Inputs, ItemColumns]:
        data, options = self._workspace.config.data, self._options
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
            "columns": None if self._options.columns is None else list(self.columns.fields),
            "fault_tolerant": self._workspace.config.labeling_functions.fault_tolerant,
        }

    def _recipe(self) -> VoteRecipe:
        settings = self._workspace.config.labeling_functions
        shipped = getattr(self.engine, "ships_folder", False)
        return VoteRecipe(
            root=None if shipped else str(self._workspace.root),
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
            seed=self._workspace.seed,
            sample=sample_size(self.inputs.rows),
            versions=worker_versions(),
        )

    # ------------------------------------------------------------------ names of work files

    def votes_key(self, shard: InputShard) -> str:
        """What the votes on a shard depend on, beside the functions."""
        columns = None if self._options.columns is None else self.columns.fields
        return digest(MEANING, shard.identity, self.columns.id, self.columns.text, columns)

    def votes_file(self, shard: InputShard) -> str:
        """Where the votes on a shard are kept."""
        return f"{WORK}/votes/{self.votes_key(shard)}.arrow"

    def statistics_file(self, shard: InputShard) -> str:
        """Where the counts of a shard's votes are kept."""
        recipe = self.recipe
        seen = self.votes_key(shard), self.prints, self.schema.ids, shard.first_item, recipe.seed, recipe.sample
        key = digest("exact patterns", *seen)
        return f"{WORK}/statistics/{key}.npz"


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


def _make_engine(workspace: Workspace, options: BulkOptions, location: Location, output: Output) -> Engine:
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


def _refused(bad: Sequence[BadFile]) -> SourceError:
    named = [f"{one.path} {one.problem}" for one in bad[:_MOST_NAMED]]
    more = f", and {len(bad) - _MOST_NAMED} more files cannot be used" if len(bad) > _MOST_NAMED else ""
    return SourceError(
        "; ".join(named) + more,
        hint=f"Mend or remove {'them' if len(bad) > 1 else 'it'}, or give --skip-bad to set such files aside",
    )
