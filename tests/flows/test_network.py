"""A refresh works where nothing but loopback can be reached."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.flow

REACH = "import socket, sys; socket.create_connection((sys.argv[1], 53), timeout=2)"


def test_a_refresh_needs_no_network(without_network, published, delivered, command, tmp_path):
    outside = subprocess.run(
        [*without_network, sys.executable, "-c", REACH, "192.0.2.1"], check=False, capture_output=True
    )
    assert b"Network is unreachable" in outside.stderr
    found = subprocess.run(
        [*without_network, command, "refresh", "--portfolio", delivered.portfolio, "--quarter", "2024Q2",
         "--data-dir", delivered.data_dir, "--json"],
        env={**os.environ, "CREDITNET_HOME": str(tmp_path / "home"), "PREFECT_HOME": str(tmp_path / "prefect")},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    printed = json.loads(found.stdout)
    assert printed["fingerprint"] == published.second.refresh.fingerprint
    # The same models from an installed command in a process of its own and from the flow in this one.
    assert printed["content_hashes"] == published.second.refresh.content_hashes
    for trouble in ("unreachable", "resolution", "Traceback", "ConnectError"):
        assert trouble not in found.stderr
