//! A page of the documents: its code is compiled elsewhere, and its output is what a program printed.

/// A page, cut into its fenced blocks.
pub struct Page {
    name: String,
    blocks: Vec<Block>,
}

struct Block {
    language: String,
    /// The line that the block begins at.
    line: usize,
    lines: Vec<String>,
}

impl Page {
    /// Reads a page that is written in Markdown.
    pub fn new(name: &str, markdown: &str) -> Self {
        let mut blocks: Vec<Block> = Vec::new();
        let mut is_open = false;
        for (number, line) in markdown.lines().enumerate() {
            match line.trim_start().strip_prefix("```") {
                Some(_) if is_open => is_open = false,
                Some(language) => {
                    is_open = true;
                    blocks.push(Block {
                        language: language.to_owned(),
                        line: number + 1,
                        lines: Vec::new(),
                    });
                }
                None => {
                    let open = blocks.last_mut().filter(|_| is_open);
                    open.into_iter()
                        .for_each(|block| block.lines.push(line.to_owned()));
                }
            }
        }
        Self {
            name: name.to_owned(),
            blocks,
        }
    }

    /// Panics unless each block of Rust or TOML is in one of these files, line by line. Indentation and empty lines do not
    /// count, and a line `// ...` replaces any lines that the page leaves out.
    pub fn assert_compiled(&self, sources: &[&str]) {
        let sources: Vec<_> = sources
            .iter()
            .map(|source| trimmed(source.lines()))
            .collect();
        for block in self
            .blocks
            .iter()
            .filter(|b| ["rust", "toml"].contains(&b.language.as_str()))
        {
            let wanted = trimmed(block.lines.iter().map(String::as_str));
            let parts: Vec<_> = wanted.split(|line| line == "// ...").collect();
            assert!(
                sources
                    .iter()
                    .any(|source| contains_in_order(source, &parts)),
                "{}:{}: no compiled file has these lines:\n{}",
                self.name,
                block.line,
                wanted.join("\n")
            );
        }
    }

    /// Panics unless each block of `text` was printed, line by line.
    pub fn assert_printed(&self, output: &str) {
        let printed = trimmed(output.lines());
        for block in self.blocks.iter().filter(|b| b.language == "text") {
            let wanted = trimmed(block.lines.iter().map(String::as_str));
            assert!(
                contains_in_order(&printed, &[wanted.as_slice()]),
                "{}:{}: the program did not print\n{}\nbut\n{output}",
                self.name,
                block.line,
                wanted.join("\n")
            );
        }
    }
}

fn trimmed<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    lines
        .map(|line| line.trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

/// Whether the parts follow one another in the lines, each without a gap.
fn contains_in_order(lines: &[String], parts: &[&[String]]) -> bool {
    let mut rest = lines;
    parts.iter().filter(|part| !part.is_empty()).all(|part| {
        let found = rest.windows(part.len()).position(|window| window == *part);
        if let Some(at) = found {
            rest = &rest[at + part.len()..];
        }
        found.is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "Text.\n```rust\nlet a = 1;\n// ...\nlet c = 3;\n```\n```text\nthree\n```\n";

    #[test]
    fn lines_that_a_page_leaves_out_may_be_anything() {
        let page = Page::new("page", PAGE);
        page.assert_compiled(&["fn f() {\n    let a = 1;\n    let b = 2;\n\n    let c = 3;\n}"]);
        page.assert_printed("two\nthree\n");
    }

    #[test]
    #[should_panic(expected = "no compiled file has these lines")]
    fn code_that_is_not_compiled_fails() {
        Page::new("page", PAGE).assert_compiled(&["let a = 1;\nlet c = 4;"]);
    }

    #[test]
    #[should_panic(expected = "did not print")]
    fn output_that_was_not_printed_fails() {
        Page::new("page", PAGE).assert_printed("four\n");
    }
}
