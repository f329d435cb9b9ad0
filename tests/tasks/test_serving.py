"""What is served is noted in the home, and ended with all its children, whoever is still there to do it."""

import os
import subprocess
import sys
import time

import psutil
import pytest

from schemas.errors import IntegrityError
from tasks.serving import Served, ServedState, end, forget_state, note_state, served_state, server_url, stop_serving

#: A process that starts a child; both ignore the signals that are named.
STUBBORN = """
import signal, subprocess, sys, time
for name in sys.argv[3:]:
    signal.signal(getattr(signal, name), signal.SIG_IGN)
if sys.argv[1] == "parent":
    subprocess.Popen([sys.executable, sys.argv[2], "child", *sys.argv[2:]])
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def started(tmp_path):
    running = []
    (tmp_path / "stubborn.py").write_text(STUBBORN)

    def start(*ignored):
        path = str(tmp_path / "stubborn.py")
        process = subprocess.Popen(
            [sys.executable, path, "parent", path, *ignored], stdout=subprocess.PIPE, start_new_session=True
        )
        running.append(process)
        for _ in range(2):
            process.stdout.readline()
        return process, [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]

    yield start
    for process in running:
        process.stdout.close()
        if process.poll() is None:
            os.killpg(process.pid, 9)
        process.wait()


def gone(family):
    return not [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("ignored", [(), ("SIGINT",), ("SIGINT", "SIGTERM")], ids=["obeys", "deaf", "stubborn"])
def test_a_process_ends_with_its_children(started, ignored):
    process, family = started(*ignored)
    assert len(family) == 2
    end(process.pid, patience=0.5)
    process.wait(5)
    assert gone(family)
    end(process.pid)


def test_what_a_killed_supervisor_left_is_ended(started, tmp_path):
    supervisor = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    process, family = started()
    noted = Served.of("Prefect", "http://127.0.0.1:1", process.pid)
    state = ServedState(supervisor=Served.of("creditnet up", "", supervisor.pid), services=(noted,))
    note_state(tmp_path, state)
    assert server_url(tmp_path) == "", "no worker takes what is left to this server"
    worker = Served.of("worker", "", supervisor.pid)
    note_state(tmp_path, state.model_copy(update={"services": (noted, worker)}))
    assert server_url(tmp_path) == "http://127.0.0.1:1/api"
    supervisor.kill()
    supervisor.wait()
    assert server_url(tmp_path) == "", "nobody looks after it any more"
    assert stop_serving(tmp_path) == ("Prefect",)
    assert gone(family)
    assert (served_state(tmp_path), stop_serving(tmp_path)) == (None, ())


def test_another_process_with_the_same_number_is_left_alone(started, tmp_path):
    process, family = started()
    other = Served.of("Prefect", "", process.pid).model_copy(update={"started": time.time() - 9999})
    note_state(tmp_path, ServedState(supervisor=other, services=(other,)))
    assert stop_serving(tmp_path) == ()
    assert not gone(family)


def test_a_damaged_note_is_an_error(tmp_path):
    note_state(tmp_path, ServedState(supervisor=Served.of("x", "", os.getpid())))
    (tmp_path / "served" / "state.json").write_text("{")
    with pytest.raises(IntegrityError, match="cannot be read"):
        served_state(tmp_path)
    forget_state(tmp_path)
    assert served_state(tmp_path) is None
