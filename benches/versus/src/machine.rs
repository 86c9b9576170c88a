//! What was measured, and on what.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

/// The processor and the kernel.
pub fn description() -> String {
    let read = |path: &str| fs::read_to_string(Path::new(path)).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let count = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{count} × {}, Linux {}", model.map_or("?", |(_, model)| model), kernel.trim())
}

/// The versions of packages in the `Cargo.lock` of a folder.
pub fn packages(folder: &Path, wanted: impl Fn(&str) -> bool) -> io::Result<Vec<String>> {
    let lock = fs::read_to_string(folder.join("Cargo.lock"))?;
    let mut versions = Vec::new();
    for package in lock.split("[[package]]") {
        let field = |name: &str| {
            let start = format!("{name} = \"");
            package.lines().find_map(|line| line.strip_prefix(&*start)?.strip_suffix('"'))
        };
        if let (Some(name), Some(version)) = (field("name"), field("version"))
            && wanted(name)
        {
            versions.push(format!("{name} {version}"));
        }
    }
    Ok(versions)
}

/// What a program says about its version, if it is there.
pub fn program(name: &str) -> Option<String> {
    let output = Command::new(name).arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
