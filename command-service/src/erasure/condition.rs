//! Says in `/readyz` what the log has of texts about people that cannot be erased, or cannot be read.

use key_store::{KeyStore, KeyStoreError};
use security::PERSONAL_DATA;
use server::Readiness;
use std::time::Duration;
use tokio::time::sleep;

/// The first pause between two looks; each is twice the one before, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Looks until the service drains. Texts from before they were sealed stay plain; keys go missing when the store of keys is
/// put back from an older copy.
pub(crate) async fn tell_of_texts(keys: KeyStore, readiness: Readiness) {
    let draining = readiness.draining();
    let mut pause = FIRST_PAUSE;
    loop {
        match found(&keys).await {
            Ok((false, 0)) => {}
            Ok((plain, missing)) => {
                let mut what = "sealed before they are stored".to_owned();
                if plain {
                    what += "; those of some orders were stored plain before, and cannot be erased";
                }
                if missing > 0 {
                    what += &format!(
                        "; {missing} keys that texts are sealed with are not in the store of keys: put back its newest copy"
                    );
                }
                readiness.inform(PERSONAL_DATA, what);
            }
            Err(error) => tracing::debug!(%error, "which texts can be read is not known"),
        }
        tokio::select! {
            () = sleep(pause) => pause = LONGEST_PAUSE.min(2 * pause),
            () = draining.cancelled() => return,
        }
    }
}

/// Whether there are plain texts, and how many keys are missing.
async fn found(keys: &KeyStore) -> Result<(bool, u64), KeyStoreError> {
    Ok((keys.has_plain_texts().await?, keys.missing_keys().await?))
}
