"""What hostile pictures cost whoever reads them."""

import json
import subprocess
import sys

import pytest

GATEWAY_BYTES = 90_000_000
"""Twice the longest file of the corpus, and a checked mask of 4 megapixels."""
WORKER_BYTES = 700_000_000
"""A picture of 40 megapixels as RGBA (160 MB), four times: read, converted, as an array, turned."""


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read as Linux tells them")
def test_no_sample_takes_more_memory_than_a_sound_picture() -> None:
    """Reading any file of the corpus crashes nobody, and takes the gateway and a worker what a large photo takes."""
    done = subprocess.run([sys.executable, "-m", "tests.imaging.weigh"], capture_output=True, text=True, check=True)
    weighed = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(weighed) > 100
    assert [each for each in weighed if each["as_gateway"]["status"] or each["as_worker"]["status"]] == []
    assert [each for each in weighed if each["as_gateway"]["bytes"] > GATEWAY_BYTES] == []
    assert [each for each in weighed if each["as_worker"]["bytes"] > WORKER_BYTES] == []
