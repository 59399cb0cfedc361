"""Darkroom's contract and its work.

What a Python client needs is here by name, imported on first use: ``submit`` and its values, and every task. Neither
torch nor cv2 is loaded by it.
"""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from tasks.client import JobHandle as JobHandle, open_image as open_image, put_image as put_image, submit as submit
    from tasks.generation import generate as generate
    from tasks.image_utils import (
        add_shadow_preview as add_shadow_preview,
        canny as canny,
        crop as crop,
        encode as encode,
        extract_object as extract_object,
        mae as mae,
        masked_background as masked_background,
        resize as resize,
    )
    from tasks.jobs import Edit as Edit, Event as Event, Job as Job, Operation as Operation, State as State
    from tasks.queues import Priority as Priority, Queue as Queue
    from tasks.segmentation import segment as segment, smart_mask as smart_mask
    from tasks.workflows import (
        insertion as insertion,
        removal as removal,
        text_to_image as text_to_image,
        white_balance as white_balance,
    )

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "client": ["JobHandle", "open_image", "put_image", "submit"],
        "generation": ["generate"],
        "image_utils": [
            "add_shadow_preview",
            "canny",
            "crop",
            "encode",
            "extract_object",
            "mae",
            "masked_background",
            "resize",
        ],
        "jobs": ["Edit", "Event", "Job", "Operation", "State"],
        "queues": ["Priority", "Queue"],
        "segmentation": ["segment", "smart_mask"],
        "workflows": ["insertion", "removal", "text_to_image", "white_balance"],
    },
)
