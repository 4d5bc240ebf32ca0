//! A snapshot that is opened elsewhere gives the very same screens.

use super::super::screens::SCREENS;
use super::{Stage, recording};
use crate::run::load;

#[test]
fn a_snapshot_gives_the_very_same_screens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.parquet");
    let published = recording(usize::MAX);
    query::snapshot::write(&path, &published.snapshot, &query::snapshot::Manifest::default(), false).unwrap();
    let mut opened = published.clone();
    opened.snapshot = load(&[path]).unwrap();
    let (mut here, mut there) = (Stage::over(published, 120, 40, false), Stage::over(opened, 120, 40, false));
    for digit in 1..=SCREENS.len() {
        for stage in [&mut here, &mut there] {
            stage.find();
            stage.keys(&digit.to_string());
        }
        assert_eq!(here.screen(), there.screen(), "screen {digit}");
    }
}
