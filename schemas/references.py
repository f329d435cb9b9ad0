"""What travels between tasks: where something is and what it must hash to, never the thing itself."""

from __future__ import annotations

from schemas.base import Frozen
from schemas.people import SYSTEM
from schemas.portfolio import PortfolioSpec
from schemas.terms import Quarter, Scheme


class FileRef(Frozen):
    """A file below the home folder and the SHA-256 of its bytes, checked before anything reads it."""

    path: str
    sha256: str


class DeliveryRef(Frozen):
    """A delivery as received. `fingerprint` covers its values, not its files."""

    portfolio: str
    quarter: Quarter
    fingerprint: str
    tables: dict[str, FileRef]
    #: quarters before this one that the source could deliver and that joined the history
    history: tuple[Quarter, ...] = ()


class RefreshKey(Frozen):
    """The identity of a refresh: the same key is the same work."""

    portfolio: str
    quarter: Quarter
    input_fingerprint: str
    code_digest: str
    spec_hash: str
    #: digest of all the fields above; names the work folder and the catalogue row
    key: str


class AdmissionRef(Frozen):
    """Tables that passed their contracts, what did not, and the evidence."""

    tables: dict[str, FileRef]
    quarantine: FileRef
    evidence: FileRef


class GraphRef(Frozen):
    """One corporate graph; `fingerprint` is its exact root."""

    quarter: Quarter
    file: FileRef
    fingerprint: str


class PanelRef(Frozen):
    """The graph of the quarter, the graphs of its closed vintages and their outcomes.

    `vintages` ascend; the last is `out_of_time`, unless that is None for the reason given. `partition` is
    the given one, as admitted.
    """

    current: GraphRef
    vintages: tuple[GraphRef, ...]
    outcomes: FileRef
    attributes: FileRef
    statistics: FileRef
    out_of_time: Quarter | None
    out_of_time_missing: str
    partition: FileRef | None = None


class SplitRef(Frozen):
    """The sample and community of each firm-quarter, a row each."""

    file: FileRef
    summary: FileRef


class ModelRef(Frozen):
    """A fitted candidate: its files and the hash of what it is, independent of how it was saved.

    `panel_probabilities` has a row a firm-quarter of the panel, `quarter_probabilities` a row a firm
    of the refreshed quarter; a column a class.
    """

    name: str
    scheme: Scheme
    content_hash: str
    description: FileRef
    files: tuple[FileRef, ...]
    panel_probabilities: FileRef
    quarter_probabilities: FileRef


class Evidence(Frozen):
    """Everything a refresh is judged on: admitted tables, graphs, samples, fitted candidates."""

    admission: AdmissionRef
    panel: PanelRef
    split: SplitRef
    models: tuple[ModelRef, ...]

    def model(self, name: str, scheme: Scheme) -> ModelRef:
        """Find one fitted candidate."""
        return next(model for model in self.models if model.name == name and model.scheme is scheme)


class JudgementRef(Frozen):
    """The evaluation and the judgement of a refresh, the scores of the chosen candidate, and the reasons for them.

    `score_drift` has a row a firm: its score then and now; None where there is no earlier one.
    `reasons` has a row a reason of a firm with an unfavourable class, `reason_summary` the table of codes.
    """

    evaluation: FileRef
    judged: FileRef
    scores: FileRef
    reasons: FileRef
    reason_summary: FileRef
    score_drift: FileRef | None = None


class DocumentRef(Frozen):
    """A document that people read."""

    title: str
    file: FileRef


class RegistrationRef(Frozen):
    """The version a model registry knows a refresh's chosen model by."""

    model: str
    version: str
    run_id: str


class RefreshRun(Frozen):
    """What every task of one refresh needs: where, which portfolio, which delivery, under which key."""

    home: str
    portfolio: PortfolioSpec
    delivery: DeliveryRef
    key: RefreshKey
    #: the work folder below home; it survives a crash, so that finished stages are not repeated
    work: str
    #: names this work folder's life: deleted work is done again, not believed to be there
    work_id: str
    trigger: str
    #: who asks for the result to become champion: a person's name, or `schemas.people.SYSTEM`
    requested_by: str = SYSTEM

    @property
    def quarter(self) -> Quarter:
        """The quarter that is refreshed."""
        return self.delivery.quarter
