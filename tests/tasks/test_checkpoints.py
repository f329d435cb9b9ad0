"""Unfinished trainings on disk."""

from tasks.checkpoints import FolderKeeper


def test_what_is_kept_is_found_until_it_is_cleared(tmp_path):
    keeper = FolderKeeper(tmp_path, "work/checkpoints")
    assert keeper.load("sage.0") is None
    keeper.save("sage.0", b"one")
    keeper.save("sage.0", b"two")
    assert FolderKeeper(tmp_path, "work/checkpoints").load("sage.0") == b"two"
    assert keeper.load("sage.1") is None
    keeper.clear()
    assert keeper.load("sage.0") is None
    assert list((tmp_path / "work/checkpoints").iterdir()) == []


def test_it_is_due_when_its_time_has_come(tmp_path):
    assert FolderKeeper(tmp_path, "kept", every=0.0).due()
    keeper = FolderKeeper(tmp_path, "kept", every=3600.0)
    assert not keeper.due()


def test_a_damaged_checkpoint_is_not_believed(tmp_path):
    keeper = FolderKeeper(tmp_path, "kept")
    keeper.save("sage.0", b"weights")
    path = tmp_path / "kept/sage.0.checkpoint"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert keeper.load("sage.0") is None
    path.write_bytes(b"")
    assert keeper.load("sage.0") is None
