# Two images. By default: every service's program (docker-compose.yml names which one runs) and fleet. Target `tests`: the same, the suite that asks a running fleet (scripts/e2e --compose), and drill (scripts/drill --compose).

FROM rust:1.95-slim-trixie AS sources
WORKDIR /build
ENV SQLX_OFFLINE=true
COPY . .
# Downloaded and compiled dependencies stay in caches from one build to the next. Our own crates are compiled afresh:
# cargo would compare the age of files, and a cache may be younger than a clone's files without having seen them.
FROM sources AS build
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,id=pas-de-trois-target,target=/build/target \
    find . -name '*.rs' -not -path './target/*' -exec touch {} + \
    && cargo build --release --locked $(printf -- '-p %s ' $(ls services)) -p cli \
    && cd target/release \
    && install -D -t /programs $(ls ../../services) fleet

# Of the same packages, so that the dependencies are compiled once for both. cargo says what it calls a suite's program.
FROM sources AS build-tests
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,id=pas-de-trois-target,target=/build/target \
    find . -name '*.rs' -not -path './target/*' -exec touch {} + \
    && cargo test --no-run --release --locked $(printf -- '-p %s ' $(ls services)) -p cli -p e2e-tests --test fleet 2>&1 \
       | tee /tmp/said \
    && cargo build --release --locked $(printf -- '-p %s ' $(ls services)) -p cli -p drills \
    && program=$(sed -n 's/.*Executable .*(\(.*\))$/\1/p' /tmp/said) \
    && install -D "$program" /programs/e2e-fleet \
    && install -t /programs target/release/drill

FROM debian:trixie-slim AS base
# For servers reached by TLS (amqps://, smtps://, a managed Postgres); the demo has none.
COPY --from=sources /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /programs/ /usr/local/bin/
USER 10001:10001
STOPSIGNAL SIGTERM
CMD ["fleet", "--help"]

FROM base AS tests
COPY --from=build-tests /programs/ /usr/local/bin/

FROM base
