"""Deciding on champions: files are checked first, the registry follows, a death in between is repaired."""

import shutil

import pytest
from mlflow.exceptions import MlflowException

from monitoring.gates import gate
from schemas.errors import IntegrityError, PortfolioError, PromotionRefused
from tasks import promotion
from tasks.auditing import verify_audit
from tasks.catalogue import open_catalogue
from tasks.settings import settings
from tests.tasks.published_versions import PASSED, publish_version, registry_aliases


@pytest.fixture(autouse=True)
def registry(home, empty_registry, empty_catalogue):
    shutil.copy(empty_registry, home / "mlflow" / "mlflow.db")
    shutil.copy(empty_catalogue, home / "catalogue.db")


def approve(version, name="Bob", portfolio="simulated"):
    return promotion.decide(portfolio, version, "approve", name, "card read")


def catalogue():
    return open_catalogue(settings().database_url)


def card(key):
    return next((settings().home / "lake").glob(f"*/*/{key}/documents/model_card.md"))


class TestDeciding:
    def test_the_registry_follows_an_approval_and_a_rollback(self):
        for version in (1, 2):
            publish_version(settings(), version, by="Ann")
            assert approve(str(version)).registry_follows
        assert registry_aliases() == {"challenger": "2", "champion": "2"}
        found = promotion.roll_back("simulated", "Cid", "complaints")
        assert (found.status, found.version, found.champion) == ("rolled back", "2", "1")
        assert registry_aliases() == {"challenger": "2", "champion": "1"}
        assert not catalogue().registry_lags("simulated")

    def test_a_rejected_bootstrap_has_no_champion_in_the_registry_either(self):
        publish_version(settings(), 1)
        promotion.followed(promotion.decide("simulated", "1", "reject", "Ann", "weak"))
        assert registry_aliases() == {"challenger": "1"}

    def test_what_was_published_is_what_is_approved(self):
        key = publish_version(settings(), 1, by="Ann")
        card(key).write_text("# A better card")
        with pytest.raises(IntegrityError, match=r"model_card\.md has changed"):
            approve("1")
        assert catalogue().promotions.open_proposal("simulated", "1").votes == ()
        assert promotion.decide("simulated", "1", "reject", "Bob", "it was changed").status == "rejected"

    def test_a_damaged_champion_is_not_rolled_back_to(self):
        keys = [publish_version(settings(), version, by="Ann") for version in (1, 2)]
        approve("2")
        card(keys[0]).unlink()
        with pytest.raises(IntegrityError, match="is missing"):
            promotion.roll_back("simulated", "Ann", "complaints")
        assert catalogue().champion("simulated").model_version == "2"

    def test_the_first_champion_has_none_before_it(self):
        publish_version(settings(), 1)
        with pytest.raises(PromotionRefused, match="no earlier champion"):
            promotion.roll_back("simulated", "Ann", "complaints")

    def test_aliases_that_people_made_themselves_stay(self):
        from tasks.registry import registry_client

        publish_version(settings(), 1, by="Ann")
        registry_client().set_registered_model_alias("creditnet-simulated", "mine", "1")
        approve("1")
        assert registry_aliases() == {"challenger": "1", "champion": "1", "mine": "1"}


class TestADeathBetweenCatalogueAndRegistry:
    def test_the_next_decision_repairs_the_aliases(self, monkeypatch):
        for version in (1, 2):
            publish_version(settings(), version, by="Ann")

        def dies(_):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("tasks.registry.sync_aliases", dies)
            with pytest.raises(KeyboardInterrupt):
                approve("2")
        assert catalogue().champion("simulated").model_version == "2"
        assert catalogue().registry_lags("simulated")
        assert registry_aliases() == {}
        publish_version(settings(), 3)
        approve("3", "Cid")  # one of two: decides nothing yet, and repairs
        assert registry_aliases() == {"challenger": "3", "champion": "2"}

    def test_a_registry_that_does_not_answer_leaves_the_decision_standing(self, monkeypatch, capsys):
        publish_version(settings(), 1, by="Ann")

        def away(_):
            raise MlflowException("nobody there")

        with monkeypatch.context() as patch:
            patch.setattr("tasks.registry.sync_aliases", away)
            found = approve("1")
        assert (found.status, found.registry_follows) == ("approved", False)
        assert "The decision stands" in capsys.readouterr().err
        assert promotion.followed(found).registry_follows
        assert registry_aliases()["champion"] == "1"

    def test_what_is_decided_while_aliases_are_set_is_not_lost(self, monkeypatch):
        """The registry is told of version 1 while version 2 is approved: in the end it shows version 2."""
        from mlflow import MlflowClient

        from tasks.registry import sync_aliases

        publish_version(settings(), 1)
        publish_version(settings(), 2, by="Ann")
        original, approved = MlflowClient.set_registered_model_alias, []

        def meanwhile(client, name, alias, version):
            if not approved:
                approved.append(catalogue().promotions.vote("simulated", "2", "approve", "Bob", "card read"))
            original(client, name, alias, version)

        with monkeypatch.context() as patch:
            patch.setattr(MlflowClient, "set_registered_model_alias", meanwhile)
            sync_aliases("simulated")
        assert registry_aliases() == {"challenger": "2", "champion": "2"}
        assert not catalogue().registry_lags("simulated")


class TestProposing:
    def test_a_version_whose_gates_fail_is_not_proposed_by_anybody(self):
        publish_version(settings(), 1, gates=(*PASSED, gate("fairness: region", 2.0, 1.0, "at most")))
        assert promotion.proposals("simulated") == []
        with pytest.raises(PromotionRefused, match="gate failed: fairness: region"):
            promotion.propose("simulated", "1", "Ann", "I like it")

    def test_a_version_that_was_never_judged_on_something_is_not_proposed(self):
        publish_version(settings(), 1, gates=PASSED[1:])
        with pytest.raises(PromotionRefused, match="there is no such gate"):
            promotion.propose("simulated", "1", "Ann", "I like it")

    def test_a_person_asks_again_after_a_rejection(self):
        publish_version(settings(), 1)
        promotion.decide("simulated", "1", "reject", "Ann", "weak")
        asked = promotion.propose("simulated", "1", " Bob ", "look again")
        assert (asked.status, asked.proposal.requested_by, asked.approvals_missing) == ("open", "Bob", 1)
        assert [one.status for one in promotion.proposals(None, open_only=False)] == ["rejected", "open"]

    @pytest.mark.parametrize("reason", ["", "\x1b[31m"])
    def test_it_takes_a_reason(self, reason):
        publish_version(settings(), 1)
        promotion.decide("simulated", "1", "reject", "Ann", "weak")
        with pytest.raises(PromotionRefused, match="needs a reason"):
            promotion.propose("simulated", "1", "Bob", reason)

    def test_a_version_that_is_not_there_is_named_with_those_that_are(self):
        publish_version(settings(), 1)
        with pytest.raises(PromotionRefused, match="Version 7 of simulated has not been published") as caught:
            promotion.propose("simulated", "7", "Ann", "I like it")
        assert "found: versions 1" in str(caught.value)


class TestNamesOfPortfolios:
    def test_a_published_one_is_known_without_its_file(self):
        publish_version(settings(), 1, portfolio="gone")
        assert promotion.portfolio_name("gone") == "gone"

    def test_a_bundled_one_is_known_before_anything_is_published(self):
        assert promotion.portfolio_name("simulated") == "simulated"

    def test_one_that_is_nowhere_is_an_error(self):
        with pytest.raises(PortfolioError):
            promotion.portfolio_name("nowhere")


class TestAudit:
    def test_manifests_and_the_registry_vouch_for_the_log(self):
        for version in (1, 2):
            publish_version(settings(), version, by="Ann")
            approve(str(version))
        report = verify_audit()
        # Manifests noted rows 1 and 7, the registry the newest row after each promotion.
        assert (report.witnesses, report.unwitnessed_rows) == (4, 0)
        assert verify_audit(registry=False).unwitnessed_rows == report.rows - 7

    def test_a_log_and_tables_that_were_cut_together_are_found_by_a_manifest(self):
        from sqlalchemy import text

        from tasks.catalogue.database import connect

        for version in (1, 2):
            publish_version(settings(), version)
        noted = catalogue().audit_head()
        with connect(settings().database_url).execution_options(writing=True).begin() as connection:
            connection.execute(text("DELETE FROM audit_log WHERE sequence > 3"))
            for table in ("scores", "decisions", "proposals"):
                connection.execute(text(f"DELETE FROM {table} WHERE refresh_key = 'key-simulated-2'"))
            connection.execute(text("DELETE FROM refreshes WHERE key = 'key-simulated-2'"))
        assert catalogue().verified_audit({}).rows == 3  # log and tables agree
        with pytest.raises(IntegrityError, match="cut short or written anew") as caught:
            verify_audit(registry=False)
        assert "lake/simulated/2023Q3/key-simulated-2" in str(caught.value)
        shutil.rmtree(settings().home / "lake/simulated/2023Q3")
        assert verify_audit(registry=False).rows == 3  # as documented: nothing is left that remembers
        with pytest.raises(IntegrityError, match="given by hand"):
            verify_audit((noted,), registry=False)
