//! The walls of the tree: who may know whom, between crates and between the files of one.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod walls {
    mod circles;
    mod layers;
    mod links;
    mod paths;
    mod tree;
    mod words;
}
