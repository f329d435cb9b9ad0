"""The page that explains a score: two scripts by their hashes, hostile names inert, the drawing where nothing runs."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess

import pytest

from monitoring.explanation_page import (
    SCRIPT,
    SECTIONS,
    explanation_html,
    explanation_markdown,
    explanation_text,
    picture_elements,
)
from schemas.explanations import (
    Counterfactual,
    EdgeImportance,
    FactorShare,
    FeatureImportance,
    FirmExplanation,
    MethodAgreement,
    MethodExplanation,
    MethodFidelity,
    Partner,
    PathStep,
    Picture,
    PictureEdge,
    PictureNode,
    RelationFidelity,
    RiskPath,
    Standing,
)
from schemas.reasons import Reason
from schemas.terms import Family, Quarter

EVIL = "</script><script>document.title='owned'</script><img src=x onerror=document.title='owned'>\u202e=HYPERLINK('x')"


def explanation(text: str = "", path: bool = True, reliable: bool = True) -> FirmExplanation:
    firm, partner = f"f1{text}", f"f2{text}"
    node = {"name": text, "unfavourable": True, "on_path": True}
    now = Standing(probability=0.3, predicted_class="1", favourable=False, grade="9")
    then = Standing(probability=0.05, predicted_class="0", favourable=True, grade="6")
    steps = (
        PathStep(firm=partner, name=text, probability=0.6, relation="supply", direction="source", share=0.5),
        PathStep(firm=firm, name=text, probability=0.3, relation="", direction="", share=None),
    )
    return FirmExplanation(
        portfolio="small_world", title=f"Small world{text}", quarter=Quarter(2024, 4), refresh="4d" * 32,
        fingerprint="5e" * 32, model_version="creditnet-small_world 1", firm=firm, name=text, candidate="sage",
        decided_by="sage", in_use="", kind="graphsage", family=Family.GNN, target="default", threshold=0.2,
        standing=now, log_odds=-0.85, rest=-2.0, exact=False, method="Leave-one-out.", uses_graph=True,
        reasons=(Reason(code="R1", text="Debt is high", feature="leverage", network=False, contribution=0.7),),
        own=(
            FactorShare(text="Leverage", feature="leverage", network=False, contribution=0.7, value=0.9, typical=0.6),
            FactorShare(text="Industry", feature="industry", network=False, contribution=-0.2, category=f"steel{text}"),
        ),
        network=(FactorShare(text="The firms around", feature="supply", network=True, contribution=0.4),),
        partners=(
            Partner(
                firm=partner, name=text, relation="supply", direction="source", weight=3.0, probability=0.6,
                unfavourable=True, effect=0.4,
            ),
        ),
        partners_in_all=1, asked=1,
        fidelity=RelationFidelity(plus=0.4, minus=0.1, random_plus=0.3, reliable=reliable),
        path=RiskPath(steps=steps, strength=0.3) if path else None,
        path_missing="" if path else "No firm in distress is within three relations.",
        counterfactuals=(
            Counterfactual(
                subject="leverage", partner="", partner_name="", before="0.9", after="0.5", distance=0.3, then=then,
                class_changes=True,
            ),
            Counterfactual(
                subject="supply", partner=partner, partner_name=text, before="3", after="no relation", distance=None,
                then=then, class_changes=True,
            ),
        ),
        relations_missing="",
        picture=Picture(
            nodes=(
                PictureNode(firm=firm, hop=0, probability=0.3, place=(0, 0), **node),
                PictureNode(firm=partner, hop=1, probability=0.6, place=(0, 1), **node),
            ),
            edges=(PictureEdge(source=partner, target=firm, relation="supply", directed=True, on_path=True),),
            firms_near=1, firms_far=0,
        ),
    )  # fmt: skip


def by_two_methods(content: FirmExplanation) -> FirmExplanation:
    edge = EdgeImportance(
        source="f2", source_name=EVIL, target="f1", target_name="", relation="supply", hop=0, weight=-0.25
    )
    feature = FeatureImportance(feature="leverage", network=False, value=0.9, weight=0.5)
    held = MethodFidelity(plus=0.4, minus=0.1, random_plus=0.3, reliable=True, sparsity=0.75, stability=None)
    gradients = MethodExplanation(
        method="integrated_gradients", words="Along the way", signed=True, fidelity=held, edges=(edge,),
        edges_in_all=12, features=(feature,), features_in_all=3,
    )  # fmt: skip
    masks = gradients.model_copy(
        update={
            "method": "gnn_explainer", "words": "Masks", "signed": False,
            "fidelity": held.model_copy(update={"reliable": False}), "edges": (), "edges_in_all": 0,
        }
    )  # fmt: skip
    alike = MethodAgreement(one="integrated_gradients", other="gnn_explainer", edges=None, features=0.42)
    return content.model_copy(update={"methods": (gradients, masks), "agreement": (alike,)})


def test_each_method_that_was_asked_has_its_place_and_its_verdict():
    content = by_two_methods(explanation())
    for page in (explanation_html(content), explanation_markdown(content)):
        assert "By other methods" in page
        for told in ("Along the way", "Masks", "the first 1 of 12", "0.2500", "75.0 %", "0.42", "not reliable"):
            assert told in page, told
        assert "it says nothing of them" in page
    assert "<img src=x" not in re.sub("<script>.*?</script>", "", explanation_html(content), flags=re.DOTALL)
    lines = [line for line in explanation_text(content).splitlines() if line.startswith("  method")]
    assert lines[0].startswith("  method       integrated_gradients, reliable: f2 (")
    assert lines[0].endswith("– f1 (supply) -0.250; leverage +0.500")
    assert lines[1] == "  method       gnn_explainer, not reliable: leverage 0.500"


def test_without_other_methods_there_is_no_place_for_them():
    assert "By other methods" not in explanation_html(explanation()) + explanation_markdown(explanation())


def test_a_candidate_that_did_not_decide_says_so_and_gives_no_reasons():
    content = explanation().model_copy(update={"decided_by": "logistic", "reasons": ()})
    for page in (explanation_html(content), explanation_markdown(content)):
        assert "not the model that decided" in page
        assert "Nothing on it may be told to the firm" in page
        assert "Reason codes" not in page
    assert "not the model that decided: logistic did" in explanation_text(content)


def test_a_version_that_is_not_in_use_says_so():
    assert "not the version in use" not in explanation_html(explanation().model_copy(update={"in_use": "1"}))
    content = explanation().model_copy(update={"in_use": "3"})
    assert "not the version in use: that is version 3" in explanation_text(content)
    for page in (explanation_html(content), explanation_markdown(content)):
        assert "not the version in use" in page
        assert "in use is version 3" in page
        assert "may be told to the firm where this version decided" in page


def test_two_scripts_may_run_and_their_hashes_are_in_the_policy():
    html = explanation_html(explanation())
    [policy] = re.findall('http-equiv="Content-Security-Policy" content="([^"]+)"', html)
    scripts = re.findall("<script>(.*?)</script>", html, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert policy == (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src "
        + " ".join(f"'sha256-{digest}'" for digest in digests)
    )
    assert scripts[1] == SCRIPT
    assert not re.search("innerHTML|eval|document.write|fetch|http", SCRIPT)


def test_the_library_is_the_published_one():
    html = explanation_html(explanation())
    library = re.findall("<script>(.*?)</script>", html, re.DOTALL)[0]
    published = "081591ab735b2b6a3b31a3c60f8f3a3e2fee8c92939e0c7820ad1208571b6cd8"
    assert hashlib.sha256(library.encode()).hexdigest() == published
    assert "Permission is hereby granted, free of charge" in library


def test_hostile_names_are_shown_and_not_obeyed():
    html = explanation_html(explanation(EVIL))
    rest = re.sub("<script>.*?</script>", "", html, flags=re.DOTALL)
    assert html.count("<script") == 3
    assert "<img src=x" not in rest
    assert "\u202e" not in html
    [data] = re.findall('<script type="application/json" id="ego-data">(.*?)</script>', html, re.DOTALL)
    assert [one["data"]["id"] for one in json.loads(data)] == ["n0", "n1", "e0"]
    markdown = explanation_markdown(explanation(EVIL))
    assert "<script" not in markdown
    assert "\u202e" not in markdown + explanation_text(explanation(EVIL))


def test_every_section_is_written_in_both_forms():
    for page in (explanation_html(explanation()), explanation_markdown(explanation())):
        assert all(title in page for title in SECTIONS)
        assert "Internal: this page names the firms around f1" in page
        for told in ("R1", "Debt is high", "Leverage", "steel", "One relation lost", "supply", "50.0 %"):
            assert told in page
    assert explanation_html(explanation()) == explanation_html(explanation())


def test_what_is_missing_is_said():
    assert "No firm in distress is within three relations." in explanation_html(explanation(path=False))
    assert "No firm in distress" in explanation_text(explanation(path=False))


def test_what_does_not_hold_against_the_model_is_shown_as_not_reliable():
    assert "– not reliable</span>" in explanation_html(explanation(reliable=False))
    assert "not reliable" not in explanation_html(explanation())


def test_the_terminal_is_told_in_lines():
    text = explanation_text(explanation())
    assert "  reason       R1: Debt is high" in text
    assert "  path         f2 → f1" in text
    assert "  change       leverage 0.9 to 0.5: class 0, grade 6, 5.00%" in text
    assert "  change       without supply with f2: class 0, grade 6, 5.00%" in text


def test_the_class_that_a_change_leads_to_is_the_models_or_not_known():
    content = explanation()
    own, lost = content.counterfactuals
    standing = content.standing.model_copy(update={"predicted_class": "C"})
    other = own.then.model_copy(update={"predicted_class": "D", "favourable": False})
    unknown = lost.then.model_copy(update={"predicted_class": None, "favourable": None})
    changed = content.model_copy(
        update={
            "standing": standing,
            "threshold": None,
            "counterfactuals": (
                own.model_copy(update={"then": other, "class_changes": False}),
                lost.model_copy(update={"then": unknown, "class_changes": False}),
            ),
        }
    )
    page, text = explanation_markdown(changed), explanation_text(changed)
    assert "| not known | 6 |" in page
    assert "| D | 6 |" in page
    assert "unchanged" not in page
    assert "class D, grade 6" in text
    assert "without supply with f2: grade 6" in text


def test_the_picture_has_a_shape_for_what_color_tells():
    nodes = picture_elements(explanation())
    assert [one["classes"] for one in nodes] == ["unfavourable middle path", "unfavourable path", "directed path"]


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
def test_in_a_browser_the_picture_is_drawn_and_no_name_runs(tmp_path):
    page = tmp_path / "explanation.html"
    page.write_text(explanation_html(explanation(EVIL)))
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"]
    shown = subprocess.run([*command, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=60).stdout
    assert "<title>owned</title>" not in shown
    assert '<div id="ego-drawing" hidden' in shown
    assert shown.count("<canvas") >= 2
    assert len(re.findall("<img", shown)) == 3, "the drawings alone"
