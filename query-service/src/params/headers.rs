//! Header fields that every view takes, for the OpenAPI document.

use utoipa::IntoParams;

/// Header fields of every view.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code)] // for the document only: `Consistency` reads them
pub struct ViewHeaders {
    /// Wait until the view has applied this position, as a command's answer gave it.
    #[param(rename = "Consistency-Token", required = false, example = 1042)]
    consistency_token: Option<u64>,
    /// `wait=N`: for how many seconds to wait for that, 0 to 30; 2 if not given.
    #[param(rename = "Prefer", required = false, example = "wait=5")]
    prefer: Option<String>,
}
