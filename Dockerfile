# syntax=docker/dockerfile:1.7
# Two small images from one build: `programs` (every program of the project, the default) and `entry` (nginx, configured).
#   docker build -t orderlog .        docker build -t orderlog-entry --target entry .
# Without --auth, programs listen on loopback only: compose.yaml shows how they are reached.

FROM rust:1.94-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends build-essential libssl-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# The builder's cache keeps downloads and compiled crates: only changes are built again. The all-in-one is built alone, and
# so without Kafka's client.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --profile dist --locked \
    && cargo build --profile dist --locked --workspace \
        --bin command-service --bin relay --bin projector --bin query-service \
    && mkdir /out && cd target/dist && cp orderlog command-service relay projector query-service /out/ \
    && /out/orderlog openapi >/openapi.json

FROM nginxinc/nginx-unprivileged:1.28.0-alpine AS entry
COPY --from=build --chmod=644 /openapi.json /usr/share/orderlog/openapi.json
COPY --chmod=644 deploy/nginx/orderlog.conf.template /etc/nginx/templates/default.conf.template
ENV NGINX_ENVSUBST_FILTER=^ORDERLOG_ ORDERLOG_OPENAPI_FILE=/usr/share/orderlog/openapi.json
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 \
    CMD wget -q -O /dev/null http://127.0.0.1:8080/readyz || exit 1

FROM debian:12.11-slim AS programs
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates libssl3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home --home-dir /data orderlog
COPY --chmod=755 deploy/ready /usr/local/bin/orderlog-ready
COPY --from=build /out/ /usr/local/bin/
USER 10001
WORKDIR /data
VOLUME /data
ENV ORDERLOG_LISTEN=127.0.0.1:8080 ORDERLOG_DATA_DIR=/data
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s --retries=3 CMD ["orderlog-ready"]
CMD ["orderlog"]
