"""The sections of ``labelkit.toml``: a class each, whose fields are the keys with their types, bounds and defaults."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from labelkit import registry
from labelkit.types import label_name_problem

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Section(BaseModel):
    """One section, whose fields are its keys; a key that it does not have is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ProjectSection(Section):
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


class DataSection(Section):
    """``[data]``: the input files and which of their columns hold what."""

    files: list[str] = []
    id_field: str = "id"
    text_field: str = "text"
    gold_field: str = "gold"
    split_field: str = "split"
    make_ids: bool = False
    encoding: str = "utf-8"
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] | None = None


class LabelingFunctionsSection(Section):
    """``[labeling_functions]``: where they are, and what happens when one raises."""

    files: list[str] = ["labeling_functions/*.py"]
    fault_tolerant: bool = False
    time_limit: Annotated[float, Field(gt=0, le=86_400)] = 10.0
    workers: Annotated[int, Field(ge=0, le=1024)] = 0


class LabelModelSection(Section):
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


class EndModelSection(Section):
    """``[end_model]``: a registered name or ``package.module:Class`` of a scikit-learn classifier."""

    name: str = "logistic"
    options: dict[str, Any] = {}
    use_text: bool = True
    embeddings: Annotated[str, Field(min_length=1)] | None = None
    """A sentence-transformers model whose embeddings of the text are features too: a folder, an installed package
    that carries one, or a name on the Hugging Face hub. With ``use_text = false``, in place of the words."""
    fields: list[str] | Literal["auto"] = "auto"
    exclude: list[str] = []

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        return name if ":" in name else _registered("end_models", name, " or package.module:Class")


class QuerySection(Section):
    """``[query]``: what the queue is made of."""

    size: Annotated[int, Field(ge=1)] = 100
    mix: dict[str, Share] = {"auto": 1.0}
    audit_share: Share = 0.1
    tuning_share: Share = 0.4
    """Share drawn at random that teaches how far to trust functions and words; a tenth once there are 150 of them."""
    target: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """Accuracy over the pool that is wanted, for instance ``0.9``: what "you can stop" is held against."""
    price_per_label: Annotated[float, Field(ge=0.0)] | None = None
    """What one label costs, in the unit of ``price_per_point``."""
    price_per_point: Annotated[float, Field(ge=0.0)] | None = None
    """What one more point of accuracy is worth."""

    @field_validator("mix")
    @classmethod
    def _known(cls, mix: dict[str, float]) -> dict[str, float]:
        for name in mix:
            if ":" not in name:
                _registered("query_strategies", name, " or package.module:function")
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


class AnnotationSection(Section):
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


class ServeSection(Section):
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


class SlicesSection(Section):
    """``[slices]``: which groups of items are looked at by themselves."""

    fields: list[str] | Literal["auto"] = "auto"
    minimum: Annotated[int, Field(ge=1)] = 20


class TrainingSetSection(Section):
    """``[training_set]``: which labels an export may contain."""

    min_probability: Share = 0.0
    use_gold: bool = False
    flagged: Literal["leave out", "keep"] = "leave out"
    """What becomes of items that somebody flagged and nobody has decided in review."""


class Config(Section):
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
