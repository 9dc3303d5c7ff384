//! Says in `/readyz` whether the log has texts about people from before they were sealed: nothing can erase those.

use key_store::KeyStore;
use security::PERSONAL_DATA;
use server::Readiness;
use std::time::Duration;
use tokio::time::sleep;

/// The first pause between two looks; each is twice the one before, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Looks until there are some, or until the service drains: the log never loses them.
pub(crate) async fn tell_of_plain_texts(keys: KeyStore, readiness: Readiness) {
    let draining = readiness.draining();
    let mut pause = FIRST_PAUSE;
    loop {
        match keys.has_plain_texts().await {
            Ok(true) => {
                let what = "sealed before they are stored; those of some orders were stored plain before, and cannot be erased";
                readiness.inform(PERSONAL_DATA, what.to_owned());
                return;
            }
            Ok(false) => {}
            Err(error) => tracing::debug!(%error, "whether texts are stored plain is not known"),
        }
        tokio::select! {
            () = sleep(pause) => pause = LONGEST_PAUSE.min(2 * pause),
            () = draining.cancelled() => return,
        }
    }
}
