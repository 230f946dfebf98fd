//! Whether monitoring shows what happens: every query of the dashboards and the alert rules, asked of a Prometheus that
//! scrapes a running fleet; and the alerts themselves, while a service is stopped.
//!
//! `scripts/e2e --monitoring` starts that Prometheus and runs this against the native fleet. What needs no fleet, the shape
//! of the dashboards, is tested in `src/dashboards`; when each rule fires, by promtool (`alerts.test.yml`).

mod monitoring {
    mod environment;

    mod alerts;
    mod queries;
}
