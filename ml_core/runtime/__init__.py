"""Running models as ONNX: export, proof of parity, and sessions."""
