"""BentoML with adaptive batches of at most 16 and two workers; started by `bentoml serve`."""

import bentoml  # pyright: ignore[reportMissingImports]
from starlette.requests import Request
from starlette.responses import Response

from bench.peers.pictures import Pictures


@bentoml.service(workers=2, traffic={"timeout": 60})
class Made:
    def __init__(self) -> None:
        self.pictures = Pictures()

    @bentoml.api(batchable=True, max_batch_size=16, max_latency_ms=1000)
    def made(self, seeds: list[int]) -> list[bytes]:
        return self.pictures.made(seeds)


@bentoml.service(traffic={"timeout": 60})
class PictureServer:
    made = bentoml.depends(Made)

    @bentoml.api(route="/image")
    async def image(self, ctx: bentoml.Context) -> Response:
        request: Request = ctx.request
        found = await self.made.to_async.made([int(request.query_params["seed"])])
        return Response(found[0], media_type="image/png")
