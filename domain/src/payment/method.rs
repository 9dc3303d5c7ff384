//! What a customer pays with: a token of the payment provider, never a card.
//!
//! The token stands for a person's card or account, and whoever holds it can ask for money with it. So it is treated as
//! personal (stored sealed, erasable) and as a secret: no `Debug` output shows it, and it has no `Display`.

use crate::{FieldError, Label};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Card numbers have this many digits (ISO/IEC 7812).
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 12..=19;

/// A token of the payment provider for a means of payment: 1–200 characters on one line, opaque here.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MethodToken(Label);

impl MethodToken {
    /// Takes a token. What reads like a card number is refused, so that none gets into the log by mistake.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn parse(text: impl Into<String>) -> Result<Self, FieldError> {
        let token = Label::parse(text)?;
        if reads_like_a_card(token.as_str()) {
            return Err(FieldError::new(
                "card-number",
                "must be a token of the payment provider, not a card number",
            ));
        }
        Ok(Self(token))
    }

    /// Takes a stored token, whatever the rules were when it came in.
    pub(super) fn stored(text: String) -> Self {
        Self(Label::stored(text))
    }

    /// The token in plain, for the provider only.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for MethodToken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("MethodToken(..)")
    }
}

/// Only digits, perhaps in groups, as many as cards have, with the check digit of cards (Luhn).
fn reads_like_a_card(text: &str) -> bool {
    let digits: Option<Vec<u32>> = text
        .chars()
        .filter(|character| !matches!(character, ' ' | '-'))
        .map(|character| character.to_digit(10))
        .collect();
    let Some(digits) = digits.filter(|digits| CARD_DIGITS.contains(&digits.len())) else {
        return false;
    };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit * 2) {
            (0, _) => *digit,
            (_, doubled) => doubled / 10 + doubled % 10,
        })
        .sum();
    sum.is_multiple_of(10)
}
