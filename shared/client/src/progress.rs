//! Answers that grow with the progress of the work: one JSON object a line.

use anyhow::{Context, bail};
use reqwest::Response;
use serde_json::Value;

/// Shows `each` line as it comes, and gives the last, which says that the work is done; or why it is not.
pub async fn until_done(mut response: Response, mut each: impl FnMut(&Value)) -> anyhow::Result<Value> {
    const HUNG_UP: &str = "the service hung up: ask again, it goes on from there";
    let mut buffer = Vec::new();
    while let Some(chunk) = response.chunk().await.context(HUNG_UP)? {
        buffer.extend_from_slice(&chunk);
        while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = buffer.drain(..=end).collect();
            let progress: Value = serde_json::from_slice(&line).context("the service's answer is no progress line")?;
            if let Some(error) = progress["error"].as_str() {
                bail!("{error}");
            }
            each(&progress);
            if progress["done"] == true {
                return Ok(progress);
            }
        }
    }
    bail!(HUNG_UP)
}
