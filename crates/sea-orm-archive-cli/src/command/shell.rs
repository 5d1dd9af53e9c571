//! Completion scripts and the manual page.

use clap::CommandFactory;
use serde_json::json;

use crate::answer::Answer;
use crate::args::Args;
use crate::failure::Failure;

pub(super) fn completions(shell: clap_complete::Shell) -> Answer {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "sea-orm-archive", &mut script);
    text(&script)
}

pub(super) fn man() -> Result<Answer, Failure> {
    let mut page = Vec::new();
    let unwritable = |error: std::io::Error| Failure::Usage(error.to_string());
    clap_mangen::Man::new(Args::command())
        .render(&mut page)
        .map_err(unwritable)?;
    Ok(text(&page))
}

fn text(bytes: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(bytes).into_owned();
    Answer::new(text.clone(), json!({ "text": text }))
}
