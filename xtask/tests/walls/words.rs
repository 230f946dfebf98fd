//! What is below the dance speaks of no dance in particular.

use std::fs;

use super::tree::{files, root};

#[test]
fn nobody_below_the_contracts_mentions_a_customer() {
    for folder in ["event", "metrics", "messaging", "service"] {
        for file in files(&root().join("shared").join(folder), "") {
            let text = fs::read_to_string(&file).unwrap().to_lowercase();
            let line = text.lines().position(|line| line.contains("customer"));
            assert_eq!(line.map(|line| line + 1), None, "{}", file.display());
        }
    }
}
