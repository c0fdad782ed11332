"""Networks of `augment` as ONNX graphs and as engines, and the back ends that run them."""
