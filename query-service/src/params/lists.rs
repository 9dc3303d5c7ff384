//! Parameters of lists: comma-separated names and the page size.

use super::invalid;
use server::Problem;

/// The most names in one list: more than any set of names has.
const MAX_NAMES: usize = 16;

/// The values of comma-separated names from a closed set: sorted, without repeats. An unknown name is refused.
pub(crate) fn names<T: Copy + Ord>(
    parameter: &str,
    text: &str,
    known: &[(&'static str, T)],
) -> Result<Vec<T>, Problem> {
    let refused = || {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        invalid(parameter, &format!("one or more of {}, parted by commas", names.join(", ")))
    };
    let mut values = Vec::new();
    for name in text.split(',').take(MAX_NAMES + 1) {
        let (_, value) = known.iter().find(|(known, _)| *known == name).ok_or_else(refused)?;
        values.push(*value);
    }
    if values.len() > MAX_NAMES {
        return Err(refused());
    }
    values.sort_unstable();
    values.dedup();
    Ok(values)
}

/// Codes of statuses by their names; none when the parameter is not given.
pub(crate) fn codes<const N: usize>(
    parameter: &str,
    text: Option<&str>,
    known: [(&'static str, i16); N],
) -> Result<Vec<i16>, Problem> {
    text.map_or(Ok(Vec::new()), |text| names(parameter, text, &known))
}

/// How many rows a page has.
pub(crate) fn limit(given: Option<u32>, usual: u32, most: u32) -> Result<u32, Problem> {
    match given.unwrap_or(usual) {
        limit if (1..=most).contains(&limit) => Ok(limit),
        _ => Err(invalid("limit", &format!("a whole number from 1 to {most}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_must_be_known_and_are_taken_once() {
        let known = [("placed", 1), ("draft", 0)];
        assert_eq!(names("status", "placed,draft,placed", &known).unwrap(), [0, 1]);
        for unknown in ["", "placed,", ",placed", "Placed", " placed", "paid", "placed;draft"] {
            assert!(names("status", unknown, &known).is_err(), "{unknown:?}");
        }
        assert!(names("status", &"placed,".repeat(40), &known).is_err());
    }

    #[test]
    fn a_limit_lies_within_its_bounds() {
        assert_eq!(limit(None, 50, 200).unwrap(), 50);
        assert_eq!(limit(Some(200), 50, 200).unwrap(), 200);
        assert!(limit(Some(0), 50, 200).is_err());
        assert!(limit(Some(201), 50, 200).is_err());
    }
}
