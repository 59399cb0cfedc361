"""Which tests run on which of the workers of pytest-xdist, and when.

A file's tests stay together and share its servers. Files that share a stack of processes stay together as well: each
xdist worker that runs one of them starts the whole stack.
"""

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

STACKS = {
    "browser": (
        "tests/playground/test_edits.py",
        "tests/playground/test_parts_code.py",
        "tests/playground/test_parts_history.py",
        "tests/playground/test_parts_page.py",
        "tests/playground/test_parts_utilities.py",
        "tests/playground/test_with_a_model.py",
    ),
    "town": ("tests/chaos/test_row_16.py", "tests/chaos/test_row_17.py", "tests/chaos/test_rows_broker.py"),
    "workers": (
        "tests/darkroom/test_profiles.py",
        "tests/docs/test_blocks.py",
        "tests/client/test_real.py",
        "tests/end_to_end/test_contract.py",
        "tests/end_to_end/test_edits.py",
        "tests/end_to_end/test_hostile_input.py",
        "tests/end_to_end/test_typescript.py",
        "tests/end_to_end/test_utilities.py",
        "tests/openai_api/test_docs.py",
        "tests/openai_api/test_edits.py",
        "tests/tasks/test_hostile.py",
        "tests/tasks/test_workflows.py",
    ),
    "wire": (
        "tests/wire/test_acl.py",
        "tests/wire/test_flow.py",
        "tests/wire/test_scaling.py",
        "tests/wire/test_trust.py",
    ),
}
"""Files by the fixture that they share. A file that is missing here costs time, nothing else."""
STACK_OF = {file: stack for stack, files in STACKS.items() for file in files}
FILLERS = {"api", "imaging"}
"""Folders of short files."""


class Stacks(LoadFileScheduling):  # type: ignore[misc]
    """Gives each xdist worker one file after the other, or all files of a stack."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return STACK_OF.get(file, file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Stacks:
    """Schedule by stack, whatever ``--dist`` says."""
    config.option.loadscopereorder = False  # by the number of tests; a file of one test can be the longest
    return Stacks(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the short files last, so that all xdist workers end at about the same time."""
    items.sort(key=lambda item: item.path.parent.name in FILLERS)
