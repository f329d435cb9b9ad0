"""The pictures of the documentation can be taken, and show something."""

import shutil
import struct

import numpy as np
import pytest
from matplotlib.image import imread

from tests.flows import screenshots

pytestmark = [pytest.mark.flow, pytest.mark.served, pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
def test_every_picture_of_the_documentation_is_taken_and_is_not_blank(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    screenshots.take(tmp_path, images)
    for path in sorted(screenshots.IMAGES.glob("*.png")):
        taken = images / path.name
        size = [struct.unpack(">II", file.read_bytes()[16:24]) for file in (taken, path)]
        assert size[0] == size[1], path.name
        assert len(np.unique(imread(taken).reshape(-1, imread(taken).shape[2]), axis=0)) > 50, path.name
