//! The pages of the flow view, in headless Chromium on a running fleet: what people do there, and what they see.
//!
//! `scripts/e2e --browser` runs this against a fleet of `scripts/up`. Each test has a browser of its own, and fails if its
//! console has an error or a violation of the page's policy.

mod browser {
    mod chromium;
    mod driver;
    mod environment;
    mod stage;

    mod access;
    mod appearance;
    mod below;
    mod flow;
    mod keyboard;
    mod live;
    mod parked;
    mod pictures;
    mod stream;
}
