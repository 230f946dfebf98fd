//! The choreography's picture and table in the README.

use anyhow::Context;
use contracts::choreography::{mermaid, table};

const BEGIN: &str = "<!-- choreography: made from its declaration -->\n";
const END: &str = "<!-- choreography: end -->";

/// The file with both.
pub fn fill(text: &str) -> anyhow::Result<String> {
    let (before, rest) = text.split_once(BEGIN).context("the mark before the choreography is missing")?;
    let (_, after) = rest.split_once(END).context("the mark behind the choreography is missing")?;
    Ok(format!("{before}{BEGIN}```mermaid\n{}```\n\n{}{END}{after}", mermaid::flowchart(), table::table()))
}
