//! Withdrawn currencies: the last month of each, and its digits.
//!
//! Codes and months are those of ISO 4217's list three (historic denominations) as published in 2024, plus BGN, which
//! the euro replaced in January 2026. The list gives months. A currency counts as in use to the end of its month,
//! because most stayed legal tender with their successors for some weeks. The list has no digits; they are ISO's of the
//! time, as the Java platform keeps them. Currencies withdrawn so early that no such source gives their digits are left
//! out.

/// A currency that ISO 4217 has withdrawn.
pub(super) struct Withdrawn {
    /// The three-letter code.
    pub code: &'static str,
    /// Digits after the decimal point.
    pub digits: u16,
    /// The last month in which it was in use: year and month.
    pub last_month: (i32, u32),
}

const fn row(code: &'static str, digits: u16, year: i32, month: u32) -> Withdrawn {
    Withdrawn { code, digits, last_month: (year, month) }
}

/// Sorted by code.
#[rustfmt::skip]
pub(super) const WITHDRAWN: [Withdrawn; 54] = [
    row("ADP", 0, 2003, 7),    row("AFA", 2, 2003, 1),    row("ANG", 2, 2025, 3),
    row("ATS", 2, 2002, 3),    row("AYM", 2, 2005, 10),   row("AZM", 2, 2005, 12),
    row("BEF", 0, 2002, 3),    row("BGL", 2, 2003, 11),   row("BGN", 2, 2026, 1),
    row("BYB", 0, 2001, 1),    row("BYR", 0, 2017, 1),    row("CSD", 2, 2006, 10),
    row("CUC", 2, 2021, 6),    row("CYP", 2, 2008, 1),    row("DEM", 2, 2002, 3),
    row("EEK", 2, 2011, 1),    row("ESP", 0, 2002, 3),    row("FIM", 2, 2002, 3),
    row("FRF", 2, 2002, 3),    row("GHC", 2, 2008, 1),    row("GRD", 0, 2002, 3),
    row("GWP", 2, 1997, 5),    row("HRK", 2, 2023, 1),    row("IEP", 2, 2002, 3),
    row("ITL", 0, 2002, 3),    row("LTL", 2, 2014, 12),   row("LUF", 0, 2002, 3),
    row("LVL", 2, 2014, 1),    row("MGF", 0, 2004, 12),   row("MRO", 2, 2017, 12),
    row("MTL", 2, 2008, 1),    row("MZM", 2, 2006, 6),    row("NLG", 2, 2002, 3),
    row("PTE", 0, 2002, 3),    row("ROL", 0, 2005, 6),    row("RUR", 2, 2004, 1),
    row("SDD", 2, 2007, 7),    row("SIT", 2, 2007, 1),    row("SKK", 2, 2009, 1),
    row("SLL", 2, 2023, 12),   row("SRG", 2, 2003, 12),   row("STD", 2, 2017, 12),
    row("TMM", 2, 2009, 1),    row("TPE", 0, 2002, 11),   row("TRL", 0, 2005, 12),
    row("USS", 2, 2014, 3),    row("VEB", 2, 2008, 1),    row("VEF", 2, 2018, 8),
    row("YUM", 2, 2003, 7),    row("ZMK", 2, 2012, 12),   row("ZWD", 2, 2008, 8),
    row("ZWL", 2, 2024, 9),    row("ZWN", 2, 2006, 9),    row("ZWR", 2, 2009, 6),
];

/// The place of a code's row.
pub(super) fn find(code: &str) -> Option<usize> {
    WITHDRAWN.binary_search_by(|row| row.code.cmp(code)).ok()
}
