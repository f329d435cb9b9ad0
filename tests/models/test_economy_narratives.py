"""Narratives of the simulated economy: one a year, known with its filing, telling a little about risk."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from models.economy import Economy, EconomySpec, simulate_economy
from models.economy.phrases import THEMES, TRADES
from models.economy.population import INDUSTRIES
from schemas.terms import Quarter


@pytest.fixture(scope="module")
def full() -> Economy:
    return simulate_economy(EconomySpec())


def last_texts(economy: Economy, vintage: Quarter) -> pl.DataFrame:
    """Return the newest narrative known at a vintage beside what became of the firm."""
    known = economy.narratives.filter(pl.col("published_on") <= vintage.end).sort("period").group_by("firm_id").last()
    outcomes = economy.outcomes.filter(pl.col("quarter") == str(vintage))
    return outcomes.join(known, on="firm_id").select("text", defaulted=pl.col("defaulted_12m") == "1")


def mentions(economy: Economy, theme: str) -> pl.DataFrame:
    pattern = "|".join(THEMES[theme].subjects)
    return economy.narratives.select("firm_id", "period", count=pl.col("text").str.count_matches(pattern))


def test_a_narrative_belongs_to_a_year_end_filing_and_is_known_with_it(full: Economy) -> None:
    filed = full.filings.filter(pl.col("period").str.ends_with("Q4")).select("firm_id", "period", "published_on")
    assert full.narratives.drop("text").equals(filed)
    assert full.narratives["text"].str.len_chars().is_between(200, 1200).all()


def test_texts_differ(full: Economy) -> None:
    assert full.narratives["text"].n_unique() > 0.99 * full.narratives.height


def test_firms_write_about_their_own_trade(full: Economy) -> None:
    """No trade's subject appears in a firm of another industry; most texts name their own."""
    assert tuple(TRADES) == INDUSTRIES
    texts = full.narratives.join(full.firms.select("firm_id", "industry"), on="firm_id")
    for industry, trade in TRADES.items():
        names = texts["text"].str.contains("|".join(trade.subjects))
        assert names.filter(texts["industry"] == industry).mean() > 0.9
        assert not names.filter(texts["industry"] != industry).any()


def test_weaker_firms_write_more_about_risk(full: Economy) -> None:
    quarter = Quarter(2021, 4)
    worth = pl.DataFrame(
        {"firm_id": full.firms["firm_id"], "worth": full.history.creditworthiness[full.spec.index_of(quarter)]}
    )
    for theme, sign in (("liquidity", -1), ("solvency", -1), ("growth", 1)):
        written = mentions(full, theme).filter(pl.col("period") == str(quarter)).join(worth, on="firm_id")
        assert sign * written.select(pl.corr("count", "worth")).item() > 0.15, theme


def test_everybody_writes_about_the_stress_in_its_year(full: Economy) -> None:
    by_year = mentions(full, "economy").group_by("period").agg(pl.col("count").mean())
    years = dict(by_year.iter_rows())
    assert years["2020Q4"] > 1.2 * np.median(list(years.values()))


def test_words_rank_defaults_a_little(full: Economy) -> None:
    """TF-IDF and a logistic regression, fitted on the vintages of seven years, ranking those of the next two."""

    def texts(years: range) -> pl.DataFrame:
        return pl.concat([last_texts(full, Quarter(year, quarter)) for year in years for quarter in (2, 4)])

    fitted, ranked = texts(range(2015, 2022)), texts(range(2022, 2024))
    words = TfidfVectorizer(min_df=5)
    model = LogisticRegression(C=0.1, max_iter=500).fit(words.fit_transform(fitted["text"]), fitted["defaulted"])
    auc = roc_auc_score(ranked["defaulted"], model.predict_proba(words.transform(ranked["text"]))[:, 1])
    assert 0.55 < auc < 0.7
