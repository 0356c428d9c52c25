"""What the tests of the flags' door share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from flag_door import COLOURS, GREETING, Door, file, open_door


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """A house whose `env_1` has two campaigns; `env_2` is another project's."""
    async with open_door(tmp_path, bucketing=file(COLOURS, GREETING)) as opened:
        yield opened
