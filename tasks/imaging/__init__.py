"""Pure functions on images: bytes in and out in ``probe`` and ``codec``, numpy arrays everywhere else.

Arrays are uint8 in sRGB, red first: H × W × 3, or H × W × 4 with straight (not premultiplied) alpha last.
Masks are H × W uint8, 0 or 255; 255 is the area to change. No function changes its arguments.

Submodules are imported on first use, so that ``import tasks.imaging`` and ``tasks.imaging.probe`` load no cv2.
"""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from tasks.imaging import (
        canny as canny,
        cells as cells,
        codec as codec,
        composite as composite,
        extract as extract,
        find as find,
        finish as finish,
        geometry as geometry,
        instances as instances,
        mae as mae,
        mask_check as mask_check,
        masks as masks,
        outline as outline,
        patchmatch as patchmatch,
        placement as placement,
        probe as probe,
        propose as propose,
        selection as selection,
        shadow as shadow,
        structure as structure,
        views as views,
        white_balance as white_balance,
    )

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "canny",
        "cells",
        "codec",
        "composite",
        "extract",
        "find",
        "finish",
        "geometry",
        "instances",
        "mae",
        "mask_check",
        "masks",
        "outline",
        "patchmatch",
        "placement",
        "probe",
        "propose",
        "selection",
        "shadow",
        "structure",
        "views",
        "white_balance",
    ],
)
