"""Grades from the delivery to what a candidate may see of them."""

import polars as pl

from schemas.references import SplitRef
from schemas.terms import Sample, Scheme
from tasks.admission import admit
from tasks.graphs import build_graph
from tasks.lake import read_frame, write_frame, write_json
from tasks.training import fitting_data

FIRMS = "no,size,failed,stage\n00123,small,0,good\nNA,large,1,lost\n1e5,small,0,fair\nd,large,1,poor\ne,small,0,fair\n"
SAMPLES = {
    "00123": Sample.DEVELOPMENT,
    "NA": Sample.DEVELOPMENT,
    "1e5": Sample.VALIDATION,
    "d": Sample.OUT_OF_COMMUNITY,
    "e": Sample.EXCLUDED,
}


def test_a_candidate_sees_the_grades_of_development_and_validation_alone(kontor):
    for quarter in ("2024Q1", "2024Q2"):
        kontor.write(f"firms_{quarter}.csv", FIRMS)
    spec = kontor.spec(outcomes__grade="stage", target__grades={"0": ["good", "fair"], "1": ["poor", "lost"]})
    run = kontor.run(spec)
    panel = build_graph.__wrapped__(run, admit.__wrapped__(run))
    known = read_frame(kontor.home, panel.outcomes)
    assert set(known["vintage"]) == {"2024Q1"}, "the grade of 2024Q2 is known when its outcome is"
    assert dict(known.select("firm_id", "grade").iter_rows()) == {"00123": 0, "NA": 3, "1e5": 1, "d": 2, "e": 1}
    dealt = pl.DataFrame(
        [(str(Scheme.COMMUNITY), firm, firm, str(sample)) for firm, sample in sorted(SAMPLES.items())],
        schema=["scheme", "firm_id", "community", "sample"],
        orient="row",
    )
    split = SplitRef(
        file=write_frame(kontor.home, f"{run.work}/split.parquet", dealt),
        summary=write_json(kontor.home, f"{run.work}/split.json", spec),
    )
    data = fitting_data(kontor.home, run, panel, split, Scheme.COMMUNITY, scratch=f"{run.work}/scratch")
    shown = dict(zip(data.graph.firms.tolist(), data.grades.truth.tolist(), strict=True))
    assert shown == {"00123": 0, "NA": 3, "1e5": 1, "d": -1, "e": -1}
    assert data.grades.class_of == (0, 0, 1, 1)
