//! The page's client, as the TypeScript compiler sees it.

#[test]
fn the_types_of_the_pages_client_hold() -> anyhow::Result<()> {
    let errors = testkit::typescript::errors()?;
    assert!(errors.is_empty(), "{errors}");
    Ok(())
}
