//! Processes, processors, CPU time and memory.

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::{Signal, kill};
use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;
use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::ops::Sub;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// The processor of servers, and that of the load generator.
const SERVER_PROCESSOR: usize = 0;
const LOAD_PROCESSOR: usize = 1;

/// How long a server may take to start, or to collect its garbage.
const PATIENCE: Duration = Duration::from_secs(20);

/// Keeps this thread, and what it starts from now on, on one processor.
fn pin(processor: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(processor)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}

/// Fails, with a reason, if so many descriptors are more than the system lets us have.
pub(crate) fn need_descriptors(number: usize) -> io::Result<()> {
    let limit = descriptors()?;
    if limit >= number {
        return Ok(());
    }
    Err(io::Error::other(format!("{number} descriptors are needed, and the limit is {limit}")))
}

/// How many descriptors the system lets us have.
pub(crate) fn descriptors() -> io::Result<usize> {
    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(usize::try_from(soft).unwrap_or(usize::MAX))
}

/// CPU time and its parts.
#[derive(Clone, Copy)]
pub(crate) struct CpuTime {
    /// All threads, exact.
    pub(crate) total: Duration,
    /// Ticks of the kernel's clock found in user space and in the kernel: exact enough for a share, after many.
    pub(crate) user: u64,
    pub(crate) kernel: u64,
}

impl Sub for CpuTime {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            total: self.total - earlier.total,
            user: self.user - earlier.user,
            kernel: self.kernel - earlier.kernel,
        }
    }
}

/// The CPU time of this program.
pub(crate) fn own_cpu_time() -> io::Result<Duration> {
    Ok(ClockId::CLOCK_PROCESS_CPUTIME_ID.now()?.into())
}

/// Bytes that are in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub(crate) resident: u64,
    /// Of it heap and stacks, without what is mapped from files.
    pub(crate) anonymous: u64,
}

/// A server, which ends with its owner.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
    /// Whether it collects garbage when asked to.
    collects: bool,
}

impl Process {
    /// Starts a server on a processor of its own, and waits until it listens.
    pub(crate) fn start(command: &mut Command, collects: bool) -> io::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        pin(SERVER_PROCESSOR)?;
        let child = command.spawn();
        pin(LOAD_PROCESSOR)?;
        let mut child = child.map_err(|error| {
            io::Error::new(error.kind(), format!("{:?}: {error}", command.get_program()))
        })?;
        let (sender, lines) = channel();
        let stdout = child.stdout.take().ok_or(ErrorKind::BrokenPipe)?;
        // A thread, since reading from a pipe knows no deadline.
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let process = Self { child, lines, collects };
        process.wait_for("listening")?;
        Ok(process)
    }

    fn wait_for(&self, start: &str) -> io::Result<()> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) if line.starts_with(start) => Ok(()),
            Ok(line) => Err(io::Error::other(format!("{line:?} instead of {start:?}"))),
            Err(_) => Err(io::Error::other(format!("the server does not say {start:?}"))),
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// Garbage goes, if there is such a thing.
    pub(crate) fn collect_garbage(&self) -> io::Result<()> {
        if !self.collects {
            return Ok(());
        }
        kill(self.pid(), Signal::SIGUSR2)?;
        self.wait_for("collected")
    }

    pub(crate) fn cpu_time(&self) -> io::Result<CpuTime> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid()))?;
        // The name, in brackets, may hold anything. Behind it utime and stime are the 12th and 13th.
        let fields = stat.rsplit_once(')').map(|(_, fields)| fields.split_whitespace());
        let mut ticks = fields.into_iter().flatten().skip(11).map_while(|field| field.parse().ok());
        match (ticks.next(), ticks.next()) {
            (Some(user), Some(kernel)) => {
                let total = clock_getcpuclockid(self.pid())?.now()?.into();
                Ok(CpuTime { total, user, kernel })
            }
            _ => Err(ErrorKind::InvalidData.into()),
        }
    }

    /// From the page tables: the kernel's running count, which costs less, is behind by up to some 100 pages.
    pub(crate) fn memory(&self) -> io::Result<Memory> {
        let smaps = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid()))?;
        let bytes = |name: &str| {
            let line = smaps.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
            kib.map(|kib| kib * 1024).ok_or(ErrorKind::InvalidData)
        };
        Ok(Memory { resident: bytes("Rss:")?, anonymous: bytes("Anonymous:")? })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
