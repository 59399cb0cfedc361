"""Pure functions on images: bytes in and out in ``probe`` and ``codec``, numpy arrays everywhere else.

Arrays are uint8 in sRGB, red first: H × W × 3, or H × W × 4 with straight (not premultiplied) alpha last.
Masks are H × W uint8, 0 or 255; 255 is the area to change. No function changes its arguments.

Submodules are imported on first use, so that ``import tasks.imaging`` and ``tasks.imaging.probe`` load no cv2.
"""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from tasks.imaging import canny as canny
    from tasks.imaging import codec as codec
    from tasks.imaging import composite as composite
    from tasks.imaging import extract as extract
    from tasks.imaging import find as find
    from tasks.imaging import geometry as geometry
    from tasks.imaging import mae as mae
    from tasks.imaging import masks as masks
    from tasks.imaging import patchmatch as patchmatch
    from tasks.imaging import placement as placement
    from tasks.imaging import probe as probe
    from tasks.imaging import shadow as shadow
    from tasks.imaging import white_balance as white_balance

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "canny",
        "codec",
        "composite",
        "extract",
        "find",
        "geometry",
        "mae",
        "masks",
        "patchmatch",
        "placement",
        "probe",
        "shadow",
        "white_balance",
    ],
)
