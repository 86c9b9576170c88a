//! Where something was measured.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The processors and the kernel.
pub fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let count = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{count} × {}, Linux {}", model.map_or("?", |(_, model)| model), kernel.trim())
}

/// The version of an npm package, below a folder `node_modules`.
pub fn npm_version(modules: &Path, package: &str) -> String {
    let manifest = modules.join(package).join("package.json");
    let manifest = fs::read_to_string(manifest).unwrap_or_default();
    let version = manifest
        .lines()
        .find_map(|line| line.trim().strip_prefix("\"version\": \"")?.split('"').next());
    format!("{package} {}", version.unwrap_or("?"))
}

/// What a program says about its version.
pub fn version(program: &str) -> String {
    let output = Command::new(program).arg("--version").output();
    output.map_or("?".into(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
