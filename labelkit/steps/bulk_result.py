"""What a bulk run is asked for, and what it says that it did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from labelkit.types import Fault


@dataclass(frozen=True)
class BulkOptions:
    """How a bulk run reads and where it works; None stands for what ``labelkit.toml`` says.

    Parameters
    ----------
    engine
        ``"local"`` (the cores of this machine) or ``"ray"``.
    address
        Of a Ray cluster; None starts Ray on this machine.
    workers
        Shards that are worked on at a time; None for one per core.
    id_field, text_field
        Columns with the ids and the texts; an empty ``text_field`` for items without text.
    make_ids
        Number the rows instead of reading ids: ``<file>-<row>``.
    skip_bad
        Set files that cannot be used aside instead of stopping.
    columns
        The only further columns that functions shall see; None for those that they need.
    """

    engine: Literal["local", "ray"] = "local"
    address: str | None = None
    workers: int | None = None
    id_field: str | None = None
    text_field: str | None = None
    make_ids: bool = False
    skip_bad: bool = False
    columns: Sequence[str] | None = None


@dataclass
class BulkResult:
    """What a bulk run did. ``voted`` and ``reused`` count shards; ``set_aside`` maps files to what is wrong."""

    output: str
    items: int
    files: int
    shards: int
    voted: int
    reused: int
    parts_written: int
    covered: int
    labeled: int
    class_counts: dict[str, int]
    model: str
    agreement_with_majority: float | None
    set_aside: dict[str, str] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    fault_examples: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    finished_before: bool = False
    seconds: float = 0.0

    @classmethod
    def of_manifest(cls, manifest: Mapping[str, Any], output: str) -> BulkResult:
        """What the manifest of a finished output says."""
        counts = manifest["counts"]
        functions = manifest["labeling_functions"]
        return cls(
            output=output,
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
