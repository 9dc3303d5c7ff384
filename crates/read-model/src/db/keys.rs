//! Lists of keys, `… IN ($1, $2, …)`, in a few sizes, so that their statements stay prepared.

/// The sizes to which lists are padded.
const SIZES: [usize; 4] = [1, 8, 32, 128];

/// The most keys in one list; longer lists are queried in pieces.
pub(crate) const MAX_KEYS: usize = 128;

/// These keys, padded to the next size with copies of the last one.
pub(crate) fn padded<K: Copy>(keys: &[K]) -> impl Iterator<Item = K> {
    let size = SIZES.into_iter().find(|size| *size >= keys.len());
    let size = if keys.is_empty() { 0 } else { size.unwrap_or(keys.len()) };
    (0..size).map(|index| keys[index.min(keys.len() - 1)])
}
