//! What works of the store, as far as a keyring has noticed.

use crate::KeyStoreError;
use tokio::sync::watch;

/// The condition, and who watches it.
#[derive(Default)]
pub(crate) struct Condition(watch::Sender<Failures>);

/// What does not work, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Failures {
    reading: Option<String>,
    making: Option<String>,
    /// Another master key wraps the keys: that stays until the program starts again.
    other_master: bool,
}

impl Failures {
    fn worst(self) -> Option<String> {
        let changed = || KeyStoreError::MasterKeyChanged.to_string();
        self.other_master.then(changed).or(self.reading).or(self.making)
    }
}

impl Condition {
    /// Why the store cannot be read, if it cannot.
    pub fn unread(&self) -> Option<String> {
        self.0.borrow().reading.clone()
    }

    /// Notes whether the store could be read.
    pub fn note_reading(&self, failed: Option<String>) {
        self.note(|failures| failures.reading = failed);
    }

    /// Notes whether keys could be made.
    pub fn note_making(&self, failed: Option<String>) {
        self.note(|failures| failures.making = failed);
    }

    /// Notes that another master key wraps keys of the store.
    pub fn note_other_master(&self) {
        self.note(|failures| failures.other_master = true);
    }

    /// Notes that keys were not made in time, unless a better reason is known.
    pub fn note_dry(&self) {
        let why = || "the key store has not taken new keys in time".to_owned();
        self.note(|failures| {
            failures.making.get_or_insert_with(why);
        });
    }

    /// Reports the condition now and whenever it changes.
    pub async fn watch(&self, mut changed: impl FnMut(Result<(), String>)) {
        let mut condition = self.0.subscribe();
        loop {
            let failures = condition.borrow_and_update().clone();
            changed(failures.worst().map_or(Ok(()), Err));
            if condition.changed().await.is_err() {
                return;
            }
        }
    }

    /// Changes it, and logs it if it is another one.
    fn note(&self, change: impl FnOnce(&mut Failures)) {
        let changed = self.0.send_if_modified(|failures| {
            let before = failures.clone();
            change(failures);
            *failures != before
        });
        if changed {
            match self.0.borrow().clone().worst() {
                None => tracing::info!("the store of data keys is there"),
                Some(why) => tracing::warn!(why, "the store of data keys"),
            }
        }
    }
}
