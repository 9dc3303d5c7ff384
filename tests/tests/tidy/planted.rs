//! Small workspaces with one error each: every rule must find its error and name it.

use crate::{circles, effects, files, layers, workspace::Workspace};
use std::path::Path;
use tempfile::TempDir;

/// The content of each file of a workspace.
type Files<'a> = &'a [(&'a str, &'a str)];

/// Writes a workspace with one library, `house`, and these files, and judges it.
fn judged(given: Files<'_>, judge: impl Fn(&Workspace) -> Vec<String>) -> Vec<String> {
    let folder = TempDir::new().unwrap();
    let root = folder.path().canonicalize().unwrap();
    put(&root, "Cargo.toml", "[workspace]\nmembers = [\"house\"]\n");
    put(&root, "house/Cargo.toml", "[package]\nname = \"house\"\n");
    for (name, text) in given {
        put(&root, name, text);
    }
    judge(&Workspace::read(&root))
}

fn put(root: &Path, name: &str, text: &str) {
    let file = root.join(name);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
}

fn circles_in(given: Files<'_>) -> Vec<String> {
    judged(given, |workspace| circles::findings(workspace, &[]))
}

/// Fails unless there is exactly one finding, and it has all of these words.
#[track_caller]
fn found(findings: &[String], words: &[&str]) {
    assert_eq!(findings.len(), 1, "{findings:?}");
    for word in words {
        assert!(findings[0].contains(word), "no {word:?} in {findings:?}");
    }
}

#[track_caller]
fn nothing(findings: &[String]) {
    assert_eq!(findings, [] as [String; 0]);
}

mod of_circles {
    use super::*;

    #[test]
    fn two_siblings() {
        let findings = circles_in(&[
            ("house/src/lib.rs", "mod roof; mod wall;"),
            ("house/src/roof.rs", "use crate::wall::Wall;\npub struct Roof;"),
            ("house/src/wall.rs", "\nuse super::roof::Roof;\npub struct Wall;"),
        ]);
        let roof = "house/src/roof.rs:1 names wall::Wall";
        found(&findings, &["house: roof, wall", roof, "wall.rs:2 names roof::Roof", "Move what"]);
    }

    #[test]
    fn three_in_a_ring() {
        let findings = circles_in(&[(
            "house/src/lib.rs",
            "mod a { use crate::b::B; } mod b { use crate::c::C; } mod c { use crate::a::A; }
             mod d { use crate::a::A; }",
        )]);
        found(&findings, &["house: a, b, c import"]);
    }

    #[test]
    fn two_rings_with_a_bridge_are_two_findings() {
        let findings = circles_in(&[(
            "house/src/lib.rs",
            "mod a { use crate::b::B; use crate::c::C; } mod b { use crate::a::A; }
             mod c { use crate::d::D; } mod d { use crate::c::C; }",
        )]);
        assert_eq!(findings.len(), 2, "{findings:?}");
    }

    #[test]
    fn deep_below() {
        let findings = circles_in(&[
            ("house/src/lib.rs", "pub mod floor;"),
            ("house/src/floor/mod.rs", "mod bath; mod kitchen;"),
            ("house/src/floor/bath.rs", "mod tap;"),
            ("house/src/floor/bath/tap.rs", "use super::super::kitchen::Sink;"),
            ("house/src/floor/kitchen.rs", "use super::bath::Pipe;"),
        ]);
        found(&findings, &["floor::bath, floor::kitchen", "floor/bath/tap.rs:1"]);
    }

    #[test]
    fn through_what_the_root_passes_on() {
        let findings = circles_in(&[
            ("house/src/lib.rs", "mod roof; mod wall; pub use roof::Roof;"),
            ("house/src/roof.rs", "use crate::wall;\npub struct Roof;"),
            ("house/src/wall.rs", "use crate::Roof;"),
        ]);
        found(&findings, &["roof, wall", "wall.rs:1 names Roof"]);
    }

    #[test]
    fn through_a_glob_that_the_root_passes_on() {
        let findings = circles_in(&[
            ("house/src/lib.rs", "mod roof; mod wall; pub use roof::*;"),
            ("house/src/roof.rs", "use crate::wall;\npub struct Roof;"),
            ("house/src/wall.rs", "use crate::Roof;"),
        ]);
        found(&findings, &["roof, wall"]);
    }

    #[test]
    fn in_groups_and_under_another_name() {
        let findings = circles_in(&[(
            "house/src/lib.rs",
            "mod a { use crate::{c, b::{self as other, B}}; } mod b { use super::{a::{self}}; }
             mod c {}",
        )]);
        found(&findings, &["house: a, b import", "names b\n", "names b::B"]);
    }

    #[test]
    fn in_code_without_a_use() {
        for code in [
            "fn f() { crate::b::g(); }",
            "fn f(_: Vec<super::b::B>) {}",
            "impl crate::b::Trait for A {}",
            "fn f() { println!(\"{}\", vec![super::b::g()].len()); }",
            "#[derive(Clone)] #[from(crate::b::B)] struct A;",
            "macro_rules! m { () => { $crate::b::g() } }",
            "fn f() { use crate::b; }",
            "impl A { fn f() { let _ = |x: crate::b::B| x; } }",
        ] {
            let a = format!("mod a {{ {code} }} mod b {{ use crate::a::A; }}");
            found(&circles_in(&[("house/src/lib.rs", &a)]), &["house: a, b import"]);
        }
    }

    #[test]
    fn through_a_name_for_a_module_above() {
        for above in ["use crate as house;", "use crate::{self as house};"] {
            let a = format!(
                "mod a {{ {above} fn f() {{ house::b::g(); }} }} mod b {{ use crate::a; }}"
            );
            found(&circles_in(&[("house/src/lib.rs", &a)]), &["house: a, b import", "names b::g"]);
        }
    }

    #[test]
    fn in_programs_and_tests_and_where_a_path_is_given() {
        for root in ["src/main.rs", "src/bin/one.rs", "src/bin/two/main.rs", "tests/all/main.rs"] {
            let root = format!("house/{root}");
            let folder = Path::new(&root).parent().unwrap();
            let other = folder.join("elsewhere/b.rs").display().to_string();
            let findings = circles_in(&[
                (&root, "mod a { use crate::b; }\n#[path = \"elsewhere/b.rs\"]\nmod b;"),
                (&other, "use crate::a;"),
            ]);
            let label = root.strip_prefix("house/").unwrap();
            found(&findings, &[&format!("house {label}: a, b import")]);
        }
    }

    #[test]
    fn parents_children_tests_and_other_crates_make_none() {
        nothing(&circles_in(&[(
            "house/src/lib.rs",
            "pub use a::A; use b::B;
             pub struct Root;
             /// As [`crate::b::B`] has it.
             pub mod a { use super::Root; pub struct A(inner::In); mod inner { use super::A; pub struct In; } }
             mod b { use crate::a::A; pub(super) struct B; const TEXT: &str = \"crate::c::C\"; }
             mod c { use crate::b::B; use ::b::a; use b::c;
                     #[cfg(test)] use crate::d::D;
                     #[cfg(test)] fn f() { crate::d::g(); }
                     #[cfg(test)] mod tests { use crate::d::D; use super::*; } }
             mod d { use crate::c::C; }",
        )]));
    }

    #[test]
    fn an_allowed_one_passes_as_long_as_it_is_there() {
        let library = [("house/src/lib.rs", "mod a { use crate::b; } mod b { use crate::a; }")];
        let allow = |allowed: &[circles::Allowed<'_>]| {
            judged(&library, |workspace| circles::findings(workspace, allowed))
        };
        nothing(&allow(&[("house", "a", "b")]));
        nothing(&allow(&[("house", "b", "a")]));
        let strike = "no circle needs";
        found(&allow(&[("house", "a", "b"), ("house", "b", "a")]), &[strike, "a -> b"]);
        found(&allow(&[("house", "a", "b"), ("house", "a", "c")]), &[strike, "a -> c"]);
        found(&allow(&[("house", "a", "b"), ("shed", "a", "b")]), &[strike, "shed"]);
    }
}

mod of_layers {
    use super::*;

    const LAYERS: layers::Layers<'_> =
        &[("ground", &["stone", "wood"]), ("walls", &["house"]), ("top", &["roof"])];

    /// Four members; `house` has these dependencies.
    fn house_with(dependencies: &str) -> Vec<String> {
        let members = "members = [\"house\", \"low/*\", \"roof\"]";
        let shared = "[workspace.dependencies]\nroof.path = \"roof\"\nstone.path = \"low/stone\"\n";
        let root = format!("[workspace]\n{members}\nexclude = [\"hut\"]\n{shared}");
        let house = format!("[package]\nname = \"house\"\n{dependencies}");
        let given: Files<'_> = &[
            ("Cargo.toml", &root),
            ("house/Cargo.toml", &house),
            (
                "hut/Cargo.toml",
                "[package]\nname = \"hut\"\n[dependencies]\nroof.path = \"../roof\"",
            ),
            ("low/stone/Cargo.toml", "[package]\nname = \"stone\"\n"),
            ("low/wood/Cargo.toml", "[package]\nname = \"wood\"\n"),
            ("roof/Cargo.toml", "[package]\nname = \"roof\"\n"),
        ];
        judged(given, |workspace| layers::findings(workspace, LAYERS))
    }

    #[test]
    fn an_arrow_up() {
        for dependencies in [
            "[dependencies]\nroof.workspace = true",
            "[dependencies]\nroof = { path = \"../roof\", optional = true }",
            "[dependencies]\ncover = { path = \"../roof\", package = \"roof\" }",
            "[build-dependencies]\nroof.workspace = true",
            "[dev-dependencies]\nroof.workspace = true",
            "[target.'cfg(unix)'.dependencies]\nroof.workspace = true",
        ] {
            found(&house_with(dependencies), &["house (walls) depends on roof (top)", "Move what"]);
        }
    }

    #[test]
    fn arrows_down_pass() {
        nothing(&house_with("[dependencies]\nstone.workspace = true\nserde = \"1\""));
        nothing(&house_with("[dev-dependencies]\nhouse = { path = \".\", features = [\"x\"] }"));
    }

    #[test]
    fn members_of_one_layer_know_each_other_from_tests_only() {
        let stone_with = |kind: &str| {
            let stone = format!("[package]\nname = \"stone\"\n[{kind}]\nwood.path = \"../wood\"");
            let given: Files<'_> = &[
                ("Cargo.toml", "[workspace]\nmembers = [\"stone\", \"wood\"]\n"),
                ("stone/Cargo.toml", &stone),
                ("wood/Cargo.toml", "[package]\nname = \"wood\"\n"),
            ];
            judged(given, |workspace| layers::findings(workspace, &LAYERS[..1]))
        };
        found(&stone_with("dependencies"), &["stone (ground) depends on wood (ground)"]);
        nothing(&stone_with("dev-dependencies"));
    }

    #[test]
    fn a_member_without_a_layer_and_a_name_without_a_member() {
        let none = judged(&[], |workspace| layers::findings(workspace, &[("top", &[])]));
        found(&none, &["house has no layer"]);
        let two = [("walls", &["house"] as &[&str]), ("top", &["tower"])];
        found(&judged(&[], |workspace| layers::findings(workspace, &two)), &["tower is no member"]);
    }
}

mod of_effects {
    use super::*;

    /// `house` needs `wall`, and `wall` has these dependencies.
    fn house_whose_wall_has(dependencies: &str) -> Vec<String> {
        let wall = format!("[package]\nname = \"wall\"\n{dependencies}");
        let given: Files<'_> = &[
            (
                "house/Cargo.toml",
                "[package]\nname = \"house\"\n[dependencies]\nwall.path = \"../wall\"",
            ),
            ("wall/Cargo.toml", &wall),
            ("street/Cargo.toml", "[package]\nname = \"street\"\n"),
        ];
        judged(given, |workspace| effects::findings(workspace, &["house"], "street"))
    }

    #[test]
    fn a_way_over_another_member() {
        for kind in ["dependencies", "build-dependencies", "target.'cfg(unix)'.dependencies"] {
            let findings = house_whose_wall_has(&format!("[{kind}]\nstreet.path = \"../street\""));
            found(&findings, &["house → wall → street can reach"]);
        }
    }

    #[test]
    fn tests_may_go_out_and_circles_end() {
        nothing(&house_whose_wall_has("[dev-dependencies]\nstreet.path = \"../street\""));
        nothing(&house_whose_wall_has("[dependencies]\nhouse.path = \"../house\""));
    }

    #[test]
    fn a_name_without_a_member() {
        let findings = judged(&[], |workspace| effects::findings(workspace, &["house"], "street"));
        found(&findings, &["street is no member"]);
    }
}

mod of_files {
    use super::*;

    #[test]
    fn a_long_file_and_one_without_a_first_word() {
        let fitting = format!("//! Fits.\n{}", "\n".repeat(399));
        nothing(&judged(&[("house/src/lib.rs", &fitting)], files::findings));
        let longer = format!("{fitting}\n");
        found(
            &judged(&[("house/src/lib.rs", &longer)], files::findings),
            &["lib.rs has 401 lines"],
        );
        let silent = judged(&[("house/src/lib.rs", "\n//! Late.")], files::findings);
        found(&silent, &["house/src/lib.rs does not open with `//!`"]);
    }

    #[test]
    fn a_file_that_no_target_builds() {
        let given = [("house/src/lib.rs", "//! .\n#[cfg(test)] mod tests;")];
        let tests = ("house/src/tests.rs", "//! .\nmod deep;");
        let deep = ("house/src/tests/deep.rs", "//! .");
        nothing(&judged(&[given[0], tests, deep], files::findings));
        let lost = ("house/src/lost.rs", "//! .");
        found(
            &judged(&[given[0], tests, deep, lost], files::findings),
            &["lost.rs is built by no"],
        );
    }

    #[test]
    fn what_was_built_is_not_read() {
        let built = [
            ("target/out.rs", ""),
            (".git/x.rs", ""),
            ("shed/CACHEDIR.TAG", ""),
            ("shed/x.rs", ""),
        ];
        nothing(&judged(&built, files::findings));
    }
}
