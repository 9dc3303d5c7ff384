//! What must hold for every refusal.

use server::Problem;

/// The longest detail of a broken field.
pub(crate) const MAX_DETAIL: usize = 300;
/// A text in the corpus that no answer may repeat.
pub(crate) const MARK: &str = "Zq7";

/// A refusal as it is sent: a client's error, of bounded size, that repeats nothing.
pub(crate) fn client_error(problem: &Problem) {
    assert!(problem.code().status().is_client_error(), "{:?}", problem.code());
    let document = problem.document("/v1/orders", "c-1");
    let detail = document["detail"].as_str().expect("a sentence");
    assert!(detail.len() <= MAX_DETAIL && !detail.contains(MARK), "{detail}");
}
