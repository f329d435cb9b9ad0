"""Memory on huge pages: what it holds is its holder's alone, and it is used again."""

import gc
import threading

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from models import buffers
from models.csr import Csr
from models.message_passing import LOOPS, PLAIN

LARGE = (buffers._WORTH_HUGE_PAGES // 256, 64)


def test_large_memory_begins_at_a_huge_page_and_small_is_numpys():
    large, small = buffers.empty(*LARGE, np.float32), buffers.empty(3, 2, np.float64)
    assert large.shape == LARGE
    assert large.flags.c_contiguous
    assert large.flags.writeable
    assert large.ctypes.data % 2**21 == 0
    assert small.shape == (3, 2)
    assert small.dtype == np.float64
    assert small.base is None


def test_memory_is_given_again_once_the_last_view_of_it_is_gone(monkeypatch):
    gc.collect()  # what others left must come back before, or it is given instead
    monkeypatch.setattr(buffers, "_free", [])
    first = buffers.empty(*LARGE, np.float32)
    place, view = first.ctypes.data, torch.from_numpy(first).reshape(-1, 2, 32)[1:]
    del first
    gc.collect()
    view.fill_(7)
    other = buffers.empty(*LARGE, np.float32)
    assert other.ctypes.data != place
    other.fill(1)
    assert (view == 7).all()
    del view
    gc.collect()
    assert buffers.empty(*LARGE, np.float32).ctypes.data == place


def test_no_more_is_kept_than_the_limit(monkeypatch):
    monkeypatch.setattr(buffers, "_KEPT", 2 * buffers._WORTH_HUGE_PAGES)
    held = [buffers.empty(*LARGE, np.float32) for _ in range(5)]
    held.clear()
    gc.collect()
    assert sum(one.nbytes for one in buffers._free) <= buffers._KEPT


def test_threads_never_share_memory_in_use():
    wrong = []

    def work(number: int) -> None:
        for _ in range(20):
            mine = buffers.empty(*LARGE, np.int32)
            mine.fill(number)
            if not (mine == number).all():
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("primitive", ["sum", "mean", "maximum", "weighted_sum"])
def test_values_that_are_copied_to_huge_pages_give_the_same(primitive, monkeypatch):
    monkeypatch.setattr(buffers, "_WORTH_HUGE_PAGES", 64)
    rng = np.random.default_rng(0)
    heard = sp.random_array((50, 60), density=0.3, format="csr", rng=rng)
    csr = Csr(heard.indptr.astype(np.int64), heard.indices.astype(np.int64), 60)
    values, weights = torch.from_numpy(rng.normal(size=(60, 8))), torch.from_numpy(rng.normal(size=csr.edges))
    more = [weights] if primitive == "weighted_sum" else []
    given, sent = values.clone().requires_grad_(), torch.from_numpy(rng.normal(size=(50, 8)))
    assert not buffers.on_huge_pages(given)
    results = [getattr(engine, primitive)(csr, given, *more) for engine in (LOOPS, PLAIN)]
    gradients = [torch.autograd.grad(one, given, sent)[0] for one in results]
    assert buffers.on_huge_pages(results[0])
    torch.testing.assert_close(*results)
    torch.testing.assert_close(*gradients)
