# One image with every program of the fleet: customer, email, loyalty, flow_view (docker-compose.yml names which one runs) and fleet.

FROM rust:1.95-slim-trixie AS build
WORKDIR /build
ENV SQLX_OFFLINE=true
COPY . .
# Downloaded and compiled dependencies stay in caches from one build to the next. Our own crates are compiled afresh:
# cargo would compare the age of files, and a cache may be younger than a clone's files without having seen them.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,id=pas-de-trois-target,target=/build/target \
    find . -name '*.rs' -not -path './target/*' -exec touch {} + \
    && cargo build --release --locked -p customer -p email -p loyalty -p flow_view -p cli \
    && cd target/release \
    && install -D -t /programs customer email loyalty flow_view fleet

FROM debian:trixie-slim
# For servers reached by TLS (amqps://, smtps://, a managed Postgres); the demo has none.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /programs/ /usr/local/bin/
USER 10001:10001
STOPSIGNAL SIGTERM
CMD ["fleet", "--help"]
