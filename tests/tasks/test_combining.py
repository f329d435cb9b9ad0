"""An ensemble as files: its members travel with it, and every file is checked before it is read."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from models.candidates import fitted_candidate
from models.ensemble import combined, ensemble_parts, validation_weights
from models.fitted import ModelContent
from schemas.candidates import AutoGluonSpec, EnsembleSpec, LabelPropagationSpec, LightGBMSpec, LogisticSpec
from schemas.errors import IntegrityError
from schemas.references import FileRef
from schemas.terms import Scheme
from tasks.combining import combination
from tasks.kept_models import PREDICTOR, Finding, keep_model, restore
from tasks.lake import write_file

MEMBERS = [
    LogisticSpec(name="logistic", kind="logistic"),
    LightGBMSpec(name="trees", kind="lightgbm", rounds=10, least_rows_a_leaf=5, features="neighbour"),
    LabelPropagationSpec(name="spread", kind="label_propagation"),
]
NAMES = [spec.name for spec in MEMBERS]


def kept(home, spec, data):
    folder = f"work/models/community/{spec.name}"
    model = fitted_candidate(spec, data)
    found = model.probabilities(data.graph)
    files = [path for path in (home / folder / PREDICTOR).rglob("*") if path.is_file()]
    beside = [write_file(home, path.relative_to(home).as_posix(), path.read_bytes()) for path in sorted(files)]
    finding = Finding(model.content(), model.inputs, model.notes, 0.1, found, found[:50])
    return keep_model(home, folder, spec, Scheme.COMMUNITY, finding, beside)


@pytest.fixture
def fitted(graphs, tmp_path):
    data = graphs.learnable(firms=240)
    return data, [kept(tmp_path, spec, data) for spec in MEMBERS]


def combine(home, fitted, **settings):
    data, refs = fitted
    spec = EnsembleSpec(name="blend", kind="ensemble", members=NAMES, **settings)
    by_name = {ref.name: ref for ref in refs}
    members = [by_name[name] for name in spec.members]
    folder = "work/models/community/blend"
    return spec, combination(home, folder, spec, members, validation=data.validation, truth=data.truth)


def test_weights_come_from_validation_alone(fitted, tmp_path):
    data, refs = fitted
    _, ref = combine(tmp_path, fitted)
    single = [fitted_candidate(spec, data).probabilities(data.graph) for spec in MEMBERS]
    rows = data.validation
    weights = validation_weights([found[rows] for found in single], data.truth[rows])
    content = ModelContent.from_files({"ensemble.json": (tmp_path / ref.files[0].path).read_bytes()})
    kept_weights, hashes = ensemble_parts(content)
    assert kept_weights == {name: weight for name, weight in zip(NAMES, weights.tolist(), strict=True) if weight}
    assert hashes == {one.name: one.content_hash for one in refs if one.name in kept_weights}


def test_equal_weights_are_equal(fitted, tmp_path):
    data, _ = fitted
    spec, ref = combine(tmp_path, fitted, weights="equal")
    single = [fitted_candidate(one, data).probabilities(data.graph) for one in MEMBERS]
    found = restore(tmp_path, ref, spec).probabilities(data.graph)
    np.testing.assert_allclose(found, combined(single, [1 / 3] * 3))


def test_a_kept_ensemble_is_whole_wherever_its_folder_is_moved(fitted, tmp_path):
    import polars as pl

    data, _ = fitted
    spec, ref = combine(tmp_path, fitted)
    expected = pl.read_parquet(tmp_path / ref.panel_probabilities.path).to_numpy()
    (tmp_path / "elsewhere").mkdir()
    shutil.move(tmp_path / "work/models/community/blend", tmp_path / "elsewhere/blend")
    shutil.rmtree(tmp_path / "work")
    moved = ref.model_copy(
        update={
            "files": tuple(_moved(file) for file in ref.files),
            "description": _moved(ref.description),
        }
    )
    np.testing.assert_allclose(restore(tmp_path, moved, spec).probabilities(data.graph), expected)


def _moved(file):
    return FileRef(path=file.path.replace("work/models/community", "elsewhere"), sha256=file.sha256)


def test_a_damaged_member_is_not_read(fitted, tmp_path):
    spec, ref = combine(tmp_path, fitted)
    damaged = next(file for file in ref.files if file.path.endswith("members/logistic/weights.safetensors"))
    path = Path(tmp_path / damaged.path)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(IntegrityError):
        restore(tmp_path, ref, spec)


def test_autogluon_with_ordered_classes_can_be_a_member(graphs, tmp_path):
    spec = AutoGluonSpec(name="auto", kind="autogluon", folds=2, rounds=3, ordered=True)
    predictor = tmp_path / "work/models/community/auto" / PREDICTOR
    data = graphs.learnable(classes=3, scratch=str(predictor))
    members = [kept(tmp_path, one, data) for one in (MEMBERS[0], spec)]
    assert sorted(path.name for path in predictor.iterdir()) == ["step0", "step1"]
    both = EnsembleSpec(name="both", kind="ensemble", members=["logistic", "auto"], weights="equal")
    ref = combination(
        tmp_path, "work/models/community/both", both, members, validation=data.validation, truth=data.truth
    )
    single = [restore(tmp_path, member, one) for member, one in zip(members, (MEMBERS[0], spec), strict=True)]
    assert single[1].content().content_hash(spec) == members[1].content_hash
    found = restore(tmp_path, ref, both).probabilities(data.graph)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_allclose(found, combined([one.probabilities(data.graph) for one in single], [0.5, 0.5]))
