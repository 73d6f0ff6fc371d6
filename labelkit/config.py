"""Reading ``labelkit.toml``: every key checked, errors that name the key, the value and the choices."""

from __future__ import annotations

import contextlib
import difflib
import re
import shutil
import threading
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import tomlkit
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator

from labelkit import registry
from labelkit.errors import ConfigError, StorageError
from labelkit.types import label_name_problem

FILE_NAME = "labelkit.toml"
_writing = threading.Lock()
"""Two threads of a server must not change the file at once: one would undo what the other wrote."""

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ProjectSection(_Section):
    """``[project]``: what the project is called and which classes its items fall into."""

    name: str
    labels: list[str]
    task: Literal["classification"] = "classification"
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    @field_validator("name")
    @classmethod
    def _file_name(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
            raise ValueError(f"{name!r} is no project name: use letters, digits, '.', '_' and '-', at most 100")
        return name

    @field_validator("labels")
    @classmethod
    def _distinct(cls, labels: list[str]) -> list[str]:
        if len(labels) < 2:
            raise ValueError(f"a project needs at least 2 labels, given {labels!r}")
        for label in labels:
            problem = label_name_problem(label)
            if problem:
                raise ValueError(problem)
            if labels.count(label) > 1:
                raise ValueError(f"the label {label!r} is listed twice")
        return labels


class DataSection(_Section):
    """``[data]``: the input files and which of their columns hold what."""

    files: list[str] = []
    id_field: str = "id"
    text_field: str = "text"
    gold_field: str = "gold"
    split_field: str = "split"
    make_ids: bool = False
    encoding: str = "utf-8"
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] | None = None


class LabelingFunctionsSection(_Section):
    """``[labeling_functions]``: where they are, and what happens when one raises."""

    files: list[str] = ["labeling_functions/*.py"]
    fault_tolerant: bool = False
    time_limit: Annotated[float, Field(gt=0, le=86_400)] = 10.0
    workers: Annotated[int, Field(ge=0, le=1024)] = 0


class LabelModelSection(_Section):
    """``[label_model]``: how votes are combined."""

    name: str = "auto"
    options: dict[str, Any] = {}

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        return _registered("label_models", name)

    @field_validator("options")
    @classmethod
    def _without_cardinality(cls, options: dict[str, Any]) -> dict[str, Any]:
        if "cardinality" in options:
            raise ValueError("the number of classes is that of project.labels; leave cardinality out")
        return options


class EndModelSection(_Section):
    """``[end_model]``: a registered name or ``package.module:Class`` of a scikit-learn classifier."""

    name: str = "logistic"
    options: dict[str, Any] = {}
    use_text: bool = True
    fields: list[str] | Literal["auto"] = "auto"
    exclude: list[str] = []

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        return name if ":" in name else _registered("end_models", name, " or package.module:Class")


class QuerySection(_Section):
    """``[query]``: what the queue is made of."""

    size: Annotated[int, Field(ge=1)] = 100
    mix: dict[str, Share] = {"margin": 0.5, "disagreement": 0.3, "uncovered": 0.2}
    audit_share: Share = 0.1
    tuning_share: Share = 0.1

    @field_validator("mix")
    @classmethod
    def _known(cls, mix: dict[str, float]) -> dict[str, float]:
        for name in mix:
            _registered("query_strategies", name)
        if not mix or sum(mix.values()) <= 0:
            raise ValueError(f"at least one strategy needs a share above 0, given {mix}")
        return mix

    @model_validator(mode="after")
    def _room(self) -> QuerySection:
        if self.audit_share + self.tuning_share > 0.9:
            raise ValueError(
                f"audit_share = {self.audit_share} and tuning_share = {self.tuning_share} leave no room for active"
                " queries: at most 0.9 together"
            )
        return self


class AnnotationSection(_Section):
    """``[annotation]``: how many people answer an item, when they agree, what they see."""

    answers_per_item: Annotated[int, Field(ge=1, le=20)] = 1
    tie_break_answers: Annotated[int, Field(ge=0, le=20)] = 1
    """How many further people are asked where the answers to an item disagree."""
    min_agreement: Annotated[float, Field(gt=0.0, le=1.0)] = 0.5
    lease_minutes: Annotated[int, Field(ge=1, le=24 * 60)] = 5
    """How long a lease lasts without a sign of life of the page that holds it."""
    batch: Annotated[int, Field(ge=1, le=100)] = 12
    """How many items a page holds at once."""
    keys: dict[str, str] = {}
    """Label → the key that answers with it; the others get digits in order."""
    hints_before: Share = 0.1
    """Share of the actively chosen items whose votes and model guess are shown before the answer, not after it."""
    gold_share: Share = 0.05
    """Share of what people are asked that are gold questions: items outside the train split with a known label."""
    show_fields: list[str] | Literal["all"] = "all"
    image_hosts: list[str] = []
    """Hosts from which images in the items may be loaded, for instance ``["images.example.org"]``."""
    highlight: list[str] = []
    """Words that can be highlighted in the items, beside the keywords of the labeling functions."""
    guidelines: str | None = None


class ServeSection(_Section):
    """``[serve]``: the app and its trainer."""

    refit_after: Annotated[int, Field(ge=1)] = 25
    """After so many answers the trainer labels, trains and ranks again."""
    session_hours: Annotated[float, Field(gt=0, le=24 * 90)] = 12.0
    """How long a sign-in lasts without use."""
    allowed_origins: list[str] = []
    """Further addresses under which browsers reach the app, for instance ``["https://labels.example.org"]``."""
    behind_proxy: bool = False
    """Trust ``X-Forwarded-*`` headers: only where a proxy of yours sets them."""
    oidc: bool = False
    """Let people sign in with the provider that ``.streamlit/secrets.toml`` names; roles stay with the project."""


class SlicesSection(_Section):
    """``[slices]``: which groups of items are looked at by themselves."""

    fields: list[str] | Literal["auto"] = "auto"
    minimum: Annotated[int, Field(ge=1)] = 20


class TrainingSetSection(_Section):
    """``[training_set]``: which labels an export may contain."""

    min_probability: Share = 0.0
    use_gold: bool = False


class Config(_Section):
    """The whole of ``labelkit.toml``."""

    project: ProjectSection
    data: DataSection = DataSection()
    labeling_functions: LabelingFunctionsSection = LabelingFunctionsSection()
    label_model: LabelModelSection = LabelModelSection()
    end_model: EndModelSection = EndModelSection()
    query: QuerySection = QuerySection()
    annotation: AnnotationSection = AnnotationSection()
    serve: ServeSection = ServeSection()
    slices: SlicesSection = SlicesSection()
    training_set: TrainingSetSection = TrainingSetSection()


def _registered(kind: registry.Kind, name: str, also: str = "") -> str:
    known = registry.names(kind)
    if name not in known:
        raise ValueError(f"unknown {registry.singular(kind)} {name!r}; choose one of {', '.join(known)}{also}")
    return name


def read_config(path: Path) -> Config:
    """Read and check ``labelkit.toml``.

    Raises
    ------
    ConfigError
        Naming the file, the key, the value given and what was expected.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # some editors put a mark at the beginning
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist", hint="`labelkit init` makes one") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path.name} is not UTF-8 (byte {error.start})", hint="Save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path.name} is not valid TOML: {error}") from None
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from None
    return parse_config(data, path.name)


def parse_config(data: dict[str, Any], where: str = FILE_NAME) -> Config:
    """Check settings that were read already; errors as in :func:`read_config`."""
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False)
        sentences = list(dict.fromkeys(_sentence(problem, data) for problem in problems))
        more = f" (and {len(sentences) - 1} more)" if len(sentences) > 1 else ""
        raise ConfigError(f"{where}: {sentences[0]}{more}") from None


def _sentence(problem: Any, data: dict[str, Any]) -> str:
    path = list(problem["loc"])
    key = _spelled(path)
    kind, given = problem["type"], _shown(problem["input"])
    if kind == "missing":
        return f"the key {key} is missing"
    if kind == "extra_forbidden":
        return _unknown_key(path)
    if kind == "value_error":
        return f"{key}: {problem['msg'].removeprefix('Value error, ')}"
    if path[:2] in (["end_model", "fields"], ["slices", "fields"]):  # pydantic's path goes on with the union's choices
        return f'{path[0]}.fields = {_shown(data[str(path[0])]["fields"])}: should be "auto" or a list of field names'
    message = problem["msg"].removeprefix("Input ")
    if kind == "model_type":
        message = f"should be a section: [{key}]"
    return f"{key} = {given}: {message[:1].lower()}{message[1:]}"


def _spelled(path: list[int | str]) -> str:
    """``project.labels[2]``: lists count from 0."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _unknown_key(path: list[int | str]) -> str:
    section: Any = Config
    for part in path[:-1]:
        section = section.model_fields[part].annotation
    known = list(section.model_fields)
    close = difflib.get_close_matches(str(path[-1]), known, n=1)
    guess = f"did you mean {close[0]}?" if close else f"the keys are {', '.join(known)}"
    return f"unknown key {_spelled(path)}; {guess}"


def new_config_text(name: str, labels: list[str], *, data_files: list[str] | None = None) -> str:
    """The text of a fresh ``labelkit.toml`` with the settings that a newcomer changes first, commented."""
    document = tomlkit.document()
    document.add(tomlkit.comment("A labelkit project. Every setting: docs/configuration.md"))
    project = tomlkit.table()
    project.add("name", name)
    project.add("labels", labels)
    project.add("seed", 0)
    document.add("project", project)
    data = tomlkit.table()
    data.add("files", data_files or [])
    data["files"].comment('for instance ["items.csv"]; `labelkit run` imports them')
    for key in ("id_field", "text_field", "gold_field", "split_field"):
        data.add(key, key.removesuffix("_field"))
    document.add("data", data)
    functions = tomlkit.table()
    functions.add("files", ["labeling_functions/*.py"])
    functions.add("fault_tolerant", False)
    document.add("labeling_functions", functions)
    model = tomlkit.table()
    model.add("name", "auto")
    model["name"].comment("or " + ", ".join(n for n in registry.names("label_models") if n != "auto"))
    document.add("label_model", model)
    end = tomlkit.table()
    end.add("name", "logistic")
    end["name"].comment('or any scikit-learn classifier, "sklearn.naive_bayes:MultinomialNB"')
    document.add("end_model", end)
    query = tomlkit.table()
    defaults = QuerySection()
    query.add("size", defaults.size)
    query.add("mix", tomlkit.inline_table())
    query["mix"].update(defaults.mix)
    query.add("audit_share", defaults.audit_share)
    query.add("tuning_share", defaults.tuning_share)
    document.add("query", query)
    return tomlkit.dumps(document)


def set_labels(path: Path, labels: list[str]) -> None:
    """Write another list of labels into ``labelkit.toml``; comments and everything else stay as they are.

    Raises
    ------
    StorageError
        If the file cannot be written; it is as it was then.
    """
    _rewrite(path, lambda document: _replace(document["project"], labels))


def set_values(path: Path, section: str, values: dict[str, Any]) -> Config:
    """Write settings of one section into ``labelkit.toml``; comments and everything else stay as they are.

    A value of None takes the key out, so that the default holds again. Nothing is written unless the whole file
    is good with the new values; returns what it says then.

    Raises
    ------
    ConfigError
        Naming the key and what was expected of it.
    StorageError
        If the file cannot be written; it is as it was then.
    """
    checked: list[Config] = []

    def change(document: tomlkit.TOMLDocument) -> None:
        table = document.setdefault(section, tomlkit.table())
        for key, value in values.items():
            if value is None:
                table.pop(key, None)
            elif key not in table or table[key].unwrap() != value:
                table[key] = value
        checked.append(parse_config(tomllib.loads(tomlkit.dumps(document)), path.name))

    _rewrite(path, change)
    return checked[0]


def _rewrite(path: Path, change: Callable[[tomlkit.TOMLDocument], None]) -> None:
    """Change a TOML file; whoever reads it sees the old text or the new one.

    Raises
    ------
    StorageError
        If the file cannot be written; it is as it was then.
    """
    target = path.resolve()  # a link stays a link
    temporary = target.with_name(f"{target.name}.new")
    with _writing:
        try:
            with target.open(encoding="utf-8-sig", newline="") as file:  # keeps \r\n
                document = tomlkit.parse(file.read())
            change(document)
            with temporary.open("w", encoding="utf-8", newline="") as file:
                file.write(tomlkit.dumps(document))
            shutil.copymode(target, temporary)
            temporary.replace(target)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise StorageError(
                f"cannot write {path}: {error.strerror or error}", hint="Make the file and its folder writable"
            ) from error


def _replace(project: Any, labels: list[str]) -> None:
    """Change a TOML list in place where that says the same: comments beside its lines stay."""
    present = project["labels"]
    old = [str(label) for label in present]
    if len(old) == len(labels) and sorted(old) != sorted(labels):  # renamed
        for place, label in enumerate(labels):
            if old[place] != label:
                present[place] = label
    elif labels[: len(old)] == old:  # added
        for label in labels[len(old) :]:
            present.append(label)
    else:
        wanted = tomlkit.array()
        wanted.extend(labels)
        project["labels"] = wanted.multiline("\n" in present.as_string())
