import numpy as np
import pytest
import torch
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from augment.quality.picture_metrics import mean_squared_error, psnr_db, ssim


def pictures(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    a = np.cumsum(rng.normal(0.0, 6.0, (3, 40, 56, 3)), axis=2) + 120.0
    b = 0.7 * a + rng.normal(20.0, 9.0, a.shape)
    return np.clip(a, 0, 255).astype(np.uint8), np.clip(b, 0, 255).astype(np.uint8)


def planes(rgb: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(rgb.transpose(0, 3, 1, 2)).double()


def test_psnr_of_a_set_is_that_of_torchmetrics():
    a, b = pictures(0)
    theirs = peak_signal_noise_ratio(planes(a), planes(b), data_range=255.0)
    assert float(psnr_db(mean_squared_error(a, b).mean())) == pytest.approx(float(theirs), abs=1e-5)


def test_ssim_is_that_of_torchmetrics_where_the_window_lies_inside_the_picture():
    a, b = pictures(1)
    _, everywhere = structural_similarity_index_measure(
        planes(a), planes(b), data_range=255.0, reduction="none", return_full_image=True
    )
    np.testing.assert_allclose(ssim(a, b), everywhere[..., 5:-5, 5:-5].mean((1, 2, 3)).numpy(), atol=1e-9)


def test_a_picture_is_identical_to_itself_and_nothing_like_its_negative():
    a, _ = pictures(2)
    assert np.isinf(psnr_db(mean_squared_error(a, a))).all()
    np.testing.assert_allclose(ssim(a, a), 1.0)
    assert (ssim(a, 255 - a) < 0.2).all()


def test_pictures_that_do_not_belong_together_are_refused():
    a, b = pictures(3)
    with pytest.raises(ValueError, match="both must be the same"):
        ssim(a, b[:, :30])
    with pytest.raises(ValueError, match="at least 11 pixels"):
        ssim(a[:, :8], b[:, :8])
