//! Checks that the views were made from this log, and not from one since deleted, replaced or restored from an old backup.
//!
//! Views keep the log's length and the hash of one of its events. A log that is shorter, or has another hash there, is
//! another log. Its events would falsify the rows, so nothing is folded; a rebuild of everything empties the views first.

use crate::ProjectorError;
use crate::projection::Projection;
use crate::source::Source;
use read_model::ReadModel;
use server::clock;

/// Refuses a log that the views were not made from.
///
/// # Errors
/// [`ProjectorError::ForeignLog`], which says what to do; or when a storage refuses.
pub async fn check_log_identity(source: &Source, model: &ReadModel) -> Result<(), ProjectorError> {
    let Some(seen) = model.seen_log().await? else { return Ok(()) };
    // Read after the views, so that events appended meanwhile cannot make the log look too short.
    let length = source.head().await?.position;
    if length < seen.length {
        return Err(ProjectorError::ForeignLog(format!(
            "they have seen {} events, it has {length}",
            seen.length
        )));
    }
    let Some((position, hash)) = seen.witness else { return Ok(()) };
    if source.hash_at(position).await?.is_none_or(|found| found[..] != hash[..]) {
        return Err(ProjectorError::ForeignLog(format!(
            "its event at position {position} is not the one that they have seen there"
        )));
    }
    Ok(())
}

/// Empties views that were made from another log, if everything is to be rebuilt; otherwise refuses the log.
pub(crate) async fn adopt(
    source: &Source,
    model: &ReadModel,
    projections: &[&'static Projection],
) -> Result<(), ProjectorError> {
    let foreign = match check_log_identity(source, model).await {
        Err(foreign @ ProjectorError::ForeignLog(_)) => foreign,
        other => return other,
    };
    if source.registry().projections().iter().any(|projection| !projections.contains(projection)) {
        return Err(foreign);
    }
    tracing::warn!(%foreign, "the views are emptied, and rebuilt from this log");
    let now = clock::now().timestamp_micros();
    let mut tx = model.begin_write().await?;
    for projection in source.registry().projections() {
        tx.begin_anew(projection.name, projection.tables, now).await?;
    }
    Ok(tx.commit(0).await?)
}
