//! The process, as Linux tells it under /proc/self; where there is no such thing, these metrics are absent.

use std::{fs, num::NonZeroU32};

use crate::Registry;

/// How many ticks a second has in /proc: `USER_HZ`, which is 100 wherever this program is built for.
const TICKS: f64 = 100.0;

/// What Prometheus' own client libraries export of a process, by the same names; and which build it is.
pub fn register(registry: &Registry) {
    registry.read("process_resident_memory_bytes", [], "Memory of the process that is in RAM", || one(resident()));
    registry.read("process_cpu_seconds_total", [], "Time that the process has spent on CPUs", || one(cpu()));
    registry.read("process_open_fds", [], "Files and sockets that the process has open", || one(open_files()));
    registry.read("process_start_time_seconds", [], "When the process was started, in seconds since the epoch", || {
        one(started())
    });
    let version = env!("CARGO_PKG_VERSION");
    registry.read("build_info", ["version"], "Always 1: the label says which version this is", move || {
        vec![([version], 1.0)]
    });
}

fn one(value: Option<f64>) -> Vec<([&'static str; 0], f64)> {
    value.into_iter().map(|value| ([], value)).collect()
}

/// `VmRSS:     1234 kB`
fn resident() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().trim_end_matches("kB").trim().parse::<f64>().ok()? * 1024.0)
}

fn open_files() -> Option<f64> {
    let count = fs::read_dir("/proc/self/fd").ok()?.count();
    // One of them is the folder that is being read.
    Some(f64::from(NonZeroU32::new(u32::try_from(count).ok()?)?.get() - 1))
}

fn cpu() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    Some((field(&stat, 14)? + field(&stat, 15)?) / TICKS)
}

fn started() -> Option<f64> {
    let system = fs::read_to_string("/proc/stat").ok()?;
    let booted: f64 = system.lines().find_map(|line| line.strip_prefix("btime "))?.parse().ok()?;
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    Some(booted + field(&stat, 22)? / TICKS)
}

/// The field of this number in proc(5), after the name, which may hold anything.
fn field(stat: &str, number: usize) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(number - 3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_brackets_does_not_shift_the_fields() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194304 2 0 0 0 250 50 0 0 20 0 9 0 4200 1 2";
        assert_eq!((field(stat, 14), field(stat, 15), field(stat, 22)), (Some(250.0), Some(50.0), Some(4200.0)));
    }
}
