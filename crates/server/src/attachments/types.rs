//! Which files are taken in: the extension has to be on the list, and what the file begins with decides its media type,
//! which has to be that of an extension on the list.

use crate::error::{Error, Result};

/// How much of a file is looked at.
pub const HEAD: usize = 8 * 1024;

/// An extension, its media type, and the wider types that the first bytes of such files look like.
type Row = (&'static str, &'static str, &'static [&'static str]);

const ZIP: &str = "application/zip";
const MP4: &str = "video/mp4";
const OLE: &[&str] = &["application/msword", "application/x-ole-storage"];

const BINARY: &[Row] = &[
    ("3g2", "video/3gpp2", &[MP4]),
    ("3gp", "video/3gpp", &[MP4]),
    ("7z", "application/x-7z-compressed", &[]),
    ("aac", "audio/aac", &["audio/mpeg"]),
    ("amr", "audio/amr", &[]),
    ("avi", "video/x-msvideo", &[]),
    ("bmp", "image/bmp", &[]),
    ("doc", "application/msword", OLE),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", &[ZIP]),
    ("gif", "image/gif", &[]),
    ("heic", "image/heic", &["image/heif"]),
    ("heif", "image/heif", &[]),
    ("jfif", "image/jpeg", &[]),
    ("jpeg", "image/jpeg", &[]),
    ("jpg", "image/jpeg", &[]),
    ("key", "application/vnd.apple.keynote", &[ZIP]),
    ("m4a", "audio/mp4", &["audio/m4a", MP4]),
    ("m4v", "video/x-m4v", &[MP4]),
    ("mov", "video/quicktime", &[MP4]),
    ("mp3", "audio/mpeg", &[]),
    ("mp4", MP4, &["video/x-m4v", "video/quicktime"]),
    ("mp4a", "audio/mp4", &["audio/m4a", MP4]),
    ("mpeg", "video/mpeg", &[]),
    ("mpg", "video/mpeg", &[]),
    ("mpga", "audio/mpeg", &[]),
    ("numbers", "application/vnd.apple.numbers", &[ZIP]),
    ("odt", "application/vnd.oasis.opendocument.text", &[ZIP]),
    ("oga", "audio/ogg", &["audio/opus"]),
    ("ogg", "audio/ogg", &[]),
    ("ogv", "video/ogg", &["audio/ogg"]),
    ("opus", "audio/opus", &["audio/ogg"]),
    ("pages", "application/vnd.apple.pages", &[ZIP]),
    ("pdf", "application/pdf", &[]),
    ("png", "image/png", &[]),
    ("pps", "application/vnd.ms-powerpoint", OLE),
    ("ppsx", "application/vnd.openxmlformats-officedocument.presentationml.slideshow", &[PPTX, ZIP]),
    ("ppt", "application/vnd.ms-powerpoint", OLE),
    ("pptx", PPTX, &[ZIP]),
    ("qt", "video/quicktime", &[MP4]),
    ("tif", "image/tiff", &[]),
    ("tiff", "image/tiff", &[]),
    ("wav", "audio/wav", &["audio/x-wav"]),
    ("webm", "video/webm", &[]),
    ("webp", "image/webp", &[]),
    ("wmv", "video/x-ms-wmv", &[]),
    ("xls", "application/vnd.ms-excel", OLE),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", &[ZIP]),
    ("zip", ZIP, &[]),
];

const PPTX: &str = "application/vnd.openxmlformats-officedocument.presentationml.presentation";
const XML: &str = "text/xml";

/// What is written in letters, and yet is not simply text.
const WRITTEN: &[&str] =
    &[XML, "text/html", "text/x-shellscript", "application/pdf", "application/rtf", "application/postscript"];

/// Files of text begin with nothing in particular.
const TEXT: &[Row] = &[
    ("csv", "text/csv", &[]),
    ("eml", "message/rfc822", &[]),
    ("ics", "text/calendar", &[]),
    ("log", "text/plain", &[]),
    ("neon", "text/plain", &[]),
    ("svg", "image/svg+xml", &[XML, "text/html"]),
    ("txt", "text/plain", &[]),
    ("vcf", "text/vcard", &[]),
    ("xml", "application/xml", &[XML, "text/html"]),
    ("yaml", "application/yaml", &[]),
    ("yml", "application/yaml", &[]),
];

/// An extension that is on the list.
#[derive(Clone, Copy)]
pub struct Extension {
    row: &'static Row,
    text: bool,
}

/// The extension of a file's name, if such files are taken in.
pub fn extension(name: &str) -> Result<Extension> {
    let last = name.rsplit_once('.').map(|(_, last)| last.to_ascii_lowercase()).unwrap_or_default();
    let row = |rows: &'static [Row]| rows.iter().find(|row| row.0 == last);
    let found = row(TEXT).map(|row| Extension { row, text: true });
    let found = found.or_else(|| row(BINARY).map(|row| Extension { row, text: false }));
    found.ok_or(Error::UnsupportedMediaType("File rejected. File extension not allowed"))
}

/// The media type of a file that begins like this.
pub fn media_type(extension: Extension, head: &[u8]) -> Result<&'static str> {
    let &(name, own, wider) = extension.row;
    // Some marks are two or three letters, with which a text may begin as well: of text, only what says more counts.
    let text = extension.text && is_text(head);
    let Some(found) = looks_like(head).filter(|found| !text || WRITTEN.contains(found)) else {
        // Nothing in particular: that is how text begins.
        return match text && (name != "svg" || contains(head, b"<svg")) {
            true => Ok(own),
            false => Err(Error::UnsupportedMediaType("File rejected. File type could not be retrieved")),
        };
    };
    if found == own || wider.contains(&found) {
        // A page that runs scripts is not a drawing, whatever it is called.
        return if name == "svg" && !contains(head, b"<svg") { Err(NOT_ALLOWED) } else { Ok(own) };
    }
    let known = BINARY.iter().any(|(_, own, wider)| *own == found || wider.contains(&found)) || found == XML;
    if known { Ok(found) } else { Err(NOT_ALLOWED) }
}

const NOT_ALLOWED: Error = Error::UnsupportedMediaType("File rejected. File type not allowed");

fn looks_like(head: &[u8]) -> Option<&'static str> {
    let known = infer::get(head).map(|kind| kind.mime_type());
    // The family of MPEG-4 has more brands than are known by name.
    known.or_else(|| (head.get(4..8) == Some(b"ftyp")).then_some(MP4))
}

/// Text has no control characters but those that end lines and pages. In two-byte letters it says so at the start.
fn is_text(head: &[u8]) -> bool {
    let wide = head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]);
    wide || head.iter().all(|&byte| byte >= b' ' || matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b))
}

fn contains(head: &[u8], word: &[u8]) -> bool {
    head.windows(word.len()).any(|window| window == word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(name: &str, head: &[u8]) -> String {
        let kind = extension(name).and_then(|extension| media_type(extension, head));
        kind.map_or_else(|error| error.to_string(), str::to_owned)
    }

    #[test]
    fn the_file_decides_its_type() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
        let zip = b"PK\x03\x04\x14\0\0\0\0\0";
        let cases: [(&str, &[u8], &str); 20] = [
            ("a.png", png, "image/png"),
            ("a.b.JPG", png, "image/png"),
            ("a.txt", b"hello\r\n", "text/plain"),
            ("a.txt", png, "image/png"),
            ("a.csv", b"", "text/csv"),
            ("a.csv", b"BMI,age\n", "text/csv"),
            ("a.csv", b"BM\0\0\x01\0", "image/bmp"),
            ("a.txt", b"ID3 tags", "text/plain"),
            ("a.txt", b"MZ is a country", "text/plain"),
            ("a.txt", b"%PDF-1.7\n", "application/pdf"),
            ("a.txt", b"\xff\xfeh\0i\0", "text/plain"),
            ("a.zip", zip, "application/zip"),
            ("a.pages", zip, "application/vnd.apple.pages"),
            ("a.xlsx", zip, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
            ("a.3gp", b"\0\0\0\x14ftyp3gp4\0\0\0\0", "video/3gpp"),
            ("a.m4a", b"\0\0\0\x14ftypmp42\0\0\0\0", "audio/mp4"),
            ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
            ("a.svg", b"<?xml version='1.0'?><svg/>", "image/svg+xml"),
            ("a.svg", b"<!-- drawn by hand --><svg/>", "image/svg+xml"),
            ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/vnd.ms-excel"),
        ];
        for (name, head, kind) in cases {
            assert_eq!(found(name, head), kind, "{name}");
        }
    }

    #[test]
    fn what_is_not_on_the_list_is_refused() {
        let (extension, unknown, kind) = (
            "File rejected. File extension not allowed",
            "File rejected. File type could not be retrieved",
            "File rejected. File type not allowed",
        );
        let cases: [(&str, &[u8], &str); 14] = [
            ("a.exe", b"MZ", extension),
            ("a.html", b"hello", extension),
            ("png", b"", extension),
            ("", b"", extension),
            ("a.png", b"hello", unknown),
            ("a.txt", b"a\0b", unknown),
            ("a.svg", b"hello", unknown),
            ("a.png", b"MZ\x90\0\x03", kind),
            ("a.txt", b"<!DOCTYPE html><p>", kind),
            ("a.svg", b"<html ><script>", kind),
            ("a.svg", b"BMI", unknown),
            ("a.txt", b"MZ\x90\0\x03", kind),
            ("a.txt", b"#!/bin/sh\n", kind),
            ("a.log", b"{\\rtf1", kind),
        ];
        for (name, head, title) in cases {
            assert_eq!(found(name, head), title, "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(head: Vec<u8>, start in 0usize..6, row in 0..BINARY.len()) {
            let starts: [&[u8]; 6] = [b"", b"PK\x03\x04", b"\0\0\0\x20ftyp", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"OggS", b"<?xml"];
            found(&format!("a.{}", BINARY[row].0), &[starts[start], &head].concat());
        }
    }
}
