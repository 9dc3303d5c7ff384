//! Texts and ids: what they may hold.

#![allow(clippy::unwrap_used, missing_docs)]

use domain::{Label, Name, Note, Reason, Reference};

#[test]
fn an_id_is_of_the_callers_plain_characters() {
    for good in ["a", "A-9_z.:", "...", ".a", "a..", &"x".repeat(64)] {
        assert!(Reference::parse(good).is_ok(), "{good}");
    }
    let bad = [
        ("", "too-short"),
        ("a b", "invalid-characters"),
        ("ä", "invalid-characters"),
        ("a/b", "invalid-characters"),
        (".", "invalid-format"),
        ("..", "invalid-format"),
    ];
    for (text, code) in bad {
        assert_eq!(Reference::parse(text).unwrap_err().code, code, "{text:?}");
    }
    assert_eq!(Reference::parse("x".repeat(65)).unwrap_err().code, "too-long");
}

#[test]
fn texts_are_counted_in_characters_and_kept_byte_for_byte() {
    let longest = "😀".repeat(200);
    assert_eq!(Name::parse(longest.clone()).unwrap().as_str(), longest);
    assert_eq!(Name::parse("😀".repeat(201)).unwrap_err().code, "too-long");
    assert_eq!(Note::parse("x".repeat(2_001)).unwrap_err().code, "too-long");
    assert_eq!(Reason::parse("x".repeat(501)).unwrap_err().code, "too-long");
    assert_eq!(Label::parse("").unwrap_err().code, "too-short");
    for kept in ["O'Brien \"Bob\"; DROP TABLE orders;--", "${jndi:x}", "日本語", " padded ", "é"]
    {
        assert_eq!(Name::parse(kept).unwrap().as_str(), kept);
    }
}

#[test]
fn characters_that_change_how_a_line_reads_are_refused() {
    let bad = [
        '\0',
        '\n',
        '\r',
        '\t',
        '\u{1b}',
        '\u{7f}',
        '\u{85}',
        '\u{200b}',
        '\u{200e}',
        '\u{202e}',
        '\u{2066}',
        '\u{2028}',
        '\u{feff}',
        '\u{61c}',
        '\u{180e}',
        '\u{ad}',
        '\u{e0001}',
        '\u{e0041}',
        '\u{fdd0}',
        '\u{fffe}',
        '\u{ffff}',
        '\u{1fffe}',
        '\u{10ffff}',
    ];
    for character in bad {
        let refused = Note::parse(format!("a{character}b")).unwrap_err();
        assert_eq!(refused.code, "invalid-characters", "{character:?}");
    }
}

#[test]
fn a_text_of_nothing_but_white_space_is_refused() {
    for blank in [" ", "   ", "\u{a0}", "\u{3000} "] {
        assert_eq!(Name::parse(blank).unwrap_err().code, "too-short", "{blank:?}");
    }
}
