//! The machine that was measured: a figure means nothing without it.

use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long flushing to disk is measured.
const FLUSHING: Duration = Duration::from_millis(500);
/// The bytes written before each flush.
const FLUSHED_BYTES: usize = 4096;

/// Facts that a figure depends on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Machine {
    /// Cores, shared by the program and the load generator.
    pub cores: usize,
    /// The processor's name.
    pub processor: String,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// The kernel's release.
    pub kernel: String,
    /// The file system that holds the data of the measured programs.
    pub filesystem: String,
    /// fdatasync of 4 KiB, per second, on that file system.
    pub flushes_per_second: f64,
}

impl Machine {
    /// Describes the machine; the data will be in `folder`.
    ///
    /// # Errors
    /// When nothing can be written there.
    pub fn look(folder: &Path) -> anyhow::Result<Self> {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
        };
        let memory = field(&read("/proc/meminfo"), "MemTotal").unwrap_or_default();
        Ok(Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            processor: field(&read("/proc/cpuinfo"), "model name").unwrap_or_default(),
            memory_mib: memory.split(' ').next().and_then(|kib| kib.parse().ok()).unwrap_or(0)
                / 1024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            filesystem: filesystem(&read("/proc/mounts"), folder),
            flushes_per_second: flushes_per_second(folder)?,
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "Machine: {} cores ({}), shared by the measured programs, their database and the load generator; {} MiB \
             memory; Linux {}; data on {}, which flushes 4 KiB to disk {:.0} times a second.",
            self.cores,
            self.processor,
            self.memory_mib,
            self.kernel,
            self.filesystem,
            self.flushes_per_second
        )
    }
}

/// The file system of the mount nearest to the folder.
fn filesystem(mounts: &str, folder: &Path) -> String {
    let nearest = mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ').skip(1);
            Some((fields.next()?, fields.next()?))
        })
        .filter(|(place, _)| folder.starts_with(place))
        .max_by_key(|(place, _)| place.len());
    nearest.map_or_else(|| "an unknown file system".to_owned(), |(_, kind)| kind.to_owned())
}

/// How often each second the same 4 KiB of a file reach the disk, one flush after another.
///
/// # Errors
/// When nothing can be written there.
pub fn flushes_per_second(folder: &Path) -> anyhow::Result<f64> {
    let file = tempfile::tempfile_in(folder).context("the data folder takes no file")?;
    let block = [b'x'; FLUSHED_BYTES];
    let (begun, mut flushes) = (Instant::now(), 0_u32);
    while begun.elapsed() < FLUSHING {
        file.write_all_at(&block, 0)?;
        file.sync_data()?;
        flushes += 1;
    }
    Ok(f64::from(flushes) / begun.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_mount_names_the_file_system() {
        let mounts = "/dev/vda / ext4 rw 0 0\ntmpfs /run tmpfs rw 0 0\n/dev/vdb /data xfs rw 0 0\n";
        assert_eq!(filesystem(mounts, Path::new("/data/orders")), "xfs");
        assert_eq!(filesystem(mounts, Path::new("/var/orders")), "ext4");
    }
}
