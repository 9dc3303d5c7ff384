//! What works of the store, as far as a keyring has noticed.

use tokio::sync::watch;

/// The condition, and who watches it.
#[derive(Default)]
pub(crate) struct Condition(watch::Sender<Failures>);

/// What does not work, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Failures {
    reading: Option<String>,
    making: Option<String>,
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
            let Failures { reading, making } = condition.borrow_and_update().clone();
            changed(reading.or(making).map_or(Ok(()), Err));
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
            match &*self.0.borrow() {
                Failures { reading: None, making: None } => {
                    tracing::info!("the store of data keys is there");
                }
                Failures { reading, making } => {
                    tracing::warn!(?reading, ?making, "the store of data keys");
                }
            }
        }
    }
}
