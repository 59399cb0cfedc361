"""The gateway of the end-to-end tests, for the pages that ask one."""

from tests.end_to_end.conftest import gateway

__all__ = ["gateway"]
