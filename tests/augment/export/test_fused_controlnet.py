"""The fused network itself; its export and its engine are tested through the command, in tests/syndiff."""

from __future__ import annotations

import pytest
import torch

from augment.export.fused_controlnet import TOKENS, fused_graph, fused_graph_from_folders
from augment.export.onnx_graph import PictureShape
from augment.export.parity import check_parity
from augment.export.sidecar import ExportError
from tests.augment.export.tiny_models import fused_networks, write_preset


def test_the_strength_of_the_layout_is_an_input():
    source = fused_graph(*fused_networks(), "fp32", "none")
    inputs = source.example(PictureShape(1, 32, 32), 0)
    with torch.no_grad():
        without = source.module(*{**inputs, "conditioning_scale": torch.tensor(0.0)}.values())
        plain = source.module.unet(inputs["sample"], inputs["timestep"], inputs["encoder_hidden_states"]).sample
        with_layout = source.module(*inputs.values())
    torch.testing.assert_close(without, plain)
    assert (with_layout - plain).abs().max() > 1e-3


@pytest.mark.timeout(600)
def test_a_graph_is_not_compared_with_another_network(tiny_graph):
    other = fused_graph(*fused_networks(), "fp32", "other weights")
    with pytest.raises(ExportError, match="not a fused-controlnet of other weights"):
        check_parity(other, tiny_graph, [PictureShape(1, 32, 32)])


def test_half_precision_is_that_of_weights_and_inputs():
    source = fused_graph(*fused_networks(), "fp16", "none")
    assert {p.dtype for p in source.module.parameters()} == {torch.float16}
    inputs = source.example(PictureShape(2, 32, 32), 0)
    assert inputs["sample"].dtype == inputs["conditioning_scale"].dtype == torch.float16
    assert inputs["encoder_hidden_states"].shape == (2, TOKENS, 16)


def test_networks_of_two_versions_are_refused():
    with pytest.raises(ExportError, match="different versions"):
        fused_graph(fused_networks()[0], fused_networks(text_width=24)[1], "fp32", "none")


def test_a_folder_without_safetensors_is_refused(tmp_path):
    _, controlnet = write_preset(tmp_path / "preset")
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(ValueError, match=r"no \.safetensors"):
        fused_graph_from_folders(tmp_path, controlnet)
