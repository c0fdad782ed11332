"""Pictures against the true pictures of the same instants: squared error, PSNR and SSIM, pixel by pixel."""

from __future__ import annotations

import cv2
import numpy as np

_WINDOW_PX, _SIGMA_PX = 11, 1.5
_C1, _C2 = (0.01 * 255.0) ** 2, (0.03 * 255.0) ** 2


def mean_squared_error(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N, H, W, 3) uint8 twice -> (N,) float64, in squared levels of 0..255.

    Raises:
        ValueError: not two arrays of such pictures.
    """
    _check(a, b)
    return np.array([np.square(x.astype(np.float64) - y).mean() for x, y in zip(a, b, strict=True)])


def psnr_db(squared_error: np.ndarray) -> np.ndarray:
    """Mean squared error in squared levels (any shape) -> peak signal-to-noise ratio in dB; infinite where it is 0.

    The ratio of a set of pictures is that of their mean squared error, not the mean of their ratios, which one
    identical picture would make infinite.
    """
    with np.errstate(divide="ignore"):
        return 10.0 * np.log10(255.0**2 / np.asarray(squared_error, np.float64))


def ssim(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Structural similarity, mean over pixels and channels.

    Args:
        a, b: (N, H, W, 3) uint8, at least 11 pixels a side.

    Returns:
        (N,) float64 in [-1, 1].

    Raises:
        ValueError: not two arrays of such pictures, or smaller than the window.

    Source: Wang et al. 2004, doi 10.1109/TIP.2003.819861: Gaussian window of 11x11 pixels, sigma 1.5, only where it
    lies inside the picture.
    """
    _check(a, b)
    if min(a.shape[1:3]) < _WINDOW_PX:
        raise ValueError(f"pictures are {a.shape[2]}x{a.shape[1]}; SSIM needs at least {_WINDOW_PX} pixels a side")
    return np.array([_ssim(x.astype(np.float64), y.astype(np.float64)) for x, y in zip(a, b, strict=True)])


def _ssim(x: np.ndarray, y: np.ndarray) -> float:
    mean_x, mean_y = _blur(x), _blur(y)
    spread_x, spread_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    together = _blur(x * y) - mean_x * mean_y
    brightness = (2.0 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
    structure = (2.0 * together + _C2) / (spread_x + spread_y + _C2)
    return float((brightness * structure).mean())


def _blur(picture: np.ndarray) -> np.ndarray:
    edge = _WINDOW_PX // 2
    return cv2.GaussianBlur(picture, (_WINDOW_PX, _WINDOW_PX), _SIGMA_PX)[edge:-edge, edge:-edge]


def _check(a: np.ndarray, b: np.ndarray) -> None:
    if a.ndim != 4 or a.shape[3] != 3 or a.dtype != np.uint8:
        raise ValueError(f"pictures must be (N, H, W, 3) uint8, got {a.shape} {a.dtype}")
    if a.shape != b.shape or b.dtype != np.uint8:
        raise ValueError(f"pictures of {a.shape} are compared with {b.shape} {b.dtype}; both must be the same")
