"""Randomly initialised models of every preset's shape, a few hundred kilobytes each, built without a network."""

from __future__ import annotations

import json
from pathlib import Path

import torch


def weights_folder(name: str, folder: Path) -> Path:
    """A weights folder of the preset `name` with one subfolder per part."""
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    {"sdxl-union": _sdxl_union, "zimage": _z_image, "cosmos": _cosmos}.get(name, _stable_diffusion)(folder, name)
    return folder


def _stable_diffusion(folder: Path, name: str) -> None:
    from diffusers import AutoencoderTiny, ControlNetModel, DDIMScheduler, StableDiffusionImg2ImgPipeline

    unet = _unet(16)
    StableDiffusionImg2ImgPipeline(
        vae=_autoencoder(),
        text_encoder=_clip(),
        tokenizer=_clip_tokenizer(folder),
        unet=unet,
        scheduler=DDIMScheduler(clip_sample=False, steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder / "base")
    for kind in ("seg", "depth"):
        net = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(8, 8))
        _wake(net)
        net.save_pretrained(folder / f"controlnet-{kind}")
    if name == "sd15-lcm":
        from diffusers.utils import convert_state_dict_to_diffusers
        from peft import LoraConfig
        from peft.utils import get_peft_model_state_dict

        AutoencoderTiny(
            encoder_block_out_channels=(8, 8),
            decoder_block_out_channels=(8, 8),
            num_encoder_blocks=(1, 1),
            num_decoder_blocks=(1, 1),
        ).save_pretrained(folder / "vae")
        unet.add_adapter(LoraConfig(r=2, init_lora_weights=False, target_modules=["to_q", "to_v"]))
        lora = convert_state_dict_to_diffusers(get_peft_model_state_dict(unet))
        StableDiffusionImg2ImgPipeline.save_lora_weights(folder / "lora", lora)


def _sdxl_union(folder: Path, name: str) -> None:
    from diffusers import ControlNetUnionModel, EulerDiscreteScheduler, StableDiffusionXLImg2ImgPipeline
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    unet = _unet(
        32,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=64,
        transformer_layers_per_block=(1, 1),
    )
    config = CLIPTextConfig(**{**_clip_config(), "projection_dim": 16})
    StableDiffusionXLImg2ImgPipeline(
        vae=_autoencoder(),
        text_encoder=_clip(),
        text_encoder_2=CLIPTextModelWithProjection(config).eval(),
        tokenizer=_clip_tokenizer(folder),
        tokenizer_2=_clip_tokenizer(folder),
        unet=unet,
        scheduler=EulerDiscreteScheduler(),
        add_watermarker=False,
    ).save_pretrained(folder / "base")
    shape = {name: unet.config[name] for name in ControlNetUnionModel.from_unet(unet).config if name in unet.config}
    union = ControlNetUnionModel(
        **{name: value for name, value in shape.items() if not name.startswith("_")},
        conditioning_embedding_out_channels=(8, 8),
        num_trans_channel=16,
        num_trans_head=2,
        num_proj_channel=16,
    )
    _wake(union)
    union.save_pretrained(folder / "controlnet")
    _autoencoder().save_pretrained(folder / "vae")


def _z_image(folder: Path, name: str) -> None:
    from diffusers import (
        FlowMatchEulerDiscreteScheduler,
        ZImageControlNetModel,
        ZImagePipeline,
        ZImageTransformer2DModel,
    )
    from transformers import Qwen3Config, Qwen3Model

    transformer = ZImageTransformer2DModel(
        all_patch_size=(2,),
        all_f_patch_size=(1,),
        in_channels=4,
        dim=32,
        n_layers=2,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        norm_eps=1e-5,
        qk_norm=True,
        cap_feat_dim=16,
        rope_theta=256.0,
        t_scale=1000.0,
        axes_dims=[8, 4, 4],
        axes_lens=[256, 32, 32],
    )
    text = Qwen3Model(
        Qwen3Config(
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            vocab_size=300,
            max_position_embeddings=512,
            head_dim=8,
        )
    ).eval()
    ZImagePipeline(
        vae=_autoencoder(shift_factor=0.1, scaling_factor=0.4),
        text_encoder=text,
        tokenizer=_qwen_tokenizer(folder),
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    ).save_pretrained(folder / "base")
    net = ZImageControlNetModel(
        control_layers_places=[0],
        control_in_dim=4,
        all_patch_size=(2,),
        all_f_patch_size=(1,),
        dim=32,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
    )
    _wake(net)
    net.save_pretrained(folder / "controlnet")


def _cosmos(folder: Path, name: str) -> None:
    from diffusers import (
        AutoencoderKLWan,
        Cosmos2_5_TransferPipeline,
        CosmosControlNetModel,
        CosmosTransformer3DModel,
        UniPCMultistepScheduler,
    )
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    width = {"num_attention_heads": 2, "attention_head_dim": 16, "mlp_ratio": 2.0, "text_embed_dim": 16}
    shared = {"adaln_lora_dim": 4, "max_size": (8, 32, 32), "patch_size": (1, 2, 2), "rope_scale": (2.0, 1.0, 1.0)}
    transformer = CosmosTransformer3DModel(
        in_channels=16 + 1,
        out_channels=16,
        num_layers=2,
        controlnet_block_every_n=1,
        concat_padding_mask=True,
        extra_pos_embed_type="learnable",
        use_crossattn_projection=True,
        crossattn_proj_in_channels=32,
        encoder_hidden_states_channels=16,
        **width,
        **shared,
    )
    vae = AutoencoderKLWan(
        base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
    )
    text = Qwen2_5_VLForConditionalGeneration(
        Qwen2_5_VLConfig(
            text_config={
                "hidden_size": 16,
                "intermediate_size": 16,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "num_key_value_heads": 2,
                "rope_scaling": {"mrope_section": [1, 1, 2], "rope_type": "default", "type": "default"},
                "vocab_size": 300,
            },
            vision_config={
                "depth": 1,
                "hidden_size": 16,
                "intermediate_size": 16,
                "num_heads": 2,
                "out_hidden_size": 16,
            },
            vision_token_id=258,
            image_token_id=258,
            video_token_id=258,
        )
    ).eval()
    for kind in ("seg", "edge"):
        net = CosmosControlNetModel(
            n_controlnet_blocks=2,
            in_channels=16 + 1 + 1,
            latent_channels=16 + 1 + 1,
            model_channels=32,
            extra_pos_embed_type="learnable",
            use_crossattn_projection=True,
            crossattn_proj_in_channels=32,
            encoder_hidden_states_channels=16,
            **width,
            **shared,
        )
        net.save_pretrained(folder / f"controlnet-{kind}")
    pipeline = Cosmos2_5_TransferPipeline(
        text_encoder=text,
        tokenizer=_qwen_tokenizer(folder),
        transformer=transformer,
        vae=vae,
        scheduler=UniPCMultistepScheduler(),
        controlnet=net,
        safety_checker=PassingChecker(),
    )
    pipeline.register_modules(controlnet=None, safety_checker=None)
    pipeline.save_pretrained(folder / "base")


class PassingChecker:
    """Stands for NVIDIA's safety checker, whose weights are not here."""

    def to(self, device: object) -> PassingChecker:
        return self

    def check_text_safety(self, text: str) -> bool:
        return True

    def check_video_safety(self, video):
        return video


class Transforms:
    """Stands for what Cosmos uses of torchvision's `transforms`; no torchvision fits CPU builds of torch."""

    class InterpolationMode:
        NEAREST = "nearest"

    class functional:
        @staticmethod
        def resize(picture, size, interpolation):
            return torch.nn.functional.interpolate(picture, size, mode=interpolation)


def _unet(cross_attention: int, **more):
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        block_out_channels=(16, 32),
        layers_per_block=1,
        sample_size=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=cross_attention,
        attention_head_dim=4,
        norm_num_groups=8,
        **more,
    )


def _autoencoder(**more):
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=8,
        **more,
    )


def _clip_config() -> dict:
    return {
        "vocab_size": 190,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_attention_heads": 2,
        "num_hidden_layers": 2,
        "bos_token_id": 188,
        "eos_token_id": 189,
        "pad_token_id": 189,
    }


def _clip():
    from transformers import CLIPTextConfig, CLIPTextModel

    return CLIPTextModel(CLIPTextConfig(**_clip_config())).eval()


def _clip_tokenizer(folder: Path):
    from transformers import CLIPTokenizer

    characters = [chr(c) for c in range(33, 127)]
    words = [*characters, *(c + "</w>" for c in characters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77)


def _qwen_tokenizer(folder: Path):
    """Bytes as tokens, and a chat template that only joins the texts."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import Qwen2Tokenizer

    words = [*sorted(ByteLevel.alphabet()), "<|endoftext|>", "<|im_start|>", "<|vision|>"]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = Qwen2Tokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=512)
    tokenizer.chat_template = (
        "{% for m in messages %}{% if m.content is string %}{{ m.content }}"
        "{% else %}{% for c in m.content %}{{ c.text }}{% endfor %}{% endif %}{% endfor %}"
    )
    return tokenizer


def _wake(net) -> None:
    """A fresh ControlNet's last layers are zero; give them weights, so that the control has an effect."""
    for parameter in net.parameters():
        if not parameter.abs().sum():
            torch.nn.init.normal_(parameter, std=0.05)
