//! Which partition a business case belongs to, and where a partition begins and ends.
//!
//! The partition is murmur2 of the key, as in Java's producers and librdkafka's `murmur2_random`. The relay computes it
//! from the partition count that it recorded when it first filled the topic, and names the partition on every record. So
//! partitions that are added later never move a case.

use uuid::Uuid;

const SEED: u32 = 0x9747_b28c;
const M: u32 = 0x5bd1_e995;
const R: u32 = 24;

/// The offset bounds of a partition: its first offset, and the offset of the next record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermarks {
    /// The first offset that the partition still has.
    pub low: i64,
    /// The offset after the last.
    pub high: i64,
}

/// The partition, of this many, that holds the events with this partition key.
///
/// # Panics
/// When there are no partitions.
#[must_use]
pub fn partition_of(partition_key: Uuid, partitions: u32) -> i32 {
    let mut key = [0; uuid::fmt::Hyphenated::LENGTH];
    partition_of_key(partition_key.hyphenated().encode_lower(&mut key).as_bytes(), partitions)
}

/// The same for any key.
pub(crate) fn partition_of_key(key: &[u8], partitions: u32) -> i32 {
    assert!(partitions > 0, "a topic has at least one partition");
    let hash = murmur2(key) & 0x7fff_ffff;
    i32::try_from(hash % partitions).expect("less than 2^31")
}

fn murmur2(key: &[u8]) -> u32 {
    let length = u32::try_from(key.len()).expect("keys are short");
    let mut hash = SEED ^ length;
    let mut words = key.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes(word.try_into().expect("chunks of four")).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = words.remainder();
    for (place, byte) in rest.iter().enumerate() {
        hash ^= u32::from(*byte) << (8 * place);
    }
    if !rest.is_empty() {
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of Kafka's own `UtilsTest.testMurmur2`.
    #[test]
    fn murmur2_is_the_one_of_java() {
        for (key, expected) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), expected, "{key}");
        }
    }

    #[test]
    fn orders_spread_over_all_partitions() {
        let mut counts = [0_u32; 6];
        for order in 0..6_000_u128 {
            let partition = partition_of(Uuid::from_u128(order * 0x9e37_79b9_7f4a_7c15), 6);
            counts[usize::try_from(partition).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (800..1200).contains(count)), "{counts:?}");
    }
}
