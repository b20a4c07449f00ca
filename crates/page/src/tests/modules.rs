//! What modules of the client give each other is checked when they are built.

use super::exports::{exports, missing};

#[test]
fn every_form_of_a_declaration_is_exported() {
    let source = "export let a = 1;\nexport const b = 2;\nexport function c(): void {}\nexport async function d(): void {}\n\
        export class E {}\nexport interface F {}\nexport type G = 1;\n  export let not_a_line = 1;\n";
    let found = exports(source).unwrap();
    let values: Vec<&str> = found.values.iter().map(String::as_str).collect();
    let types: Vec<&str> = found.types.iter().map(String::as_str).collect();
    assert_eq!(values, ["E", "a", "b", "c", "d"]);
    assert_eq!(types, ["F", "G"]);
    for form in [
        "export { a };",
        "export default 1;",
        "export * from \"./b\";",
    ] {
        assert!(exports(form).is_err(), "{form}");
    }
}

#[test]
fn what_nothing_exports_cannot_be_imported() {
    let there =
        |_: &str| "export let chosen = 1;\nexport type Reply = 1;\nlet hidden = 2;\n".to_owned();
    assert_eq!(
        missing("import { chosen, type Reply } from \"./other\";\n", there),
        Ok(())
    );
    assert_eq!(
        missing("import type { Reply } from \"./other\";\n", there),
        Ok(())
    );
    for import in [
        "import { hidden } from \"./other\";\n",
        "import {\n  chosen,\n  Reply,\n} from \"./other\";\n",
        "import type { Other } from \"./other\";\n",
        "import other from \"./other\";\n",
    ] {
        assert!(missing(import, there).is_err(), "{import}");
    }
}
