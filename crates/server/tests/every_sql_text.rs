//! Every SQL text of this crate, prepared on both engines against the schema that the migrations make: a misspelt column,
//! or a phrase that one engine does not know, fails here and not in front of a caller.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use heliograph_store::{Error, Migration, Options, Store};
use std::{
    fs,
    path::{Path, PathBuf},
};

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(unique());
    fs::create_dir_all(&folder).unwrap();
    check(&format!("sqlite:{}", folder.join("test.db").display())).await;
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "a test has no command line")]
async fn on_postgres() {
    if std::env::var("HELIOGRAPH_TEST_SKIP_POSTGRES").is_ok_and(|value| value == "1") {
        return;
    }
    let admin = std::env::var("HELIOGRAPH_TEST_POSTGRES")
        .expect("HELIOGRAPH_TEST_POSTGRES names a server, or HELIOGRAPH_TEST_SKIP_POSTGRES=1 skips this test");
    let (client, connection) = tokio_postgres::connect(&admin, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let name = unique();
    client.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    check(&format!("{}/{name}", admin.rsplit_once('/').unwrap().0)).await;
    client.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
}

async fn check(url: &str) {
    let options = Options { url: url.to_owned(), exclusive: false, connections: 1 };
    let store = Store::open(&options, migrations()).unwrap();
    let texts = texts();
    // Should the search below lose its way, it finds few.
    assert!(texts.len() >= 60, "{} texts", texts.len());
    let mut wrong = Vec::new();
    for (file, sql) in texts {
        if let Err(error) = prepare(&store, sql).await {
            wrong.push(format!("{file}: {error}\n  {sql}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for misspelt in ["SELECT idd FROM app WHERE id = $1", "UPDATE webhook SET targett = $1 WHERE id = $2"] {
        assert!(prepare(&store, misspelt).await.is_err(), "{misspelt}");
    }
    store.close();
}

async fn prepare(store: &Store, sql: &'static str) -> Result<(), Error> {
    store.write(move |tx| tx.prepare(sql)).await
}

fn unique() -> String {
    format!("every_sql_text_{}_{}", std::process::id(), heliograph_store::clock::now_ms())
}

/// The texts of the folder of migrations, in their order.
fn migrations() -> &'static [Migration] {
    let files = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations"), "sql");
    let texts = files.iter().zip(1..).map(|(path, version)| Migration {
        version,
        name: "",
        sql: fs::read_to_string(path).unwrap().leak(),
    });
    texts.collect::<Vec<_>>().leak()
}

/// Every string in the sources that begins as a statement does, with the file it stands in.
fn texts() -> Vec<(String, &'static str)> {
    let mut found = Vec::new();
    for path in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "rs") {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for text in strings(&fs::read_to_string(&path).unwrap()) {
            let is_statement =
                ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "].iter().any(|w| text.starts_with(w));
            if is_statement {
                found.push((name.clone(), &*text.leak()));
            }
        }
    }
    found
}

/// The files below a folder with this extension, sorted.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The string literals of a Rust source. Comments, and quotation marks that are a character, are passed over. Raw strings
/// are read like others: no statement of ours needs one, and the quotation marks inside them come in pairs.
fn strings(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let code: Vec<&str> = source.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n").replace("'\"'", "' '");
    let mut rest = code.as_str();
    while let Some(start) = rest.find('"') {
        rest = &rest[start + 1..];
        let mut text = String::new();
        let mut characters = rest.char_indices();
        let end = loop {
            match characters.next() {
                None => break rest.len(),
                Some((at, '"')) => break at + 1,
                Some((_, '\\')) => match characters.next() {
                    // The end of a line that goes on: the indentation of the next one is not part of the text.
                    Some((_, '\n')) => {
                        let indented = characters.as_str();
                        let skipped = indented.len() - indented.trim_start().len();
                        for _ in 0..skipped {
                            characters.next();
                        }
                    }
                    Some((_, other)) => text.push(other),
                    None => break rest.len(),
                },
                Some((_, other)) => text.push(other),
            }
        };
        found.push(text);
        rest = &rest[end..];
    }
    found
}

#[test]
fn strings_are_found() {
    let source =
        "// \"no\"\nlet a = \"SELECT 1\";\nlet b = ['\"'];\nlet c = \"two \\\n   lines, \\\"quoted\\\"\"; // \"x\"\n";
    assert_eq!(strings(source), ["SELECT 1", "two lines, \"quoted\"", "x"]);
}
