//! R-105, certificate-management.md 5: the page for operators, pasted command by command, with a
//! device that tries both doors in between.

use std::collections::BTreeMap;

use provost_testkit::{Device, Via, connack_code};

use super::Desk;

const PAGE: &str = include_str!("../../docs/ROLLING-AND-BLOCKING.md");
/// CONNACK of a device that proved itself and is disabled at the hub.
const DISABLED_AT_HUB: u8 = 3;

/// A chapter of the page at work on a desk of its own.
struct Chapter {
    desk: Desk,
    /// The blocks of commands not pasted yet, by section; those before the first section under "".
    blocks: BTreeMap<&'static str, Vec<String>>,
}

impl Chapter {
    /// Opens a chapter and pastes what its examples need.
    async fn open(title: &str) -> Self {
        let after = PAGE.split_once(&format!("\n## {title}\n")).expect("a chapter").1;
        let text = after.split("\n## ").next().unwrap();
        let mut chapter = Self {
            desk: Desk::new().await,
            blocks: BTreeMap::new(),
        };
        let mut section = "";
        let mut in_block = false;
        for line in text.lines() {
            let command = line.strip_prefix("    ");
            if let Some(title) = line.strip_prefix("### ") {
                section = title;
            } else if let Some(command) = command {
                let blocks = chapter.blocks.entry(section).or_default();
                if !in_block {
                    blocks.push(String::new());
                }
                let block = blocks.last_mut().unwrap();
                block.push_str(command);
                block.push('\n');
            }
            in_block = command.is_some();
        }
        chapter.paste("").await;
        chapter
    }

    /// Pastes the next block of a section.
    async fn paste(&mut self, section: &str) {
        let blocks = self.blocks.get_mut(section).filter(|blocks| !blocks.is_empty());
        let block = blocks
            .unwrap_or_else(|| panic!("nothing more in {section:?}"))
            .remove(0);
        self.desk.shell(&block).await.ok();
    }

    /// Nothing on the page is left untried.
    fn end(self) {
        let left: Vec<_> = self
            .blocks
            .into_iter()
            .filter(|(_, blocks)| !blocks.is_empty())
            .collect();
        assert!(left.is_empty(), "not tried: {left:?}");
    }

    /// A device with the files of that name, chain or single certificate.
    fn device(&self, id: &str, files: &str) -> Device {
        self.desk.device_with(id, files)
    }

    async fn admits(&self, device: &Device) {
        device.is_assigned(&self.desk.server, Via::Mqtt).await;
        device.is_let_in(&self.desk.server).await;
    }

    async fn tells_disabled(&self, device: &Device) {
        device.is_disabled(&self.desk.server, Via::Https).await;
    }

    async fn refuses(&self, device: &Device) {
        device.is_unauthorized(&self.desk.server, Via::Mqtt).await;
    }

    async fn is_disabled_at_hub(&self, device: &Device) {
        assert_eq!(
            connack_code(device.connect(&self.desk.server).await),
            DISABLED_AT_HUB
        );
    }

    async fn is_turned_away_at_hub(&self, device: &Device) {
        device.is_turned_away(&self.desk.server).await;
    }
}

#[test]
fn every_chapter_of_the_page_is_tried() {
    let chapters: Vec<_> = PAGE.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let here = include_str!("rolling_and_blocking.rs");
    for chapter in &chapters {
        assert!(
            here.contains(&format!("Chapter::open(\"{chapter}\")")),
            "{chapter}"
        );
    }
    assert_eq!(chapters.len(), 8);
}

#[tokio::test]
async fn r_105_a_device_with_an_enrollment_of_its_own_is_blocked() {
    let mut chapter = Chapter::open("A device with an enrollment of its own").await;
    let lamp = chapter.device("lamp-1", "lamp-1");
    chapter.admits(&lamp).await;
    chapter.paste("Keep it out for a while").await;
    chapter.tells_disabled(&lamp).await;
    chapter.is_disabled_at_hub(&lamp).await;
    chapter.paste("Let it in again").await;
    chapter.admits(&lamp).await;
    chapter.paste("Keep it out for ever").await;
    chapter.refuses(&lamp).await;
    chapter.is_turned_away_at_hub(&lamp).await;
    chapter.end();
}

#[tokio::test]
async fn r_105_one_device_of_a_group_is_blocked() {
    let mut chapter = Chapter::open("One device of a group").await;
    let [press, neighbour] =
        ["press-1", "press-2"].map(|id| chapter.device(id, &format!("certificates/{id}")));
    chapter.admits(&press).await;
    chapter.paste("Keep it out, its certificate at hand").await;
    chapter.tells_disabled(&press).await;
    chapter.is_disabled_at_hub(&press).await;
    chapter.admits(&neighbour).await;
    chapter.paste("Let it in again").await;
    chapter.admits(&press).await;
    chapter.paste("Keep it out, its certificate not at hand").await;
    chapter.refuses(&press).await;
    chapter.is_turned_away_at_hub(&press).await;
    chapter.admits(&neighbour).await;
    chapter.end();
}

#[tokio::test]
async fn r_105_a_group_is_blocked() {
    let mut chapter = Chapter::open("A group").await;
    let devices = ["press-1", "press-2"].map(|id| chapter.device(id, &format!("certificates/{id}")));
    for device in &devices {
        chapter.admits(device).await;
    }
    chapter.paste("Keep all its devices out for a while").await;
    for device in &devices {
        chapter.tells_disabled(device).await;
        chapter.is_disabled_at_hub(device).await;
    }
    chapter.paste("Let them in again").await;
    for device in &devices {
        chapter.admits(device).await;
    }
    chapter.paste("Keep them out for ever").await;
    for device in &devices {
        chapter.refuses(device).await;
        chapter.is_turned_away_at_hub(device).await;
        let record = ["dps", "registration", "show", "--registration-id", &device.id];
        assert_eq!(chapter.desk.provost(&record).await.code, Some(1));
    }
    chapter.end();
}

#[tokio::test]
async fn r_105_everything_below_a_root_is_blocked() {
    let mut chapter = Chapter::open("Everything below a root").await;
    let press = chapter.device("press-1", "certificates/press-1");
    chapter.admits(&press).await;
    chapter.paste("Keep it out for a while").await;
    chapter.tells_disabled(&press).await;
    chapter.paste("Let it in again").await;
    chapter.admits(&press).await;
    chapter.paste("Keep it out for ever").await;
    chapter.refuses(&press).await;
    chapter.is_turned_away_at_hub(&press).await;
    chapter.end();
}

#[tokio::test]
async fn r_105_both_doors_are_closed_at_once() {
    let mut chapter = Chapter::open("Both doors at once").await;
    let [press, neighbour] =
        ["press-1", "press-2"].map(|id| chapter.device(id, &format!("certificates/{id}")));
    chapter.admits(&press).await;
    chapter.paste("See what it would touch").await;
    chapter.admits(&press).await;
    chapter.paste("Keep one device out").await;
    chapter.refuses(&press).await;
    chapter.is_disabled_at_hub(&press).await;
    chapter.admits(&neighbour).await;
    chapter.paste("Keep the whole group out").await;
    chapter.tells_disabled(&neighbour).await;
    chapter.is_disabled_at_hub(&neighbour).await;
    chapter.paste("Ask why").await;
    chapter.end();
}

/// Both sections of a chapter on rolling: the first gives way to the second, which is stolen and
/// gives way to the third.
async fn roll(mut chapter: Chapter, id: &str, files: [&str; 3]) {
    let [first, second, third] = files.map(|files| chapter.device(id, files));
    chapter.admits(&first).await;
    chapter.refuses(&second).await;
    chapter.paste("Before it expires").await;
    chapter.admits(&first).await;
    chapter.is_turned_away_at_hub(&second).await;
    chapter.admits(&second).await;
    chapter.paste("Before it expires").await;
    chapter.refuses(&first).await;
    chapter.admits(&second).await;
    chapter.paste("After a theft").await;
    chapter.refuses(&second).await;
    chapter.is_turned_away_at_hub(&second).await;
    chapter.admits(&third).await;
    chapter.is_turned_away_at_hub(&second).await;
    chapter.end();
}

#[tokio::test]
async fn r_105_the_certificate_of_a_device_is_rolled() {
    let chapter = Chapter::open("New certificate for a device").await;
    roll(chapter, "lamp-1", ["lamp-1", "lamp-1b", "lamp-1c"]).await;
}

#[tokio::test]
async fn r_105_the_intermediate_of_a_group_is_rolled() {
    let chapter = Chapter::open("New intermediate for a group").await;
    roll(
        chapter,
        "press-1",
        ["certificates/press-1", "second/press-1", "third/press-1"],
    )
    .await;
}

#[tokio::test]
async fn r_105_the_root_of_a_group_is_rolled() {
    let chapter = Chapter::open("New root for a group").await;
    roll(
        chapter,
        "press-1",
        ["certificates/press-1", "second/press-1", "third/press-1"],
    )
    .await;
}
