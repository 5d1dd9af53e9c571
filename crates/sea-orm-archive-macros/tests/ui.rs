//! What a misuse looks like to its author: one error each, on the right words.

#[test]
fn misuse_is_an_error_that_says_what_to_write() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*/*.rs");
    cases.compile_fail("tests/ui/history/*/*.rs");
    cases.compile_fail("tests/ui/optimistic_lock/*/*.rs");
}
