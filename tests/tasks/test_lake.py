"""Files appear whole, are what they were, and stay where they belong."""

import datetime as dt
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from schemas.errors import CreditnetError, IntegrityError
from schemas.references import FileRef
from schemas.results import Interval, Manifest
from schemas.terms import Quarter
from tasks import lake

STAGED, PUBLISHED = "work/abc", "lake/simulated/2024Q4/abc"
FRAME = pl.DataFrame(
    {
        "firm": ["f1", "f2", None],
        "size": [1.5, None, float("nan")],
        "day": [dt.date(2024, 12, 31)] * 3,
        "grade": pl.Series(["A", "B", "A"], dtype=pl.Enum(["A", "B"])),
        "count": pl.Series([1, 2, 3], dtype=pl.Int8),
        "path": [[1, 2], [], [3]],
    }
)


def staged_manifest(home, files=(("model/weights.bin", b"weights"), ("card.html", b"<p>card</p>"))):
    refs = [lake.rebased(lake.write_file(home, f"{STAGED}/{name}", data), STAGED) for name, data in files]
    return Manifest(refresh="abc", portfolio="simulated", quarter=Quarter(2024, 4), fingerprint="f", files=tuple(refs))


def published_folder(home):
    return lake.publish_folder(home, STAGED, PUBLISHED, staged_manifest(home))


class TestFiles:
    def test_a_file_comes_back_as_it_was_written(self, tmp_path):
        ref = lake.write_file(tmp_path, "work/a/b.bin", b"bytes")
        assert ref == FileRef(path="work/a/b.bin", sha256=hashlib.sha256(b"bytes").hexdigest())
        assert lake.read_file(tmp_path, ref) == b"bytes"
        assert lake.checked_path(tmp_path, ref) == tmp_path / "work/a/b.bin"

    def test_writing_again_replaces_the_file_and_leaves_nothing_beside_it(self, tmp_path):
        old = lake.write_file(tmp_path, "work/a.bin", b"old")
        new = lake.write_file(tmp_path, "work/a.bin", b"new")
        assert lake.read_file(tmp_path, new) == b"new"
        assert [path.name for path in (tmp_path / "work").iterdir()] == ["a.bin"]
        with pytest.raises(IntegrityError):
            lake.read_file(tmp_path, old)

    def test_a_writer_that_is_killed_leaves_the_old_bytes_or_the_new(self, tmp_path):
        size = 200_000
        whole = {bytes([letter]) * size for letter in b"ab"}
        lake.write_file(tmp_path, "work/a.bin", b"a" * size)
        program = (
            "import sys, itertools, pathlib; from tasks.lake import write_file\n"
            "for letter in itertools.cycle(b'ab'):\n"
            f"    write_file(pathlib.Path(sys.argv[1]), 'work/a.bin', bytes([letter]) * {size}); print(flush=True)"
        )
        for delay in (0.0, 0.003, 0.007):
            writer = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE)
            writer.stdout.readline()
            time.sleep(delay)
            writer.send_signal(signal.SIGKILL)
            writer.wait()
            writer.stdout.close()
            assert (tmp_path / "work/a.bin").read_bytes() in whole

    @pytest.mark.parametrize("read", [lake.read_file, lake.checked_path, lake.read_frame])
    def test_a_tampered_file_is_never_handed_out(self, tmp_path, read):
        ref = lake.write_frame(tmp_path, "work/a.parquet", FRAME)
        path = tmp_path / ref.path
        path.write_bytes(path.read_bytes() + b" ")
        with pytest.raises(IntegrityError) as caught:
            read(tmp_path, ref)
        message = str(caught.value)
        assert ref.path in message
        assert f"expected: SHA-256 {ref.sha256}" in message
        assert f"found: SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()}" in message
        assert "way out" in message

    def test_a_missing_file_is_an_integrity_error_with_a_way_out(self, tmp_path):
        with pytest.raises(IntegrityError, match="No such file") as caught:
            lake.read_file(tmp_path, FileRef(path="work/a.bin", sha256="0" * 64))
        assert caught.value.way_out

    @pytest.mark.parametrize(
        "path", ["../outside", "work/../../outside", "/etc/hostname", "", ".", "link/secret", "work/nul\0"]
    )
    def test_a_path_that_leaves_the_home_is_refused(self, tmp_path, path):
        home, outside = tmp_path / "home", tmp_path / "outside"
        home.mkdir()
        outside.mkdir()
        (outside / "secret").write_text("secret")
        (home / "link").symlink_to(outside)
        with pytest.raises(IntegrityError, match="leaves the folder"):
            lake.write_file(home, path, b"")
        with pytest.raises(IntegrityError, match="leaves the folder"):
            lake.read_file(home, FileRef(path=path, sha256="0" * 64))
        with pytest.raises(IntegrityError, match="leaves the folder"):
            lake.discard(home, path)
        assert (outside / "secret").read_text() == "secret"

    def test_a_full_or_broken_disk_is_an_error_of_ours(self, tmp_path):
        (tmp_path / "work").write_text("a file where a folder belongs")
        with pytest.raises(CreditnetError, match="way out"):
            lake.write_file(tmp_path, "work/a.bin", b"")


class TestFrames:
    def test_a_frame_keeps_its_types_and_missing_values(self, tmp_path):
        found = lake.read_frame(tmp_path, lake.write_frame(tmp_path, "work/a.parquet", FRAME))
        assert found.schema == FRAME.schema
        assert found.equals(FRAME)

    def test_the_same_frame_gives_the_same_bytes_however_it_is_chunked(self, tmp_path):
        parts = pl.concat([FRAME[:1], FRAME[1:]], rechunk=False)
        assert parts.n_chunks() == 2
        assert lake.write_frame(tmp_path, "a", FRAME).sha256 == lake.write_frame(tmp_path, "b", parts).sha256

    def test_a_flipped_bit_in_any_part_of_a_frame_is_found(self, tmp_path):
        ref = lake.write_frame(tmp_path, "work/a.parquet", FRAME)
        path = tmp_path / ref.path
        whole = path.read_bytes()
        for position in range(0, len(whole), 37):
            path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
            with pytest.raises(IntegrityError):
                lake.read_frame(tmp_path, ref)

    def test_pages_carry_checksums_of_their_own(self, tmp_path):
        values = list(range(1000))
        ref = lake.write_frame(tmp_path, "work/a.parquet", pl.DataFrame({"x": values}))
        data = bytearray((tmp_path / ref.path).read_bytes())
        data[200] ^= 1  # inside the first page; the reference below vouches for the wrong byte
        forged = lake.write_file(tmp_path, "work/b.parquet", bytes(data))
        with pytest.raises(IntegrityError, match="not the Parquet file"):
            lake.read_frame(tmp_path, forged)


class TestJson:
    def test_a_model_comes_back_as_it_was(self, tmp_path):
        interval = Interval(value=0.7, low=0.6)
        assert lake.read_json(tmp_path, lake.write_json(tmp_path, "a.json", interval), Interval) == interval

    def test_plain_data_with_models_inside_comes_back_as_it_was(self, tmp_path):
        data = {"ä": Interval(value=1.0)}
        assert lake.read_json(tmp_path, lake.write_json(tmp_path, "a.json", data), dict[str, Interval]) == data

    def test_the_order_of_keys_does_not_change_the_bytes(self, tmp_path):
        one, two = {"a": 1, "ü": [1.5, None]}, {"ü": [1.5, None], "a": 1}
        assert lake.write_json(tmp_path, "1", one).sha256 == lake.write_json(tmp_path, "2", two).sha256
        assert (tmp_path / "1").read_text("utf-8") == '{\n "a": 1,\n "ü": [\n  1.5,\n  null\n ]\n}'

    @pytest.mark.parametrize("bad", [{"a": float("nan")}, [float("inf")], Interval(value=float("nan"))])
    def test_a_number_that_json_does_not_know_is_refused(self, tmp_path, bad):
        with pytest.raises(CreditnetError, match="cannot be written as JSON"):
            lake.write_json(tmp_path, "a.json", bad)
        assert not (tmp_path / "a.json").exists()

    def test_json_of_another_form_says_which_field_is_wrong(self, tmp_path):
        ref = lake.write_json(tmp_path, "a.json", {"value": "high", "width": 2})
        with pytest.raises(IntegrityError, match="width: Extra inputs"):
            lake.read_json(tmp_path, ref, Interval)


class TestPublishing:
    def test_a_published_folder_verifies_and_its_staged_copy_is_gone(self, tmp_path):
        manifest = staged_manifest(tmp_path)
        digest = lake.publish_folder(tmp_path, STAGED, PUBLISHED, manifest)
        assert digest == hashlib.sha256((tmp_path / PUBLISHED / "manifest.json").read_bytes()).hexdigest()
        assert lake.verify_folder(tmp_path, PUBLISHED, digest) == manifest
        assert not (tmp_path / STAGED).exists()

    def test_publishing_again_after_dying_before_the_transaction_succeeds(self, tmp_path):
        first = published_folder(tmp_path)
        assert published_folder(tmp_path) == first
        assert not (tmp_path / STAGED).exists()

    def test_publishing_again_succeeds_even_if_nothing_is_staged_any_more(self, tmp_path):
        manifest = staged_manifest(tmp_path)
        first = lake.publish_folder(tmp_path, STAGED, PUBLISHED, manifest)
        assert lake.publish_folder(tmp_path, STAGED, PUBLISHED, manifest) == first

    def test_another_folder_in_the_way_stays_unless_it_may_be_replaced(self, tmp_path):
        first = published_folder(tmp_path)
        other = staged_manifest(tmp_path, [("card.html", b"another card")])
        with pytest.raises(IntegrityError, match="in the way"):
            lake.publish_folder(tmp_path, STAGED, PUBLISHED, other)
        lake.verify_folder(tmp_path, PUBLISHED, first)
        digest = lake.publish_folder(tmp_path, STAGED, PUBLISHED, other, replace=True)
        assert lake.verify_folder(tmp_path, PUBLISHED, digest) == other
        assert [path.name for path in (tmp_path / PUBLISHED).parent.iterdir()] == ["abc"]

    def test_a_damaged_copy_of_the_same_folder_can_be_replaced(self, tmp_path):
        first = published_folder(tmp_path)
        (tmp_path / PUBLISHED / "card.html").write_bytes(b"damaged")
        assert lake.publish_folder(tmp_path, STAGED, PUBLISHED, staged_manifest(tmp_path), replace=True) == first
        lake.verify_folder(tmp_path, PUBLISHED, first)

    def test_staged_files_that_are_not_the_listed_ones_are_not_published(self, tmp_path):
        manifest = staged_manifest(tmp_path)
        (tmp_path / STAGED / "card.html").write_bytes(b"changed after it was recorded")
        with pytest.raises(IntegrityError, match=r"card\.html has changed"):
            lake.publish_folder(tmp_path, STAGED, PUBLISHED, manifest)
        assert not (tmp_path / PUBLISHED).exists()

    def test_what_a_killed_writer_left_behind_does_not_get_in_the_way(self, tmp_path):
        manifest = staged_manifest(tmp_path)
        (tmp_path / STAGED / "model" / ".weights.bin.x1.partial").write_bytes(b"half")
        lake.verify_folder(tmp_path, PUBLISHED, lake.publish_folder(tmp_path, STAGED, PUBLISHED, manifest))

    def test_verifying_names_every_bad_missing_and_extra_file(self, tmp_path):
        digest = published_folder(tmp_path)
        folder = tmp_path / PUBLISHED
        (folder / "card.html").write_bytes(b"another card")
        (folder / "model" / "weights.bin").unlink()
        (folder / "notes.txt").write_bytes(b"")
        with pytest.raises(IntegrityError) as caught:
            lake.verify_folder(tmp_path, PUBLISHED, digest)
        assert caught.value.found == ("model/weights.bin is missing, card.html has changed, notes.txt is not listed")

    def test_verifying_shows_at_most_five_files(self, tmp_path):
        digest = published_folder(tmp_path)
        for number in range(9):
            (tmp_path / PUBLISHED / f"{number}.txt").write_bytes(b"")
        with pytest.raises(IntegrityError, match=r"4\.txt is not listed and 4 more"):
            lake.verify_folder(tmp_path, PUBLISHED, digest)

    def test_a_file_swapped_for_a_link_to_the_same_bytes_is_found(self, tmp_path):
        digest = published_folder(tmp_path)
        card = tmp_path / PUBLISHED / "card.html"
        card.rename(tmp_path / "moved.html")
        card.symlink_to(tmp_path / "moved.html")
        with pytest.raises(IntegrityError, match=r"card\.html has changed"):
            lake.verify_folder(tmp_path, PUBLISHED, digest)

    def test_a_manifest_rewritten_to_fit_changed_files_is_found(self, tmp_path):
        digest = published_folder(tmp_path)
        path = tmp_path / PUBLISHED / "manifest.json"
        content = json.loads(path.read_text())
        content["files"] = []
        path.write_text(json.dumps(content))
        with pytest.raises(IntegrityError, match=r"manifest\.json is not the file"):
            lake.verify_folder(tmp_path, PUBLISHED, digest)

    @pytest.mark.parametrize("delay", [0.0, 0.002, 0.004, 0.008, 0.016])
    def test_a_publisher_that_is_killed_leaves_all_or_nothing_and_can_be_repeated(self, tmp_path, delay):
        files = [(f"{number}.bin", bytes([number]) * 10_000) for number in range(8)]
        manifest = staged_manifest(tmp_path, files)
        publisher = os.fork()  # a fresh interpreter would take longer to start than to publish
        if publisher == 0:
            lake.publish_folder(tmp_path, STAGED, PUBLISHED, manifest)
            os._exit(0)
        time.sleep(delay)
        os.kill(publisher, signal.SIGKILL)
        os.waitpid(publisher, 0)
        digest = hashlib.sha256(lake._canonical("manifest.json", manifest)).hexdigest()
        if (tmp_path / PUBLISHED).exists():
            lake.verify_folder(tmp_path, PUBLISHED, digest)
        assert lake.publish_folder(tmp_path, STAGED, PUBLISHED, manifest) == digest

    def test_discarding_removes_the_folder_and_may_be_repeated(self, tmp_path):
        staged_manifest(tmp_path)
        lake.discard(tmp_path, STAGED)
        lake.discard(tmp_path, STAGED)
        assert list((tmp_path / "work").iterdir()) == []

    def test_a_file_outside_the_folder_cannot_be_listed(self):
        with pytest.raises(IntegrityError, match="not in the folder"):
            lake.rebased(FileRef(path="work/other/a", sha256="0"), "work/abc")


def test_a_home_reached_through_a_link_is_fine(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "home").symlink_to(tmp_path / "real")
    ref = lake.write_file(Path(tmp_path / "home"), "work/a", b"x")
    assert lake.read_file(tmp_path / "real", ref) == b"x"
