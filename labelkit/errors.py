"""Every error that labelkit raises on purpose, in one tree.

::

    LabelkitError                      a user's mistake or a condition that the user can mend
    ├── ConfigError                    labelkit.toml: key, value, choices
    ├── RegistryError                  an unknown or doubly registered extension
    ├── ProjectError                   the project as a whole
    │   ├── ProjectNotFound            no labelkit.toml here or above
    │   ├── ProjectExists              `init` where there is one already
    │   ├── ProjectTooNew              the project file was made by a newer labelkit
    │   ├── ProjectDamaged             the project file is not what it should be
    │   ├── ProjectLocked              another process is writing
    │   └── StepMissing                an earlier step has to run first
    ├── StorageError                   the disk: full, read-only, not a file
    │   └── TooBusy                    more is waiting to be written than the server takes
    ├── SchemaError                    classes: unknown, duplicate, merged
    │   └── UnknownLabel               a label that the schema does not know
    ├── SourceError                    input files: row, column, encoding
    ├── LabelingFunctionError          declaring, importing or running labeling functions
    │   ├── DiscoveryError             files and modules that cannot be loaded, shared names
    │   ├── FunctionFault              a function raised on an item
    │   │   └── FunctionTimeout        a function did not come back in time
    │   ├── WorkerDied                 the process that ran functions was ended from outside
    │   └── InvalidVote                a function returned something that is no vote
    ├── LabelModelError                votes that no label model can learn from
    ├── EndModelError                  features and classifiers
    ├── QueryError                     query strategies and queues
    ├── AnnotationError                answers that cannot be taken
    │   ├── SequenceUsed               a page used the number for another answer
    │   ├── LeaseRefused               a token that was not given out for this item to this person
    │   └── DecisionRefused            what is decided on has changed since the reviewer saw it
    ├── AccessError                    names, passwords, roles and sessions
    │   ├── SignInFailed               a wrong name or password, or an account that is closed
    │   ├── TooManyAttempts            guessing is slowed down
    │   ├── OtherPerson                a page of somebody who is not signed in here any more
    │   └── NotAllowed                 the role does not grant this
    └── ExportError                    training sets that cannot be written

The command line prints the message on one line and exits with status 2; a traceback is shown only
for errors outside this tree, which are ours.
"""

from __future__ import annotations


class LabelkitError(Exception):
    """Base of all errors that labelkit raises on purpose.

    Parameters
    ----------
    message
        What was given, what was expected, and where; one sentence without a line break.
    hint
        What to do next, if there is something to say beyond the message.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = " ".join(message.split())
        self.hint = " ".join(hint.split()) if hint else None

    def __str__(self) -> str:
        return f"{self.message}. {self.hint}" if self.hint else self.message


class ConfigError(LabelkitError):
    """A setting in ``labelkit.toml`` or on the command line that cannot be used."""


class RegistryError(LabelkitError):
    """An extension name that is unknown, registered twice, or cannot be loaded."""


class ProjectError(LabelkitError):
    """The project as a whole is not in a state in which the command can run."""


class ProjectNotFound(ProjectError):
    """There is no ``labelkit.toml`` in this folder or above it."""


class ProjectExists(ProjectError):
    """A project would be written over another."""


class ProjectTooNew(ProjectError):
    """The project file was written by a newer version of labelkit."""


class ProjectDamaged(ProjectError):
    """The project file is not a labelkit project, or fails its integrity check."""


class ProjectLocked(ProjectError):
    """Another process holds the project lock."""


class StepMissing(ProjectError):
    """A step needs the result of an earlier one that has not run."""


class StorageError(LabelkitError):
    """The disk is full, read-only, or refuses the file."""


class TooBusy(StorageError):
    """More is waiting to be written than the server takes; nothing was stored, the same can be sent again."""


class SchemaError(LabelkitError):
    """A change of the label schema that makes no sense."""


class UnknownLabel(SchemaError):
    """A label name or number that the label schema does not have."""


class SourceError(LabelkitError):
    """An input file that cannot be read as items: malformed, empty, duplicate, wrongly encoded."""


class LabelingFunctionError(LabelkitError):
    """Base of everything that is wrong with labeling functions."""


class DiscoveryError(LabelingFunctionError):
    """A labeling-function file that cannot be loaded, or names that clash."""


class FunctionFault(LabelingFunctionError):
    """A labeling function raised an exception on an item."""


class FunctionTimeout(FunctionFault):
    """A labeling function took longer for an item than its time limit; fault tolerance does not hide it."""


class WorkerDied(LabelingFunctionError):
    """A process that ran labeling functions was ended from outside, again and again."""


class InvalidVote(LabelingFunctionError):
    """A labeling function returned something that is neither a class nor abstain."""


class LabelModelError(LabelkitError):
    """A label matrix, class balance or option that a label model cannot work with."""


class EndModelError(LabelkitError):
    """An end model that cannot be made, trained or asked."""


class QueryError(LabelkitError):
    """A query strategy or a queue that cannot be made."""


class AnnotationError(LabelkitError):
    """An answer that cannot be taken."""


class SequenceUsed(AnnotationError):
    """A page has used the number of an answer for another one already."""


class LeaseRefused(AnnotationError):
    """A lease token that was not given out for this item to this person."""


class DecisionRefused(AnnotationError):
    """A decision on an item whose content, answers or present decision the reviewer has not seen."""


class AccessError(LabelkitError):
    """A name, password, role or session that cannot be used."""


class SignInFailed(AccessError):
    """A wrong name or password, or an account that is closed: which of them is not said."""


class TooManyAttempts(AccessError):
    """Too many failed sign-ins; ``seconds`` tells when the next one is looked at."""

    def __init__(self, message: str, *, seconds: float = 1.0, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.seconds = seconds


class OtherPerson(AccessError):
    """A request of one person's page that came with another person's session."""


class NotAllowed(AccessError):
    """The person's role does not grant what was asked for."""


class ExportError(LabelkitError):
    """A training set that cannot be written."""
