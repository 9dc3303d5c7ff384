//! The owner of a rebuild, so that a rebuild whose process is gone can be taken over at once.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use uuid::Uuid;

/// The age in microseconds at which a heartbeat counts as dead.
const SILENCE: i64 = 10_000_000;

/// The owners in this process.
static HERE: Mutex<Option<HashSet<Uuid>>> = Mutex::new(None);

/// This run's claim to what it fills; ends with it.
#[derive(Debug)]
pub(super) struct Owner {
    id: Uuid,
}

impl Owner {
    pub(super) fn new() -> Self {
        let id = Uuid::now_v7();
        let mut here = HERE.lock().unwrap_or_else(PoisonError::into_inner);
        here.get_or_insert_default().insert(id);
        Self { id }
    }

    /// Id, process number, and the start time of the process, because process numbers are used again.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let process = std::process::id();
        let mut bytes = self.id.as_bytes().to_vec();
        bytes.extend(process.to_be_bytes());
        bytes.extend(started(process).unwrap_or(0).to_be_bytes());
        bytes
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let mut here = HERE.lock().unwrap_or_else(PoisonError::into_inner);
        here.get_or_insert_default().remove(&self.id);
    }
}

/// Whether the owner may still be at work.
pub(super) fn is_alive(owner: &[u8], heartbeat_at: i64, now: i64) -> bool {
    if now.saturating_sub(heartbeat_at) > SILENCE {
        return false;
    }
    let Some((id, process, start)) = parse(owner) else { return true };
    if process == std::process::id() && started(process).unwrap_or(0) == start {
        let here = HERE.lock().unwrap_or_else(PoisonError::into_inner);
        return here.as_ref().is_some_and(|here| here.contains(&id));
    }
    // Where the system does not show processes, only the heartbeat counts.
    start == 0 || started(process) == Some(start)
}

fn parse(owner: &[u8]) -> Option<(Uuid, u32, u64)> {
    let id = Uuid::from_slice(owner.get(..16)?).ok()?;
    let process = u32::from_be_bytes(owner.get(16..20)?.try_into().ok()?);
    let start = u64::from_be_bytes(owner.get(20..28)?.try_into().ok()?);
    Some((id, process, start))
}

/// When a process of this machine was started, in the kernel's ticks; `None` if there is none or it cannot be read.
fn started(process: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name, in parentheses, may hold blanks; the start is the 20th field after it.
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_lives_as_long_as_it_is_held_and_heard_of() {
        let owner = Owner::new();
        let bytes = owner.bytes();
        assert!(is_alive(&bytes, 0, SILENCE));
        assert!(!is_alive(&bytes, 0, SILENCE + 1));
        drop(owner);
        assert!(!is_alive(&bytes, 0, 0));
    }

    #[test]
    fn an_owner_of_a_process_that_is_gone_is_dead() {
        if started(std::process::id()).is_none() {
            return; // nothing to tell by on this system
        }
        let mut bytes = Uuid::now_v7().as_bytes().to_vec();
        bytes.extend(std::process::id().to_be_bytes());
        bytes.extend(1_u64.to_be_bytes());
        assert!(!is_alive(&bytes, 0, 0));
    }
}
