//! What the real Jaeger shows of a fleet: `scripts/e2e --tracing`.

mod tracing {
    mod environment;
    mod flows;
    mod trace;
}
