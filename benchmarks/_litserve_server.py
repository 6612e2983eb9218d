"""LitServe around the small CNN, by its own Python: `_litserve_server.py PORT ONNX BATCH WAIT`."""

from __future__ import annotations

import base64
import sys

import litserve
import numpy as np
import onnxruntime as ort

SIDE = 64


class SmallCnn(litserve.LitAPI):
    def setup(self, device: str) -> None:  # noqa: ARG002  the library's name
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = ort.InferenceSession(
            sys.argv[2], options, providers=["CPUExecutionProvider"]
        )

    def decode_request(self, request) -> np.ndarray:  # noqa: ANN001  LitServe reads types
        flat = np.frombuffer(base64.b64decode(request["row"]["picture"]), dtype=np.uint8)
        return flat.reshape(3, SIDE, SIDE).astype(np.float32) / 255

    def batch(self, inputs: list[np.ndarray]) -> np.ndarray:
        return np.stack(inputs)

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.session.run(None, {"pictures": x if x.ndim == 4 else x[None]})[0]

    def unbatch(self, output: np.ndarray) -> list[np.ndarray]:
        return list(output)

    def encode_response(self, output):  # noqa: ANN001, ANN202  the same
        return {"label": int(np.ravel(output).argmax())}


if __name__ == "__main__":
    api = SmallCnn(max_batch_size=int(sys.argv[3]), batch_timeout=float(sys.argv[4]))
    server = litserve.LitServer(api, accelerator="cpu", timeout=60)
    server.run(port=int(sys.argv[1]), generate_client_file=False, log_level="error")
