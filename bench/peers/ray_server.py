"""Ray Serve with batches of 16 within 5 ms and two replicas. Its argument is the port."""

import signal
import sys
from typing import Any

import ray  # pyright: ignore[reportMissingImports]
from ray import serve  # pyright: ignore[reportMissingImports]
from starlette.requests import Request
from starlette.responses import Response

from bench.peers.pictures import Pictures


@serve.deployment(num_replicas=2, max_ongoing_requests=64, ray_actor_options={"num_cpus": 0.5})
class PictureServer:
    def __init__(self) -> None:
        self.pictures = Pictures()

    @serve.batch(max_batch_size=16, batch_wait_timeout_s=0.005)
    async def made(self, seeds: list[int]) -> list[bytes]:
        return self.pictures.made(seeds)

    async def __call__(self, request: Request) -> Response:
        data: Any = await self.made(int(request.query_params["seed"]))  # pyright: ignore
        return Response(data, media_type="image/png")


if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(PictureServer.bind(), route_prefix="/image")  # pyright: ignore
    signal.pause()
