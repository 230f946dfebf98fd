//! What happened, in words: the same schedule writes the same lines.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use uuid::Uuid;

#[derive(Clone, Default)]
pub struct Journal {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    lines: Vec<String>,
    names: HashMap<Uuid, String>,
}

impl Journal {
    pub fn write(&self, line: impl Into<String>) {
        self.inner.lock().unwrap().lines.push(line.into());
    }

    /// From here on the event `id` is called `name`.
    pub fn call(&self, id: Uuid, name: String) {
        self.inner.lock().unwrap().names.insert(id, name);
    }

    pub fn name(&self, id: Uuid) -> String {
        self.inner.lock().unwrap().names.get(&id).cloned().unwrap_or_else(|| id.to_string())
    }

    pub fn lines(&self) -> Vec<String> {
        self.inner.lock().unwrap().lines.clone()
    }
}
