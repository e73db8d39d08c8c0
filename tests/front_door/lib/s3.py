"""A bucket in memory: as much of the S3 protocol as the server speaks."""

import hashlib
import itertools
import re
import threading
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


class Bucket:
    """The storage: `objects` is what it holds, `requests` what it was asked."""

    def __init__(self):
        self.objects, self.ages, self.uploads, self.requests = {}, {}, {}, []
        self.numbers = itertools.count(1)
        bucket = self

        class Handler(Answers):
            storage = bucket

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def age(self, seconds):
        """Makes everything it holds this much older."""
        self.ages = {key: self.ages.get(key, 0) + seconds for key in self.objects}


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    storage = None

    def log_message(self, *_):
        pass

    def asked(self):
        url = urlsplit(self.path)
        key = unquote(url.path).removeprefix("/bucket").removeprefix("/")
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        query = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        self.storage.requests.append((self.command, key, query, self.headers.get("authorization", "")))
        return key, query, body

    def answer(self, status, body=b"", **headers):
        body = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self):
        key, query, body = self.asked()
        if "uploadId" in query:
            self.storage.uploads[query["uploadId"]][int(query["partNumber"])] = body
        else:
            self.storage.objects[key] = body
        self.answer(200, ETag=etag(body))

    def do_POST(self):
        key, query, body = self.asked()
        if "delete" in query:
            keys = re.findall("<Key>(.*?)</Key>", body.decode())
            for name in keys:
                self.storage.objects.pop(name, None)
            return self.answer(200, f"<DeleteResult {NAMESPACE}>" + "".join(f"<Deleted><Key>{k}</Key></Deleted>" for k in keys) + "</DeleteResult>")
        if "uploads" in query:
            upload = f"upload-{next(self.storage.numbers)}"
            self.storage.uploads[upload] = {}
            return self.answer(200, f"<InitiateMultipartUploadResult {NAMESPACE}><Bucket>bucket</Bucket><Key>{key}</Key><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>")
        parts = self.storage.uploads.pop(query["uploadId"])
        whole = b"".join(parts[number] for number in sorted(parts))
        self.storage.objects[key] = whole
        return self.answer(200, f"<CompleteMultipartUploadResult {NAMESPACE}><Key>{key}</Key><ETag>{etag(whole)}</ETag></CompleteMultipartUploadResult>")

    def do_DELETE(self):
        key, query, _ = self.asked()
        if "uploadId" in query:
            self.storage.uploads.pop(query["uploadId"], None)
        else:
            self.storage.objects.pop(key, None)
        self.answer(204)

    def do_GET(self):
        key, query, _ = self.asked()
        if "list-type" in query:
            return self.answer(200, self.listing(query.get("prefix", "")))
        body = self.storage.objects.get(key)
        if body is None:
            return self.answer(404, f"<Error {NAMESPACE}><Code>NoSuchKey</Code></Error>")
        headers = {"ETag": etag(body), "Last_Modified": "Wed, 01 Jan 2025 00:00:00 GMT"}
        part = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("range", ""))
        if not part:
            return self.answer(200, body, **headers)
        first, last = int(part[1]), min(int(part[2]), len(body) - 1)
        return self.answer(206, body[first:last + 1], Content_Range=f"bytes {first}-{last}/{len(body)}", **headers)

    def listing(self, prefix):
        now = datetime.now(timezone.utc).timestamp()
        entries = ""
        for key, body in sorted(self.storage.objects.items()):
            if key.startswith(prefix):
                at = datetime.fromtimestamp(now - self.storage.ages.get(key, 0), timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
                entries += f"<Contents><Key>{key}</Key><LastModified>{at}</LastModified><ETag>{etag(body)}</ETag><Size>{len(body)}</Size></Contents>"
        return f"<ListBucketResult {NAMESPACE}><Name>bucket</Name><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"


def etag(body):
    return '"' + hashlib.md5(body).hexdigest() + '"'
