"""FastAPI alone: a handler that makes one image, in two processes. Its argument is the port."""

import sys
from functools import cache

import uvicorn
from fastapi import FastAPI, Response

from bench.peers.pictures import Pictures

app = FastAPI()
pictures = cache(Pictures)


@app.get("/image")
def image(seed: int) -> Response:
    return Response(pictures().made([seed])[0], media_type="image/png")


if __name__ == "__main__":
    uvicorn.run(
        "bench.peers.plain_fastapi:app",
        port=int(sys.argv[1]),
        workers=2,
        access_log=False,
        log_level="warning",
    )
