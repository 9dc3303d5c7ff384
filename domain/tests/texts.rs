//! Texts and ids: which characters they may hold.

#![allow(clippy::unwrap_used, missing_docs)]

use domain::{Email, Label, Name, Note, Reason, Reference};

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
fn a_text_that_shows_nothing_is_refused() {
    for blank in [" ", "   ", "\u{a0}", "\u{3000} ", "\u{3164}", "\u{2800}\u{115f}", "\u{fe0f}"] {
        assert_eq!(Name::parse(blank).unwrap_err().code, "too-short", "{blank:?}");
    }
    for blank in ["\n", " \r\n\t"] {
        assert_eq!(Note::parse(blank).unwrap_err().code, "too-short", "{blank:?}");
    }
}

#[test]
fn notes_and_reasons_keep_their_line_ends_and_tabs() {
    for kept in ["a\nb", "a\r\nb", "a\tb", "\n\n a\n", "\ta\r\n", "\r\n.\r\n"] {
        assert_eq!(Note::parse(kept).unwrap().as_str(), kept);
        assert_eq!(Reason::parse(kept).unwrap().as_str(), kept);
        assert_eq!(Name::parse(kept).unwrap_err().code, "invalid-characters", "{kept:?}");
        assert_eq!(Label::parse(kept).unwrap_err().code, "invalid-characters", "{kept:?}");
        assert_eq!(Email::parse(kept).unwrap_err().code, "invalid-characters", "{kept:?}");
    }
    for bad in ["a\rb", "a\r", "a\n\rb", "a\r\r\n", "a\u{b}b", "a\u{c}b", "a\u{85}b", "a\u{2028}b"]
    {
        assert_eq!(Note::parse(bad).unwrap_err().code, "invalid-characters", "{bad:?}");
        assert_eq!(Reason::parse(bad).unwrap_err().code, "invalid-characters", "{bad:?}");
    }
}

#[test]
fn joiners_stand_between_two_characters_that_show() {
    for kept in [
        "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645}",
        "\u{dc1}\u{dca}\u{200d}\u{dbb}\u{dd3}",
        "\u{9b0}\u{200d}\u{9cd}\u{9af}\u{9be}\u{9ac}",
        "\u{1f469}\u{1f3fd}\u{200d}\u{1f680}",
        "\u{1f3f3}\u{fe0f}\u{200d}\u{1f308}",
        "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
        "a\u{200c}b",
    ] {
        assert_eq!(Name::parse(kept).unwrap().as_str(), kept);
        assert_eq!(Note::parse(kept).unwrap().as_str(), kept);
        assert_eq!(Label::parse(kept).unwrap().as_str(), kept);
    }
    for joiner in ['\u{200c}', '\u{200d}'] {
        for bad in [
            joiner.to_string(),
            format!("{joiner}a"),
            format!("a{joiner}"),
            format!("a{joiner}{joiner}b"),
            format!("a {joiner}b"),
            format!("a{joiner} b"),
            format!("a{joiner}\nb"),
            format!("a\n{joiner}b"),
            format!("a{joiner}\u{fe0f}b"),
            format!("\u{fe0f}{joiner}b"),
            format!("a{joiner}\u{3164}"),
            format!("a{joiner}\u{200b}b"),
        ] {
            let refused = Note::parse(bad.as_str()).unwrap_err();
            assert_eq!(refused.code, "invalid-characters", "{bad:?}");
            assert!(refused.detail.contains("joiner"), "{bad:?} {}", refused.detail);
            let refused = Name::parse(bad.as_str()).unwrap_err();
            assert_eq!(refused.code, "invalid-characters", "{bad:?}");
        }
    }
}

#[test]
fn an_email_address_has_at_most_254_characters() {
    let longest = format!("{}@{}.example", "x".repeat(64), "y".repeat(181));
    assert_eq!(Email::parse(longest.as_str()).unwrap().as_str(), longest);
    assert_eq!(longest.len(), 254);
    assert_eq!(Email::parse(format!("{longest}s")).unwrap_err().code, "too-long");
}
