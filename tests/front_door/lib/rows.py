"""Every row of a server's database, and rows that no call makes yet: for looking behind the front door."""

import json
import sqlite3
import subprocess

from lib.clock import PATIENCE_S
from lib.postgres import tool


def run_psql(server, text):
    command = [tool("psql"), "-qXAt", "-v", "ON_ERROR_STOP=1", server.database_url, "-c", text]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE_S).stdout


def sqlite(server):
    return sqlite3.connect(server.data / "heliograph.db", timeout=PATIENCE_S)


def tables(server):
    """{table: [row as text]} of everything the database holds."""
    if server.store == "postgres":
        names = run_psql(server, "select tablename from pg_tables where schemaname = 'public'").split()
        return {name: run_psql(server, f'select to_json(t) from "{name}" t').splitlines() for name in names}
    with sqlite(server) as database:
        names = [name for (name,) in database.execute("select name from sqlite_master where type = 'table' and name not like 'sqlite_%'")]
        return {name: [json.dumps(row) for row in database.execute(f'select * from "{name}"')] for name in names}


def holding(server, *words):
    """(table, row) of every row in which one of the words stands."""
    return [(name, row) for name, rows in tables(server).items() for row in rows if any(word in row for word in words)]


def insert(server, table, **columns):
    """Writes a row that no call makes yet. One that is there, because the server writes it by itself, stays."""
    def literal(value):
        return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"

    text = f"insert into {table} ({', '.join(columns)}) values ({', '.join(map(literal, columns.values()))}) on conflict do nothing"
    if server.store == "postgres":
        run_psql(server, text)
        return
    with sqlite(server) as database:
        database.execute(text)
