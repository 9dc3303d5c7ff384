//! The money, by double entry: every entry takes from some accounts what it gives to others.
//!
//! An entry whose moves do not add up to zero is refused, and so is one that would leave less than nothing held or with
//! the merchant. So in every currency all balances together are zero, always.

use serde::Serialize;
use std::collections::BTreeMap;

/// Where money is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// The customers' banks. What left them is negative.
    Customer,
    /// Authorized: no longer the customer's to spend, not yet the merchant's.
    Held,
    /// Captured and not refunded.
    Merchant,
}

/// What an entry is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// An amount was set aside.
    Authorize,
    /// An amount that was set aside went to the merchant; the rest went back.
    Capture,
    /// An amount that was set aside went back.
    Void,
    /// Captured money went back.
    Refund,
}

/// One movement of money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// When it moved, in milliseconds since 1970.
    pub at_ms: u64,
    /// The intent it belongs to.
    pub intent: String,
    /// The currency's code as the provider writes it: `usd`.
    pub currency: String,
    /// What for.
    pub why: Why,
    /// What each account gains, in the provider's minor units. The sum is zero.
    pub moves: Vec<(Account, i64)>,
}

/// An entry that cannot be: its moves do not add up to zero, or an account would fall below zero that must not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the entry does not balance, or takes what is not there")]
pub struct Unbalanced;

/// All entries, and the balances they add up to.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    entries: Vec<Entry>,
    balances: BTreeMap<String, BTreeMap<Account, i64>>,
}

impl Ledger {
    /// Records a movement.
    ///
    /// # Errors
    /// [`Unbalanced`]; then nothing is recorded.
    pub fn post(&mut self, entry: Entry) -> Result<(), Unbalanced> {
        let sum: i128 = entry.moves.iter().map(|(_, amount)| i128::from(*amount)).sum();
        if sum != 0 {
            return Err(Unbalanced);
        }
        let mut after = self.balances.get(&entry.currency).cloned().unwrap_or_default();
        for (account, amount) in &entry.moves {
            let balance = after.entry(*account).or_default();
            *balance = balance.checked_add(*amount).ok_or(Unbalanced)?;
            if *account != Account::Customer && *balance < 0 {
                return Err(Unbalanced);
            }
        }
        self.balances.insert(entry.currency.clone(), after);
        self.entries.push(entry);
        Ok(())
    }

    /// The entries, oldest first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The balance of each account, by currency.
    pub fn balances(&self) -> &BTreeMap<String, BTreeMap<Account, i64>> {
        &self.balances
    }

    /// One balance, in the provider's minor units.
    pub fn balance(&self, currency: &str, account: Account) -> i64 {
        let accounts = self.balances.get(currency);
        accounts.and_then(|it| it.get(&account)).copied().unwrap_or(0)
    }

    /// Whether all balances of each currency add up to zero, counted anew from the entries.
    pub fn balances_out(&self) -> bool {
        let mut sums: BTreeMap<&str, BTreeMap<Account, i64>> = BTreeMap::new();
        for entry in &self.entries {
            let accounts = sums.entry(&entry.currency).or_default();
            for (account, amount) in &entry.moves {
                *accounts.entry(*account).or_default() += amount;
            }
        }
        let counted = sums.iter().all(|(currency, accounts)| {
            accounts.iter().all(|(account, sum)| self.balance(currency, *account) == *sum)
        });
        counted && sums.values().all(|accounts| accounts.values().sum::<i64>() == 0)
    }

    /// What one intent gave the merchant and still has there: captured less refunded.
    pub fn net_of(&self, intent: &str) -> i64 {
        let moves = self.entries.iter().filter(|it| it.intent == intent).flat_map(|it| &it.moves);
        moves.filter(|(account, _)| *account == Account::Merchant).map(|(_, amount)| amount).sum()
    }
}
