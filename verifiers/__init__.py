"""ccverify: does your C compiler build the real world?"""

from typing import Final

import pluggy

hookimpl: Final = pluggy.HookimplMarker("ccverify")

__all__ = ["hookimpl"]
