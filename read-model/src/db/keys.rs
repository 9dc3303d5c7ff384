//! Lists of keys, `… IN ($1, $2, …)`, in few sizes, so that their statements stay prepared.

/// How many keys a list is filled up to.
const SIZES: [usize; 4] = [1, 8, 32, 128];

/// The most keys in one list: longer ones are asked in pieces.
pub(crate) const MAX_KEYS: usize = 128;

/// These keys, the last one repeated up to one of few sizes.
pub(crate) fn padded<K: Copy>(keys: &[K]) -> impl Iterator<Item = K> {
    let size = SIZES.into_iter().find(|size| *size >= keys.len());
    let size = if keys.is_empty() { 0 } else { size.unwrap_or(keys.len()) };
    (0..size).map(|index| keys[index.min(keys.len() - 1)])
}
