//! The way back: the generation that the last rebuild replaced takes its place again.

use crate::ProjectorError;
use crate::kind::Kind;
use crate::points;
use read_model::ReadModel;
use server::clock;

/// Puts the kept generation of each of these projections back; all or none.
///
/// # Errors
/// When nothing is kept of one of them, or it is being rebuilt.
pub async fn roll_back(model: &ReadModel, kinds: &[Kind]) -> Result<(), ProjectorError> {
    points::reach("views: roll back").await?;
    let now = clock::now().timestamp_micros();
    let mut tx = model.begin_write().await?;
    let rebuilds = tx.rebuilds().await?;
    for kind in kinds {
        let name = kind.name();
        if rebuilds.iter().any(|rebuild| rebuild.name == name) {
            return Err(ProjectorError::Refused(format!(
                "a rebuild of {name} is under way or was interrupted; finish it first"
            )));
        }
        let Some(back) = tx.roll_back(name, kind.tables(), now).await? else {
            return Err(ProjectorError::Refused(format!("no former generation of {name} is kept")));
        };
        tracing::info!(projection = name, position = back.position, "rolled back");
    }
    points::half_way("views: rolled back").await;
    tx.commit(0).await?;
    Ok(())
}
