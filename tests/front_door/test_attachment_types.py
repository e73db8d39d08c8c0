"""Attachments: which files are taken in. Their extension has to be on the list; what they begin with decides their type."""

import pytest
from test_attachments import MEGABYTE, fetch, files, png, send, upload


@pytest.mark.parametrize("name, content, mime", [
    ("a.png", png(), "image/png"), ("a.jpg", png(), "image/png"), ("a.TXT", b"hello", "text/plain"),
    ("a.csv", b"a,b\n1,2\n", "text/csv"), ("a.pdf", b"%PDF-1.7\n", "application/pdf"),
    ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"), ("a.yaml", b"a: 1\n", "application/yaml"),
    ("a.gif", b"GIF89a" + b"\0" * 20, "image/gif"), ("a.mp3", b"ID3\x04" + b"\0" * 20, "audio/mpeg"),
    ("a.csv", b"BMI,age\n22,40\n", "text/csv"), ("a.txt", b"ID3 tags", "text/plain"), ("a.log", b"MZ is a country", "text/plain"),
    ("a.mp4", b"\0\0\0\x18ftypisom" + b"\0" * 20, "video/mp4"), ("a.zip", b"PK\x03\x04" + b"\0" * 40, "application/zip"),
])
def test_types(app, name, content, mime):
    made = upload(app, content, name)
    assert made["mediaType"] == mime
    kind = fetch(made["mediaUrl"]).headers["content-type"]
    assert kind == (mime + "; charset=utf-8" if mime.startswith("text/") else mime)


def mpeg4(brand):
    return b"\0\0\0\x18ftyp" + brand + b"\0" * 20


OFFICE = "application/vnd.openxmlformats-officedocument."
# How files of a kind begin, and of which media types, by extension, they then are: the whole list of the reference.
TAKEN = [
    (b"PK\x03\x04" + b"\0" * 40, {
        "zip": "application/zip", "docx": f"{OFFICE}wordprocessingml.document", "xlsx": f"{OFFICE}spreadsheetml.sheet",
        "pptx": f"{OFFICE}presentationml.presentation", "ppsx": f"{OFFICE}presentationml.slideshow",
        "odt": "application/vnd.oasis.opendocument.text", "key": "application/vnd.apple.keynote",
        "numbers": "application/vnd.apple.numbers", "pages": "application/vnd.apple.pages"}),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 40, {
        "doc": "application/msword", "xls": "application/vnd.ms-excel", "ppt": "application/vnd.ms-powerpoint",
        "pps": "application/vnd.ms-powerpoint"}),
    (mpeg4(b"isom"), {"mp4": "video/mp4", "3gp": "video/3gpp", "3g2": "video/3gpp2", "m4v": "video/x-m4v"}),
    (mpeg4(b"qt  "), {"mov": "video/quicktime", "qt": "video/quicktime"}),
    (mpeg4(b"M4A "), {"m4a": "audio/mp4", "mp4a": "audio/mp4"}),
    (mpeg4(b"heic"), {"heic": "image/heic"}), (mpeg4(b"mif1\0\0\0\0mif1heic"), {"heif": "image/heif"}),
    (b"ID3\x04" + b"\0" * 20, {"mp3": "audio/mpeg", "mpga": "audio/mpeg", "aac": "audio/aac"}),
    (b"OggS" + b"\0" * 40, {"ogg": "audio/ogg", "oga": "audio/ogg", "ogv": "video/ogg", "opus": "audio/opus"}),
    (b"\0\0\x01\xba" + b"\0" * 20, {"mpeg": "video/mpeg", "mpg": "video/mpeg"}),
    (b"\xff\xd8\xff\xe0" + b"\0" * 20, {"jpg": "image/jpeg", "jpeg": "image/jpeg", "jfif": "image/jpeg"}),
    (b"II*\0" + b"\0" * 20, {"tif": "image/tiff", "tiff": "image/tiff"}),
    (b"7z\xbc\xaf\x27\x1c" + b"\0" * 20, {"7z": "application/x-7z-compressed"}),
    (b"#!AMR\n" + b"\0" * 20, {"amr": "audio/amr"}), (b"BM" + b"\0" * 40, {"bmp": "image/bmp"}),
    (b"RIFF\0\0\0\0AVI LIST", {"avi": "video/x-msvideo"}), (b"RIFF\0\0\0\0WAVEfmt ", {"wav": "audio/wav"}),
    (b"RIFF\0\0\0\0WEBPVP8 ", {"webp": "image/webp"}), (b"GIF89a" + b"\0" * 20, {"gif": "image/gif"}),
    (b"\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x1f\x42\x82\x84webm" + b"\0" * 256, {"webm": "video/webm"}),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9" + b"\0" * 20, {"wmv": "video/x-ms-wmv"}),
    (b"%PDF-1.7\n", {"pdf": "application/pdf"}), (png(), {"png": "image/png"}),
    (b"<?xml version='1.0'?><svg/>", {"svg": "image/svg+xml", "xml": "application/xml"}),
    (b"one,two\n", {
        "txt": "text/plain", "log": "text/plain", "neon": "text/plain", "csv": "text/csv", "eml": "message/rfc822",
        "ics": "text/calendar", "vcf": "text/vcard", "yaml": "application/yaml", "yml": "application/yaml"}),
]


def test_every_extension_of_the_list(app):
    wanted = [(f"a.{extension}", content, mime) for content, kinds in TAKEN for extension, mime in kinds.items()]
    assert len({name for name, *_ in wanted}) == 59
    assert [(name, content, upload(app, content, name)["mediaType"]) for name, content, _ in wanted] == wanted


@pytest.mark.parametrize("name, content, title", [
    ("a.exe", b"MZ", "File rejected. File extension not allowed"),
    ("a.html", b"<p>", "File rejected. File extension not allowed"),
    ("png", png(), "File rejected. File extension not allowed"),
    ("a.png", b"just words", "File rejected. File type could not be retrieved"),
    ("a.png", b"MZ\x90\0" + b"\0" * 60, "File rejected. File type not allowed"),
    ("a.txt", b"<!DOCTYPE html><script>alert(1)</script>", "File rejected. File type not allowed"),
    ("a.txt", b"MZ\x90\0" + b"\0" * 60, "File rejected. File type not allowed"),
    ("a.txt", b"#!/bin/sh\nrm -r /\n", "File rejected. File type not allowed"),
    ("big.exe", b"MZ" + b"\0" * (5 * MEGABYTE), "File rejected. File extension not allowed"),
])
def test_refused_types(app, server, name, content, title):
    before = files(server, app)
    send(app, content, name).refused(415, "unsupported_media_type", title)
    assert files(server, app) == before
