//! A second reader of times, written from RFC 3339 and the contract: digits and offsets to microseconds since 1970.

/// Microseconds in a day.
const DAY: i64 = 86_400_000_000;
/// Microseconds before 1970 at which the year 1 begins.
const FIRST: i64 = -719_162 * DAY;
/// Microseconds from 1970 to the end of the year 9999.
const END: i64 = 2_932_897 * DAY;

/// The instant of a text; `None` if it is no time, or outside the years 1 to 9999.
pub(crate) fn micros(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let two = |at: usize| digits(bytes.get(at..at + 2)?);
    let sign = |at: usize, allowed: &[u8]| allowed.contains(bytes.get(at)?).then_some(());
    let (year, month, day) = (digits(bytes.get(..4)?)?, two(5)?, two(8)?);
    let (hour, minute, second) = (two(11)?, two(14)?, two(17)?);
    for (at, allowed) in [(4, b"-"), (7, b"-"), (13, b":"), (16, b":")] {
        sign(at, allowed)?;
    }
    sign(10, b"Tt ")?;
    let mut at = 19;
    let mut fraction = 0;
    if bytes.get(at) == Some(&b'.') {
        let count = bytes[20..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let kept = &bytes[20..20 + count.min(6)];
        fraction = digits(kept)? * 10_i64.pow(6 - u32::try_from(kept.len()).ok()?);
        at = 20 + count;
    }
    let offset = match bytes.get(at..)? {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let (hours, minutes) = (two(at + 1)?, two(at + 4)?);
            (hours < 24 && minutes < 60).then_some(())?;
            (hours * 60 + minutes) * if *sign == b'+' { 1 } else { -1 }
        }
        _ => return None,
    };
    let sound = (1..=12).contains(&month) && (1..=length(year, month)).contains(&day);
    (sound && hour < 24 && minute < 60 && second <= 60).then_some(())?;
    let minutes = days(year, month, day) * 1_440 + hour * 60 + minute - offset;
    let micros = minutes * 60_000_000 + second * 1_000_000 + fraction;
    (micros >= FIRST).then_some(())?;
    let settled = match second {
        // A leap second and all its fractions are the moment after it: the first of July or January.
        60 => Some((minutes + 1) * 60_000_000).filter(|next| leaps_before(*next))?,
        _ => micros,
    };
    (settled < END).then_some(settled)
}

fn digits(bytes: &[u8]) -> Option<i64> {
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
    let read = |sum: Option<i64>, byte| Some(sum? * 10 + digit(byte)?);
    (!bytes.is_empty()).then_some(())?;
    bytes.iter().fold(Some(0), read)
}

fn is_leap_year(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn length(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap_year(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970 to a date of the years 0 to 9999.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let before = |year: i64| 365 * year + (year + 3) / 4 - (year + 99) / 100 + (year + 399) / 400;
    before(year) - before(1970) + (1..month).map(|m| length(year, m)).sum::<i64>() + day - 1
}

/// Whether a leap second may precede a midnight.
fn leaps_before(midnight: i64) -> bool {
    let about = 1970 + midnight / DAY / 365;
    let firsts = (about - 30..about + 30).flat_map(|year| [days(year, 1, 1), days(year, 7, 1)]);
    midnight % DAY == 0 && firsts.into_iter().any(|first| first == midnight / DAY)
}

#[cfg(test)]
mod tests {
    use super::micros;

    #[test]
    fn the_second_reader_knows_the_calendar() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-03-01T00:00:00.5+01:00", Some(951_865_200_500_000)),
            ("2016-12-31T23:59:60.9Z", Some(1_483_228_800_000_000)),
            ("2016-12-30T23:59:60Z", None),
            ("0001-01-01T00:00:00Z", Some(-62_135_596_800_000_000)),
            ("0000-12-31T23:59:59Z", None),
            ("1900-02-29T00:00:00Z", None),
        ] {
            assert_eq!(micros(text), expected, "{text}");
        }
    }
}
