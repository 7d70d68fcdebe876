//! What the compiler says about wrong attributes, and code around right ones that could disturb them.
//!
//! Every message is compared with a file beside its source, to be read as what people see. After an
//! intended change, `TRYBUILD=overwrite cargo test -p cachekit-compiled-tests ui::` writes these files anew.

#[test]
fn messages_and_surroundings() {
    // Two lots: without a program to run the first needs one call of the compiler for all files.
    trybuild::TestCases::new().compile_fail("ui/fail/*.rs");
    trybuild::TestCases::new().pass("ui/pass/*.rs");
}
