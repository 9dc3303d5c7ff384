//! Rollback: the generation that the last rebuild replaced becomes live again.

use crate::ProjectorError;
use crate::points;
use crate::projection::Projection;
use read_model::ReadModel;
use server::clock;

/// Makes the kept generation of each of these projections live again; all or none.
///
/// # Errors
/// When no generation is kept of one of them, or it is being rebuilt.
pub async fn roll_back(
    model: &ReadModel,
    projections: &[&'static Projection],
) -> Result<(), ProjectorError> {
    points::reach("views: roll back").await?;
    let now = clock::now().timestamp_micros();
    let mut tx = model.begin_write().await?;
    let rebuilds = tx.rebuilds().await?;
    for projection in projections {
        let name = projection.name;
        if rebuilds.iter().any(|rebuild| rebuild.name == name) {
            return Err(ProjectorError::Refused(format!(
                "a rebuild of {name} is under way or was interrupted; finish it first"
            )));
        }
        let Some(back) = tx.roll_back(name, projection.tables, now).await? else {
            return Err(ProjectorError::Refused(format!("no former generation of {name} is kept")));
        };
        tracing::info!(projection = name, position = back.position, "rolled back");
    }
    points::half_way("views: rolled back").await;
    tx.commit(0).await?;
    Ok(())
}
