"""White balance by shades of grey, in linear light."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

NORM: Final = 6
"""Order of the Minkowski mean, the best of Finlayson & Trezzi, "Shades of Gray and Colour Constancy", CIC 2004."""
CLIPPED: Final = 250
"""Pixels with a channel at or above this tell nothing of the light's colour."""
MAX_GAIN: Final = 4.0
SAMPLE_SIDE: Final = 512
"""The light is estimated on the photo shrunk to this longer side, which also averages out noise."""
LUMINANCE: Final = np.array([0.2126, 0.7152, 0.0722])
"""Rec. 709 luminance of linear RGB."""


def white_balance(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the H × W × 3 photo as if lit by neutral light of the same luminance."""
    gains = gains_for(illuminant(photo))
    levels = _to_linear(np.arange(256) / 255)
    tables = [np.rint(255 * _to_srgb(np.clip(levels * gain, 0, 1))).astype(np.uint8) for gain in gains]
    return np.asarray(cv2.LUT(photo, np.stack(tables, axis=-1)[:, None, :]), np.uint8)


def illuminant(photo: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Estimate the light's colour: linear RGB, the Minkowski mean of order ``NORM`` of unclipped pixels."""
    shrink = SAMPLE_SIDE / max(photo.shape[:2])
    height, width = (max(1, round(side * shrink)) for side in photo.shape[:2])
    sample = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA) if shrink < 1 else photo
    pixels = sample.reshape(-1, 3)
    usable = pixels[pixels.max(axis=1) < CLIPPED]
    linear = _to_linear((usable if usable.size else pixels) / 255)
    return np.asarray(np.mean(linear**NORM, axis=0) ** (1 / NORM))


def gains_for(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the factors of linear R, G, B that make the light grey (von Kries) and keep its luminance."""
    if light.min() <= 0:
        return np.ones(3)
    return np.clip(float(LUMINANCE @ light) / light, 1 / MAX_GAIN, MAX_GAIN)


def _to_linear(srgb: NDArray[np.floating]) -> NDArray[np.float64]:
    """Undo the sRGB transfer function (IEC 61966-2-1); values 0–1."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def _to_srgb(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """Apply the sRGB transfer function (IEC 61966-2-1); values 0–1."""
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
