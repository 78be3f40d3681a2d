"""LitServe with batches of 16 within 5 ms and two workers. Its argument is the port."""

import sys
from typing import Any

import litserve as ls  # pyright: ignore[reportMissingImports]
from fastapi import Response

from bench.peers.pictures import Pictures


class PictureAPI(ls.LitAPI):
    def setup(self, device: str) -> None:
        self.pictures = Pictures()

    def decode_request(self, request: dict[str, Any]) -> int:
        return int(request["seed"])

    def batch(self, inputs: list[int]) -> list[int]:
        return list(inputs)

    def predict(self, x: list[int]) -> list[bytes]:
        return self.pictures.made(x)

    def unbatch(self, output: list[bytes]) -> list[bytes]:
        return output

    def encode_response(self, output: bytes) -> Response:
        return Response(output, media_type="image/png")


if __name__ == "__main__":
    api = PictureAPI(max_batch_size=16, batch_timeout=0.005)
    server = ls.LitServer(api, accelerator="cpu", workers_per_device=2)
    server.run(port=int(sys.argv[1]), generate_client_file=False, log_level="warning")
