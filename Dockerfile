# Two images from one file: `api` (no torch) and `worker`. docker-compose.yml puts them together.
# They hold the optional parts that their processes can use; settings such as GANVAS_STORE or
# GANVAS_MLFLOW_URI go into `environment` there.
#
#   docker build --target worker --build-arg PIP_ARGS="--index-url ..." .
# takes torch from another package index, for example one with wheels for CPUs only.

FROM node:22-slim AS page
WORKDIR /srv/ganvas/dashboard
COPY dashboard .
RUN npm ci --omit=dev --ignore-scripts && npm run build

FROM python:3.11-slim AS base
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    GANVAS_HOME=/data
RUN groupadd --gid 10001 ganvas \
    && useradd --uid 10001 --gid ganvas --home-dir /data --no-create-home ganvas \
    && install -d -m 0700 -o ganvas -g ganvas /data
WORKDIR /srv/ganvas
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY core core
COPY app app
COPY models models
COPY worker worker
COPY ganvas ganvas
COPY --from=page /srv/ganvas/app/page app/page
VOLUME /data

FROM base AS api
RUN pip install -c constraints.txt ".[store]" && rm -rf /srv/ganvas/*
USER ganvas
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["python", "-m", "app.main"]

FROM base AS worker
ARG PIP_ARGS=""
RUN pip install -c constraints.txt ${PIP_ARGS} ".[worker,onnx,store,tracking]" && rm -rf /srv/ganvas/*
USER ganvas
# A worker is well while it shows signs of life, which the API sees as well.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \
    CMD ["python", "-c", "import socket; from core.connection import connect; from core.keys import Keys; from core.presence import Presence; from core.settings import Settings; s = Settings(); exit(all(w.host != socket.gethostname() for w in Presence(connect(s.redis_url), Keys(s.prefix)).alive()))"]
