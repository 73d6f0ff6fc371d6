"""The workbench: try keyword and regex functions on all items, save them as data, find out which to write next.

Nothing that it is given is ever executed. Patterns are compiled and run in trial processes only
(:mod:`labelkit.engines.trial`), and what it saves is a table of a TOML file that `labelkit vote` reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from labelkit.errors import LabelkitError
from labelkit.lf.declared import WORKBENCH_FILE, DeclaredFunction, Placed, parse_declaration, read_workbench
from labelkit.lf.fingerprints import fingerprint
from labelkit.steps.browsing_state import KeptWorkspace
from labelkit.steps.persons import Person
from labelkit.steps.workbench_basis import trial_pool
from labelkit.steps.workbench_corrected import Corrected, corrected, corrected_functions
from labelkit.steps.workbench_saving import identity, remove, save
from labelkit.steps.workbench_suggestions import Suggestions, suggestions, suggestions_ready
from labelkit.steps.workbench_trial import Trial, check_field, fields_of, try_function
from labelkit.steps.workspace import Workspace

FunctionState = Literal["voted", "due", "problem"]
Declaration = Mapping[str, Any] | DeclaredFunction


@dataclass(frozen=True)
class SavedFunction:
    """A function of the workbench file.

    ``label`` is today's name of its label; ``state`` tells whether its votes are there (``voted``), `labelkit vote` is
    ``due``, or it cannot vote (``problem``, which ``why`` explains). ``seen`` goes back to :meth:`Workbench.save` and
    ``remove``, so that nobody changes what somebody else has just changed.
    """

    entry: DeclaredFunction
    label: str
    place: str
    state: FunctionState
    why: str
    seen: str


class Workbench:
    """One project's workbench."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = KeptWorkspace.of(workspace)

    def warm(self) -> None:
        """Start a trial process, so that the first try does not wait for it."""
        trial_pool().warm()

    def labels(self) -> list[str]:
        """The labels that a function can vote for."""
        return list(self._workspace.schema.names)

    def fields(self) -> list[str]:
        """The fields that a function can look at."""
        return fields_of(self._workspace)

    def functions(self) -> list[SavedFunction]:
        """The functions of the workbench file, in its order.

        Raises
        ------
        DiscoveryError
            If the file is not what it should be.
        """
        run = self._workspace.store.runs.latest("vote")
        prints = {} if run is None else {f["name"]: f["fingerprint"] for f in run.parameters["functions"]}
        return [self._saved(placed, prints) for placed in read_workbench(self._workspace.root)]

    def _saved(self, placed: Placed, prints: Mapping[str, str]) -> SavedFunction:
        entry = placed.entry
        state: FunctionState = "due"
        label, why = str(entry.label), ""
        try:
            label = self._workspace.schema.name_of(self._workspace.schema.resolve(entry.label))
            made = fingerprint(entry.function(placed.site), self._workspace.schema, self._workspace.root)
            check_field(self._workspace, entry.field)
            if prints.get(entry.name) == made.digest:
                state = "voted"
        except LabelkitError as error:
            state, why = "problem", error.message
        return SavedFunction(entry, label, str(placed.site), state, why, identity(entry))

    def due(self) -> bool:
        """Whether `labelkit vote` has to run for the file's functions to count, or for removed ones not to."""
        functions = self.functions()
        run = self._workspace.store.runs.latest("vote")
        before = () if run is None else run.parameters["functions"]
        ours = {f["name"] for f in before if str(f["place"]).rpartition(":")[0] == WORKBENCH_FILE}
        return bool(ours - {f.entry.name for f in functions}) or any(f.state == "due" for f in functions)

    def check(self, declaration: Declaration) -> DeclaredFunction:
        """A declaration as it would be saved, its pattern not compiled.

        Raises
        ------
        LabelingFunctionError
            Naming the key, its value and what is expected.
        """
        given = declaration.table() if isinstance(declaration, DeclaredFunction) else declaration
        return parse_declaration(given, "the function")

    def try_function(self, declaration: Declaration, *, replaces: str | None = None) -> Trial:
        """What a function would find; errors as of :meth:`check` and :func:`try_function`."""
        return try_function(self._workspace, self.check(declaration), replaces=replaces)

    def save(
        self, declaration: Declaration, person: Person, *, replaces: str | None = None, seen: str | None = None
    ) -> DeclaredFunction:
        """Write a function into the workbench file, after a try: what cannot be tried would hold up `labelkit vote`.

        ``replaces`` names the function that it is an edit of.

        Raises
        ------
        NotAllowed
            If the person's role does not allow it.
        LabelingFunctionError
            If it cannot be tried, its name is taken, or somebody changed it meanwhile.
        """
        person.need("build")
        entry = self.check(declaration)
        try_function(self._workspace, entry, replaces=replaces)
        return save(self._workspace, entry, person, replaces=replaces, seen=seen)

    def remove(self, name: str, person: Person, *, seen: str | None = None) -> None:
        """Take a function out of the workbench file; errors as of :meth:`save`."""
        remove(self._workspace, name, person, seen=seen)

    def suggestions(self) -> Suggestions:
        """Keyword functions worth trying, best first."""
        return suggestions(self._workspace)

    def suggestions_ready(self) -> bool:
        """Whether they are there at once."""
        return suggestions_ready(self._workspace)

    def corrected_functions(self) -> list[tuple[str, int]]:
        """Functions of the last `vote` with the number of their votes that people corrected, most first."""
        return corrected_functions(self._workspace)

    def corrected(self, function: str) -> Corrected:
        """The items on which people corrected one function."""
        return corrected(self._workspace, function)
