//! Checks that each misuse of a derive is reported as one error, on the right tokens.

#[test]
fn misuse_is_an_error_with_a_fix() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*/*.rs");
    cases.compile_fail("tests/ui/history/*/*.rs");
    cases.compile_fail("tests/ui/optimistic_lock/*/*.rs");
    cases.compile_fail("tests/ui/personal_data/*/*.rs");
}
