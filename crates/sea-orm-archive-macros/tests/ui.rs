//! What a misuse looks like to its author: one error each, on the right words.

#[test]
fn misuse_is_an_error_that_says_what_to_write() {
    trybuild::TestCases::new().compile_fail("tests/ui/*/*.rs");
}
