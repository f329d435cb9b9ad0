"""What travels between tasks: where something is and what it must hash to, never the thing itself."""

from __future__ import annotations

from schemas.base import Frozen
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
    """The graph of the quarter, the graphs of its closed vintages and their outcomes."""

    current: GraphRef
    vintages: tuple[GraphRef, ...]
    outcomes: FileRef
    statistics: FileRef


class SplitRef(Frozen):
    """The sample and community of each firm-quarter, a row each."""

    file: FileRef
    summary: FileRef


class ModelRef(Frozen):
    """A fitted candidate: its files and the hash of what it is, independent of how it was saved."""

    name: str
    scheme: Scheme
    files: tuple[FileRef, ...]
    content_hash: str


class EvaluationRef(Frozen):
    """How the candidates did, and the probabilities that it was computed from."""

    results: FileRef
    predictions: FileRef


class DocumentRef(Frozen):
    """A document that people read."""

    title: str
    file: FileRef


class RegistrationRef(Frozen):
    """The version a model registry knows a refresh's chosen model by."""

    model: str
    version: str
    run_id: str
